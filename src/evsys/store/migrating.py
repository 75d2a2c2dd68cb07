"""Bringing a database file to the schema of this program, before its writer starts.

A database that is new is created; one of an older version is changed step by step in one transaction, after
a verified copy of it was put beside it; one of a newer version is left alone: an older program would misread
it."""

import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from evsys.store.compiled import VERSION
from evsys.store.connections import open_to_read, open_to_write
from evsys.store.copying import copy_database
from evsys.store.lock import writer_lock

if TYPE_CHECKING:
    from sqlalchemy import Connection

URL_PREFIX: Final = "sqlite:///"
STAMP: Final = "%Y%m%dT%H%M%SZ"
"""How the time stands in the name of a copy."""
SCRIPTS: Final = Path(__file__).parent / "migrations"


class WrongDatabase(Exception):
    """The file is no database of this program's version; the text says what it is and what to do."""


def path_of(url_or_path: str | Path) -> Path:
    """The file of `sqlite:///PATH`, or of a path. Raises ValueError for another kind of database."""
    text = str(url_or_path)
    if "://" in text and not text.startswith(URL_PREFIX):
        raise ValueError(f"{text}: only {URL_PREFIX}PATH can be opened")
    return Path(text.removeprefix(URL_PREFIX))


def version_of(path: Path) -> str:
    """The version of a database file, empty for a file without tables or none at all. Raises WrongDatabase
    for one that is not ours, sqlite3.Error for one that cannot be read."""
    if not path.exists() or path.stat().st_size == 0:
        return ""
    with closing(open_to_read(path)) as connection:
        tables = {
            name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if not tables:
            return ""
        if "alembic_version" not in tables:
            raise WrongDatabase(f"{path} is a database of another program")
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return str(version[0]) if version else ""


def check(path: Path) -> None:
    """Raises WrongDatabase unless the file is there and has this program's version."""
    if not path.exists():
        raise WrongDatabase(f"there is no database at {path}: `evsys serve` makes it")
    found = version_of(path)
    refuse_newer(path, found)
    if found != VERSION:
        raise WrongDatabase(
            f"{path} is of an older version ({found or 'empty'}): `evsys serve` brings it up to date"
        )


def refuse_newer(path: Path, found: str) -> None:
    """Raises WrongDatabase for a version that this program does not know yet."""
    if found > VERSION:
        raise WrongDatabase(
            f"{path} is of version {found}, newer than this program's {VERSION}: "
            "run the program that wrote it, or restore a backup made before"
        )


def migrate(url_or_path: str | Path) -> Path:
    """Makes a database ready for the writer; returns its file. Waits for an older writer, and for another
    migration. Raises WrongDatabase for one that is newer or not ours, OSError or sqlite3.Error where the
    machine refuses."""
    path = path_of(url_or_path)
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = writer_lock(path)
    lock.wait()
    with closing(lock):
        found = version_of(path)
        refuse_newer(path, found)
        if found and found != VERSION:
            at = time.strftime(STAMP, time.gmtime())
            copy_database(path, path.with_name(f"{path.name}.before-{VERSION}-{at}"))
        if found != VERSION:
            path.touch()
            _upgrade(path)
    return path


def _upgrade(path: Path) -> None:
    # Imported here: they take long to load, and most starts find nothing to do.
    from alembic import command
    from alembic.config import Config
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import StaticPool

    engine = create_engine("sqlite://", creator=lambda: open_to_write(path), poolclass=StaticPool)
    # The driver would commit before every change of schema; so it is told to leave transactions alone
    # (isolation_level None), and a transaction is begun for it.
    event.listen(engine, "begin", _begin)
    try:
        with engine.begin() as connection:
            config = Config()
            config.set_main_option("script_location", str(SCRIPTS))
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


def _begin(connection: "Connection") -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")
