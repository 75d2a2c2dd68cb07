"""The stores of the contract suite, each behind the same few verbs."""

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Protocol

from evsys.core.facts import Fact
from evsys.core.ports import FactValue
from evsys.core.ports import Store as StorePort
from evsys.core.station import Station
from evsys.core.work import Failed, Settlement, Work
from evsys.store.inline import InlineStore
from evsys.store.sqlite import SqliteStore
from kit.writer import WriterProcess


class Harness(Protocol):
    """A store with its database. The Works of one `settle` are submitted together."""

    @property
    def store(self) -> StorePort: ...

    async def settle(self, works: Sequence[Work]) -> list[Settlement]: ...

    async def fetch(self, fact: Fact) -> FactValue | Failed: ...

    async def load(self, station_id: str) -> Station | Failed | None: ...

    def count(self, table: str) -> int:
        """How many rows a table has on disk."""

    async def reopen(self) -> None:
        """As after a restart of everything."""

    async def close(self) -> None: ...


class InlineHarness:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = InlineStore(path)

    @classmethod
    async def open(cls, path: Path) -> "InlineHarness":
        return cls(path)

    async def settle(self, works: Sequence[Work]) -> list[Settlement]:
        outcomes: list[Settlement] = []
        for work in works:
            self.store.submit(work, outcomes.append)
        assert outcomes == [], "never from inside the asking call"
        self.store.flush()
        return outcomes

    async def fetch(self, fact: Fact) -> FactValue | Failed:
        answers: list[FactValue | Failed] = []
        self.store.fetch(fact, answers.append)
        assert answers == []
        self.store.flush()
        return answers[0]

    async def load(self, station_id: str) -> Station | Failed | None:
        answers: list[Station | Failed | None] = []
        self.store.load(station_id, answers.append)
        assert answers == []
        self.store.flush()
        return answers[0]

    def count(self, table: str) -> int:
        return count(self.path, table)

    async def reopen(self) -> None:
        await self.store.close()
        self.store = InlineStore(self.path)

    async def close(self) -> None:
        await self.store.close()


class SqliteHarness:
    def __init__(self, path: Path, writer: WriterProcess, store: SqliteStore) -> None:
        self.path = path
        self.writer = writer
        self.store = store

    @classmethod
    async def open(cls, path: Path) -> "SqliteHarness":
        writer = WriterProcess(path)
        return cls(path, writer, await SqliteStore.open(path, writer.address, "gateway"))

    async def settle(self, works: Sequence[Work]) -> list[Settlement]:
        outcomes: list[Settlement] = []
        done = asyncio.Event()

        def settled(outcome: Settlement) -> None:
            outcomes.append(outcome)
            if len(outcomes) == len(works):
                done.set()

        for work in works:
            self.store.submit(work, settled)
        assert outcomes == [], "never from inside the asking call"
        await done.wait()
        return outcomes

    async def fetch(self, fact: Fact) -> FactValue | Failed:
        answer: asyncio.Future[FactValue | Failed] = asyncio.get_running_loop().create_future()
        self.store.fetch(fact, answer.set_result)
        assert not answer.done()
        return await answer

    async def load(self, station_id: str) -> Station | Failed | None:
        answer: asyncio.Future[Station | Failed | None] = asyncio.get_running_loop().create_future()
        self.store.load(station_id, answer.set_result)
        assert not answer.done()
        return await answer

    def count(self, table: str) -> int:
        return count(self.path, table)

    async def reopen(self) -> None:
        await self.store.close()
        assert self.writer.stop() == ""
        self.writer.start()
        self.store = await SqliteStore.open(self.path, self.writer.address, "gateway")

    async def close(self) -> None:
        await self.store.close()
        self.writer.__exit__()


def count(path: Path, table: str) -> int:
    """How many rows a table of a database file has."""
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
