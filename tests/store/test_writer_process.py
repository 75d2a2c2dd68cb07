"""The writer as a process, and its clients: it dies, it hangs, it is replaced; nothing is lost or doubled."""

import asyncio
import random
import socket
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from evsys.core.events import TransactionStarted
from evsys.core.facts import NumbersFact, TokenFact
from evsys.core.work import Committed, Conflict, Failed, Settlement, Unknown, Work
from evsys.store import sqlite as sqlite_store
from evsys.store.batch import (
    Answer,
    Batch,
    Former,
    Frames,
    Hello,
    Refusal,
    Welcome,
    decode_from_writer,
    frame,
)
from evsys.store.sqlite import SILENCE, SqliteStore
from kit.clock import NOON
from kit.samples import connector, meter_value, token, transaction
from kit.stores import SqliteHarness, count
from kit.waiting import until
from kit.writer import DIES_AFTER_COMMIT, WriterProcess

KILLS = 5
KILLS_LONG = 20


@pytest.fixture
async def running(path: Path) -> AsyncIterator[SqliteHarness]:
    opened = await SqliteHarness.open(path)
    yield opened
    await opened.close()


@pytest.fixture
async def impatient(path: Path) -> AsyncIterator[SqliteHarness]:
    """A store that gives up soon."""
    writer = WriterProcess(path)
    store = await SqliteStore.open(path, writer.address, "gateway", answer_timeout_s=0.3)
    opened = SqliteHarness(path, writer, store)
    yield opened
    await opened.close()


def saving() -> Work:
    work = Work(NOON, "CP-1")
    work.save(connector())
    return work


class Load:
    """Stations that each have one Work out at a time: starts that tell an event, and meter values. What is
    settled is kept, to be looked for in the database."""

    def __init__(self, store: SqliteStore, stations: int) -> None:
        self.store = store
        self.outcomes: dict[int, Settlement] = {}
        self._next = 0
        self._out = 0
        self._stations = stations
        self._going = True
        self._done = asyncio.Event()
        self._wanted = 0
        self._reached = asyncio.Event()

    def start(self) -> None:
        for _ in range(self._stations):
            self._submit()

    async def more(self, settled: int) -> None:
        """Waits until as many more are settled."""
        self._wanted = len(self.outcomes) + settled
        self._reached.clear()
        await self._reached.wait()

    async def stop(self) -> None:
        self._going = False
        await self._done.wait()

    def _submit(self) -> None:
        self._next += 1
        self._out += 1
        number = self._next
        work = Work(NOON + timedelta(seconds=number), f"CP-{number}")
        if number % 2:
            start = replace(transaction(number, f"CP-{number}"), ended_at=NOON, ended_by="station")
            work.add(start)
            work.tell(TransactionStarted(transaction=start))
        else:
            work.add_once(meter_value(number, f"CP-{number}"))

        def settled(outcome: Settlement) -> None:
            self.outcomes[number] = outcome
            self._out -= 1
            if len(self.outcomes) >= self._wanted:
                self._reached.set()
            if self._going:
                self._submit()
            elif not self._out:
                self._done.set()

        self.store.submit(work, settled)


async def kill_and_count(running: SqliteHarness, kills: int) -> None:
    load = Load(running.store, stations=40)
    load.start()
    chance = random.Random(kills)
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.02, 0.2))
        running.writer.kill()
        running.writer.start()
        async with asyncio.timeout(20):
            await load.more(200)
    await load.stop()
    outcomes = load.outcomes
    assert len(outcomes) > 200 * kills
    strange = [each for each in outcomes.values() if not isinstance(each, Committed)]
    assert strange == []
    starts = [number for number in outcomes if number % 2]
    assert count(running.path, "transactions") == len(starts)
    assert count(running.path, "meter_values") == len(outcomes) - len(starts)
    assert count(running.path, "events") == len(starts)
    seqs = sorted(
        outcome.last_seq for n, outcome in outcomes.items() if n % 2 and isinstance(outcome, Committed)
    )
    assert seqs == list(range(1, len(starts) + 1))


async def test_a_writer_killed_under_load_loses_nothing_and_doubles_nothing(running: SqliteHarness) -> None:
    await kill_and_count(running, KILLS)


@pytest.mark.long
async def test_a_writer_killed_twenty_times_under_load(running: SqliteHarness) -> None:
    await kill_and_count(running, KILLS_LONG)


async def test_a_batch_whose_answer_died_with_the_writer_is_settled_by_the_successor(
    path: Path, tmp_path: Path
) -> None:
    with WriterProcess(path, spoilt=DIES_AFTER_COMMIT.format(tmp_path / "dead")) as writer:
        store = await SqliteStore.open(path, writer.address, "gateway")
        works = [Work(NOON) for _ in range(3)]
        for work in works:
            work.tell(TransactionStarted(transaction=transaction()))
        works[0].add(token())
        works[1].add(token())
        outcomes = [asyncio.ensure_future(store.commit(work)) for work in works]
        assert await asyncio.to_thread(writer.process.wait, 10) == 9
        writer.kill()
        writer.start()
        assert await asyncio.gather(*outcomes) == [Committed(1), Conflict(token()), Committed(2)]
        assert (count(path, "tokens"), count(path, "events")) == (1, 2)
        await store.close()


async def test_the_welcome_of_a_successor_says_what_became_of_the_last_batch(
    running: SqliteHarness, path: Path
) -> None:
    """Seen from the wire, refusals included."""
    await running.store.close()
    client = socket.socket(socket.AF_UNIX)
    client.connect(running.writer.address)
    former = Former()
    there, again, last = Work(NOON), Work(NOON), saving()
    there.add(token())
    again.add(token())
    last.tell(TransactionStarted(transaction=transaction()))
    for work in (there, again, last):
        former.add(work)
    client.sendall(frame(Hello("gateway")) + frame(former.batch(1)))
    assert read(client, 2)[1] == Answer(1, 1, [expected_refusal(former)])
    running.writer.kill()
    running.writer.start()
    client.close()
    client = socket.socket(socket.AF_UNIX)
    client.connect(running.writer.address)
    client.sendall(frame(Hello("gateway")))
    assert read(client, 1) == [Welcome(1, 1, [expected_refusal(former)])]
    client.close()
    running.store = await SqliteStore.open(path, running.writer.address, "gateway")
    assert await running.store.commit(again) == Conflict(token())


def expected_refusal(former: Former) -> Refusal:
    (run,) = [run for run in former.batch(1).runs if run.owners == [0, 1]]
    return Refusal(1, "conflict", table=run.code // 5, row=run.rows[0])


def read(client: socket.socket, messages: int) -> list[object]:
    client.settimeout(10)
    frames, found = Frames(), []
    while len(found) < messages:
        found += [decode_from_writer(content) for content in frames.received(client.recv(65536))]
    return found


async def test_a_writer_that_hangs_longer_than_the_time_out_leaves_works_unknown_and_failed(
    impatient: SqliteHarness,
) -> None:
    running = impatient
    store = running.store
    assert await store.commit(saving()) == Committed(0)
    running.writer.pause()
    sent = asyncio.ensure_future(store.commit(saving()))
    await asyncio.sleep(0.05)
    queued = asyncio.ensure_future(store.commit(saving()))
    numbers = asyncio.ensure_future(running.fetch(NumbersFact()))
    assert await sent == Unknown(SILENCE)
    assert await queued == Failed(SILENCE)
    assert await numbers == Failed(SILENCE)
    # Until it is heard again everything fails at once, and no station is loaded: the batch may still come.
    assert store.failure == SILENCE
    async with asyncio.timeout(0.1):
        assert await store.commit(saving()) == Failed(SILENCE)
        assert await running.load("CP-1") == Failed(SILENCE)
        assert await running.fetch(TokenFact("ABCD")) == Failed(SILENCE)
    running.writer.resume()
    await until(lambda: store.failure == "")
    assert await store.commit(saving()) == Committed(0)
    assert await running.load("CP-1") is None


async def test_a_writer_that_stays_dead_longer_than_the_time_out_is_the_same(
    impatient: SqliteHarness,
) -> None:
    running = impatient
    running.writer.kill()
    await asyncio.sleep(0.05)
    outcomes = await asyncio.gather(*(running.store.commit(saving()) for _ in range(5)))
    assert outcomes == [Failed(SILENCE)] * 5, "they waited for a line, so none was on its way"
    running.writer.start()
    await until(lambda: running.store.failure == "")
    assert await running.store.commit(saving()) == Committed(0)


async def test_a_batch_that_was_given_up_is_not_committed_after_the_writer_is_heard_again(
    impatient: SqliteHarness,
) -> None:
    running = impatient
    running.writer.pause()
    work = Work(NOON)
    work.add(token())
    assert await running.store.commit(work) == Unknown(SILENCE)
    running.writer.resume()
    await until(lambda: running.store.failure == "")
    assert await running.store.commit(saving()) == Committed(0)
    found = await running.fetch(TokenFact("ABCD"))
    await asyncio.sleep(0.2)
    assert await running.fetch(TokenFact("ABCD")) == found


async def test_more_works_than_the_queue_holds_fail_at_once(
    running: SqliteHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "MAX_QUEUED", 10)
    outcomes = await running.settle([saving() for _ in range(12)])
    assert sorted(map(type, outcomes), key=str) == [Committed] * 10 + [Failed] * 2


async def test_a_turn_that_fails_when_it_is_told_does_not_keep_the_others_waiting(
    running: SqliteHarness,
) -> None:
    heard: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context["message"]))

    def broken(_: Settlement) -> None:
        raise ZeroDivisionError

    running.store.submit(saving(), broken)
    assert await running.store.commit(saving()) == Committed(0)
    assert heard == ["a turn failed when it was told of its commit"]


async def test_a_client_that_dies_in_the_middle_of_a_frame_writes_nothing_and_harms_nobody(
    running: SqliteHarness, path: Path
) -> None:
    former = Former()
    former.add(saving())
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(running.writer.address)
        other.sendall(frame(Hello("office")))
        read(other, 1)
        other.sendall(frame(former.batch(1))[:-1])
    assert await running.store.commit(Work(NOON)) == Committed(0)
    assert count(path, "connector_status") == 0


@pytest.mark.parametrize(
    "nonsense",
    [b"\xff\xff\xff\xff", b"\x00\x00\x00\x02ok", frame(Batch(1, 0, [], [], [], []))],
    ids=["a frame without end", "no message", "a batch before a Hello"],
)
async def test_a_client_that_talks_nonsense_is_dismissed(running: SqliteHarness, nonsense: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.connect(running.writer.address)
        other.sendall(nonsense)
        other.settimeout(5)
        assert other.recv(1) == b""
    assert await running.store.commit(saving()) == Committed(0)


async def test_the_newest_client_of_a_name_replaces_the_older_one(running: SqliteHarness) -> None:
    with socket.socket(socket.AF_UNIX) as older, socket.socket(socket.AF_UNIX) as newer:
        for each in (older, newer):
            each.connect(running.writer.address)
            each.sendall(frame(Hello("office")))
            read(each, 1)
        older.settimeout(5)
        assert older.recv(1) == b""
        newer.sendall(frame(Batch(1, 0, [], [], [], [])))
        assert read(newer, 1) == [Answer(1, 0, [])]


async def test_two_clients_write_side_by_side(running: SqliteHarness, path: Path) -> None:
    office = await SqliteStore.open(path, running.writer.address, "office")
    works = [Work(NOON) for _ in range(20)]
    for n, work in enumerate(works):
        work.add(token(f"T{n}"))
    outcomes = await asyncio.gather(
        *((office if n % 2 else running.store).commit(work) for n, work in enumerate(works))
    )
    assert outcomes == [Committed(0)] * 20
    await office.close()


async def test_the_writer_ends_when_its_lifeline_is_cut_and_its_clients_are_gone(
    running: SqliteHarness,
) -> None:
    process = running.writer.process
    process.terminate()
    process.send_signal(2)
    assert process.stdin is not None
    process.stdin.close()
    await asyncio.sleep(0.1)
    assert await running.store.commit(saving()) == Committed(0)
    assert process.poll() is None
    await running.store.close()
    assert await asyncio.to_thread(process.wait, 5) == 0
    assert process.stderr is not None
    process.stderr.close()
    running.writer.start()
    running.store = await SqliteStore.open(running.path, running.writer.address, "gateway")


async def test_a_new_writer_waits_until_the_older_one_is_gone(running: SqliteHarness, tmp_path: Path) -> None:
    with WriterProcess(running.path, address=str(tmp_path / "second.sock")) as second:
        waiting = asyncio.ensure_future(SqliteStore.open(running.path, second.address, "gateway"))
        await asyncio.sleep(1)
        assert not waiting.done()
        assert await running.store.commit(saving()) == Committed(0)
        running.writer.kill()
        store = await waiting
        assert await store.commit(saving()) == Committed(0)
        await store.close()
        second.stop()
    running.writer.start()


async def test_what_the_writer_says_of_a_database_that_is_locked(running: SqliteHarness, path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert await running.store.commit(saving()) == Failed("database is locked")
        assert running.store.failure == "database is locked"
        other.execute("ROLLBACK")
    assert await running.store.commit(saving()) == Committed(0)
    assert running.store.failure == ""
    await running.store.close()
    assert running.writer.stop().splitlines() == [
        "the database does not take changes: database is locked",
        "the database takes changes again",
    ]
    running.writer.start()
    running.store = await SqliteStore.open(path, running.writer.address, "gateway")
