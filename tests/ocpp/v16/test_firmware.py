"""FirmwareStatusNotification, DiagnosticsStatusNotification, GetDiagnostics."""

from datetime import timedelta

from evsys.core.commands import GetDiagnostics
from kit.clock import NOON
from kit.desk import Desk
from kit.performing import perform


def test_both_statuses_are_kept_as_sent():
    desk = Desk()
    assert desk.call("FirmwareStatusNotification", {"status": "Installed"}) == {}
    assert desk.call("DiagnosticsStatusNotification", {"status": "Done"}) == {}
    assert desk.station.status.firmware_status == "Installed"
    assert desk.station.status.diagnostics_status == "Done"
    assert desk.quirks == ["unknown_enum"]


def test_diagnostics_are_asked_for():
    outcome, said = perform(GetDiagnostics(location="ftp://host/dir"), {"fileName": "log.tgz"})
    assert said == [("GetDiagnostics", {"location": "ftp://host/dir"})]
    assert (outcome.accepted, outcome.status) == (True, "log.tgz")


def test_diagnostics_of_a_time_are_asked_for_and_there_may_be_none():
    command = GetDiagnostics(
        location="https://host/",
        retries=2,
        retry_interval_s=60,
        start_at=NOON,
        stop_at=NOON + timedelta(hours=1, milliseconds=1),
    )
    outcome, said = perform(command, {})
    assert said == [
        (
            "GetDiagnostics",
            {
                "location": "https://host/",
                "retries": 2,
                "retryInterval": 60,
                "startTime": "2026-06-01T12:00:00Z",
                "stopTime": "2026-06-01T13:00:00Z",
            },
        )
    ]
    assert (outcome.accepted, outcome.status) == (False, "")
