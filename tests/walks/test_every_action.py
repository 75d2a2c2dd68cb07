"""Every action of OCPP 1.6 between the real program and a simulated station: each command over REST and over
EVSYS' POST /api, each message of the station because something made it speak. What was said is read in the
wire log."""

import json
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import cast, get_args

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from evsys.core.commands import AnyCommand
from evsys.ocpp.v16.messages import ACTIONS
from kit.certificates import Authority, pem_of
from kit.file_server import FileServer, file_server
from kit.link import Payload
from kit.pki import new_key
from kit.program import Program, running, wait_until
from kit.simulation import simulated

STATION = "SIM0001"
OPTIONS = ("--stations", "1", "--sessions", "0", "--no-offline-spells", "--speed", "60")
LONG_AGO, LATER = "2020-01-01T00:00:00Z", "2040-01-01T00:00:00Z"
FIRMWARE = b"version: 7.1\n"
SIGNER = new_key()
MAKER = Authority("Maker")
SIGNATURE = b64encode(SIGNER.sign(FIRMWARE, ec.ECDSA(hashes.SHA256()))).decode()
SIGNING = pem_of(MAKER.issue("signer", SIGNER))


class Walk:
    """The program, its station, and a server for the station's files."""

    def __init__(self, program: Program, files: FileServer) -> None:
        self.program = program
        self.files = files
        self.key = program.key("admin")
        self.said: set[str] = set()
        """The kinds of commands that were sent."""

    def command(self, type: str, *statuses: str, **members: object) -> Payload:
        """Send a command over REST. The record, whose status must be one of those given, if any are."""
        self.said.add(type)
        response = httpx.post(
            f"{self.program.api}/api/v1/stations/{STATION}/commands",
            json={"type": type, **members},
            headers={"Authorization": f"Bearer {self.key}"},
            timeout=30,
            trust_env=False,
        )
        assert response.status_code == 200, (type, response.text)
        record = cast(Payload, response.json())
        assert record["accepted"], record
        assert record["status"] in statuses or not statuses, record
        return record

    def feature(
        self, name: str, payload: object = "", connector: int = 0, status: str = "Accepted"
    ) -> Payload:
        """Send a command over POST /api. The station's answer, whose status must be this, if it has one."""
        self.said.add(name)
        response = self.program.post_api(
            charge_point_id=STATION, connector_id=connector, feature_name=name, payload=payload
        )
        assert response.status_code == 200, (name, response.text)
        answer = cast(Payload, response.json())
        assert "error" not in answer, (name, answer)
        assert answer.get("status", status) == status, (name, answer)
        return answer

    def wait_for(self, sql: str, what: str) -> list[tuple[object, ...]]:
        """Rows that come to be."""
        wait_until(lambda: self.program.rows(sql), what)
        return self.program.rows(sql)

    def wait_told(self, column: str, value: str, request_id: int | None = None) -> None:
        """Until the station has told a status."""
        request = column.replace("_status", "_request_id")
        where = f"{column} = '{value}' AND {request} IS {request_id if request_id else 'NULL'}"
        self.wait_for(f"SELECT 1 FROM station_status WHERE {where}", f"{column} {value}")

    def wait_started(self) -> tuple[str, int]:
        """The running transaction: its id, and its number."""
        sql = "SELECT id, number FROM transactions WHERE ended_at IS NULL"
        ((id, number),) = self.wait_for(sql, "started")
        return str(id), cast(int, number)

    def wait_ended(self) -> None:
        all_ended = "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM transactions WHERE ended_at IS NULL)"
        self.wait_for(all_ended, "ended")
        free = "SELECT 1 FROM connector_status WHERE evse_id = 1 AND status IN ('Available', 'Unavailable')"
        self.wait_for(free, "the car has left")

    def wait_booted(self) -> None:
        booted = "SELECT 1 FROM station_status WHERE registration = 'Accepted' AND connected"
        self.wait_for(booted, "booted")

    def csr(self) -> x509.CertificateSigningRequest:
        """The newest request for a certificate."""
        sql = "SELECT payload FROM events WHERE kind = 'CertificateRequested' ORDER BY seq DESC LIMIT 1"
        ((event,),) = self.wait_for(sql, "a request for a certificate")
        return x509.load_pem_x509_csr(json.loads(str(event))["csr"].encode())

    def was_heard(self, action: str) -> bool:
        """Whether an action is in the wire log."""
        path = f"/api/v1/stations/{STATION}/messages?action={action}&limit=1"
        return bool(self.program.get(path, self.key).json()["items"])


@pytest.fixture
def walk(tmp_path: Path) -> Iterator[Walk]:
    with file_server() as files, running(tmp_path) as program, simulated(program, *OPTIONS):
        files.files["/f.bin"] = FIRMWARE
        walk = Walk(program, files)
        walk.wait_booted()
        yield walk


def chain_for(csr: x509.CertificateSigningRequest) -> str:
    return pem_of(Authority().issue(STATION, public=csr.public_key()))


def test_every_command_of_the_api_is_obeyed_and_every_message_of_the_station_is_heard(walk: Walk) -> None:
    configuration_and_tokens(walk)
    a_session(walk)
    reservations(walk)
    files(walk)
    certificates(walk)
    firmware(walk)
    walk.command("Reset", "Accepted", when="idle")
    assert walk.said == {each.__name__ for each in get_args(AnyCommand)}
    wait_until(lambda: all(map(walk.was_heard, ACTIONS)), "every action in the wire log")


def configuration_and_tokens(walk: Walk) -> None:
    walk.command("GetVariables", "", names=["HeartbeatInterval"])
    walk.command("SetVariables", "Accepted", variables=[{"name": "MeterValueSampleInterval", "value": "30"}])
    walk.command("ClearCache", "Accepted")
    walk.command("DataTransfer", "Accepted", vendor_id="EVSYS", message_id="Say", data="x")
    walk.wait_for("SELECT 1 FROM events WHERE kind = 'DataTransferReceived'", "a DataTransfer of the station")
    walk.command("SendLocalList", "Accepted", version=1, entries=[{"id_token": "A", "status": "Accepted"}])
    walk.command("GetLocalListVersion", "1")
    walk.command("TriggerMessage", "Accepted", message="Heartbeat")


def a_session(walk: Walk) -> None:
    walk.command("RequestStartTransaction", "Accepted", id_token="A", evse_id=1)
    id, _ = walk.wait_started()
    periods = [{"start_period": 0, "limit": 8.1}]
    profile = {
        "id": 1,
        "stack_level": 0,
        "purpose": "TxProfile",
        "kind": "Relative",
        "schedule": {"charging_rate_unit": "A", "periods": periods},
    }
    walk.command("SetChargingProfile", "Accepted", evse_id=1, profile=profile)
    composite = walk.command("GetCompositeSchedule", "Accepted", evse_id=1, duration_s=600)
    schedule = cast(Payload, cast(Payload, composite["detail"])["chargingSchedule"])
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 8.1}]
    walk.command("TriggerMessage", "Accepted", message="MeterValues", evse_id=1)
    walk.command("ClearChargingProfile", "Accepted", id=1)
    walk.command("ChangeAvailability", "Scheduled", evse_id=1, operative=False)
    walk.command("RequestStopTransaction", "Accepted", transaction_id=id)
    walk.wait_ended()
    assert walk.program.rows("SELECT stop_reason FROM transactions") == [("Remote",)]
    walk.command("UnlockConnector", "Unlocked", evse_id=2)


def reservations(walk: Walk) -> None:
    walk.command("ReserveNow", "Accepted", id=5, evse_id=2, id_token="A", expires_at=LATER)
    reserved = "SELECT 1 FROM connector_status WHERE evse_id = 2 AND status = 'Reserved'"
    walk.wait_for(reserved, "reserved")
    walk.command("CancelReservation", "Accepted", id=5)


def files(walk: Walk) -> None:
    walk.command("GetDiagnostics", location=walk.files.url)
    walk.wait_told("diagnostics_status", "Uploaded")
    walk.command("GetLog", "Accepted", request_id=8, location=walk.files.url, log_type="SecurityLog")
    walk.wait_told("diagnostics_status", "Uploaded", 8)
    diagnostics, log = (body for _, _, _, body in walk.files.received)
    assert STATION.encode() in diagnostics
    assert b"StartupOfTheDevice" in log


def certificates(walk: Walk) -> None:
    use = "ManufacturerRootCertificate"
    walk.command("InstallCertificate", "Accepted", certificate_type=use, certificate=MAKER.pem)
    listed = walk.command("GetInstalledCertificateIds", "Accepted", certificate_type=use)
    (named,) = cast(list[dict[str, str]], cast(Payload, listed["detail"])["certificateHashData"])
    certificate = {
        "hash_algorithm": named["hashAlgorithm"],
        "issuer_name_hash": named["issuerNameHash"],
        "issuer_key_hash": named["issuerKeyHash"],
        "serial_number": named["serialNumber"],
    }
    walk.command("DeleteCertificate", "Accepted", certificate=certificate)
    walk.command("TriggerMessage", "Accepted", message="SignChargingStationCertificate")
    walk.command("CertificateSigned", "Accepted", certificate_chain=chain_for(walk.csr()))


def firmware(walk: Walk) -> None:
    url = walk.files.url + "f.bin"
    walk.command("UpdateFirmware", "", request_id=1, location=url, retrieve_at=LONG_AGO)
    walk.wait_told("firmware_status", "Installed")
    walk.command(
        "UpdateFirmware",
        "Accepted",
        request_id=2,
        location=url,
        retrieve_at=LONG_AGO,
        signing_certificate=SIGNING,
        signature=SIGNATURE,
    )
    walk.wait_told("firmware_status", "Installed", 2)
    walk.wait_for("SELECT 1 FROM station_status WHERE firmware_version = '7.1'", "the new version")


def test_every_action_that_a_central_system_sends_goes_over_post_api(walk: Walk) -> None:
    walk.feature("GetConfiguration", "HeartbeatInterval")
    walk.feature("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "30"})
    walk.feature("ClearCache")
    walk.feature("DataTransfer", {"vendorId": "EVSYS", "data": "x"})
    walk.feature("SendLocalList", {"listVersion": 1, "updateType": "Full"})
    walk.feature("GetLocalListVersion")
    walk.feature("TriggerMessage", "StatusNotification", 1)
    walk.feature("ReserveNow", {"reservationId": 5, "idTag": "A", "expiryDate": LATER}, 2)
    walk.feature("CancelReservation", "5")
    walk.feature("UnlockConnector", connector=2, status="Unlocked")
    walk.feature("ChangeAvailability", "Operative")
    a_session_as_evsys_says_it(walk)
    files_and_certificates_as_evsys_says_it(walk)
    walk.feature("Reset", "Hard")
    assert walk.said == {name for name, each in ACTIONS.items() if each.sender != "station"}
    wait_until(lambda: all(map(walk.was_heard, walk.said)), "every action in the wire log")


def a_session_as_evsys_says_it(walk: Walk) -> None:
    walk.feature("RemoteStartTransaction", "A", 1)
    _, number = walk.wait_started()
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}],
        },
    }
    walk.feature("SetChargingProfile", profile, 1)
    walk.feature("GetCompositeSchedule", "600", 1)
    walk.feature("ClearChargingProfile", {"id": 1})
    walk.feature("RemoteStopTransaction", str(number))
    walk.wait_ended()


def files_and_certificates_as_evsys_says_it(walk: Walk) -> None:
    url, use = walk.files.url, "CentralSystemRootCertificate"
    walk.feature("GetDiagnostics", url)
    walk.wait_told("diagnostics_status", "Uploaded")
    walk.feature("GetLog", {"log": {"remoteLocation": url}, "logType": "DiagnosticsLog", "requestId": 8})
    walk.wait_told("diagnostics_status", "Uploaded", 8)
    walk.feature("InstallCertificate", {"certificateType": use, "certificate": MAKER.pem})
    (named,) = cast(list[object], walk.feature("GetInstalledCertificateIds", use)["certificateHashData"])
    walk.feature("DeleteCertificate", {"certificateHashData": named})
    walk.feature("ExtendedTriggerMessage", "SignChargePointCertificate", -1)
    walk.feature("CertificateSigned", chain_for(walk.csr()))
    walk.feature("UpdateFirmware", {"location": url + "f.bin", "retrieveDate": LONG_AGO})
    walk.wait_told("firmware_status", "Installed")
    signed = {
        "location": url + "f.bin",
        "retrieveDateTime": LONG_AGO,
        "signingCertificate": SIGNING,
        "signature": SIGNATURE,
    }
    walk.feature("SignedUpdateFirmware", {"requestId": 2, "firmware": signed})
    walk.wait_told("firmware_status", "Installed", 2)
