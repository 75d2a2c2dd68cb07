"""Configuration templates over HTTP."""

import httpx

from kit.central import station
from kit.office import RunningOffice

PATH = "/api/v1/configuration-templates"
ACME = {"id": "acme", "vendor": "Acme", "configuration": {"HeartbeatInterval": "300"}}


async def test_a_template_is_made_changed_listed_and_removed(admin: httpx.AsyncClient) -> None:
    made = await admin.post(PATH, json=ACME)
    assert made.status_code == 201, made.text
    assert made.json() | {"created_at": None} == {
        **ACME,
        "name": "",
        "station_ids": [],
        "model": "*",
        "firmware": "*",
        "repair": False,
        "created_at": None,
        "version": 1,
    }
    assert (await admin.post(PATH, json=ACME)).status_code == 409
    changed = await admin.patch(f"{PATH}/acme", json={"version": 1, "repair": True})
    assert (changed.json()["repair"], changed.json()["version"]) == (True, 2)
    assert changed.json()["configuration"] == {"HeartbeatInterval": "300"}
    assert (await admin.patch(f"{PATH}/acme", json={"version": 1, "repair": False})).status_code == 409
    assert (await admin.get(f"{PATH}/acme")).json() == changed.json()
    assert (await admin.get(PATH)).json() == {"items": [changed.json()], "next": None}
    assert (await admin.delete(f"{PATH}/acme", params={"version": 1})).status_code == 409
    assert (await admin.delete(f"{PATH}/acme", params={"version": 2})).status_code == 204
    missing = await admin.get(f"{PATH}/acme")
    assert (missing.status_code, missing.json()["detail"]) == (404, "no configuration template acme")


async def test_secrets_and_templates_of_no_station_are_refused(admin: httpx.AsyncClient) -> None:
    for key in ("AuthorizationKey", "x-WiFi-Password"):
        refused = await admin.post(PATH, json={**ACME, "configuration": {key: "6f6f6f"}})
        assert (refused.status_code, "6f6f6f" in refused.text) == (400, False)
    assert (await admin.post(PATH, json={**ACME, "vendor": ""})).status_code == 400
    assert (await admin.post(PATH, json={**ACME, "configuration": {}})).status_code == 400
    twice = {"HeartbeatInterval": "1", "heartbeatinterval": "2"}
    assert (await admin.post(PATH, json={**ACME, "configuration": twice})).status_code == 400
    assert (await admin.get(PATH)).json()["items"] == []


async def test_what_names_a_station_holds_before_what_fits_its_model(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    await office.station()
    own = {"id": "own", "station_ids": ["CP1"], "configuration": {"heartbeatInterval": "60"}}
    other = {"id": "other", "vendor": "Zeta*", "configuration": {"HeartbeatInterval": "7"}}
    for template in (ACME, own, other):
        assert (await admin.post(PATH, json=template)).status_code == 201
    shown = (await admin.get("/api/v1/stations/CP1/configuration")).json()
    assert [(each["value"], each["template_id"]) for each in shown["wanted"]] == [("60", "own")]
    assert shown["drifts"] is False, "nobody has read the configuration yet"
