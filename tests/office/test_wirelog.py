"""The wire log as people read it: from memory and from disk, each frame once, with the action of answers."""

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import msgspec
import pytest

from evsys.bus.local import LocalHub
from evsys.core.ports import WIRE, wire_piece
from evsys.office import wirelog
from evsys.office.wirelog import Wire, WireFilter
from evsys.store.wirelog import WireStore
from kit.central import station
from kit.clock import SteppedClock
from kit.link import Payload
from kit.office import RunningOffice

MESSAGES = "/api/v1/stations/CP1/messages"


async def on_disk(office: RunningOffice) -> None:
    """Wait until all that was said is kept."""
    await office.pass_time(11)
    await asyncio.sleep(2 * wirelog.WRITE_EVERY_S)


async def all_of(client: httpx.AsyncClient, **query: str | int) -> list[Payload]:
    """All messages that meet the conditions, read page by page."""
    found: list[Payload] = []
    cursor = ""
    while True:
        response = await client.get(MESSAGES, params={**query, "cursor": cursor})
        assert response.status_code == 200, response.text
        found += response.json()["items"]
        cursor = response.json()["next"]
        if cursor is None:
            return found


async def test_each_frame_is_read_once_newest_first_with_the_action_of_its_answer(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    charger = await office.station({"Reset": {"status": "Accepted"}})
    for number in range(20):
        office.clock.step(1)
        await charger.ask("DataTransfer", {"vendorId": "acme", "data": str(number)})
    await on_disk(office)
    office.clock.step(1)
    await admin.post("/api/v1/stations/CP1/commands", json={"type": "Reset"})
    found = await all_of(admin, limit=7)
    said = [(each["direction"], each["kind"], each["action"]) for each in found]
    assert said[:2] == [("in", "result", "Reset"), ("out", "call", "Reset")]
    assert said[2:4] == [("out", "result", "DataTransfer"), ("in", "call", "DataTransfer")]
    assert said[-1] == ("in", "call", "BootNotification")
    assert len(found) == 2 * 22
    times = [datetime.fromisoformat(str(each["at"])) for each in found]
    assert times == sorted(times, reverse=True)
    assert len(set(times)) == len(times)


async def test_messages_are_found_by_all_their_filters(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    charger = await office.station()
    since = office.clock.now()
    office.clock.step(60)
    await charger.ask("Heartbeat", {})
    await on_disk(office)
    assert len(await all_of(admin, action="Heartbeat")) == 2
    assert [each["kind"] for each in await all_of(admin, action="Heartbeat", direction="in")] == ["call"]
    between = (since + timedelta(seconds=30)).isoformat()
    later, earlier = await all_of(admin, **{"from": between}), await all_of(admin, to=between)
    assert {each["action"] for each in later} == {"Heartbeat"}
    assert "BootNotification" in {each["action"] for each in earlier}
    assert "Heartbeat" not in {each["action"] for each in earlier}
    assert (await admin.get(f"{MESSAGES}?from=yesterday")).status_code == 400
    assert (await admin.get(f"{MESSAGES}?direction=up")).status_code == 400
    assert (await admin.get("/api/v1/stations/nobody/messages")).status_code == 404


async def test_secrets_are_masked(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station())
    await office.station({"ChangeConfiguration": {"status": "Accepted"}})
    payload = {"key": "AuthorizationKey", "value": "0123456789ABCDEF"}
    response = await admin.post("/api/v1/stations/CP1/ocpp/ChangeConfiguration", json=payload)
    assert response.status_code == 200
    shown = await admin.get(MESSAGES)
    assert "AuthorizationKey" in shown.text
    assert "0123456789ABCDEF" not in shown.text


def piece(number: int) -> bytes:
    frame = b'[2,"%d","Heartbeat",{}]' % number
    return msgspec.msgpack.encode(wire_piece("CP1", [(number, "in", frame)]))


async def test_what_waits_is_kept_at_the_end_and_what_does_not_fit_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus, clock = LocalHub(), SteppedClock()
    monkeypatch.setattr(wirelog, "MAX_WAITING_BYTES", 3 * len(piece(1)))
    wire = Wire(WireStore(tmp_path / "wire", 1, 2**20), bus, clock)
    keeping = asyncio.create_task(wire.run())
    await asyncio.sleep(0)
    for number in range(1, 6):
        bus.publish(WIRE, piece(number))
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    assert wire.dropped == 2
    found, _ = await wire.messages("CP1", WireFilter(), 10)
    assert [each.frame for each in found] == [f'[2,"{n}","Heartbeat",{{}}]' for n in (3, 2, 1)]
    wire.close()


async def test_a_disk_that_does_not_take_it_costs_the_pieces_and_nothing_else(tmp_path: Path) -> None:
    bus, clock = LocalHub(), SteppedClock()
    store = WireStore(tmp_path / "wire", 1, 2**20)
    store._connection.execute("PRAGMA query_only = ON")
    wire = Wire(store, bus, clock)
    keeping = asyncio.create_task(wire.run())
    await asyncio.sleep(0)
    bus.publish(WIRE, piece(1))
    await asyncio.sleep(2 * wirelog.WRITE_EVERY_S)
    assert not keeping.done()
    assert wire.dropped == 1
    keeping.cancel()
    await asyncio.gather(keeping, return_exceptions=True)
    wire.close()
