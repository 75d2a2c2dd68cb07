"""Alarms: raised from the log, counted while open, acknowledged, raised anew."""

from datetime import timedelta

import httpx
import pytest

from evsys.core.events import (
    CertificateRefused,
    ConnectionRefused,
    Event,
    LoggedEvent,
    SecurityEventReported,
    SecurityUpgradeChanged,
)
from evsys.core.records import Alarm, Station
from evsys.store.views import alarms, events
from kit.clock import NOON
from kit.office import RunningOffice, json_of
from kit.waiting import until


def all_of(office: RunningOffice) -> list[Alarm]:
    return office.reader.read_here(lambda connection: alarms.alarms_page(connection, 100))[0]


async def hear(office: RunningOffice, seq: int, event: Event) -> None:
    at = NOON + timedelta(seconds=seq)
    await office.office.alarms.take(LoggedEvent(seq=seq, at=at, station_id="CP1", event=event))


TAMPERED = SecurityEventReported(station_id="CP1", type="TamperDetectionActivated", info="the door")


async def test_a_critical_security_event_of_a_station_becomes_an_alarm(office: RunningOffice) -> None:
    await office.put(Station(id="CP1", created_at=NOON))
    await until(lambda: office.reader.read_here(lambda each: events.cursor(each, "alarms")) is not None)
    station = await office.station()
    for kind in ("TamperDetectionActivated", "InvalidMessages"):
        notification = {"type": kind, "timestamp": "2026-06-01T12:00:00Z", "techInfo": "the door"}
        assert await station.ask("SecurityEventNotification", notification) == {}
    office.node.tick()
    await until(lambda: all_of(office) != [])
    (alarm,) = all_of(office)
    assert (alarm.station_id, alarm.name, alarm.severity) == ("CP1", "TamperDetectionActivated", "critical")
    assert alarm.detail == "the door"


@pytest.mark.parametrize(
    ("event", "kind", "name"),
    [
        (
            ConnectionRefused(station_id="CP1", reason="wrong password", address="192.0.2.1:1", times=7),
            "connection_refused",
            "wrong password",
        ),
        (CertificateRefused(station_id="CP1", reason="no CSR"), "certificate_refused", ""),
        (
            SecurityUpgradeChanged(station_id="CP1", upgrade_id="u", profile=2, state="failed", error="e"),
            "upgrade_failed",
            "profile 2",
        ),
    ],
)
async def test_what_went_wrong_becomes_an_alarm(
    office: RunningOffice, event: Event, kind: str, name: str
) -> None:
    await hear(office, 1, event)
    (alarm,) = all_of(office)
    assert (alarm.kind, alarm.name, alarm.count) == (kind, name, getattr(event, "times", 1))


async def test_what_went_well_becomes_none(office: RunningOffice) -> None:
    done = SecurityUpgradeChanged(station_id="CP1", upgrade_id="u", profile=2, state="done")
    await hear(office, 1, done)
    await hear(office, 2, SecurityEventReported(station_id="CP1", type="InvalidMessages"))
    assert all_of(office) == []


async def test_what_happens_again_is_counted_and_an_event_that_comes_twice_is_not(
    office: RunningOffice,
) -> None:
    for seq in (1, 2, 2, 1):
        await hear(office, seq, TAMPERED)
    (alarm,) = all_of(office)
    assert (alarm.count, alarm.raised_at, alarm.last_at) == (
        2,
        NOON + timedelta(seconds=1),
        NOON + timedelta(seconds=2),
    )


async def test_an_alarm_is_acknowledged_once_and_raised_anew(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await hear(office, 1, TAMPERED)
    open_ = (await admin.get("/api/v1/alarms?acknowledged=false&station=CP1")).json()["items"]
    path = f"/api/v1/alarms/{open_[0]['id']}/acknowledge"
    seen = await admin.post(path)
    assert seen.status_code == 200
    assert json_of(seen)["acknowledged_by"] == "key:the admin"
    assert (await admin.post(path)).status_code == 409
    assert (await admin.post("/api/v1/alarms/none/acknowledge")).status_code == 404
    assert (await admin.get("/api/v1/alarms?acknowledged=false")).json()["items"] == []
    await hear(office, 2, TAMPERED)
    assert len((await admin.get("/api/v1/alarms?acknowledged=false")).json()["items"]) == 1
    assert len((await admin.get("/api/v1/alarms")).json()["items"]) == 2


async def test_alarms_are_listed_in_pages(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    for seq in range(1, 6):
        await hear(office, seq, CertificateRefused(station_id=f"CP{seq}", reason="no CSR"))
    seen, cursor = [], ""
    while True:
        page = (await admin.get(f"/api/v1/alarms?limit=2&cursor={cursor}")).json()
        seen += [each["station_id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = page["next"]
    assert seen == ["CP5", "CP4", "CP3", "CP2", "CP1"]
