"""The Reader: read-only connections to the database for the people's tower, used from threads."""

import asyncio
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, TypeVar, cast

from sqlalchemy import Connection, Select, create_engine, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from evsys.core.errors import StoreUnavailable
from evsys.core.records import Record
from evsys.store.connections import BUSY_TIMEOUT_S
from evsys.store.schema import TABLES, columns_of

CONNECTIONS: Final = 4
"""Reads at once; the next ones wait. SQLite reads mostly from memory, and machines have few cores."""
READ_LIMIT_S: Final = 5.0
"""A read that takes longer is broken off: every one is served by an index, so it is a mistake."""
STEPS_BETWEEN_LOOKS: Final = 20_000
"""Steps of SQLite's machine between looks at the time: about a millisecond."""

RecordSelect = Select[*tuple[object, ...]]
T = TypeVar("T")
R = TypeVar("R", bound=Record)


class Reader:
    """Reads of the database at `path`. Every read sees all that was committed before it began."""

    def __init__(self, path: str | Path, connections: int = CONNECTIONS) -> None:
        self._engine = create_engine(
            "sqlite+pysqlite://",
            creator=lambda: _connect(path),
            poolclass=QueuePool,
            pool_size=connections,
            max_overflow=0,
        )
        self._threads = ThreadPoolExecutor(connections, thread_name_prefix="read")

    async def read(self, query: Callable[[Connection], T]) -> T:
        """What `query` reads, in one read transaction. Raises StoreUnavailable."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.read_here, query)

    def read_here(self, query: Callable[[Connection], T]) -> T:
        """The same in the calling thread, for programs without a loop."""
        last = time.monotonic() + READ_LIMIT_S
        try:
            with self._engine.connect() as connection:
                driver = cast(sqlite3.Connection, connection.connection.driver_connection)
                driver.set_progress_handler(lambda: time.monotonic() > last, STEPS_BETWEEN_LOOKS)
                try:
                    driver.execute("BEGIN")
                    return query(connection)
                finally:
                    driver.set_progress_handler(None, 0)
        except DBAPIError as error:
            raise StoreUnavailable(f"the database cannot be read: {error.orig}") from error

    async def check(self) -> None:
        """Read a little. Raises StoreUnavailable where the database cannot be read."""
        await self.read(lambda connection: connection.exec_driver_sql("SELECT 1 FROM stations LIMIT 1").all())

    def close(self) -> None:
        """Wait for reads under way and close the connections."""
        self._threads.shutdown()
        self._engine.dispose()


def _connect(path: str | Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{Path(path).absolute().as_uri()}?mode=ro",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        timeout=BUSY_TIMEOUT_S,
    )
    try:
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def select_record(kind: type[R]) -> RecordSelect:
    """SELECT of the columns that a record is made of."""
    return select(*columns_of(TABLES[kind]))


def records(connection: Connection, kind: type[R], query: RecordSelect) -> list[R]:
    """The records that a `select_record` finds."""
    names = kind.__struct_fields__
    return [kind(**dict(zip(names, row, strict=True))) for row in connection.execute(query)]


def record_by_id(connection: Connection, kind: type[R], record_id: str | int) -> R | None:
    """The record of a kind whose key is `id`. Index: the primary key."""
    found = records(connection, kind, select_record(kind).where(TABLES[kind].c.id == record_id))
    return found[0] if found else None
