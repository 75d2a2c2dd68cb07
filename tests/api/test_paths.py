"""Ids in paths: whatever characters they have, they name their record when they are percent-encoded."""

from urllib.parse import quote

import httpx
from msgspec.structs import replace

from kit.central import station
from kit.office import RunningOffice, json_of
from kit.samples import transaction

IDS = ["A/1", "/", "//a//", "a/../b", "50%2F", "%2f/é", "a b/c?d#e"]
MADE = ["stations", "tokens", "users", "locations"]


async def test_an_id_with_a_slash_names_its_record(admin: httpx.AsyncClient) -> None:
    for kind in MADE:
        for id in IDS:
            response = await admin.post(f"/api/v1/{kind}", json={"id": id})
            assert response.status_code == 201, response.text
            name = json_of(response)["id"]
            one = f"/api/v1/{kind}/{quote(str(name), safe='')}"
            assert json_of(await admin.get(one))["id"] == name
            assert json_of(await admin.patch(one, json={"version": 1}))["id"] == name
            assert (await admin.delete(one)).status_code == 204
            assert (await admin.get(one)).status_code == 404


async def test_what_stands_below_an_id_with_a_slash_is_found(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station("A/B"), replace(transaction(1, "A/B"), id="T/1"))
    for below in ("connectors", "commands", "queue", "quirks", "messages", "security"):
        assert (await admin.get(f"/api/v1/stations/A%2FB/{below}")).status_code == 200, below
    assert (await admin.get("/api/v1/stations/A/B")).status_code == 404
    assert json_of(await admin.get("/api/v1/transactions/T%2f1"))["station_id"] == "A/B"
    response = await admin.post("/api/v1/stations/A%2FB/commands", json={"type": "Reset"})
    assert (response.status_code, "not connected" in response.text) == (409, True)


async def test_the_same_path_is_answered_alike_each_time(admin: httpx.AsyncClient) -> None:
    await admin.post("/api/v1/users", json={"id": "a/b"})
    for _ in range(3):
        assert json_of(await admin.get("/api/v1/users/a%2Fb"))["id"] == "a/b"
