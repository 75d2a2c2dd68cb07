"""Commands over HTTP: each command, each error by its own status, the record, and raw OCPP to the byte."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest

from kit.central import station
from kit.link import Payload
from kit.office import Answer, AnsweringStation, RunningOffice, json_of

ACCEPTED: Payload = {"status": "Accepted"}
SCHEDULE: Payload = {"charging_rate_unit": "A", "periods": [{"start_period": 0, "limit": 8.1}]}
PROFILE: Payload = {
    "id": 1,
    "stack_level": 0,
    "purpose": "TxDefaultProfile",
    "kind": "Absolute",
    "schedule": SCHEDULE,
}
LATER = "2026-06-02T12:00:00Z"
FIRMWARE: Payload = {"request_id": 7, "location": "https://here/f.bin", "retrieve_at": LATER}
HASH: Payload = {
    "hash_algorithm": "SHA256",
    "issuer_name_hash": "ab",
    "issuer_key_hash": "cd",
    "serial_number": "1",
}
COMMANDS: list[tuple[Payload, str, Payload]] = [
    ({"type": "Reset", "when": "idle"}, "Reset", ACCEPTED),
    ({"type": "ChangeAvailability", "operative": True}, "ChangeAvailability", {"status": "Scheduled"}),
    ({"type": "SetVariables", "variables": [{"name": "A", "value": "1"}]}, "ChangeConfiguration", ACCEPTED),
    ({"type": "GetVariables"}, "GetConfiguration", {"configurationKey": []}),
    ({"type": "ClearCache"}, "ClearCache", ACCEPTED),
    ({"type": "DataTransfer", "vendor_id": "acme"}, "DataTransfer", ACCEPTED),
    ({"type": "RequestStartTransaction", "id_token": "CARD"}, "RemoteStartTransaction", ACCEPTED),
    ({"type": "UnlockConnector", "evse_id": 1}, "UnlockConnector", {"status": "Unlocked"}),
    ({"type": "TriggerMessage", "message": "Heartbeat"}, "TriggerMessage", ACCEPTED),
    ({"type": "SendLocalList", "version": 1}, "SendLocalList", ACCEPTED),
    ({"type": "SetChargingProfile", "evse_id": 1, "profile": PROFILE}, "SetChargingProfile", ACCEPTED),
    ({"type": "ClearChargingProfile"}, "ClearChargingProfile", ACCEPTED),
    ({"type": "GetCompositeSchedule", "evse_id": 1, "duration_s": 60}, "GetCompositeSchedule", ACCEPTED),
    ({"type": "GetDiagnostics", "location": "ftp://here/"}, "GetDiagnostics", {"fileName": "d.zip"}),
    ({"type": "GetLocalListVersion"}, "GetLocalListVersion", {"listVersion": 3}),
    ({"type": "ReserveNow", "id": 5, "id_token": "CARD", "expires_at": LATER}, "ReserveNow", ACCEPTED),
    ({"type": "CancelReservation", "id": 5}, "CancelReservation", ACCEPTED),
    ({"type": "GetLog", "request_id": 1, "location": "https://here/"}, "GetLog", ACCEPTED),
    ({"type": "UpdateFirmware", **FIRMWARE}, "UpdateFirmware", {}),
    (
        {"type": "UpdateFirmware", **FIRMWARE, "signing_certificate": "PEM", "signature": "c2ln"},
        "SignedUpdateFirmware",
        ACCEPTED,
    ),
    (
        {"type": "InstallCertificate", "certificate_type": "CSMSRootCertificate", "certificate": "PEM"},
        "InstallCertificate",
        ACCEPTED,
    ),
    ({"type": "DeleteCertificate", "certificate": HASH}, "DeleteCertificate", ACCEPTED),
    (
        {"type": "GetInstalledCertificateIds", "certificate_type": "CSMSRootCertificate"},
        "GetInstalledCertificateIds",
        ACCEPTED,
    ),
    ({"type": "CertificateSigned", "certificate_chain": "PEM"}, "CertificateSigned", ACCEPTED),
    (
        {"type": "TriggerMessage", "message": "SignChargingStationCertificate"},
        "ExtendedTriggerMessage",
        ACCEPTED,
    ),
]


async def charger_of(office: RunningOffice, answers: Mapping[str, Answer]) -> AnsweringStation:
    await office.put(station())
    return await office.station(answers)


@pytest.mark.parametrize(("command", "action", "answer"), COMMANDS, ids=[each[1] for each in COMMANDS])
async def test_each_command_reaches_the_station_and_is_recorded(
    office: RunningOffice, admin: httpx.AsyncClient, command: Payload, action: str, answer: Payload
) -> None:
    charger = await charger_of(office, {action: answer})
    response = await admin.post("/api/v1/stations/CP1/commands", json=command)
    assert response.status_code == 200, response.text
    record = json_of(response)
    assert [each[0] for each in charger.calls] == [action]
    assert (record["type"], record["accepted"], record["error"]) == (command["type"], True, "")
    assert record["requested_by"] == "key:the admin"
    assert record["finished_at"] is not None
    assert record["detail"] == answer
    assert json_of(await admin.get(f"/api/v1/commands/{record['id']}")) == record
    assert json_of(await admin.get("/api/v1/stations/CP1/commands"))["items"] == [record]


async def test_a_running_transaction_is_stopped_by_its_id(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    charger = await charger_of(office, {"RemoteStopTransaction": ACCEPTED})
    start = {"connectorId": 1, "idTag": "A", "meterStart": 1, "timestamp": "2026-06-01T12:00:00Z"}
    number = (await charger.ask("StartTransaction", start))["transactionId"]
    (running,) = (await admin.get("/api/v1/transactions")).json()["items"]
    command = {"type": "RequestStopTransaction", "transaction_id": running["id"]}
    response = await admin.post("/api/v1/stations/CP1/commands", json=command)
    assert response.status_code == 200, response.text
    assert charger.calls == [("RemoteStopTransaction", {"transactionId": number})]


async def test_a_refusal_of_the_station_is_an_outcome_not_an_error(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await charger_of(office, {"Reset": {"status": "Rejected"}})
    response = await admin.post("/api/v1/stations/CP1/commands", json={"type": "Reset"})
    assert response.status_code == 200
    assert (response.json()["accepted"], response.json()["status"]) == (False, "Rejected")


async def test_who_does_not_wait_is_given_the_record_and_finds_the_outcome_there(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    charger = await charger_of(office, {})
    response = await admin.post("/api/v1/stations/CP1/commands?wait=0", json={"type": "Reset"})
    assert response.status_code == 202
    record = json_of(response)
    assert (record["finished_at"], record["accepted"]) == (None, None)
    assert json_of(await admin.get(f"/api/v1/commands/{record['id']}")) == record
    charger.answers["ClearCache"] = ACCEPTED
    await office.pass_time(31)
    finished = json_of(await admin.get(f"/api/v1/commands/{record['id']}"))
    assert str(finished["error"]).startswith("NoAnswer")


@pytest.mark.parametrize("path", ["commands", "commands?wait=0", "ocpp/Reset"])
async def test_a_station_that_is_offline_or_unknown_is_said_to_be_so(
    office: RunningOffice, admin: httpx.AsyncClient, path: str
) -> None:
    await office.put(station())
    for station_id, status in (("CP1", 409), ("nobody", 404)):
        response = await admin.post(f"/api/v1/stations/{station_id}/{path}", json={"type": "Reset"})
        assert response.status_code == status, response.text
        assert station_id in response.json()["detail"]


@pytest.mark.parametrize("path", ["commands", "ocpp/Reset"])
async def test_a_callerror_is_502_with_its_code_and_description(
    office: RunningOffice, admin: httpx.AsyncClient, path: str
) -> None:
    await charger_of(office, {"Reset": ("NotSupported", "not here")})
    response = await admin.post(f"/api/v1/stations/CP1/{path}", json={"type": "Reset"})
    assert response.status_code == 502
    assert (response.json()["code"], response.json()["description"]) == ("NotSupported", "not here")
    (record,) = (await admin.get("/api/v1/stations/CP1/commands")).json()["items"]
    assert record["error"] == "CallFailed: not here"


@pytest.mark.parametrize("path", ["commands?wait=1", "ocpp/Reset?wait=1"])
async def test_a_station_that_is_silent_is_504(
    office: RunningOffice, admin: httpx.AsyncClient, path: str
) -> None:
    charger = await charger_of(office, {})
    asked = asyncio.create_task(admin.post(f"/api/v1/stations/CP1/{path}", json={"type": "Reset"}))
    while not charger.calls:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    await office.pass_time(2)
    assert (await asked).status_code == 504


async def test_an_answer_that_cannot_be_understood_is_502(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await charger_of(office, {"Reset": {"state": 1}})
    response = await admin.post("/api/v1/stations/CP1/commands", json={"type": "Reset"})
    assert response.status_code == 502


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"null",
        b'{"type":"Nothing"}',
        b'{"type":"RawCall","action":"Reset","payload":{}}',
        b'{"type":"AssertMetering"}',
        b'{"type":"Reset","when":"later"}',
        b'{"type":"Reset","unknown":1}',
        b'{"type":"ChangeAvailability","operative":"true"}',
        b'{"type":"UnlockConnector","evse_id":0}',
    ],
)
async def test_what_is_no_command_is_refused(
    office: RunningOffice, admin: httpx.AsyncClient, body: bytes
) -> None:
    charger = await charger_of(office, {})
    response = await admin.post("/api/v1/stations/CP1/commands", content=body)
    assert response.status_code == 400
    assert charger.calls == []


async def test_a_raw_call_goes_out_to_the_byte_and_its_answer_comes_back(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    charger = await charger_of(office, {"RemoteStopTransaction": {"status": "Accepted", "b": 1, "a": 2.50}})
    frames: list[bytes] = []
    answer = charger.send

    def note(frame: bytes) -> None:
        frames.append(frame)
        answer(frame)

    charger.send = note  # type: ignore[method-assign]
    body = b'{ "zeta" : 1.50,\n "transactionId": 987654321, "alpha": { "x": [1, 2] } }'
    response = await admin.post("/api/v1/stations/CP1/ocpp/RemoteStopTransaction", content=body)
    assert response.status_code == 200
    assert response.json() == {"payload": {"status": "Accepted", "b": 1, "a": 2.50}}
    assert frames[0].endswith(
        b',"RemoteStopTransaction",{"zeta":1.50,"transactionId":987654321,"alpha":{"x":[1,2]}}]'
    )


@pytest.mark.parametrize("body", [b"", b"[]", b"1", b"null", b'{"a"', b'{"a":"\xff"}'])
async def test_a_raw_payload_is_an_object(
    office: RunningOffice, admin: httpx.AsyncClient, body: bytes
) -> None:
    charger = await charger_of(office, {})
    response = await admin.post("/api/v1/stations/CP1/ocpp/Reset", content=body)
    assert response.status_code == 400, response.text
    assert charger.calls == []


async def test_no_record_shows_a_stations_key(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    answer: Payload = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "s3"}]}
    await charger_of(office, {"GetConfiguration": answer, "ChangeConfiguration": ACCEPTED})
    shown = [await admin.post("/api/v1/stations/CP1/commands", json={"type": "GetVariables"})]
    variables = [{"name": "AuthorizationKey", "value": "s3cret"}]
    command = {"type": "SetVariables", "variables": variables}
    shown.append(await admin.post("/api/v1/stations/CP1/commands", json=command))
    shown.append(await admin.get("/api/v1/stations/CP1/commands"))
    for response in shown:
        assert response.status_code == 200
        assert '"s3' not in response.text


async def test_a_raw_call_is_for_administrators(office: RunningOffice) -> None:
    for role, status in (("viewer", 403), ("operator", 403), ("admin", 404)):
        async with office.client(role) as client:  # type: ignore[arg-type]
            response = await client.post("/api/v1/stations/CP1/ocpp/Reset", json={})
            assert response.status_code == status


async def test_a_command_is_queued_for_a_station_that_is_away(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    response = await admin.post("/api/v1/stations/CP1/commands?queue=PT2H", json={"type": "Reset"})
    assert response.status_code == 202, response.text
    record = json_of(response)
    assert (record["status"], record["finished_at"]) == ("Queued", None)
    assert json_of(await admin.get(f"/api/v1/commands/{record['id']}")) == record
    (queued,) = (await admin.get("/api/v1/stations/CP1/queue")).json()["items"]
    assert (queued["id"], queued["expires_at"]) == (record["id"], "2026-06-01T14:00:00Z")
    assert (await admin.delete(f"/api/v1/commands/{record['id']}")).status_code == 204
    assert (await admin.delete(f"/api/v1/commands/{record['id']}")).status_code == 409
    assert json_of(await admin.get(f"/api/v1/commands/{record['id']}"))["status"] == "Cancelled"
    kinds = [
        each["event"]["kind"] for each in (await admin.get("/api/v1/events?station=CP1")).json()["items"]
    ]
    assert kinds == ["CommandQueued", "CommandDropped"]


async def test_a_command_with_a_queue_is_sent_at_once_where_the_station_is_there(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await charger_of(office, {"Reset": ACCEPTED})
    response = await admin.post("/api/v1/stations/CP1/commands?queue=PT2H", json={"type": "Reset"})
    assert (response.status_code, response.json()["accepted"]) == (200, True)
    assert (await admin.delete(f"/api/v1/commands/{response.json()['id']}")).status_code == 409


async def test_a_command_does_not_overtake_those_that_wait(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    await admin.post("/api/v1/stations/CP1/commands?queue=PT2H", json={"type": "ClearCache"})
    charger = await office.station({"Reset": ACCEPTED, "ClearCache": ACCEPTED})
    response = await admin.post("/api/v1/stations/CP1/commands?queue=PT2H", json={"type": "Reset"})
    assert response.status_code == 202
    office.clock.step(3)
    while len(charger.calls) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    assert [action for action, _ in charger.calls] == ["ClearCache", "Reset"]


@pytest.mark.parametrize("queue", ["", "2h", "PT", "P1Y", "PT0S", "P31D", "-PT1H", "PT2H "])
async def test_what_is_no_time_to_wait_is_refused(
    office: RunningOffice, admin: httpx.AsyncClient, queue: str
) -> None:
    await office.put(station())
    response = await admin.post(
        "/api/v1/stations/CP1/commands", params={"queue": queue}, json={"type": "Reset"}
    )
    assert response.status_code == 400, response.text
    missing = await admin.post("/api/v1/stations/CP9/commands?queue=PT1H", json={"type": "Reset"})
    assert missing.status_code == 404
    assert (await admin.delete("/api/v1/commands/none")).status_code == 404
