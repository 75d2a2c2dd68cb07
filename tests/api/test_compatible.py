"""POST /api as EVSYS has it: its README's examples, its payload forms, its errors."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import httpx
import pytest

from evsys.api.features import FEATURES
from evsys.ocpp.v16.messages import ACTIONS
from kit.central import station
from kit.link import Payload
from kit.office import RunningOffice
from kit.waiting import until

CONFIGURATION: Payload = {
    "unknownKey": [],
    "configurationKey": [{"value": "true", "key": "AllowOfflineTxForUnknownId", "readonly": False}],
}


@pytest.fixture
async def local(office: RunningOffice) -> AsyncIterator[httpx.AsyncClient]:
    """A program on this machine that brings no key."""
    async with office.client(None) as client:
        yield client


async def post(
    client: httpx.AsyncClient, feature: str, payload: object = "", **more: object
) -> httpx.Response:
    envelope = {
        "charge_point_id": "CP1",
        "connector_id": 0,
        "feature_name": feature,
        "payload": payload,
        **more,
    }
    return await client.post("/api", json=envelope)


def error_in(response: httpx.Response) -> str:
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    body = response.json()
    assert body["status"] == "error"
    return cast(str, body["error"])


async def test_the_readmes_first_example_answers_as_the_readme_shows(
    office: RunningOffice, local: httpx.AsyncClient
) -> None:
    await office.put(station("Wallbox3"))
    wallbox = await office.station({"GetConfiguration": CONFIGURATION}, id="Wallbox3")
    response = await local.post(
        "/api",
        json={
            "charge_point_id": "Wallbox3",
            "connector_id": 0,
            "feature_name": "GetConfiguration",
            "payload": "AllowOfflineTxForUnknownId",
        },
    )
    assert response.status_code == 200
    assert response.headers["content-type"] == "application/json; charset=utf-8"
    assert response.text == (
        '{"configurationKey":[{"key":"AllowOfflineTxForUnknownId","readonly":false,"value":"true"}],'
        '"unknownKey":[]}'
    )
    assert wallbox.calls == [("GetConfiguration", {"key": ["AllowOfflineTxForUnknownId"]})]


async def test_the_readmes_second_example_tells_who_is_connected(
    office: RunningOffice, local: httpx.AsyncClient
) -> None:
    await office.put(station("Wallbox3"))
    await office.station(id="Wallbox3")
    response = await local.post(
        "/api",
        json={"charge_point_id": "", "connector_id": 0, "feature_name": "GetServerStatus", "payload": ""},
    )
    assert response.status_code == 200
    assert response.text == '{"connected_clients":"Wallbox3","total_clients":1}'


ACCEPTED: Payload = {"status": "Accepted"}
FIRMWARE: Payload = {"location": "https://host/f.bin", "retrieveDate": "2026-06-01T12:00:00Z"}
LOG: Payload = {"log": {"remoteLocation": "https://host/"}, "logType": "SecurityLog", "requestId": 1}
PROFILE: Payload = {"chargingProfileId": 1, "stackLevel": 0, "chargingSchedule": {"limit": 8.1}}


@pytest.mark.parametrize(
    ("feature", "connector", "payload", "sent"),
    [
        ("TriggerMessage", 1, "MeterValues", {"requestedMessage": "MeterValues", "connectorId": 1}),
        ("TriggerMessage", 0, "Heartbeat", {"requestedMessage": "Heartbeat", "connectorId": 0}),
        ("TriggerMessage", -1, "Heartbeat", {"requestedMessage": "Heartbeat"}),
        ("TriggerMessage", None, "Heartbeat", {"requestedMessage": "Heartbeat"}),
        (
            "SendLocalList",
            0,
            "",
            {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []},
        ),
        (
            "SendLocalList",
            0,
            '{"listVersion":3,"updateType":"Full"}',
            {"listVersion": 3, "updateType": "Full"},
        ),
        ("RemoteStartTransaction", 2, "CARD", {"idTag": "CARD", "connectorId": 2}),
        ("RemoteStartTransaction", 0, "CARD", {"idTag": "CARD"}),
        (
            "RemoteStartTransaction",
            0,
            '{"idTag":"CARD","connectorId":1}',
            {"idTag": "CARD", "connectorId": 1},
        ),
        ("RemoteStartTransaction", 0, {"idTag": "CARD"}, {"idTag": "CARD"}),
        ("RemoteStopTransaction", 0, "17", {"transactionId": 17}),
        ("RemoteStopTransaction", 0, '{"transactionId":17}', {"transactionId": 17}),
        ("GetConfiguration", 0, "", {}),
        ("GetConfiguration", 0, " A , B ,", {"key": ["A", "B"]}),
        ("GetConfiguration", 0, '{"key":["A"]}', {"key": ["A"]}),
        ("ChangeConfiguration", 0, '{"key":"A","value":"1"}', {"key": "A", "value": "1"}),
        ("Reset", 0, "Hard", {"type": "Hard"}),
        ("Reset", 0, '{"type":"Soft"}', {"type": "Soft"}),
        ("SetChargingProfile", 1, PROFILE, {"connectorId": 1, "csChargingProfiles": PROFILE}),
        (
            "SetChargingProfile",
            1,
            {"connectorId": 2, "csChargingProfiles": PROFILE},
            {"connectorId": 2, "csChargingProfiles": PROFILE},
        ),
        ("GetCompositeSchedule", 1, "3600", {"connectorId": 1, "duration": 3600}),
        ("GetCompositeSchedule", 1, "-5", {"connectorId": 1, "duration": -5}),
        (
            "GetCompositeSchedule",
            1,
            '{"duration":60,"chargingRateUnit":"A"}',
            {"connectorId": 1, "duration": 60, "chargingRateUnit": "A"},
        ),
        ("ClearChargingProfile", 0, '{"id":1}', {"id": 1}),
        ("ClearChargingProfile", 0, "{}", {}),
        ("GetDiagnostics", 0, "ftp://host/in", {"location": "ftp://host/in"}),
        ("ChangeAvailability", 1, "Inoperative", {"connectorId": 1, "type": "Inoperative"}),
        ("ClearCache", 0, "", {}),
        ("DataTransfer", 0, '{"vendorId":"V","data":"x"}', {"vendorId": "V", "data": "x"}),
        ("UnlockConnector", 2, "", {"connectorId": 2}),
        ("GetLocalListVersion", 0, "", {}),
        (
            "ReserveNow",
            2,
            {"reservationId": 5, "idTag": "CARD", "expiryDate": "2026-06-01T12:00:00Z"},
            {"reservationId": 5, "idTag": "CARD", "expiryDate": "2026-06-01T12:00:00Z", "connectorId": 2},
        ),
        ("CancelReservation", 0, "5", {"reservationId": 5}),
        ("CancelReservation", 0, {"reservationId": 5}, {"reservationId": 5}),
        (
            "ExtendedTriggerMessage",
            -1,
            "SignChargePointCertificate",
            {"requestedMessage": "SignChargePointCertificate"},
        ),
        ("UpdateFirmware", 0, FIRMWARE, FIRMWARE),
        (
            "SignedUpdateFirmware",
            0,
            {"requestId": 1, "firmware": FIRMWARE},
            {"requestId": 1, "firmware": FIRMWARE},
        ),
        ("GetLog", 0, LOG, LOG),
        ("InstallCertificate", 0, {"certificate": "PEM"}, {"certificate": "PEM"}),
        ("DeleteCertificate", 0, {"certificateHashData": {}}, {"certificateHashData": {}}),
        (
            "GetInstalledCertificateIds",
            0,
            "CentralSystemRootCertificate",
            {"certificateType": "CentralSystemRootCertificate"},
        ),
        ("GetInstalledCertificateIds", 0, {"certificateType": "X"}, {"certificateType": "X"}),
        ("CertificateSigned", 0, "PEM", {"certificateChain": "PEM"}),
        ("CertificateSigned", 0, {"certificateChain": "PEM"}, {"certificateChain": "PEM"}),
    ],
)
async def test_each_form_of_payload_becomes_the_call_it_means(
    office: RunningOffice,
    local: httpx.AsyncClient,
    feature: str,
    connector: int | None,
    payload: object,
    sent: Payload,
) -> None:
    await office.put(station())
    charger = await office.station({feature: ACCEPTED})
    response = await post(local, feature, payload, connector_id=connector)
    assert (response.status_code, response.json()) == (200, ACCEPTED)
    assert charger.calls == [(feature, sent)]


def test_every_action_that_a_central_system_may_send_is_a_feature() -> None:
    assert FEATURES.keys() == {name for name, each in ACTIONS.items() if each.sender != "station"}


@pytest.mark.parametrize(
    ("feature", "payload", "text"),
    [
        ("", "", "feature name is empty"),
        ("Dance", "", "feature not supported for OCPP 1.6: Dance"),
        ("UpdateFirmware", "https://host/f.bin", "invalid payload"),
        ("CancelReservation", "five", "invalid reservation id"),
        ("RemoteStopTransaction", "x", "invalid transaction id"),
        ("RemoteStopTransaction", "99999999999", "invalid transaction id"),
        ("RemoteStartTransaction", '{"idTag":', "invalid payload"),
        ("ChangeConfiguration", "A=1", "invalid payload"),
        ("ClearChargingProfile", "", "invalid payload"),
        ("SetChargingProfile", "8 A", "invalid payload"),
        ("GetCompositeSchedule", "soon", "invalid payload"),
        ("GetCompositeSchedule", '{"duration":0}', "duration must be positive"),
        (
            "GetCompositeSchedule",
            '{"duration":1,"chargingRateUnit":"V"}',
            'unsupported charging rate unit "V"',
        ),
        ("GetDiagnostics", "", "empty location"),
        ("Reset", "Hard", "CP1 is not available"),
    ],
)
async def test_an_error_is_told_in_the_words_of_evsys(
    local: httpx.AsyncClient, feature: str, payload: str, text: str
) -> None:
    assert error_in(await post(local, feature, payload)) == text


async def test_a_command_for_ocpp_201_is_not_supported_yet(local: httpx.AsyncClient) -> None:
    response = await post(local, "Reset", "Hard", protocol_version="ocpp2.0.1")
    assert error_in(response) == "feature not supported for OCPP 2.0.1: Reset"


async def test_naming_an_unknown_station_never_creates_it(
    admin: httpx.AsyncClient, local: httpx.AsyncClient
) -> None:
    assert error_in(await post(local, "Reset", "Hard", charge_point_id="nobody")) == "nobody is not available"
    assert (await admin.get("/api/v1/stations")).json()["items"] == []
    assert (await admin.get("/api/v1/stations/nobody")).status_code == 404


async def test_a_callerror_of_the_station_is_told_with_its_reason(
    office: RunningOffice, local: httpx.AsyncClient
) -> None:
    await office.put(station())
    await office.station({"Reset": ("InternalError", "out of order")})
    assert "InternalError: out of order" in error_in(await post(local, "Reset", "Hard"))


async def test_no_answer_within_ten_seconds_is_204(office: RunningOffice, local: httpx.AsyncClient) -> None:
    await office.put(station())
    charger = await office.station({"Reset": None})
    answer = asyncio.create_task(post(local, "Reset", "Hard"))
    await until(lambda: bool(charger.calls))
    await office.pass_time(9)
    await asyncio.sleep(0.05)
    assert not answer.done()
    await office.pass_time(2)
    response = await answer
    assert (response.status_code, response.content) == (204, b"")


async def test_a_link_that_breaks_before_the_answer_is_told_at_once(
    office: RunningOffice, local: httpx.AsyncClient
) -> None:
    await office.put(station())
    charger = await office.station({"Reset": None})
    answer = asyncio.create_task(post(local, "Reset", "Hard"))
    await until(lambda: bool(charger.calls))
    assert charger.connection is not None
    charger.connection.lost("gone")
    assert error_in(await answer) != ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"1",
        b'"x"',
        b'{"connector_id":"1"}',
        b'{"payload":1}',
        b'{"charge_point_id":[]}',
        b"\xff",
        b"[" * 100_000,
    ],
)
async def test_what_is_not_an_envelope_is_400_and_empty(local: httpx.AsyncClient, body: bytes) -> None:
    response = await local.post("/api", content=body)
    assert (response.status_code, response.content) == (400, b"")


async def test_content_type_and_unknown_members_do_not_matter(local: httpx.AsyncClient) -> None:
    response = await local.post(
        "/api",
        content=b'{"feature_name":"Dance","charge_point_id":null,"more":1}',
        headers={"Content-Type": "text/plain"},
    )
    assert error_in(response) == "feature not supported for OCPP 1.6: Dance"


async def test_other_methods_are_405_and_a_huge_body_is_413(local: httpx.AsyncClient) -> None:
    assert (await local.get("/api")).status_code == 405
    assert (await local.post("/api", content=bytes(2_000_000))).status_code == 413


async def test_who_asked_is_recorded_with_the_command(office: RunningOffice) -> None:
    await office.put(station())
    await office.station({"Reset": ACCEPTED})
    async with office.client("operator") as client:
        await post(client, "Reset", "Hard")
    events = await office.store.last_seq()
    assert events > 0
