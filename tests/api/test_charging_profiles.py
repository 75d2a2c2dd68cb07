"""The library of charging profiles and its assignments over HTTP."""

import httpx
import pytest
from msgspec.structs import replace

from kit.central import station
from kit.clock import NOON
from kit.office import RunningOffice
from kit.samples import transaction

PATH = "/api/v1/charging-profiles"
AT_CP1 = "/api/v1/stations/CP1/charging-profiles"
SCHEDULE = {"charging_rate_unit": "A", "periods": [{"start_period": 0, "limit": 8.1}]}
NIGHT = {"name": "Night", "purpose": "TxDefaultProfile", "kind": "Relative", "schedule": SCHEDULE}
WHOLE = {
    "name": "Fuse",
    "purpose": "ChargingStationMaxProfile",
    "kind": "Absolute",
    "schedule": {**SCHEDULE, "start_schedule": "2026-06-01T02:00:00+02:00"},
}


async def made(client: httpx.AsyncClient, **members: object) -> int:
    answer = await client.post(PATH, json={**NIGHT, **members})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["id"])


async def test_a_profile_is_made_changed_listed_and_removed_and_keeps_its_decimals(
    admin: httpx.AsyncClient,
) -> None:
    answer = await admin.post(PATH, json=NIGHT)
    assert answer.status_code == 201, answer.text
    profile = answer.json()
    assert (profile["id"], profile["version"], profile["stack_level"]) == (100, 1, 0)
    assert profile["schedule"]["periods"][0]["limit"] == "8.1"
    again = {**SCHEDULE, "periods": [{"start_period": 0, "limit": "16.10"}]}
    changed = await admin.patch(f"{PATH}/100", json={"version": 1, "schedule": again})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    assert changed.json()["schedule"]["periods"][0]["limit"] == "16.10"
    stale = await admin.patch(f"{PATH}/100", json={"version": 1, "name": "Day"})
    assert stale.status_code == 409, stale.text
    assert (await admin.get(f"{PATH}/100")).json() == changed.json()
    assert (await admin.get(PATH)).json() == {"items": [changed.json()], "next": None}
    assert (await admin.delete(f"{PATH}/100", params={"version": 1})).status_code == 409
    assert (await admin.delete(f"{PATH}/100", params={"version": 2})).status_code == 204
    assert (await admin.get(f"{PATH}/100")).status_code == 404
    assert (await admin.get(f"{PATH}/100/assignments")).status_code == 404


async def test_ids_are_given_or_counted_on(admin: httpx.AsyncClient) -> None:
    assert [await made(admin), await made(admin, id=7), await made(admin, id=500), await made(admin)] == [
        100,
        7,
        500,
        501,
    ]
    assert (await admin.post(PATH, json={**NIGHT, "id": 7})).status_code == 409
    assert (await admin.post(PATH, json={**NIGHT, "id": 2**31})).status_code == 400
    assert (await admin.get(f"{PATH}/{2**31}")).status_code == 400
    page = (await admin.get(PATH, params={"limit": 3})).json()
    rest = (await admin.get(PATH, params={"limit": 3, "cursor": page["next"]})).json()
    assert [each["id"] for each in page["items"] + rest["items"]] == [7, 100, 500, 501]


async def test_moments_are_kept_in_utc_and_one_without_a_zone_is_refused(admin: httpx.AsyncClient) -> None:
    whole = (await admin.post(PATH, json={**WHOLE, "valid_from": "2026-06-01T00:00:00-05:00"})).json()
    assert whole["valid_from"] == "2026-06-01T05:00:00Z"
    assert whole["schedule"]["start_schedule"] == "2026-06-01T00:00:00Z"
    naive = {**WHOLE, "schedule": {**SCHEDULE, "start_schedule": "2026-06-01T00:00:00"}}
    refused = await admin.post(PATH, json=naive)
    assert (refused.status_code, "time zone" in refused.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    "members",
    [
        {"kind": "Absolute"},
        {"schedule": {**SCHEDULE, "periods": [{"start_period": 5, "limit": 8}]}},
        {"schedule": {**SCHEDULE, "periods": []}},
        {"schedule": {**SCHEDULE, "charging_rate_unit": "kW"}},
        {"schedule": {**SCHEDULE, "periods": [{"start_period": 0, "limit": -1}]}},
        {"purpose": "ChargePointMaxProfile"},
        {"name": ""},
        {"stack_level": -1},
    ],
)
async def test_a_profile_that_is_not_sound_is_refused(
    admin: httpx.AsyncClient, members: dict[str, object]
) -> None:
    assert (await admin.post(PATH, json={**NIGHT, **members})).status_code == 400
    assert (await admin.get(PATH)).json()["items"] == []


async def test_a_profile_is_assigned_shown_and_taken_away_again(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    assert await made(admin) == 100
    assert (await admin.post(AT_CP1, json={"profile_id": 9})).status_code == 404
    given = await admin.post(AT_CP1, json={"profile_id": 100, "evse_id": 1, "phases": 1, "voltage_v": 240})
    assert given.status_code == 201, given.text
    assert (given.json()["evse_id"], given.json()["phases"], given.json()["stack_level"]) == (1, 1, 0)
    shown = (await admin.get(AT_CP1)).json()
    (item,) = shown["items"]
    assert (item["profile_id"], item["assignment"], item["in_force"]) == (100, given.json(), False)
    assert (item["profile"]["name"], item["installed"]) == ("Night", None)
    uses = (await admin.get(f"{PATH}/100/assignments")).json()
    assert uses == {"items": [given.json()], "next": None}
    in_use = await admin.delete(f"{PATH}/100")
    assert (in_use.status_code, "CP1" in in_use.json()["detail"]) == (409, True)
    assert (await admin.patch(f"{PATH}/100", json={"version": 1, "stack_level": 2})).status_code == 409
    assert (await admin.patch(f"{PATH}/100", json={"version": 1, "description": "x"})).status_code == 200
    assert (await admin.delete(f"{AT_CP1}/100")).status_code == 204
    assert (await admin.delete(f"{AT_CP1}/100")).status_code == 404
    assert (await admin.get(AT_CP1)).json()["items"] == []
    assert (await admin.delete(f"{PATH}/100")).status_code == 204
    assert (await admin.get("/api/v1/stations/CP9/charging-profiles")).status_code == 404


async def test_a_station_has_a_profile_once_and_one_of_each_slot(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    one, two = await made(admin), await made(admin)
    higher = await made(admin, stack_level=1)
    assert (await admin.post(AT_CP1, json={"profile_id": one, "evse_id": 1})).status_code == 201
    twice = await admin.post(AT_CP1, json={"profile_id": one, "evse_id": 2})
    assert (twice.status_code, "by its id" in twice.json()["detail"]) == (409, True)
    taken = await admin.post(AT_CP1, json={"profile_id": two, "evse_id": 1})
    assert (taken.status_code, f"the profile {one}" in taken.json()["detail"]) == (409, True)
    assert (await admin.post(AT_CP1, json={"profile_id": two, "evse_id": 2})).status_code == 201
    assert (await admin.post(AT_CP1, json={"profile_id": higher, "evse_id": 1})).status_code == 201


async def test_each_purpose_has_its_place(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station(), transaction(1, "CP1", 2), transaction(2, "CP2", 1))
    whole = await made(admin, **WHOLE)
    default = await made(admin)
    running = await made(admin, purpose="TxProfile")

    async def status(profile_id: int, **members: object) -> int:
        answer = await admin.post(AT_CP1, json={"profile_id": profile_id, **members})
        return answer.status_code

    assert await status(whole, evse_id=1) == 400
    assert await status(whole, transaction_id="1") == 400
    assert await status(whole) == 201
    assert await status(default, transaction_id="1") == 400
    assert await status(running) == 400
    assert await status(running, transaction_id="9") == 400
    assert await status(running, transaction_id="2") == 400, "it runs on another station"
    assert await status(running, transaction_id="1", evse_id=1) == 400
    assert await status(running, transaction_id="1") == 201
    placed = {each["profile_id"]: each["assignment"] for each in (await admin.get(AT_CP1)).json()["items"]}
    assert (placed[running]["evse_id"], placed[running]["transaction_id"]) == (2, "1")


async def test_a_transaction_that_has_ended_gets_no_profile(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station(), replace(transaction(1, "CP1"), ended_at=NOON))
    await made(admin, purpose="TxProfile")
    refused = await admin.post(AT_CP1, json={"profile_id": 100, "transaction_id": "1"})
    assert (refused.status_code, "has ended" in refused.json()["detail"]) == (409, True)


async def test_an_id_with_a_slash_is_named_beside_a_number(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station("A/B"))
    await made(admin)
    path = "/api/v1/stations/A%2FB/charging-profiles"
    assert (await admin.post(path, json={"profile_id": 100})).status_code == 201
    assert (await admin.delete(f"{path}/100")).status_code == 204


async def test_viewers_read_and_operators_assign(office: RunningOffice) -> None:
    await office.put(station())
    async with office.client("operator") as operator, office.client("viewer") as viewer:
        assert await made(operator) == 100
        assert (await operator.post(AT_CP1, json={"profile_id": 100})).status_code == 201
        assert (await viewer.get(AT_CP1)).json()["items"][0]["profile_id"] == 100
        assert (await viewer.post(PATH, json=NIGHT)).status_code == 403
        assert (await viewer.post(AT_CP1, json={"profile_id": 100})).status_code == 403
        assert (await viewer.delete(f"{AT_CP1}/100")).status_code == 403
