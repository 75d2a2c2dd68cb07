"""The stream of what happens: of what its reader sees, from where they were, until their session ends."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from evsys.console import live
from evsys.core.records import Location
from kit.central import station
from kit.clock import NOON
from kit.office import RunningOffice


async def told(response: httpx.Response) -> AsyncIterator[dict[str, object]]:
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            yield json.loads(line[5:])


async def rename(office: RunningOffice, station_id: str) -> None:
    found = await office.office.stations.find(station_id)
    await office.office.stations.change(station_id, found.version, {"title": "x"}, "test")


async def test_a_browser_goes_on_after_the_last_event_that_it_saw(office: RunningOffice) -> None:
    await office.put(station("CP1"))
    for _ in range(3):
        await rename(office, "CP1")
    async with office.visitor("viewer") as visitor, asyncio.timeout(10):
        headers = {"Last-Event-ID": "2"}
        async with visitor.client.stream("GET", "/live?after=0", headers=headers) as response:
            assert response.headers["content-type"].startswith("text/event-stream")
            assert (await anext(told(response)))["seq"] == 3
        assert (await visitor.get("/live", **{"Last-Event-ID": "x"})).status_code == 400


async def test_whoever_is_bound_hears_of_their_stations_alone(office: RunningOffice) -> None:
    await office.put(Location(id="yard", created_at=NOON), station("CP1", location_id="yard"), station("CP2"))
    await rename(office, "CP2")
    await rename(office, "CP1")
    async with (
        office.visitor("viewer", location_ids=("yard",)) as visitor,
        asyncio.timeout(10),
        visitor.client.stream("GET", "/live?after=0") as response,
    ):
        assert (await anext(told(response)))["station_id"] == "CP1"


async def test_the_stream_ends_with_the_session(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "HEARTBEAT_S", 0.05)
    async with (
        office.visitor("viewer", "ann") as visitor,
        asyncio.timeout(10),
        visitor.client.stream("GET", "/live?after=0") as response,
    ):
        await office.office.sign_in.sign_out_everywhere("ann", "test")
        office.clock.step(1)
        async for _ in response.aiter_lines():
            pass


async def test_nobody_hears_without_a_session(office: RunningOffice) -> None:
    async with office.visitor(None) as visitor:
        assert (await visitor.get("/live")).status_code == 303
    async with office.visitor("driver") as visitor:
        assert (await visitor.get("/live")).status_code == 403
