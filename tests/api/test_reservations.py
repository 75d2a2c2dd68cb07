"""Reservations over HTTP."""

import httpx

from kit.central import station
from kit.office import RunningOffice

ACCEPTED = {"status": "Accepted"}
WANTED = {"station_id": "CP1", "evse_id": 1, "id_token": "card", "expires_at": "2026-06-01T15:00:00+02:00"}


async def test_a_reservation_is_made_read_and_taken_back(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    await office.station({"ReserveNow": ACCEPTED, "CancelReservation": ACCEPTED})
    response = await admin.post("/api/v1/reservations", json=WANTED)
    assert response.status_code == 201, response.text
    made = response.json()
    assert (made["status"], made["id_token"], made["expires_at"], made["requested_by"]) == (
        "ACTIVE",
        "CARD",
        "2026-06-01T13:00:00Z",
        "key:the admin",
    )
    assert (await admin.get("/api/v1/stations/CP1")).json()["reservations"] == [made]
    assert (await admin.delete(f"/api/v1/reservations/{made['id']}")).status_code == 204
    read = (await admin.get(f"/api/v1/reservations/{made['id']}")).json()
    assert read["status"] == "CANCELLED"
    assert (await admin.get("/api/v1/stations/CP1")).json()["reservations"] == []
    assert (await admin.delete(f"/api/v1/reservations/{made['id']}")).status_code == 409


async def test_reservations_are_listed_newest_first_by_station_token_and_status(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station(), station("CP2"))
    await office.station({"ReserveNow": ACCEPTED})
    await office.station({"ReserveNow": {"status": "Faulted"}}, id="CP2")
    ids = []
    for wanted in (WANTED, {**WANTED, "id_token": "B"}, {**WANTED, "station_id": "CP2"}):
        office.clock.step(1)
        ids.append((await admin.post("/api/v1/reservations", json=wanted)).json()["id"])

    async def listed(query: str) -> list[str]:
        page = (await admin.get(f"/api/v1/reservations?{query}")).json()
        return [each["id"] for each in page["items"]]

    assert await listed("") == ids[::-1]
    assert await listed("station=CP1") == [ids[1], ids[0]]
    assert await listed("token=card") == [ids[2], ids[0]]
    assert await listed("status=REJECTED") == [ids[2]]
    first = (await admin.get("/api/v1/reservations?limit=2")).json()
    assert await listed(f"limit=2&cursor={first['next']}") == ids[:1]


async def test_each_error_has_its_status(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station())
    for changed, status in (
        ({}, 409),
        ({"station_id": "CP9"}, 404),
        ({"expires_at": "2026-06-01T12:00:00Z"}, 400),
        ({"expires_at": "2026-06-01T13:00:00"}, 400),
        ({"evse_id": -1}, 400),
    ):
        response = await admin.post("/api/v1/reservations", json={**WANTED, **changed})
        assert response.status_code == status, response.text
    assert (await admin.get("/api/v1/reservations/none")).status_code == 404
    assert (await admin.delete("/api/v1/reservations/none")).status_code == 404
