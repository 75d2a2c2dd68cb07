"""A copy of a database file that is whole and is known to be.

SQLite copies a consistent state page by page while others go on writing. The copy is then read from end to
end and its rows are counted against the state that was copied; only then does it get its name. It is one
file without a write-ahead log beside it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from evsys.store.connections import open_to_read


class BadCopy(Exception):
    """A copy, or a file to be restored, is not whole; the text says what is wrong with it."""


def copy_database(source: Path, target: Path) -> dict[str, int]:
    """Copies a database, in use or not, to a file that must not exist yet; returns how many rows each table
    of it has. Raises FileExistsError, BadCopy, OSError or sqlite3.Error; `target` then does not exist."""
    if target.exists():
        raise FileExistsError(f"{target} exists already")
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        with closing(open_to_read(source)) as reader:
            reader.execute("BEGIN")
            expected = row_counts(reader)
            with closing(sqlite3.connect(part, isolation_level=None)) as copy:
                reader.backup(copy)
                copy.execute("PRAGMA journal_mode=DELETE").fetchone()
        counted = verify(part)
        if counted != expected:
            raise BadCopy(f"the copy has other rows than {source}: {counted} instead of {expected}")
        sync_file(part)
        os.link(part, target)
    finally:
        part.unlink(missing_ok=True)
    sync_file(target.parent)
    return counted


def verify(path: Path) -> dict[str, int]:
    """Reads a database file from end to end; returns how many rows each table has. Raises BadCopy."""
    try:
        with closing(open_to_read(path)) as connection:
            found = [str(line) for (line,) in connection.execute("PRAGMA integrity_check")]
            if found != ["ok"]:
                raise BadCopy(f"{path} is damaged: {found[0]}")
            return row_counts(connection)
    except sqlite3.Error as error:
        raise BadCopy(f"{path} cannot be read: {error}") from error


def row_counts(connection: sqlite3.Connection) -> dict[str, int]:
    names = [
        str(name)
        for (name,) in connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
    ]
    return {name: int(connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]) for name in names}


def sync_file(path: Path) -> None:
    """Puts a file, or the names in a folder, on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
