"""The configuration of stations over HTTP."""

import asyncio

import httpx

from kit.central import station
from kit.link import Payload
from kit.office import RunningOffice

PATH = "/api/v1/stations/CP1/configuration"


def _key(name: str, value: str, readonly: bool = False) -> Payload:
    return {"key": name, "value": value, "readonly": readonly}


WHOLE: list[object] = [
    _key("GetConfigurationMaxKeys", "2", True),
    _key("HeartbeatInterval", "300"),
    _key("AuthorizationKey", "4f43415f4f4354545f61646d696e"),
    _key("x-wifi-password", "hush"),
]


async def test_the_configuration_is_read_and_kept_without_secrets(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    assert (await admin.get(PATH)).json() == {"read_at": None, "items": [], "wanted": [], "drifts": False}
    assert (await admin.post(f"{PATH}/read")).status_code == 409
    await office.station({"GetConfiguration": {"configurationKey": WHOLE}})
    read = await admin.post(f"{PATH}/read")
    assert read.status_code == 200, read.text
    assert read.json() == (await admin.get(PATH)).json()
    assert read.json()["read_at"] is not None
    assert [(each["key"], each["value"], each["readonly"]) for each in read.json()["items"]] == [
        ("AuthorizationKey", None, False),
        ("GetConfigurationMaxKeys", "2", True),
        ("HeartbeatInterval", "300", False),
        ("x-wifi-password", None, False),
    ]
    assert (await admin.get("/api/v1/stations/CP9/configuration")).status_code == 404


async def test_keys_that_are_left_out_are_asked_for_by_name_as_many_as_the_station_takes(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    await office.station({"GetConfiguration": {"configurationKey": [*WHOLE, _key("LightIntensity", "5")]}})
    await admin.post(f"{PATH}/read")
    cut = await office.station({"GetConfiguration": {"configurationKey": WHOLE[:1]}})
    items = (await admin.post(f"{PATH}/read")).json()["items"]
    asked = [payload.get("key") for action, payload in cut.calls if action == "GetConfiguration"]
    assert asked == [None, ["AuthorizationKey", "HeartbeatInterval"], ["LightIntensity", "x-wifi-password"]]
    assert [each["key"] for each in items] == ["GetConfigurationMaxKeys"]


async def test_the_configuration_goes_with_its_station(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    created = await admin.post("/api/v1/stations", json={"id": "CP1"})
    assert created.status_code == 201, created.text
    await office.station({"GetConfiguration": {"configurationKey": WHOLE}})
    assert len((await admin.post(f"{PATH}/read")).json()["items"]) == 4
    removed = await admin.delete("/api/v1/stations/CP1")
    assert removed.status_code == 204, removed.text
    await admin.post("/api/v1/stations", json={"id": "CP1"})
    async with asyncio.timeout(60):
        while (await admin.get(PATH)).json()["items"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)
