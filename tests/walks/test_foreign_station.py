"""Every action of OCPP 1.6 between the real program and a station that nobody here wrote: one made of the
`ocpp` package, which holds each message against the official schemas."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import get_args

import httpx
import websockets
from ocpp.routing import on

from evsys.core.commands import AnyCommand
from evsys.core.security import CSR_MARK
from evsys.ocpp.v16.messages import ACTIONS
from kit.link import Payload
from kit.program import Program, running
from ocpp.v16 import ChargePoint, call, call_result

NOON = "2026-11-25T12:00:00Z"
LATER = "2040-01-01T00:00:00Z"
URL = "https://192.0.2.1/f"
"""It is for the station alone, and it does nothing with it."""
HASH = {"hash_algorithm": "SHA256", "issuer_name_hash": "ab", "issuer_key_hash": "cd", "serial_number": "1"}
SCHEDULE = {"charging_rate_unit": "A", "charging_schedule_period": [{"start_period": 0, "limit": 8.1}]}
ANSWERS: dict[str, object] = {
    "CancelReservation": call_result.CancelReservation("Accepted"),
    "CertificateSigned": call_result.CertificateSigned("Accepted"),
    "ChangeAvailability": call_result.ChangeAvailability("Accepted"),
    "ChangeConfiguration": call_result.ChangeConfiguration("Accepted"),
    "ClearCache": call_result.ClearCache("Accepted"),
    "ClearChargingProfile": call_result.ClearChargingProfile("Accepted"),
    "DataTransfer": call_result.DataTransfer("Accepted", data="x"),
    "DeleteCertificate": call_result.DeleteCertificate("Accepted"),
    "ExtendedTriggerMessage": call_result.ExtendedTriggerMessage("Accepted"),
    "GetCompositeSchedule": call_result.GetCompositeSchedule("Accepted", 1, NOON, SCHEDULE),
    "GetConfiguration": call_result.GetConfiguration([], ["A"]),
    "GetDiagnostics": call_result.GetDiagnostics("d.zip"),
    "GetInstalledCertificateIds": call_result.GetInstalledCertificateIds("Accepted", [HASH]),
    "GetLocalListVersion": call_result.GetLocalListVersion(3),
    "GetLog": call_result.GetLog("Accepted", "l.zip"),
    "InstallCertificate": call_result.InstallCertificate("Accepted"),
    "RemoteStartTransaction": call_result.RemoteStartTransaction("Accepted"),
    "RemoteStopTransaction": call_result.RemoteStopTransaction("Accepted"),
    "ReserveNow": call_result.ReserveNow("Accepted"),
    "Reset": call_result.Reset("Accepted"),
    "SendLocalList": call_result.SendLocalList("Accepted"),
    "SetChargingProfile": call_result.SetChargingProfile("Accepted"),
    "SignedUpdateFirmware": call_result.SignedUpdateFirmware("Accepted"),
    "TriggerMessage": call_result.TriggerMessage("Accepted"),
    "UnlockConnector": call_result.UnlockConnector("Unlocked"),
    "UpdateFirmware": call_result.UpdateFirmware(),
}
FIRMWARE = {"request_id": 1, "location": URL, "retrieve_at": LATER}
USE = {"certificate_type": "CSMSRootCertificate"}
PROFILE = {
    "id": 1,
    "stack_level": 0,
    "purpose": "TxDefaultProfile",
    "kind": "Relative",
    "schedule": {"charging_rate_unit": "A", "periods": [{"start_period": 0, "limit": 8.1}]},
}
COMMANDS: list[tuple[str, str, Payload]] = [
    ("CancelReservation", "CancelReservation", {"id": 5}),
    ("CertificateSigned", "CertificateSigned", {"certificate_chain": "PEM"}),
    ("ChangeAvailability", "ChangeAvailability", {"operative": True}),
    ("SetVariables", "ChangeConfiguration", {"variables": [{"name": "A", "value": "1"}]}),
    ("ClearCache", "ClearCache", {}),
    ("ClearChargingProfile", "ClearChargingProfile", {"id": 1}),
    ("DataTransfer", "DataTransfer", {"vendor_id": "Acme"}),
    ("DeleteCertificate", "DeleteCertificate", {"certificate": HASH}),
    ("TriggerMessage", "ExtendedTriggerMessage", {"message": "LogStatusNotification"}),
    ("GetCompositeSchedule", "GetCompositeSchedule", {"evse_id": 1, "duration_s": 60}),
    ("GetVariables", "GetConfiguration", {"names": ["A"]}),
    ("GetDiagnostics", "GetDiagnostics", {"location": URL}),
    ("GetInstalledCertificateIds", "GetInstalledCertificateIds", {**USE}),
    ("GetLocalListVersion", "GetLocalListVersion", {}),
    ("GetLog", "GetLog", {"request_id": 1, "location": URL}),
    ("InstallCertificate", "InstallCertificate", {**USE, "certificate": "PEM"}),
    ("RequestStartTransaction", "RemoteStartTransaction", {"id_token": "A", "evse_id": 1}),
    ("RequestStopTransaction", "RemoteStopTransaction", {"transaction_id": "1"}),
    ("ReserveNow", "ReserveNow", {"id": 5, "evse_id": 1, "id_token": "A", "expires_at": LATER}),
    ("Reset", "Reset", {}),
    ("SendLocalList", "SendLocalList", {"version": 1}),
    ("SetChargingProfile", "SetChargingProfile", {"evse_id": 1, "profile": PROFILE}),
    ("UpdateFirmware", "SignedUpdateFirmware", {**FIRMWARE, "signing_certificate": "P", "signature": "s"}),
    ("TriggerMessage", "TriggerMessage", {"message": "Heartbeat"}),
    ("UnlockConnector", "UnlockConnector", {"evse_id": 1}),
    ("UpdateFirmware", "UpdateFirmware", FIRMWARE),
]
CERTIFICATE_TYPE = {"certificateType": "CentralSystemRootCertificate"}
SAID_HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "ab", "issuerKeyHash": "cd", "serialNumber": "1"}
SAID_PROFILE = {
    "chargingProfileId": 1,
    "stackLevel": 0,
    "chargingProfilePurpose": "TxDefaultProfile",
    "chargingProfileKind": "Relative",
    "chargingSchedule": {
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}],
    },
}
SIGNED = {"location": URL, "retrieveDateTime": LATER, "signingCertificate": "P", "signature": "s"}
FEATURES: dict[str, object] = {
    "CancelReservation": "5",
    "CertificateSigned": "PEM",
    "ChangeAvailability": "Operative",
    "ChangeConfiguration": {"key": "A", "value": "1"},
    "ClearCache": "",
    "ClearChargingProfile": {"id": 1},
    "DataTransfer": {"vendorId": "Acme"},
    "DeleteCertificate": {"certificateHashData": SAID_HASH},
    "ExtendedTriggerMessage": "Heartbeat",
    "GetCompositeSchedule": "60",
    "GetConfiguration": "A",
    "GetDiagnostics": URL,
    "GetInstalledCertificateIds": "CentralSystemRootCertificate",
    "GetLocalListVersion": "",
    "GetLog": {"log": {"remoteLocation": URL}, "logType": "DiagnosticsLog", "requestId": 1},
    "InstallCertificate": {**CERTIFICATE_TYPE, "certificate": "PEM"},
    "RemoteStartTransaction": "A",
    "RemoteStopTransaction": "1",
    "ReserveNow": {"reservationId": 5, "idTag": "A", "expiryDate": LATER},
    "Reset": "Hard",
    "SendLocalList": "",
    "SetChargingProfile": SAID_PROFILE,
    "SignedUpdateFirmware": {"requestId": 1, "firmware": SIGNED},
    "TriggerMessage": "Heartbeat",
    "UnlockConnector": "",
    "UpdateFirmware": {"location": URL, "retrieveDate": LATER},
}
VALUE = {"timestamp": NOON, "sampled_value": [{"value": "1000"}]}
MESSAGES = [
    call.BootNotification(charge_point_model="One", charge_point_vendor="Acme"),
    call.StatusNotification(connector_id=1, error_code="NoError", status="Available"),
    call.Heartbeat(),
    call.Authorize(id_tag="A"),
    call.StartTransaction(connector_id=1, id_tag="A", meter_start=1000, timestamp=NOON),
    call.MeterValues(connector_id=1, meter_value=[VALUE]),
    call.StopTransaction(meter_stop=2000, timestamp=NOON, transaction_id=1, reason="Local"),
    call.DataTransfer(vendor_id="Acme", message_id="m", data="x"),
    call.DiagnosticsStatusNotification(status="Uploaded"),
    call.FirmwareStatusNotification(status="Installed"),
    call.LogStatusNotification(status="Uploaded", request_id=1),
    call.SignedFirmwareStatusNotification(status="Installed", request_id=1),
    call.SecurityEventNotification(type="ResetOrReboot", timestamp=NOON, tech_info="x"),
    call.SignCertificate(csr=CSR_MARK),
]


class Wallbox(ChargePoint):  # type: ignore[misc]  # the package has no types
    """A station that accepts whatever it is asked."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        for action, answer in ANSWERS.items():
            setattr(self, f"on_{action}", self._answering(action, answer))
        self.heard: list[str] = []
        super().__init__("Wallbox3", socket)

    def _answering(self, action: str, answer: object) -> object:
        def answering(**_: object) -> object:
            self.heard.append(action)
            return answer

        answering.__name__ = f"on_{action}"  # by which the package finds it
        return on(action)(answering)


@asynccontextmanager
async def wallbox(program: Program) -> AsyncIterator[Wallbox]:
    async with websockets.connect(f"{program.url}/Wallbox3", subprotocols=["ocpp1.6"]) as socket:
        station = Wallbox(socket)
        hearing = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


async def test_every_message_is_answered_and_every_command_arrives_from_either_door(tmp_path: Path) -> None:
    assert {type(each).__name__ for each in MESSAGES} | ANSWERS.keys() == ACTIONS.keys()
    assert {kind for kind, _, _ in COMMANDS} == {each.__name__ for each in get_args(AnyCommand)}
    with running(tmp_path) as program:
        key = await asyncio.to_thread(program.key, "operator")
        async with wallbox(program) as station, httpx.AsyncClient(trust_env=False, timeout=30) as client:
            for message in MESSAGES:
                answer = await station.call(message, suppress=False)
                assert getattr(answer, "status", "Accepted") in ("Accepted", "UnknownVendorId"), message
            for kind, action, members in COMMANDS:
                await obeys(client, program, key, station, {"type": kind, **members}, action)
            for feature, payload in FEATURES.items():
                envelope = {"charge_point_id": "Wallbox3", "connector_id": 1, "feature_name": feature}
                before = len(station.heard)
                response = await client.post(f"{program.api}/api", json={**envelope, "payload": payload})
                assert response.status_code == 200, feature
                assert "error" not in response.json(), (feature, response.text)
                assert feature in station.heard[before:]


async def obeys(
    client: httpx.AsyncClient, program: Program, key: str, station: Wallbox, command: Payload, action: str
) -> None:
    """A command over REST comes as this action, beside what the server may ask by itself, and the station's
    word goes back."""
    before = len(station.heard)
    response = await client.post(
        f"{program.api}/api/v1/stations/Wallbox3/commands",
        json=command,
        headers={"Authorization": f"Bearer {key}"},
    )
    assert response.status_code == 200, (command, response.text)
    assert response.json()["accepted"], (command, response.text)
    assert action in station.heard[before:]
