"""Write `docs/notifications.md`: each kind of message as people get it, in every language, made by the real
texts and templates.

`--check` compares instead of writing and fails where the page is not up to date.
"""

import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

from msgspec import Raw

from evsys.core import events, records
from evsys.core.events import Event, LoggedEvent, station_of
from evsys.core.records import AlarmKind, Language
from evsys.notify import text
from evsys.notify.text import Wording
from evsys.store.views.digests import Digest, StationDigest
from evsys.store.views.notices import Folded, Place

TARGET = Path(__file__).parent.parent / "docs/notifications.md"
AT = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
ZONE = "Europe/Madrid"
NAMES: dict[Language, str] = {"en": "English", "es": "Español"}

HEADER = """# Messages as they arrive

Each kind of message, made by the real texts and templates; written by `tools/generate_notifications_page.py`.
How to subscribe: [Messages to people and programs](howto/notifications.md). An event that is not here is told
by its kind.
"""

LOCATION = records.Location(
    id="yard", name="The yard", address="Calle Mayor 1, Madrid", time_zone=ZONE, created_at=AT
)
STATION = records.Station(id="CP1", title="Gate", location_id="yard", created_at=AT)
PLACE = Place(STATION, LOCATION)
SESSION = records.Transaction(
    id="7",
    number=7,
    station_id="CP1",
    evse_id=1,
    connector_id=1,
    id_token="04A1B2C3",
    authorization="Accepted",
    started_at=AT - timedelta(hours=2),
    start_received_at=AT - timedelta(hours=2),
    meter_start_wh=0,
)
ENDED = records.Transaction(
    **{
        **{name: getattr(SESSION, name) for name in SESSION.__struct_fields__},
        "ended_at": AT,
        "energy_wh": 14_250,
        "ended_by": "station",
    }
)


DETAILS: dict[AlarmKind, tuple[str, str]] = {
    "station_offline": ("", "for 12 min"),
    "connector_faulted": ("1-1", "GroundFailure, E042"),
    "security_event": ("TamperDetectionActivated", "the door"),
    "connection_refused": ("wrong password", "203.0.113.7"),
    "certificate_ends": ("ab12", "it ends at 2026-06-08 12:00 UTC"),
    "upgrade_failed": ("profile 2", "the station did not come back"),
}


def alarm(kind: AlarmKind, name: str = "", detail: str = "", count: int = 1) -> records.Alarm:
    severity: records.AlarmSeverity = "critical" if kind == "security_event" else "warning"
    return records.Alarm(
        id="a",
        station_id="CP1",
        kind=kind,
        name=name,
        severity=severity,
        detail=detail,
        count=count,
        raised_at=AT - timedelta(minutes=20),
        last_at=AT,
        last_seq=1,
        facts=Raw(b"{}"),
        told_at=AT,
        flapping=kind == "station_offline",
    )


def connector(status: str, error: str = "NoError") -> records.ConnectorStatus:
    return records.ConnectorStatus(
        station_id="CP1",
        evse_id=1,
        connector_id=1,
        status=status,
        error_code=error,
        vendor_error_code="E042" if error != "NoError" else "",
        received_at=AT,
    )


def examples() -> list[Event]:
    """One event or more of each kind that has words of its own."""
    alarms: list[Event] = [
        events.AlarmRaised(alarm=alarm(kind, *DETAILS.get(kind, ("", "")), count=1 + 2 * (kind in DETAILS)))
        for kind in get_args(AlarmKind)
    ]
    return [
        *alarms,
        events.AlarmRepeated(alarm=alarm("connector_faulted", "1-1", "GroundFailure, E042", 4)),
        events.AlarmSettled(alarm=alarm("station_offline", "", "for 12 min", 14)),
        events.AlarmCleared(alarm=alarm("station_offline", "", "for 12 min", 14)),
        events.AlarmAcknowledged(alarm=alarm("security_event", "TamperDetectionActivated"), by="anna"),
        events.StationConnected(station_id="CP1", address="203.0.113.7", protocol="ocpp1.6", epoch=1),
        events.StationDisconnected(station_id="CP1", reason="no answer to a ping"),
        events.StationBooted(
            station_id="CP1", status="Accepted", vendor="Acme", model="One", firmware_version="1.4.2"
        ),
        events.StationRegistered(station=STATION),
        events.StationRemoved(station_id="CP1", by="anna"),
        events.ConnectorStatusChanged(connector=connector("Available")),
        events.ConnectorStatusChanged(connector=connector("Faulted", "GroundFailure")),
        events.TransactionStarted(transaction=SESSION),
        events.TransactionEnded(transaction=ENDED),
        events.TransactionCorrected(transaction=ENDED, reason="late stop"),
        events.MessageQuarantined(
            quarantined=records.Quarantined(
                id="q",
                station_id="CP1",
                kind="stop",
                received_at=AT,
                reason="the transaction 99 is not known",
                payload=Raw(b"{}"),
            )
        ),
        events.SecurityEventReported(station_id="CP1", type="ResetOrReboot", info="watchdog"),
        events.ConnectionRefused(station_id="CP1", reason="wrong password", address="203.0.113.7", times=3),
        events.CertificateIssued(
            station_id="CP1", serial="ab12", name="CP1", valid_until=AT + timedelta(days=365)
        ),
        events.CertificateRefused(station_id="CP1", reason="it names another station"),
        events.CertificateEnding(station_id="CP1", serial="ab12", valid_until=AT + timedelta(days=7), days=7),
        events.SecurityUpgradeChanged(station_id="CP1", upgrade_id="u", profile=2, state="done"),
        events.CommandFinished(
            command_id="c", station_id="CP1", type="Reset", accepted=True, status="Accepted"
        ),
        events.CommandDropped(command_id="c", station_id="CP1", type="Reset", status="Expired"),
        events.FirmwareStatusChanged(station_id="CP1", status="Installed"),
        events.DiagnosticsStatusChanged(station_id="CP1", status="Uploaded"),
        events.LocalListChanged(station_id="CP1", state="FAILED", list_version=3, error="VersionMismatch"),
        events.SubscriptionPaused(
            subscription_id="s", owner="anna", title="Our hook", channel="webhook", reason="410"
        ),
        events.EventSetAside(
            consumer="alarms", seq=42, event_kind="StationBooted", station_id="CP1", tries=10, reason="away"
        ),
        events.ServerStarted(version="1.0.0", stations=12),
    ]


def special(language: Language) -> list[tuple[str, Wording]]:
    """What is of no event."""
    folded = [
        Folded("StationDisconnected", "CP1", 14, AT - timedelta(hours=2), AT),
        Folded("StationConnected", "CP1", 13, AT - timedelta(hours=2), AT),
    ]
    digest = Digest(
        since=AT - timedelta(days=7),
        until=AT,
        stations=(
            StationDigest(station_id="CP1", title="Gate", sessions=31, energy_wh=412_300, uptime=0.998),
            StationDigest(station_id="CP2", sessions=4, energy_wh=38_100, uptime=0.87),
        ),
    )
    return [
        ("Summary", text.of_summary(folded, {"CP1": PLACE}, language, ZONE)),
        ("Digest", text.of_digest(digest, language, ZONE)),
        ("Test", text.of_test(AT, language, ZONE)),
    ]


def messages(language: Language) -> list[tuple[str, Wording]]:
    """All of them in one language, each with its kind."""
    found = []
    for event in examples():
        station_id = station_of(event)
        logged = LoggedEvent(seq=1, at=AT, station_id=station_id, event=event)
        place = PLACE if station_id else None
        found.append((type(event).__name__, text.of_event(logged, place, language, ZONE)))
    return found + special(language)


def page() -> str:
    parts = [HEADER]
    by_language = {language: messages(language) for language in get_args(Language)}
    number = len(by_language["en"])
    for index in range(number):
        kind = by_language["en"][index][0]
        if index == 0 or kind != by_language["en"][index - 1][0]:
            parts.append(f"\n## {kind}\n")
        for language, found in by_language.items():
            wording = found[index][1]
            parts.append(f"\n{NAMES[language]}:\n\n```text\n{wording.subject}\n\n{wording.text}\n```\n")
            actions = ", ".join(f"[{each.label}]" for each in wording.actions)
            if actions:
                parts.append(f"\n{actions}\n")
    html = text.html(by_language["en"][0][1], "en")
    parts.append(f"\n## As a page\n\nWhat mails show beside the text:\n\n```html\n{html}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    if "--check" not in sys.argv:
        TARGET.write_text(page())
    elif TARGET.read_text() != page():
        sys.exit(f"{TARGET.name} is not up to date: run tools/{Path(__file__).name}")
