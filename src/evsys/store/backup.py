"""Backup and restore: the whole database as one file.

A backup is taken while the server runs and is verified before it gets its name. A restore needs the server
stopped, verifies the file first, and keeps the database that it replaces beside the new one.
"""

import os
import sqlite3
import time
from contextlib import suppress
from pathlib import Path

from evsys.store.connections import open_to_write
from evsys.store.copying import copy_database, sync_file, verify
from evsys.store.lock import server_lock, writer_lock
from evsys.store.migrating import STAMP, WrongDatabase, check, refuse_newer, version_of


def backup(path: Path, target: Path) -> dict[str, int]:
    """Copies the database to `target`; returns how many rows each table has. Raises WrongDatabase,
    FileExistsError, copying.BadCopy, OSError, sqlite3.Error; `target` then does not exist."""
    check(path)
    return copy_database(path, target)


def restore(source: Path, path: Path) -> Path | None:
    """Puts a backup in the place of the database; returns where the replaced one is now, None where there
    was none. An older version is brought up to date when the server starts. Raises lock.DatabaseInUse where
    a server runs, WrongDatabase, copying.BadCopy, OSError, sqlite3.Error; the database is then as before."""
    verify(source)
    found = version_of(source)
    if not found:
        raise WrongDatabase(f"{source} is empty")
    refuse_newer(source, found)
    path.parent.mkdir(parents=True, exist_ok=True)
    with server_lock(path), writer_lock(path):
        new = path.with_name(f"{path.name}.restored")
        new.unlink(missing_ok=True)
        copy_database(source, new)
        aside = _set_aside(path) if path.exists() else None
        os.replace(new, path)
        sync_file(path.parent)
    return aside


def _set_aside(path: Path) -> Path:
    """Gives the database a second name, with all that its write-ahead log holds."""
    with suppress(sqlite3.Error):  # a damaged one, perhaps the reason for the restore, is kept as it is
        open_to_write(path).close()
    aside = path.with_name(f"{path.name}.replaced-{time.strftime(STAMP, time.gmtime())}")
    if aside.exists():
        raise FileExistsError(f"{aside} exists already")
    for suffix in ("-wal", "-shm"):
        log = path.with_name(path.name + suffix)
        if log.exists():
            os.replace(log, aside.with_name(aside.name + suffix))
    os.link(path, aside)
    return aside
