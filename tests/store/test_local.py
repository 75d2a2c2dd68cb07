"""The command line writes its own row, with a server running or without."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from evsys.core.events import ApiKeyCreated, TokenRegistered
from evsys.core.records import ApiKey, ApiKeySecret
from evsys.core.work import Committed, Conflict, Failed, Work
from evsys.store import connections
from evsys.store.local import read_all, write_once
from evsys.store.migrating import WrongDatabase
from kit.clock import NOON
from kit.samples import connector, token
from kit.stores import SqliteHarness

KEY = ApiKey(id="k1", name="ops", role="admin", created_at=NOON)


@pytest.fixture
async def running(path: Path) -> AsyncIterator[SqliteHarness]:
    opened = await SqliteHarness.open(path)
    yield opened
    await opened.close()


def creating() -> Work:
    work = Work(NOON)
    work.add(KEY)
    work.add(ApiKeySecret(key_id="k1", digest="d" * 64))
    work.tell(ApiKeyCreated(key=KEY, by="command line"))
    return work


def test_a_row_is_written_and_read_without_a_server(path: Path) -> None:
    assert write_once(path, creating()) == Committed(1)
    assert read_all(path, ApiKey) == [KEY]
    assert write_once(path, creating()) == Conflict(KEY)
    assert not path.with_name(path.name + "-wal").exists()


async def test_a_running_server_hears_of_it_and_numbers_on(running: SqliteHarness) -> None:
    work = Work(NOON)
    work.add(token())
    work.tell(TokenRegistered(token=token()))
    assert await running.store.commit(work) == Committed(1)
    assert write_once(running.path, creating()) == Committed(2)
    other = Work(NOON)
    other.tell(TokenRegistered(token=token("B")))
    assert await running.store.commit(other) == Committed(3)
    found = (await running.store.people_events(1))[0]
    assert found.event == ApiKeyCreated(key=KEY, by="command line")


def test_it_waits_its_turn_and_says_when_it_does_not_come(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert write_once(path, creating()) == Failed("database is locked")


def test_what_no_row_can_say_fails(path: Path) -> None:
    work = Work(NOON)
    work.change(connector())
    assert isinstance(write_once(path, work), Failed)


def test_nothing_is_made_or_migrated(tmp_path: Path) -> None:
    missing = tmp_path / "none.db"
    with pytest.raises(WrongDatabase, match="`evsys serve` makes it"):
        write_once(missing, creating())
    with pytest.raises(WrongDatabase, match="`evsys serve` makes it"):
        read_all(missing, ApiKey)
    assert list(tmp_path.iterdir()) == []
