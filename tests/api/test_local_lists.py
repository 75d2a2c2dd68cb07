"""Local lists over HTTP."""

import asyncio

import httpx

from evsys.office.queue import SETTLED_AFTER
from kit.central import station
from kit.link import Payload
from kit.office import RunningOffice, json_of

LIMITS = {"configurationKey": [{"key": "SendLocalListMaxLength", "readonly": True, "value": "20"}]}
PATH = "/api/v1/stations/CP1/local-list"


async def test_a_list_is_read_and_sent_again(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station())
    await admin.post("/api/v1/tokens", json={"id": "card"})
    assert (await admin.post(f"{PATH}/sync")).status_code == 409
    changed = await admin.patch("/api/v1/stations/CP1", json={"version": 1, "local_list": True})
    assert changed.json()["local_list"] is True
    shown = (await admin.get(PATH)).json()
    assert (shown["wanted"], shown["in_sync"], shown["list"]) == (True, False, None)
    assert shown["entries"] == [
        {"id_token": "CARD", "status": "Accepted", "expires_at": None, "parent": None}
    ]
    charger = await office.station(
        {
            "GetConfiguration": LIMITS,
            "GetLocalListVersion": {"listVersion": 41},
            "SendLocalList": {"status": "Accepted"},
        }
    )
    office.clock.step(SETTLED_AFTER.total_seconds())

    async def in_sync() -> Payload:
        async with asyncio.timeout(60):
            while not (shown := json_of(await admin.get(PATH)))["in_sync"]:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return shown

    kept = (await in_sync())["list"]
    assert isinstance(kept, dict)
    assert (kept["state"], kept["list_version"], kept["max_update"], kept["error"]) == ("SYNCED", 42, 20, "")
    again = await admin.post(f"{PATH}/sync")
    assert (again.status_code, again.json()["list"]["state"]) == (202, "PENDING")
    await in_sync()
    sent = [payload for action, payload in charger.calls if action == "SendLocalList"]
    assert [(each["listVersion"], each["updateType"]) for each in sent] == [(42, "Full"), (43, "Full")]
    assert sent[0]["localAuthorizationList"] == [{"idTag": "CARD", "idTagInfo": {"status": "Accepted"}}]
    assert (await admin.get("/api/v1/stations/CP9/local-list")).status_code == 404
