"""Whoever is bound to locations sees and does only what is there, by every road of the API."""

import asyncio
import json

import httpx
import pytest
from msgspec import Raw

from evsys.core.records import Alarm, Location, Reservation
from kit.central import station
from kit.clock import NOON
from kit.office import RunningOffice, json_of
from kit.samples import job, quarantined, transaction

ELSEWHERE = "CP2"


def alarm(id: str, station_id: str) -> Alarm:
    return Alarm(
        id=id,
        station_id=station_id,
        kind="security_event",
        name="MemoryExhaustion",
        severity="warning",
        raised_at=NOON,
        last_at=NOON,
        last_seq=1,
        facts=Raw(b"{}"),
        told_at=NOON,
    )


def reservation(id: str, station_id: str) -> Reservation:
    return Reservation(
        id=id,
        station_id=station_id,
        number=1,
        id_token="T",
        status="ACTIVE",
        created_at=NOON,
        expires_at=NOON,
    )


async def bound_key(office: RunningOffice, role: str = "operator") -> str:
    """A key of somebody who sees the yard alone, where CP1 stands and CP2 does not."""
    await office.put(Location(id="yard", created_at=NOON), Location(id="port", created_at=NOON))
    await office.put(station("CP1", location_id="yard"), station(ELSEWHERE, location_id="port"))
    await office.office.users.create("ann", {"role": role, "location_ids": ("yard",)}, "test")
    _, secret = await office.office.keys.create_scoped("hers", "admin", (), None, "test", "ann")
    return secret


def client_of(office: RunningOffice, secret: str) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {secret}"}
    return httpx.AsyncClient(base_url=office.url, headers=headers, timeout=20)


async def test_lists_hold_what_is_at_ones_locations_alone(office: RunningOffice) -> None:
    secret = await bound_key(office)
    for id, place in (("1", "CP1"), ("2", ELSEWHERE)):
        await office.put(
            transaction(int(id), station_id=place),
            alarm(id=f"a{id}", station_id=place),
            job(id=f"j{id}", station_id=place),
            quarantined(f"q{id}", station_id=place),
            reservation(id=f"r{id}", station_id=place),
        )
    async with client_of(office, secret) as client:
        for path in ("transactions", "alarms", "jobs", "quarantine", "reservations"):
            items = json_of(await client.get(f"/api/v1/{path}"))["items"]
            assert [each["station_id"] for each in items] == ["CP1"], path
        assert [each["id"] for each in json_of(await client.get("/api/v1/stations"))["items"]] == ["CP1"]
        assert [each["id"] for each in json_of(await client.get("/api/v1/locations"))["items"]] == ["yard"]
        status = json_of(await client.get("/api/v1/status"))
        assert (status["stations"], status["open_transactions"]) == (1, 1)
        seen = ("transactions/1", "jobs/j1", "reservations/r1", "locations/yard", "stations/CP1")
        for path in seen:
            assert (await client.get(f"/api/v1/{path}")).status_code == 200, path
        hidden = ("transactions/2", "jobs/j2", "reservations/r2", "locations/port", f"stations/{ELSEWHERE}")
        for path in (*hidden, f"stations/{ELSEWHERE}/commands", f"stations/{ELSEWHERE}/connectors"):
            assert (await client.get(f"/api/v1/{path}")).status_code == 404, path


async def test_nothing_is_done_elsewhere(office: RunningOffice) -> None:
    secret = await bound_key(office)
    await office.put(
        transaction(2, station_id=ELSEWHERE),
        alarm(id="a2", station_id=ELSEWHERE),
        job(id="j2", station_id=ELSEWHERE),
        reservation(id="r2", station_id=ELSEWHERE),
    )
    new = {"station_id": ELSEWHERE, "id_token": "T", "expires_at": "2026-06-02T12:00:00Z"}
    tries: tuple[tuple[str, str, object], ...] = (
        ("POST", f"stations/{ELSEWHERE}/commands", {"type": "ClearCache"}),
        ("PATCH", f"stations/{ELSEWHERE}", {"version": 1, "title": "mine"}),
        ("DELETE", f"stations/{ELSEWHERE}", None),
        ("POST", "transactions/2/close", None),
        ("POST", "alarms/a2/acknowledge", None),
        ("POST", "jobs/j2/cancel", None),
        ("DELETE", "reservations/r2", None),
        ("POST", "reservations", new),
        ("POST", f"stations/{ELSEWHERE}/diagnostics", {}),
    )
    async with client_of(office, secret) as client:
        for method, path, body in tries:
            response = await client.request(method, f"/api/v1/{path}", json=body)
            assert response.status_code == 404, (method, path, response.text)
        legacy = {"charge_point_id": ELSEWHERE, "feature_name": "ClearCache"}
        assert json_of(await client.post("/api", json=legacy)) == {
            "status": "error",
            "error": f"{ELSEWHERE} is not available",
        }


async def test_a_station_is_not_moved_out_of_ones_sight(office: RunningOffice) -> None:
    async with client_of(office, await bound_key(office)) as client:
        for place in ("port", None):
            moved = await client.patch("/api/v1/stations/CP1", json={"version": 1, "location_id": place})
            assert moved.status_code == 403
        renamed = await client.patch("/api/v1/stations/CP1", json={"version": 1, "title": "first"})
        assert renamed.status_code == 200


async def test_what_is_of_the_whole_network_is_shut(office: RunningOffice) -> None:
    async with client_of(office, await bound_key(office)) as client:
        for path in ("tokens", "users", "files", "campaigns", "knocks", "configuration-templates", "keys"):
            assert (await client.get(f"/api/v1/{path}")).status_code == 403, path
        new = {"id": "CP3", "location_id": "yard"}
        assert (await client.post("/api/v1/stations", json=new)).status_code == 403


async def test_the_log_and_its_stream_tell_of_ones_stations_alone(office: RunningOffice) -> None:
    secret = await bound_key(office)
    await office.station(id=ELSEWHERE)
    await office.station(id="CP1")
    async with client_of(office, secret) as client:
        items = json_of(await client.get("/api/v1/events"))["items"]
        assert {each["station_id"] for each in items} == {"CP1"}
        heard = []
        async with client.stream("GET", "/api/v1/events/stream") as response, asyncio.timeout(10):
            lines = response.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            await tell(office, ELSEWHERE)
            await tell(office, "CP1")
            async for line in lines:
                if line.startswith("data:"):
                    heard.append(json.loads(line[5:])["station_id"])
                    break
        assert heard == ["CP1"]


async def tell(office: RunningOffice, station_id: str) -> None:
    found = await office.office.stations.find(station_id)
    await office.office.stations.change(station_id, found.version, {"title": "x"}, "test")


@pytest.mark.parametrize("role", ["viewer", "operator"])
async def test_the_servers_status_by_evsys_endpoint_counts_ones_stations(
    office: RunningOffice, role: str
) -> None:
    secret = await bound_key(office, role)
    await office.station(id=ELSEWHERE)
    await office.station(id="CP1")
    async with client_of(office, secret) as client:
        answer = json_of(await client.post("/api", json={"feature_name": "GetServerStatus"}))
    assert answer == {"connected_clients": "CP1", "total_clients": 1}


async def test_who_works_here_is_said_by_administrators_alone(office: RunningOffice) -> None:
    async with office.client("operator") as operator, office.client("admin") as admin:
        assert (await operator.post("/api/v1/users", json={"id": "d"})).status_code == 201
        assert (await operator.post("/api/v1/users", json={"id": "x", "role": "viewer"})).status_code == 403
        assert (await admin.post("/api/v1/users", json={"id": "v", "role": "viewer"})).status_code == 201
        change = {"version": 1, "email": "mine@example.org"}
        assert (await operator.patch("/api/v1/users/v", json=change)).status_code == 403
        assert (await operator.delete("/api/v1/users/v")).status_code == 403
        assert (await operator.patch("/api/v1/users/d", json=change)).status_code == 200
        made = await admin.post("/api/v1/users/v/sign-in-link")
        assert made.status_code == 201
        assert json_of(made)["purpose"] == "invitation"
        secret = json_of(made)["path"].removeprefix("/link/")
        assert (await office.office.sign_in.link(secret))[1].id == "v"
        assert (await admin.delete("/api/v1/users/v/sessions")).status_code == 204


async def test_sign_ins_are_told_to_administrators_alone(office: RunningOffice) -> None:
    await office.office.users.create("ann", {"role": "viewer"}, "test")
    await office.office.sign_in.make_link("ann", "test")
    for role, told in (("admin", True), ("operator", False), ("viewer", False)):
        async with office.client(role) as client:  # type: ignore[arg-type]
            items = json_of(await client.get("/api/v1/events"))["items"]
        assert ("SignInLinkMade" in {each["event"]["kind"] for each in items}) == told, role
