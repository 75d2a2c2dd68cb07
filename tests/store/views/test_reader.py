"""The Reader: read-only, in one snapshot, bounded in time, and honest when the file cannot be read."""

import asyncio
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from evsys.core.errors import StoreUnavailable
from evsys.core.work import Committed, Work
from evsys.store.inline import InlineStore
from evsys.store.views import reader as module
from evsys.store.views.reader import Reader
from evsys.store.views.tokens import tokens_page
from kit.database import new_database
from kit.samples import token


async def put(store: InlineStore, name: str) -> None:
    record = token(name)
    work = Work(record.created_at)
    work.add(record)
    assert isinstance(await store.commit(work), Committed)


async def test_a_read_sees_all_that_was_committed_before_it(tmp_path: Path) -> None:
    path = new_database(tmp_path)
    reader, store = Reader(path), InlineStore(path)
    for number in range(20):
        await put(store, f"T{number:02}")
        found, _ = await reader.read(lambda connection: tokens_page(connection, 100))
        assert len(found) == number + 1
    reader.close()
    await store.close()


async def test_a_read_is_of_one_moment(tmp_path: Path) -> None:
    path = new_database(tmp_path)
    reader, store = Reader(path), InlineStore(path)
    loop = asyncio.get_running_loop()

    def twice(connection: Connection) -> list[int]:
        first = len(tokens_page(connection, 100)[0])
        asyncio.run_coroutine_threadsafe(put(store, "NEW"), loop).result(5)
        return [first, len(tokens_page(connection, 100)[0])]

    assert await reader.read(twice) == [0, 0]
    assert len((await reader.read(lambda connection: tokens_page(connection, 100)))[0]) == 1
    reader.close()
    await store.close()


async def test_a_read_writes_nothing(tmp_path: Path) -> None:
    reader = Reader(new_database(tmp_path))
    with pytest.raises(StoreUnavailable, match="readonly"):
        await reader.read(lambda connection: connection.execute(text("DELETE FROM tokens")))
    reader.close()


async def test_a_read_that_takes_too_long_is_broken_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "READ_LIMIT_S", 0.1)
    reader = Reader(new_database(tmp_path))
    endless = text("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n")
    began = time.monotonic()
    with pytest.raises(StoreUnavailable, match="interrupted"):
        await reader.read(lambda connection: connection.execute(endless).all())
    assert time.monotonic() - began < 5
    assert await reader.read(lambda connection: connection.execute(text("SELECT 1")).scalar()) == 1
    reader.close()


async def test_a_file_that_is_not_there_or_no_database_is_not_available(tmp_path: Path) -> None:
    reader = Reader(tmp_path / "nothing.db")
    with pytest.raises(StoreUnavailable, match="unable to open"):
        await reader.read(lambda connection: tokens_page(connection, 1))
    reader.close()
    (tmp_path / "garbage.db").write_bytes(b"no database" * 1000)
    reader = Reader(tmp_path / "garbage.db")
    with pytest.raises(StoreUnavailable, match="not a database"):
        await reader.read(lambda connection: tokens_page(connection, 1))
    reader.close()


async def test_many_reads_at_once_are_all_answered(tmp_path: Path) -> None:
    reader = Reader(new_database(tmp_path))
    answers = await asyncio.gather(
        *(reader.read(lambda connection: connection.execute(text("SELECT 7")).scalar()) for _ in range(200))
    )
    assert answers == [7] * 200
    reader.close()


async def test_reading_needs_no_other_program_to_have_the_file_open(tmp_path: Path) -> None:
    path = new_database(tmp_path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    reader = Reader(path)
    assert await reader.read(lambda connection: tokens_page(connection, 1)) == ([], None)
    reader.close()
