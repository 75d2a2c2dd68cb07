"""kill -9 in the middle of load: everything that was acknowledged is on disk exactly once, and nothing
hangs."""

import asyncio
import random
from pathlib import Path

import pytest

from kit.charging import Charging, lost_or_doubled
from kit.program import Program, running

STATIONS = 10
KINDS = [("gateway",), ("writer",), ("gateway", "writer"), ("supervisor",)]
FINISHES_WITHIN_S = 60.0


async def kills_under_load(program: Program, roles: tuple[str, ...], kills: int) -> None:
    stations = [Charging(program, f"CP{number}") for number in range(STATIONS)]
    charging = [asyncio.create_task(station.charge()) for station in stations]
    chance = random.Random(kills)
    for _ in range(kills):
        await asyncio.sleep(chance.uniform(0.2, 1.0))
        sessions = sum(len(station.stops) for station in stations)
        await asyncio.to_thread(program.kill, *roles)
        if "supervisor" in roles:
            await asyncio.to_thread(program.start)
        await asyncio.to_thread(program.wait_ready)
        await until_more_than(sessions, stations)
    for station in stations:
        station.finish()
    async with asyncio.timeout(FINISHES_WITHIN_S):
        await asyncio.gather(*charging)
    if roles != ("writer",):  # a writer's successor takes over what it left, and stations just wait
        assert sum(station.resent for station in stations) > 0, "the kills disturbed nobody: no load"
    assert lost_or_doubled(program, stations) == []


async def until_more_than(sessions: int, stations: list[Charging]) -> None:
    """Sessions go on after a kill."""
    async with asyncio.timeout(FINISHES_WITHIN_S):
        while sum(len(station.stops) for station in stations) <= sessions:  # noqa: ASYNC110, between processes
            await asyncio.sleep(0.02)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("roles", KINDS, ids="+".join)
async def test_nothing_acknowledged_is_lost_or_doubled_by_kills(
    tmp_path: Path, roles: tuple[str, ...]
) -> None:
    with running(tmp_path) as program:
        await kills_under_load(program, roles, kills=2)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("roles", KINDS, ids="+".join)
async def test_twenty_kills_of_each_kind(tmp_path: Path, roles: tuple[str, ...]) -> None:
    with running(tmp_path) as program:
        await kills_under_load(program, roles, kills=20)


async def test_an_office_that_dies_is_replaced_and_no_station_notices(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        stations = [Charging(program, f"CP{number}") for number in range(STATIONS)]
        charging = [asyncio.create_task(station.charge()) for station in stations]
        await asyncio.sleep(0.5)
        await asyncio.to_thread(program.kill, "office")
        await asyncio.to_thread(program.wait_ready)
        for station in stations:
            station.finish()
        await asyncio.gather(*charging)
        assert [station.resent for station in stations] == [0] * STATIONS
        assert lost_or_doubled(program, stations) == []
