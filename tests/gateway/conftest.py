"""Gateways on uvloop, as in the program, each on a database of its own."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from evsys.core.records import Station
from evsys.gateway.server import GatewaySettings
from evsys.store.migrating import migrate
from kit.gateway import SERVER_KEY, Serve, Served, station


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database without rows, made once: migrating takes longer than most tests."""
    return migrate(tmp_path_factory.mktemp("database") / "evsys.db")


@pytest.fixture
async def serve(empty_database: Path, tmp_path: Path) -> AsyncIterator[Serve]:
    """Starts a gateway that knows CP1 and CP2, by the members of its settings; `stations`, `tls`, `capacity`
    and `receive_bytes` are its own."""
    running: list[Served] = []

    async def start(stations: list[Station] | None = None, **given: object) -> Served:
        path = tmp_path / f"evsys{len(running)}.db"
        shutil.copy(empty_database, path)
        members = {name: value for name, value in given.items() if name in GatewaySettings.__struct_fields__}
        others = {name: value for name, value in given.items() if name not in members}
        known = [station("CP1"), station("CP2")] if stations is None else stations
        how = GatewaySettings(**{"server_key": SERVER_KEY, **members})  # type: ignore[arg-type]
        served = Served(path, known, how, **others)  # type: ignore[arg-type]
        await served.start()
        running.append(served)
        return served

    yield start
    for served in running:
        await served.stop()


@pytest.fixture
async def served(serve: Serve) -> Served:
    return await serve()
