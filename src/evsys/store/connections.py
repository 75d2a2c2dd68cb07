"""Connections to a database file, each made for one purpose."""

import sqlite3
from pathlib import Path
from typing import Final

DatabaseFailure = sqlite3.Error
"""What the driver raises, under a name for those floors that may not know a driver."""

BUSY_TIMEOUT_S: Final = 2.0
"""How long a statement waits for another process's short transaction. Less than the clients of the writer
wait for it, so that they hear the reason."""
CACHE_KIB: Final = 64 * 1024
"""Pages that the writer keeps: the growing ends of all tables and the indexes of the sessions that run."""
STATEMENTS_KEPT: Final = 256
"""More than there are statements in the program, so each is prepared once."""
CHECKPOINT_PAGES: Final = 1_000
"""About 4 MiB of write-ahead log. Fewer and larger checkpoints make the slowest commits slower."""
WAL_KEPT_BYTES: Final = 64 * 1024 * 1024
"""A write-ahead log that a long read has made larger is cut to this size again."""

_NONE: Final[dict[None, str]] = {}
sqlite3.register_adapter(type(None), _NONE.get)
"""None stays None. Without an adapter of its own the driver looks for one with every None that it binds:
0.5 µs each, two thirds of the time of a meter value's row, of which ten cells or more are empty. (The `get`
of an empty dictionary is the quickest function that gives None for None.)"""


def open_to_write(path: Path) -> sqlite3.Connection:
    """The file as its writer opens it: every commit is on the disk when COMMIT returns."""
    return _open(
        path,
        "rw",
        "journal_mode=WAL",
        "synchronous=FULL",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
        f"journal_size_limit={WAL_KEPT_BYTES}",
        f"cache_size={-CACHE_KIB}",
    )


def open_to_read(path: Path) -> sqlite3.Connection:
    """The file as everybody else opens it."""
    return _open(path, "ro", "query_only=1")


def _open(path: Path, mode: str, *pragmas: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        isolation_level=None,
        timeout=BUSY_TIMEOUT_S,
        cached_statements=STATEMENTS_KEPT,
    )
    try:
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}").fetchone()
    except sqlite3.Error:  # a damaged file is noticed here
        connection.close()
        raise
    return connection
