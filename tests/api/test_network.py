"""Stations, locations, users and keys over HTTP: made, changed, removed, each by the same rules."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from evsys.core.records import Knock
from kit.central import station
from kit.clock import NOON
from kit.link import Payload
from kit.office import RunningOffice, json_of

KINDS: list[tuple[str, Payload, Payload]] = [
    ("stations", {"id": "CP1", "title": "Yard"}, {"title": "Gate", "enabled": False, "call_timeout_s": 60}),
    (
        "locations",
        {"id": "home", "name": "Home", "latitude": 48.2, "longitude": 16.4, "time_zone": "Europe/Vienna"},
        {"name": "House", "latitude": None},
    ),
    ("users", {"id": "ann", "name": "Ann"}, {"email": "ann@example.com", "note": "a friend"}),
]


@pytest.mark.parametrize(("kind", "made", "change"), KINDS, ids=[each[0] for each in KINDS])
async def test_a_record_is_made_read_changed_and_removed(
    admin: httpx.AsyncClient, kind: str, made: Payload, change: Payload
) -> None:
    url = f"/api/v1/{kind}"
    response = await admin.post(url, json=made)
    assert response.status_code == 201, response.text
    record = json_of(response)
    assert {name: record[name] for name in made} == made
    assert record["version"] == 1
    assert (await admin.post(url, json=made)).status_code == 409
    one = f"{url}/{made['id']}"
    shown = json_of(await admin.get(one))
    assert {name: shown[name] for name in record} == record
    changed = await admin.patch(one, json={"version": 1, **change})
    assert changed.status_code == 200, changed.text
    assert json_of(changed) == {**record, **change, "version": 2}
    assert (await admin.patch(one, json={"version": 1, **change})).status_code == 409
    assert (await admin.patch(one, json=change)).status_code == 400
    listed = (await admin.get(url)).json()["items"]
    assert [each["version"] for each in listed] == [2]
    assert (await admin.delete(f"{one}?version=1")).status_code == 409
    assert (await admin.delete(f"{one}?version=2")).status_code == 204
    for response in (
        await admin.get(one),
        await admin.delete(one),
        await admin.patch(one, json={"version": 1}),
    ):
        assert response.status_code == 404
    assert (await admin.get(url)).json()["items"] == []


@pytest.mark.parametrize("kind", ["locations", "users"])
async def test_a_list_is_read_in_pages(admin: httpx.AsyncClient, kind: str) -> None:
    for number in range(5):
        await admin.post(f"/api/v1/{kind}", json={"id": f"N{number}"})
    seen, cursor = [], ""
    while True:
        page = (await admin.get(f"/api/v1/{kind}", params={"limit": 2, "cursor": cursor})).json()
        seen += [each["id"] for each in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert seen == [f"N{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("locations", {"id": "a", "time_zone": "Europe/Nowhere"}),
        ("locations", {"id": "a", "time_zone": "../../etc/passwd"}),
        ("locations", {"id": "a", "latitude": 91}),
        ("stations", {"id": "a", "location_id": "nowhere"}),
        ("stations", {"id": "a", "assume_protocol": "ocpp9"}),
        ("stations", {"id": ""}),
        ("users", {"id": "a", "password": "x"}),
        ("tokens", {"id": "a", "user_id": "nobody"}),
        ("keys", {"name": "a", "role": "root"}),
        ("keys", {"name": "a", "role": "viewer", "scopes": ["station.fly"]}),
        ("keys", {"name": "a", "role": "viewer", "expires_at": "0001-01-01T00:00:00+14:00"}),
    ],
)
async def test_what_cannot_be_is_a_problem_of_the_sender(
    admin: httpx.AsyncClient, path: str, body: Payload
) -> None:
    response = await admin.post(f"/api/v1/{path}", json=body)
    assert response.status_code == 400, response.text


async def test_what_others_name_is_not_removed(admin: httpx.AsyncClient) -> None:
    await admin.post("/api/v1/locations", json={"id": "home"})
    await admin.post("/api/v1/stations", json={"id": "CP1", "location_id": "home"})
    await admin.post("/api/v1/users", json={"id": "ann"})
    await admin.post("/api/v1/tokens", json={"id": "CARD", "user_id": "ann"})
    await admin.post("/api/v1/tokens", json={"id": "OTHER"})
    assert "CP1" in (await admin.delete("/api/v1/locations/home")).json()["detail"]
    assert "CARD" in (await admin.delete("/api/v1/users/ann")).json()["detail"]
    owned = (await admin.get("/api/v1/tokens?user=ann")).json()["items"]
    assert [each["id"] for each in owned] == ["CARD"]
    await admin.patch("/api/v1/stations/CP1", json={"version": 1, "location_id": None})
    await admin.delete("/api/v1/tokens/CARD")
    assert (await admin.delete("/api/v1/locations/home")).status_code == 204
    assert (await admin.delete("/api/v1/users/ann")).status_code == 204


async def test_stations_are_found_by_what_id_or_title_hold_and_by_their_link(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station(), station("CP_2", title="50% Yard"), station("XX", title="yard"))
    await office.station()

    async def found(**query: str) -> list[str]:
        response = await admin.get("/api/v1/stations", params=query)
        assert response.status_code == 200
        return [each["id"] for each in response.json()["items"]]

    assert await found(search="yard") == ["CP_2", "XX"]
    assert await found(search="P_") == ["CP_2"]
    assert await found(search="%") == ["CP_2"]
    assert await found(search="cp", connected="true") == ["CP1"]
    assert await found(connected="true") == ["CP1"]
    assert await found(connected="false") == ["CP_2", "XX"]
    page = (await admin.get("/api/v1/stations?connected=false&limit=1")).json()
    assert await found(connected="false", cursor=page["next"]) == ["XX"]
    assert (await admin.get(f"/api/v1/stations?cursor={page['next']}")).status_code == 400


async def test_a_disabled_station_is_told_so_and_a_removed_one_is_disconnected(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await admin.post("/api/v1/tokens", json={"id": "CARD"})
    await admin.post("/api/v1/stations", json={"id": "CP1"})
    charger = await office.station()
    await charger.ask("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    connectors = (await admin.get("/api/v1/stations/CP1/connectors")).json()["items"]
    assert [(each["evse_id"], each["status"]) for each in connectors] == [(1, "Available")]
    assert (await admin.get("/api/v1/stations/nobody/connectors")).status_code == 404
    await admin.patch("/api/v1/stations/CP1", json={"version": 1, "enabled": False})
    await asyncio.sleep(1)
    answer = await charger.ask("Authorize", {"idTag": "CARD"})
    assert answer["idTagInfo"]["status"] == "Blocked"  # type: ignore[index]
    await admin.delete("/api/v1/stations/CP1")
    await asyncio.sleep(1)
    assert charger.connection is None
    assert (await admin.get("/api/v1/status")).json()["connected"] == 0


async def test_a_station_that_knocked_is_admitted_once(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(Knock(station_id="CP7", first_seen_at=NOON, last_seen_at=NOON, address="192.0.2.1"))
    admitted = await admin.post("/api/v1/knocks/CP7/admit")
    assert admitted.status_code == 201
    assert admitted.json()["id"] == "CP7"
    assert (await admin.get("/api/v1/stations/CP7")).status_code == 200
    assert (await admin.get("/api/v1/knocks")).json()["items"] == []
    assert (await admin.post("/api/v1/knocks/CP7/admit")).status_code == 404


async def test_a_key_is_shown_once_and_is_good_until_it_is_revoked(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    until = (office.clock.now() + timedelta(days=1)).isoformat()
    wanted = {"name": "billing", "role": "operator", "scopes": ["token.*"], "expires_at": until}
    response = await admin.post("/api/v1/keys", json=wanted)
    assert response.status_code == 201, response.text
    made = response.json()
    assert made["key"]["scopes"] == ["token.*"]
    listed = await admin.get("/api/v1/keys")
    assert made["key"] in listed.json()["items"]
    assert made["secret"] not in listed.text
    headers = {"Authorization": f"Bearer {made['secret']}"}
    assert (await admin.get("/api/v1/tokens", headers=headers)).status_code == 200
    assert (await admin.get("/api/v1/stations", headers=headers)).status_code == 403
    assert (await admin.delete(f"/api/v1/keys/{made['key']['id']}")).status_code == 204
    assert (await admin.get("/api/v1/tokens", headers=headers)).status_code == 401
    assert (await admin.delete("/api/v1/keys/none")).status_code == 404


async def test_nobody_gives_away_more_than_they_have(admin: httpx.AsyncClient) -> None:
    narrow = {"name": "narrow", "role": "admin", "scopes": ["key.*", "token.read"]}
    secret = (await admin.post("/api/v1/keys", json=narrow)).json()["secret"]
    headers = {"Authorization": f"Bearer {secret}"}
    for scopes, status in (([], 403), (["station.*"], 403), (["token.*"], 403), (["token.read"], 201)):
        wanted = {"name": "x", "role": "admin", "scopes": scopes}
        response = await admin.post("/api/v1/keys", json=wanted, headers=headers)
        assert response.status_code == status


async def test_the_status_says_how_the_server_is(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station())
    await office.station()
    status = (await admin.get("/api/v1/status")).json()
    assert (status["ready"], status["reasons"]) == (True, [])
    assert (status["stations"], status["connected"], status["open_transactions"]) == (1, 1, 0)
    assert status["last_event"] > 0
