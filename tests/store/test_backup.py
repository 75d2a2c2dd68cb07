"""Backups are whole and verified; a restore is refused while a server runs and keeps what it replaces."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from evsys.core.work import Committed, Work
from evsys.store import copying
from evsys.store.backup import backup, restore
from evsys.store.copying import BadCopy
from evsys.store.local import write_once
from evsys.store.lock import DatabaseInUse, server_lock
from evsys.store.migrating import WrongDatabase
from kit.clock import NOON
from kit.samples import meter_value, token
from kit.stores import SqliteHarness, count


@pytest.fixture
async def running(path: Path) -> AsyncIterator[SqliteHarness]:
    opened = await SqliteHarness.open(path)
    yield opened
    await opened.close()


def adding(token_id: str) -> Work:
    work = Work(NOON)
    work.add(token(token_id))
    return work


async def test_a_backup_under_load_is_one_whole_file(running: SqliteHarness, tmp_path: Path) -> None:
    going = True

    async def load() -> int:
        written = 0
        while going:
            work = Work(NOON, "CP-1")
            for digest in range(20):
                work.add_once(meter_value(written * 20 + digest))
            assert await running.store.commit(work) == Committed(0)
            written += 1
        return written

    loading = asyncio.ensure_future(load())
    await asyncio.sleep(0.2)
    target = tmp_path / "backup" / "evsys.db"
    target.parent.mkdir()
    counted = await asyncio.to_thread(backup, running.path, target)
    await asyncio.sleep(0.05)
    going = False
    written = await loading
    assert 0 < counted["meter_values"] < written * 20
    assert counted["meter_values"] % 20 == 0, "a batch is in it as a whole or not at all"
    assert [each.name for each in target.parent.iterdir()] == ["evsys.db"]
    assert count(target, "meter_values") == counted["meter_values"]


def test_a_backup_never_overwrites_and_never_stays_half(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "copy.db"
    target.write_text("precious")
    with pytest.raises(FileExistsError, match="exists already"):
        backup(path, target)
    assert target.read_text() == "precious"
    other = tmp_path / "other.db"
    monkeypatch.setattr(copying, "verify", lambda _: {"meter_values": 1})
    with pytest.raises(BadCopy, match="other rows"):
        backup(path, other)
    assert not list(tmp_path.glob("other.db*"))


def test_a_restore_puts_the_backup_in_place_and_keeps_the_replaced_database(
    path: Path, tmp_path: Path
) -> None:
    write_once(path, adding("A"))
    target = tmp_path / "backup.db"
    backup(path, target)
    write_once(path, adding("B"))
    aside = restore(target, path)
    assert aside is not None
    assert (count(path, "tokens"), count(aside, "tokens")) == (1, 2)
    assert write_once(path, adding("B")) == Committed(0)


def test_a_restore_where_there_was_no_database(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    backup(path, target)
    assert restore(target, tmp_path / "new" / "evsys.db") is None
    assert count(tmp_path / "new" / "evsys.db", "tokens") == 0


def test_a_restore_in_the_place_of_a_damaged_database(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    backup(path, target)
    path.write_bytes(b"not a database at all" * 500)
    aside = restore(target, path)
    assert aside is not None
    assert aside.read_bytes().startswith(b"not a database")
    assert count(path, "tokens") == 0


async def test_a_restore_is_refused_while_a_server_or_a_writer_runs(
    running: SqliteHarness, tmp_path: Path
) -> None:
    target = tmp_path / "backup.db"
    backup(running.path, target)
    with pytest.raises(DatabaseInUse, match="writer is held by another process"):
        restore(target, running.path)
    with server_lock(running.path), pytest.raises(DatabaseInUse, match="lock is held by another process"):
        restore(target, running.path)
    assert await running.store.commit(adding("A")) == Committed(0)


def test_a_file_that_is_damaged_or_not_ours_or_newer_is_not_restored(path: Path, tmp_path: Path) -> None:
    before = path.read_bytes()
    damaged = tmp_path / "damaged.db"
    backup(path, damaged)
    content = bytearray(damaged.read_bytes())
    content[8192:12288] = b"\x55" * 4096
    damaged.write_bytes(content)
    with pytest.raises(BadCopy):
        restore(damaged, path)
    other = tmp_path / "other.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(WrongDatabase, match="another program"):
        restore(other, path)
    newer = tmp_path / "newer.db"
    backup(path, newer)
    with closing(sqlite3.connect(newer)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '8888'")
    with pytest.raises(WrongDatabase, match="newer"):
        restore(newer, path)
    with pytest.raises(BadCopy):
        restore(tmp_path / "none.db", path)
    assert path.read_bytes() == before
