"""Diagnostics, logs and firmware: what is carried, and what is told of it."""

import json
from base64 import b64encode
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from evsys.simulator.files import MAX_TRIES, tries_of, version_of
from kit.certificates import Authority, pem_of
from kit.pki import Key, new_key
from kit.point import Central, Payload, charging, iso

URL = "http://127.0.0.1/files/"
ACCEPTED = {"status": "Accepted"}


def empty() -> Central:
    central = Central(sessions=0)
    central.pass_time(1)
    return central


def told(central: Central, action: str) -> list[object]:
    return [each["status"] for each in central.of(action)]


def lines(content: bytes) -> list[dict[str, object]]:
    return [json.loads(line) for line in content.splitlines()]


# -- diagnostics and logs ---


def test_diagnostics_are_named_delivered_and_told() -> None:
    central = charging(sessions=1)
    answer = central.ask("GetDiagnostics", {"location": URL})
    name = str(answer["fileName"])
    assert name.startswith("SIM0001-")
    central.carries = False
    central.pass_time(5)
    central.ask("TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"})
    central.carries = True
    central.pass_time(60)
    central.ask("TriggerMessage", {"requestedMessage": "DiagnosticsStatusNotification"})
    assert told(central, "DiagnosticsStatusNotification") == ["Uploading", "Uploading", "Uploaded", "Idle"]
    ((url, named, content),) = central.delivered
    assert (url, named) == (URL, name)
    state, session = lines(content)
    assert (state["station"], state["firmware"], state["registration"]) == ("SIM0001", "1.0", "Accepted")
    assert session["transaction_id"] == 1


def test_logs_are_told_with_their_request() -> None:
    central = empty()
    wanted: Payload = {"log": {"remoteLocation": URL}, "logType": "SecurityLog", "requestId": 7}
    answer = central.ask("GetLog", wanted)
    assert answer["status"] == "Accepted"
    central.carries = False
    central.pass_time(5)
    central.ask("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"})
    central.carries = True
    central.pass_time(5)
    central.ask("ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"})
    assert central.of("LogStatusNotification") == [
        {"status": "Uploading", "requestId": 7},
        {"status": "Uploading", "requestId": 7},
        {"status": "Uploaded", "requestId": 7},
        {"status": "Idle"},
    ]
    ((_, name, content),) = central.delivered
    assert name == answer["filename"]
    assert [each["type"] for each in lines(content)] == ["StartupOfTheDevice"]
    central.ask("GetLog", wanted | {"logType": "DiagnosticsLog"})
    central.pass_time(5)
    assert lines(central.delivered[1][2])[0]["station"] == "SIM0001"


def test_an_upload_that_fails_is_tried_again_as_often_as_it_was_asked() -> None:
    central = empty()
    central.files[URL] = None
    wanted: Payload = {"log": {"remoteLocation": URL}, "logType": "SecurityLog", "requestId": 7}
    central.ask("GetLog", wanted | {"retries": 2, "retryInterval": 30})
    central.pass_time(20)
    assert told(central, "LogStatusNotification") == ["Uploading"]
    central.pass_time(300)
    assert told(central, "LogStatusNotification") == ["Uploading"] * 3 + ["UploadFailure"]
    central.ask("GetDiagnostics", {"location": URL})
    central.pass_time(300)
    assert told(central, "DiagnosticsStatusNotification") == ["Uploading", "UploadFailed"]


def test_a_newer_request_takes_the_place_of_an_upload_under_way() -> None:
    central = empty()
    wanted: Payload = {"log": {"remoteLocation": URL}, "logType": "SecurityLog", "requestId": 7}
    central.ask("GetLog", wanted)
    central.carries = False
    central.pass_time(5)
    assert central.ask("GetLog", wanted | {"requestId": 8})["status"] == "AcceptedCanceled"
    central.pass_time(5)
    central.carries = True
    central.pass_time(5)
    assert [each["requestId"] for each in central.of("LogStatusNotification")] == [7, 8, 8]
    assert told(central, "LogStatusNotification")[-1] == "Uploaded"


def test_what_becomes_of_an_upload_waits_for_a_link() -> None:
    central = empty()
    central.ask("GetDiagnostics", {"location": URL})
    central.silent = {"DiagnosticsStatusNotification"}
    central.carries = False
    central.pass_time(5)
    central.cut()
    central.reachable, central.carries = False, True
    central.pass_time(60)
    central.reachable, central.silent = True, set()
    central.pass_time(600)
    words = told(central, "DiagnosticsStatusNotification")
    assert words == ["Uploading", "Uploading", "Uploaded"], "the first was never answered"


@pytest.mark.parametrize(
    ("retries", "interval", "expected"),
    [(None, None, (1, 10)), (2, 5, (3, 5)), (-5, -5, (1, 0)), (10**6, 0, (MAX_TRIES, 0))],
)
def test_how_often_it_is_tried_has_bounds(
    retries: int | None, interval: int | None, expected: tuple[int, int]
) -> None:
    assert tries_of(retries, interval) == expected


# -- firmware ---


def test_firmware_is_loaded_in_its_time_installed_when_nobody_charges_and_starts_the_station_anew() -> None:
    central = charging(sessions=1)
    due = central.now + timedelta(seconds=600)
    wanted: Payload = {"location": URL + "f.bin", "retrieveDate": iso(due)}
    assert central.ask("UpdateFirmware", wanted) == {}
    central.pass_time(599)
    assert central.of("FirmwareStatusNotification") == []
    central.pass_time(3 * 3600)
    words = told(central, "FirmwareStatusNotification")
    assert words == ["Downloading", "Downloaded", "Installing", "Installed"]
    assert central.fetched == [URL + "f.bin"]
    assert central.of("StopTransaction")[0]["reason"] in ("Local", "EVDisconnected")
    assert [each["firmwareVersion"] for each in central.of("BootNotification")] == ["1.0", "2.0"]
    assert central.of("SecurityEventNotification")[-1]["type"] == "FirmwareUpdated"


def test_firmware_that_cannot_be_loaded_is_given_up() -> None:
    central = empty()
    central.files[URL] = None
    central.ask("UpdateFirmware", {"location": URL, "retrieveDate": iso(central.now), "retries": 1})
    central.pass_time(600)
    words = told(central, "FirmwareStatusNotification")
    assert words == ["Downloading", "Downloading", "DownloadFailed"]
    central.ask("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    assert told(central, "FirmwareStatusNotification")[-1] == "Idle"
    assert len(central.of("BootNotification")) == 1


FIRMWARE = b"version: 7.1\n" + bytes(range(256))


def signature(key: Key, pss: bool = True) -> str:
    if isinstance(key, rsa.RSAPrivateKey):
        how = padding.PSS(padding.MGF1(hashes.SHA256()), 32) if pss else padding.PKCS1v15()
        return b64encode(key.sign(FIRMWARE, how, hashes.SHA256())).decode()
    return b64encode(key.sign(FIRMWARE, ec.ECDSA(hashes.SHA256()))).decode()


def signed(central: Central, maker: Authority, key: Key, made: str, **members: object) -> Payload:
    firmware = {
        "location": URL + "f.bin",
        "retrieveDateTime": iso(central.now),
        "signingCertificate": pem_of(maker.issue("signer", key)),
        "signature": made,
    }
    return {"requestId": 9, "firmware": firmware | members}


@pytest.mark.parametrize(("kind", "pss"), [("ecdsa", True), ("rsa", True), ("rsa", False)])
def test_signed_firmware_is_verified_installed_when_it_is_due_and_tells_its_version(
    kind: str, pss: bool
) -> None:
    central, maker, key = empty(), Authority("Maker"), new_key(kind)
    install: Payload = {"certificateType": "ManufacturerRootCertificate", "certificate": maker.pem}
    assert central.ask("InstallCertificate", install) == ACCEPTED
    central.files[URL + "f.bin"] = FIRMWARE
    later = iso(central.now + timedelta(seconds=60))
    latest = iso(central.now + timedelta(seconds=600))
    made = signature(key, pss)
    wanted = signed(central, maker, key, made, retrieveDateTime=later, installDateTime=latest)
    assert central.ask("SignedUpdateFirmware", wanted) == ACCEPTED
    central.pass_time(120)
    central.ask("ExtendedTriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    central.ask("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"})
    assert central.of("FirmwareStatusNotification") == [{"status": "Idle"}], "none that is not signed"
    central.pass_time(900)
    assert told(central, "SignedFirmwareStatusNotification") == [
        "DownloadScheduled",
        "Downloading",
        "Downloaded",
        "SignatureVerified",
        "InstallScheduled",
        "InstallScheduled",
        "Installing",
        "InstallRebooting",
        "Installed",
    ]
    assert {each["requestId"] for each in central.of("SignedFirmwareStatusNotification")} == {9}
    assert [each["firmwareVersion"] for each in central.of("BootNotification")] == ["1.0", "7.1"]


@pytest.mark.parametrize("made", ["", "not Base64", b64encode(b"x" * 70).decode()])
def test_firmware_that_is_signed_wrongly_is_not_installed(made: str) -> None:
    central, maker, key = empty(), Authority(), new_key()
    central.files[URL + "f.bin"] = FIRMWARE
    assert central.ask("SignedUpdateFirmware", signed(central, maker, key, made)) == ACCEPTED
    central.pass_time(300)
    words = told(central, "SignedFirmwareStatusNotification")
    assert words == ["Downloading", "Downloaded", "InvalidSignature"]
    assert central.of("SecurityEventNotification")[-1]["type"] == "InvalidFirmwareSignature"
    assert central.point.files.version == "1.0"


def test_firmware_of_a_signer_whom_nobody_trusts_is_not_even_loaded() -> None:
    central, maker, key = empty(), Authority("Maker"), new_key()
    other = Authority("Other").pem
    central.ask(
        "InstallCertificate", {"certificateType": "ManufacturerRootCertificate", "certificate": other}
    )
    wanted = signed(central, maker, key, signature(key))
    assert central.ask("SignedUpdateFirmware", wanted) == {"status": "InvalidCertificate"}
    central.pass_time(60)
    assert central.fetched == []
    assert central.of("SecurityEventNotification")[-1]["type"] == "InvalidFirmwareSigningCertificate"


def test_a_newer_update_takes_the_place_of_one_under_way() -> None:
    central, maker, key = empty(), Authority(), new_key()
    central.files[URL + "f.bin"] = FIRMWARE
    wanted = signed(central, maker, key, signature(key))
    central.carries = False
    central.ask("SignedUpdateFirmware", wanted)
    central.pass_time(5)
    answer = central.ask("SignedUpdateFirmware", wanted | {"requestId": 10})
    assert answer == {"status": "AcceptedCanceled"}
    central.pass_time(5)
    central.carries = True
    central.pass_time(300)
    ended = [
        each["requestId"]
        for each in central.of("SignedFirmwareStatusNotification")
        if each["status"] == "Installed"
    ]
    assert ended == [10]


@pytest.mark.parametrize(
    ("content", "version"),
    [
        (b"version: 7.1\nrest", "7.1"),
        (b"version:", ""),
        (b"", ""),
        (b"\x7fELF", ""),
        (b"version: " + b"9" * 99, "9" * 50),
    ],
)
def test_firmware_may_name_its_version(content: bytes, version: str) -> None:
    assert version_of(content) == version
