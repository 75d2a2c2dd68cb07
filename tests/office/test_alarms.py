"""Alarms: raised from the log, counted while open, acknowledged, raised anew."""

from datetime import timedelta

import httpx
import pytest

from evsys.core.events import (
    STOPPING,
    CertificateRefused,
    ConnectionRefused,
    ConnectorStatusChanged,
    Event,
    LoggedEvent,
    SecurityEventReported,
    SecurityUpgradeChanged,
    StationConnected,
    StationDisconnected,
    StationRemoved,
    TransactionStarted,
)
from evsys.core.records import Alarm, ConnectorStatus, MeterValue, Station, StationStatus, Transaction
from evsys.office.alarms import GRACE_S, Alarms
from evsys.office.writing import Books
from evsys.store.views import alarms, events
from evsys.store.views.events import EventFilter
from kit.clock import NOON
from kit.office import RunningOffice, json_of
from kit.samples import meter_value
from kit.waiting import until


def all_of(office: RunningOffice) -> list[Alarm]:
    return office.reader.read_here(lambda connection: alarms.alarms_page(connection, 100))[0]


async def hear(office: RunningOffice, seq: int, event: Event, by: Alarms | None = None) -> None:
    at = NOON + timedelta(seconds=seq)
    await (by or office.office.alarms).take(LoggedEvent(seq=seq, at=at, station_id="CP1", event=event))


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


# -- what holds until it does not


def told(office: RunningOffice) -> list[str]:
    """What was told of alarms."""
    page, _ = office.reader.read_here(
        lambda connection: events.events_after(connection, 0, EventFilter(), 500)
    )
    kinds = [type(each.event).__name__ for each in page]
    return [kind.removeprefix("Alarm") for kind in kinds if kind.startswith("Alarm")]


async def restarted(office: RunningOffice) -> Alarms:
    """Alarms as an office has them that has just begun."""
    books = Books(office.store, office.bus, office.clock)
    found = Alarms(books, office.reader, office.clock, office.office.status, office.path.parent)
    await found.take(LoggedEvent(seq=1, at=NOON, event=StationRemoved(station_id="NONE")))
    return found


async def away(office: RunningOffice, connected: bool = False) -> None:
    """A station that the database knows and that is not connected."""
    await office.put(Station(id="CP1", created_at=NOON), StationStatus(station_id="CP1", connected=connected))


LOST = StationDisconnected(station_id="CP1", reason="gone")
BACK = StationConnected(station_id="CP1", address="a", protocol="ocpp1.6", epoch=1)


async def test_a_station_that_stays_away_is_an_alarm_until_it_is_back(office: RunningOffice) -> None:
    by = await restarted(office)
    await away(office)
    await hear(office, 1, LOST, by)
    office.clock.step(299)
    await by.look()
    assert all_of(office) == []
    office.clock.step(10)
    await by.look()
    (alarm,) = all_of(office)
    assert (alarm.kind, alarm.station_id, alarm.cleared_at) == ("station_offline", "CP1", None)
    await hear(office, 2, BACK, by)
    (alarm,) = all_of(office)
    assert alarm.cleared_at is not None
    assert told(office) == ["Raised", "Cleared"]


async def test_a_timer_survives_a_restart_and_nothing_is_raised_for_those_who_are_back(
    office: RunningOffice,
) -> None:
    """The office was down for an hour: what happened meanwhile is heard before any time runs out."""
    await away(office, connected=True)
    await hear(office, 1, LOST)
    office.clock.step(3600)
    after = await restarted(office)
    await after.look()
    assert all_of(office) == []
    office.clock.step(GRACE_S + 1)
    await after.look()
    assert all_of(office) == []  # it is back, though nobody has heard of that yet
    office.clock.step(7200)
    await after.look()
    assert office.reader.read_here(alarms.keys) == set()


async def test_one_that_comes_and_goes_settles_though_its_return_was_not_heard(office: RunningOffice) -> None:
    await away(office, connected=True)
    for number in range(5):
        await hear(office, 2 * number + 1, LOST)
        await hear(office, 2 * number + 2, BACK)
    await hear(office, 11, LOST)
    after = await restarted(office)
    office.clock.step(2000)
    await after.look()
    await after.look()
    assert told(office) == ["Raised", "Settled", "Cleared"]


async def test_one_that_is_really_away_is_raised_after_a_restart_once(office: RunningOffice) -> None:
    await away(office)
    await hear(office, 1, LOST)
    office.clock.step(3600)
    after = await restarted(office)
    await after.look()
    assert all_of(office) == []
    office.clock.step(GRACE_S + 1)
    await after.look()
    assert len(all_of(office)) == 1
    again = await restarted(office)
    office.clock.step(3600)
    await again.look()
    assert len(all_of(office)) == 1


async def test_our_own_restarts_are_no_flapping(office: RunningOffice) -> None:
    await away(office, connected=True)
    for number in range(20):
        await hear(office, 2 * number + 1, StationDisconnected(station_id="CP1", reason=STOPPING))
        await hear(office, 2 * number + 2, BACK)
    assert all_of(office) == []


async def test_a_station_that_comes_and_goes_is_one_alarm(office: RunningOffice) -> None:
    by = await restarted(office)
    await away(office)
    for number in range(14):
        await hear(office, 2 * number + 1, LOST, by)
        await hear(office, 2 * number + 2, BACK, by)
    (alarm,) = all_of(office)
    assert (alarm.flapping, alarm.count) == (True, 14)
    assert told(office) == ["Raised"]
    office.clock.step(2000)
    await by.look()
    assert told(office) == ["Raised", "Settled", "Cleared"]


def faulted(status: str = "Faulted", code: str = "GroundFailure") -> Event:
    return ConnectorStatusChanged(
        connector=ConnectorStatus(
            station_id="CP1",
            evse_id=1,
            connector_id=1,
            status=status,
            error_code=code,
            vendor_error_code="E17",
            received_at=NOON,
        )
    )


async def test_a_faulted_connector_is_an_alarm_with_its_codes(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await hear(office, 1, faulted())
    listed = (await admin.get("/api/v1/alarms?state=open&kind=connector_faulted&severity=critical")).json()
    (alarm,) = listed["items"]
    assert (alarm["name"], alarm["detail"]) == ("1-1", "GroundFailure E17")
    assert alarm["facts"]["vendor_error_code"] == "E17"
    path = f"/api/v1/alarms/{alarm['id']}"
    seen = await admin.post(f"{path}/acknowledge", json={"note": "Joe drives there"})
    assert seen.status_code == 200
    assert json_of(seen)["note"] == "Joe drives there"
    assert json_of(await admin.get(path))["cleared_at"] is None
    assert (await admin.get("/api/v1/alarms?state=acknowledged")).json()["items"] != []
    assert (await admin.get("/api/v1/alarms?state=raised")).json()["items"] == []
    await hear(office, 2, faulted("Available", "NoError"))
    assert json_of(await admin.get(path))["cleared_by"] == ""
    assert (await admin.get("/api/v1/alarms?state=open")).json()["items"] == []
    assert len((await admin.get("/api/v1/alarms?state=cleared&station=CP1")).json()["items"]) == 1


async def test_somebody_clears_an_alarm_and_it_stays_cleared_while_it_holds(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    by = await restarted(office)
    await hear(office, 1, faulted(), by)
    path = f"/api/v1/alarms/{all_of(office)[0].id}/clear"
    over = await admin.post(path, json={"note": "it is broken, we know"})
    assert json_of(over)["cleared_by"] == "key:the admin"
    assert (await admin.post(path)).status_code == 409
    assert (await admin.post("/api/v1/alarms/none/clear")).status_code == 404
    await hear(office, 2, faulted(code="OtherError"), by)
    office.clock.step(3600)
    await by.look()
    assert len(all_of(office)) == 1
    await hear(office, 3, faulted("Available", "NoError"), by)
    await hear(office, 4, faulted(), by)
    assert len(all_of(office)) == 2


SESSION = Transaction(
    id="7",
    number=7,
    station_id="CP1",
    evse_id=1,
    connector_id=1,
    authorization="Accepted",
    started_at=NOON,
    start_received_at=NOON,
    meter_start_wh=1000,
)


def value(minutes: int, energy_wh: float, digest: int) -> MeterValue:
    at = NOON + timedelta(minutes=minutes)
    return meter_value(
        digest=digest,
        station_id="CP1",
        transaction_id="7",
        at=at,
        energy_wh=energy_wh,
    )


@pytest.mark.parametrize(
    ("values", "kinds"),
    [
        ([value(20, 1000, 1)], ["no_energy"]),
        ([value(5, 1200, 1)], []),
        ([], ["no_energy"]),
    ],
)
async def test_a_session_without_energy_is_an_alarm(
    office: RunningOffice, values: list[MeterValue], kinds: list[str]
) -> None:
    by = await restarted(office)
    await away(office, connected=True)
    await office.put(SESSION, *values)
    await hear(office, 1, TransactionStarted(transaction=SESSION), by)
    office.clock.step(1000)
    await by.look()
    assert [each.kind for each in all_of(office)] == kinds


async def test_a_meter_that_falls_silent_is_an_alarm_until_it_speaks(office: RunningOffice) -> None:
    by = await restarted(office)
    await away(office, connected=True)
    await office.put(SESSION, value(10, 1200, 1))
    await hear(office, 1, TransactionStarted(transaction=SESSION), by)
    for minutes, kinds in ((31, []), (15, ["meter_silent"])):
        office.clock.step(60 * minutes)
        await by.look()
        assert [each.kind for each in all_of(office)] == kinds
    await office.put(value(70, 1300, 2))
    office.clock.step(1800)
    await by.look()
    assert all_of(office)[0].cleared_at is not None


async def test_a_station_that_is_removed_takes_its_alarms_with_it(office: RunningOffice) -> None:
    await hear(office, 1, faulted())
    await hear(office, 2, StationRemoved(station_id="CP1"))
    assert all_of(office)[0].cleared_at is not None
    assert office.reader.read_here(alarms.keys) == set()


# -- rules


async def test_people_say_what_becomes_an_alarm_everywhere_and_at_a_station(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await away(office)
    path = "/api/v1/alarm-rules/station_offline"
    everywhere = await admin.put(path, json={"after_s": 7200, "severity": "critical"})
    assert everywhere.status_code == 200, everywhere.text
    here = await admin.put(f"{path}?station=CP1", json={"after_s": 60})
    rule = json_of(here)["rule"]
    assert (rule["after_s"], rule["severity"]) == (60, "critical")
    listed = (await admin.get("/api/v1/alarm-rules")).json()["items"]
    (found,) = [each for each in listed if each["kind"] == "station_offline"]
    assert found["rule"]["after_s"] == found["set_here"]["after_s"] == 7200
    assert (await admin.put(f"{path}?station=none", json={})).status_code == 404
    assert (await admin.put("/api/v1/alarm-rules/nothing", json={})).status_code == 400
    assert (await admin.put(path, json={"after_s": -1})).status_code == 400
    after = await restarted(office)
    office.clock.step(GRACE_S)
    await after.take(LoggedEvent(seq=1, at=office.clock.now(), station_id="CP1", event=LOST))
    office.clock.step(61)
    await after.look()
    (alarm,) = all_of(office)
    assert alarm.severity == "critical"
    back = await admin.put(f"{path}?station=CP1", json={})
    assert json_of(back)["rule"]["after_s"] == 7200
    assert json_of(back)["set_here"] is None


async def test_a_viewer_reads_and_changes_nothing(office: RunningOffice) -> None:
    await hear(office, 1, faulted())
    alarm = all_of(office)[0]
    async with office.client("viewer") as viewer:
        assert (await viewer.get(f"/api/v1/alarms/{alarm.id}")).status_code == 200
        assert (await viewer.get("/api/v1/alarm-rules")).status_code == 200
        assert (await viewer.post(f"/api/v1/alarms/{alarm.id}/clear")).status_code == 403
        assert (await viewer.put("/api/v1/alarm-rules/no_energy", json={})).status_code == 403


# -- the server itself


async def test_a_disk_that_is_nearly_full_is_an_alarm(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await admin.put("/api/v1/alarm-rules/disk_space", json={"threshold": 101})
    server = await restarted(office)
    await server.look_at_server()
    (alarm,) = all_of(office)
    assert (alarm.kind, alarm.station_id, alarm.severity) == ("disk_space", "", "critical")
    await admin.put("/api/v1/alarm-rules/disk_space", json={"threshold": 1})
    server = await restarted(office)
    await server.look_at_server()
    assert all_of(office)[0].cleared_at is not None


async def test_open_alarms_are_counted_by_severity(office: RunningOffice) -> None:
    await hear(office, 1, faulted())
    async with httpx.AsyncClient() as client:
        page = (await client.get(f"{office.metrics_url}/metrics")).text
    assert 'evsys_open_alarms{severity="critical"} 1.0' in page
    assert 'evsys_open_alarms{severity="warning"} 0.0' in page
