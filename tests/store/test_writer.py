"""The write function: all or nothing, whatever happens between two of its statements."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from evsys.core.events import ConnectorStatusChanged, TransactionEnded, TransactionStarted
from evsys.core.work import Committed, Conflict, Failed, Fenced, Settlement, Work
from evsys.store import connections
from evsys.store.connections import open_to_write
from evsys.store.inline import InlineStore
from kit.clock import NOON
from kit.database import new_database
from kit.samples import connector, meter_value, status, token, transaction
from kit.stores import count


class Crash(Exception):
    """The process dies here."""


def mixed_works() -> list[Work]:
    """A batch in which some Works are refused, so that every road through the writer is taken."""
    works = []
    for n in range(12):
        work = Work(NOON + timedelta(seconds=n), f"CP-{n}", fence=1)
        work.save(status(f"CP-{n}"))
        work.add(transaction(n + 1, f"CP-{n}"))
        work.add_once(meter_value(n, f"CP-{n}", str(n + 1)))
        work.tell(TransactionStarted(transaction=transaction(n + 1, f"CP-{n}")))
        works.append(work)
    works[3].add(token())  # is there already
    works[7].fence = 0  # CP-7 is at epoch 3
    works[7].ops.pop(0)
    return works


def prepared(path: Path) -> None:
    store = InlineStore(path)
    work = Work(NOON)
    work.add(token())
    work.save(status("CP-7", epoch=3))
    assert settle(store, [work]) == [Committed(0)]
    store.crash()


def settle(store: InlineStore, works: list[Work]) -> list[Settlement]:
    outcomes: list[Settlement] = []
    for work in works:
        store.submit(work, outcomes.append)
    store.flush()
    return outcomes


EXPECTED = [
    Fenced() if n == 7 else Conflict(token()) if n == 3 else Committed(seq)
    for n, seq in zip(range(12), [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 10], strict=True)
]


def rows(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """All that the database holds, but for what the writer keeps of its clients."""
    with closing(sqlite3.connect(path)) as connection:
        names = [
            str(name)
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not str(name).startswith(("sqlite_", "writer_"))
        ]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in names}


def test_a_crash_between_any_two_statements_leaves_all_of_a_batch_or_nothing(tmp_path: Path) -> None:
    steps: list[str] = []
    path = new_database(tmp_path, "whole.db")
    prepared(path)
    before = rows(path)
    store = InlineStore(path, steps.append)
    assert settle(store, mixed_works()) == EXPECTED
    store.crash()
    after = rows(path)
    assert steps.count("BEGIN IMMEDIATE") == 2
    assert "ROLLBACK TO part" in steps
    assert steps[-2:] == ["COMMIT", "done"]

    for crash_at in range(len(steps)):
        path = new_database(tmp_path, f"crash-{crash_at}.db")
        prepared(path)
        store = InlineStore(path, crashing_at(crash_at))
        with pytest.raises(Crash):
            settle(store, mixed_works())
        store.crash()
        assert rows(path) == (after if steps[crash_at] == "done" else before), steps[crash_at]
        again = InlineStore(path)
        repeated = settle(again, mixed_works())
        again.crash()
        if steps[crash_at] != "done":
            assert repeated == EXPECTED
            assert rows(path) == after


def crashing_at(position: int) -> Callable[[str], None]:
    reached = -1

    def step(_: str) -> None:
        nonlocal reached
        reached += 1
        if reached == position:
            raise Crash

    return step


def test_a_full_disk_fails_the_whole_batch_and_later_ones_work_when_there_is_room(path: Path) -> None:
    store = InlineStore(path)
    small = Work(NOON, "CP-1")
    small.save(connector())
    large = Work(NOON, "CP-1")
    for n in range(2_000):
        large.add_once(meter_value(n))
    pages = store._connection.execute("PRAGMA page_count").fetchone()[0]
    store._connection.execute(f"PRAGMA max_page_count={pages + 5}").fetchone()
    before = rows(path)
    assert settle(store, [small, large, small]) == [Failed("database or disk is full")] * 3
    assert store.failure == "database or disk is full"
    assert rows(path) == before
    assert settle(store, [small]) == [Committed(0)]
    assert store.failure == ""
    store._connection.execute("PRAGMA max_page_count=1000000").fetchone()
    assert settle(store, [large]) == [Committed(0)]
    assert count(path, "meter_values") == 2_000
    store.crash()


def test_a_database_locked_by_another_process_fails_the_batch_until_it_lets_go(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_S", 0.05)
    store = InlineStore(path)
    work = Work(NOON, "CP-1")
    work.save(connector())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert settle(store, [work, work]) == [Failed("database is locked")] * 2
        other.execute("ROLLBACK")
        assert settle(store, [work]) == [Committed(0)]
    store.crash()


def test_a_seq_is_never_given_again_after_the_log_was_emptied(path: Path) -> None:
    store = InlineStore(path)
    work = Work(NOON, "CP-1")
    work.tell(ConnectorStatusChanged(connector=connector()))
    assert settle(store, [work, work]) == [Committed(1), Committed(2)]
    store._connection.execute("DELETE FROM events")
    assert settle(store, [work]) == [Committed(3)]
    store.crash()


def test_events_are_numbered_in_the_order_of_their_works_beside_another_writer(path: Path) -> None:
    mine, theirs = InlineStore(path), InlineStore(path)
    work = Work(NOON, "CP-1")
    work.tell(TransactionEnded(transaction=transaction()))
    work.tell(TransactionStarted(transaction=transaction()))
    assert settle(mine, [work]) == [Committed(2)]
    assert settle(theirs, [work, work]) == [Committed(4), Committed(6)]
    assert settle(mine, [work]) == [Committed(8)]
    mine.crash()
    theirs.crash()


def test_every_commit_is_on_the_disk_when_it_returns(path: Path) -> None:
    with closing(open_to_write(path)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_large_batch_with_many_refused_works_is_told_apart(path: Path) -> None:
    store = InlineStore(path)
    works = []
    for n in range(300):
        work = Work(NOON, f"CP-{n}")
        start = transaction(n + 1, f"CP-{n}")
        work.add(replace(start, start_key="taken") if n % 50 == 7 else start)
        work.tell(TransactionStarted(transaction=start))
        works.append(work)
    outcomes = settle(store, works)
    refused = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Conflict)]
    assert refused == [57, 107, 157, 207, 257]
    seqs = [outcome.last_seq for outcome in outcomes if isinstance(outcome, Committed)]
    assert seqs == list(range(1, 296))
    store.crash()
