"""The status notifications of firmware, diagnostics and logs; GetDiagnostics, GetLog, UpdateFirmware and
SignedUpdateFirmware."""

from datetime import timedelta

import pytest

from evsys.core.commands import GetDiagnostics, GetLog, UpdateFirmware
from evsys.core.errors import BadCommand
from evsys.core.events import DiagnosticsStatusChanged, FirmwareStatusChanged
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


def test_the_statuses_of_the_security_extension_name_their_request():
    desk = Desk()
    assert desk.call("SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 7}) == {}
    assert desk.call("LogStatusNotification", {"status": "Uploaded", "requestId": 8}) == {}
    assert desk.call("LogStatusNotification", {"status": "Idle"}) == {}
    assert desk.events == [
        FirmwareStatusChanged(station_id="CP1", status="Installed", request_id=7),
        DiagnosticsStatusChanged(station_id="CP1", status="Uploaded", request_id=8),
        DiagnosticsStatusChanged(station_id="CP1", status="Idle"),
    ]
    assert desk.station.status.firmware_request_id == 7


@pytest.mark.parametrize(
    ("status", "accepted"), [("Accepted", True), ("AcceptedCanceled", True), ("Rejected", False)]
)
def test_a_log_is_asked_for(status, accepted):
    command = GetLog(log_type="SecurityLog", request_id=8, location="https://host/")
    outcome, said = perform(command, {"status": status, "filename": "log.tgz"})
    assert said == [
        (
            "GetLog",
            {"log": {"remoteLocation": "https://host/"}, "logType": "SecurityLog", "requestId": 8},
        )
    ]
    assert (outcome.accepted, outcome.status) == (accepted, status)


def test_a_log_of_a_time_is_asked_for():
    command = GetLog(
        request_id=1, location="https://host/", retries=2, retry_interval_s=60, oldest_at=NOON, latest_at=NOON
    )
    ((_, payload),) = perform(command, {"status": "Accepted"})[1]
    assert payload == {
        "log": {
            "remoteLocation": "https://host/",
            "oldestTimestamp": "2026-06-01T12:00:00Z",
            "latestTimestamp": "2026-06-01T12:00:00Z",
        },
        "logType": "DiagnosticsLog",
        "requestId": 1,
        "retries": 2,
        "retryInterval": 60,
    }


def test_unsigned_firmware_is_fetched_without_a_word_of_the_station():
    command = UpdateFirmware(request_id=7, location="ftp://host/f.bin", retrieve_at=NOON, retries=3)
    outcome, said = perform(command, {})
    assert said == [
        (
            "UpdateFirmware",
            {"location": "ftp://host/f.bin", "retries": 3, "retrieveDate": "2026-06-01T12:00:00Z"},
        )
    ]
    assert (outcome.accepted, outcome.status) == (True, "")


@pytest.mark.parametrize(
    ("status", "accepted"),
    [
        ("Accepted", True),
        ("AcceptedCanceled", True),
        ("Rejected", False),
        ("InvalidCertificate", False),
        ("RevokedCertificate", False),
    ],
)
def test_signed_firmware_brings_its_signature(status, accepted):
    command = UpdateFirmware(
        request_id=7,
        location="https://host/f.bin",
        retrieve_at=NOON,
        install_at=NOON,
        signing_certificate="PEM",
        signature="c2ln",
        retry_interval_s=60,
    )
    outcome, said = perform(command, {"status": status})
    firmware = {
        "location": "https://host/f.bin",
        "retrieveDateTime": "2026-06-01T12:00:00Z",
        "installDateTime": "2026-06-01T12:00:00Z",
        "signingCertificate": "PEM",
        "signature": "c2ln",
    }
    assert said == [("SignedUpdateFirmware", {"retryInterval": 60, "requestId": 7, "firmware": firmware})]
    assert (outcome.accepted, outcome.status) == (accepted, status)


@pytest.mark.parametrize(
    "members", [{"signature": "c2ln"}, {"signing_certificate": "PEM"}, {"install_at": NOON}]
)
def test_firmware_that_16_cannot_say_is_a_bad_command(members):
    with pytest.raises(BadCommand):
        perform(UpdateFirmware(request_id=7, location="ftp://host/f", retrieve_at=NOON, **members))
