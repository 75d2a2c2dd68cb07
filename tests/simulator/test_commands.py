"""What a charge point answers to each CALL of the central system, and what it does then."""

import json
from datetime import timedelta
from pathlib import Path
from typing import cast, get_args, get_type_hints

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evsys.ocpp.v16 import messages as m
from kit.point import Central, Payload, charging, iso

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}


def empty(**members: object) -> Central:
    """A charge point that has booted, with no driver ever coming."""
    central = Central(sessions=0, **members)  # type: ignore[arg-type]
    central.pass_time(1)
    return central


def keys(answer: Payload) -> dict[str, str]:
    found = cast(list[dict[str, str]], answer["configurationKey"])
    return {each["key"]: each["value"] for each in found}


# -- configuration ---


def test_configuration_is_read_whole_or_by_name_and_says_what_it_does_not_know() -> None:
    central = empty(connectors=2)
    whole = keys(central.ask("GetConfiguration"))
    assert len(whole) > 30
    assert whole["NumberOfConnectors"] == "2"
    assert central.ask("GetConfiguration", {"key": ["metervaluesampleinterval", "Nonsense"]}) == {
        "configurationKey": [{"key": "MeterValueSampleInterval", "readonly": False, "value": "60"}],
        "unknownKey": ["Nonsense"],
    }
    assert central.ask("GetConfiguration", {"key": []}) == central.ask("GetConfiguration")


@pytest.mark.parametrize(
    ("key", "value", "status"),
    [
        ("MeterValueSampleInterval", "10", "Accepted"),
        ("metervaluesampleinterval", "10", "Accepted"),
        ("NumberOfConnectors", "9", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("HeartbeatInterval", "-5", "Rejected"),
        ("HeartbeatInterval", "9999999999", "Rejected"),
        ("AllowOfflineTxForUnknownId", "FALSE", "Accepted"),
        ("AllowOfflineTxForUnknownId", "maybe", "Rejected"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,SoC", "Accepted"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,Moonlight", "Rejected"),
        ("MeterValuesSampledData", "", "Accepted"),
        ("WebSocketPingInterval", "10", "RebootRequired"),
        ("Nonsense", "1", "NotSupported"),
    ],
)
def test_keys_are_changed_or_refused(key: str, value: str, status: str) -> None:
    central = empty()
    before = central.ask("GetConfiguration", {"key": [key]})
    assert central.ask("ChangeConfiguration", {"key": key, "value": value}) == {"status": status}
    after = central.ask("GetConfiguration", {"key": [key]})
    if status in ("Accepted", "RebootRequired"):
        assert next(iter(keys(after).values())).lower() == value.lower()
    else:
        assert after == before


# -- sessions from afar ---


def test_a_session_is_started_and_stopped_from_afar() -> None:
    central = empty(connectors=2)
    assert central.ask("RemoteStartTransaction", {"idTag": "REMOTE", "connectorId": 2}) == ACCEPTED
    central.pass_time(5)
    (start,) = central.of("StartTransaction")
    assert (start["idTag"], start["connectorId"]) == ("REMOTE", 2)
    assert [each["idTag"] for each in central.of("Authorize")] == ["REMOTE"]
    assert central.ask("RemoteStopTransaction", {"transactionId": 99}) == REJECTED
    assert central.ask("RemoteStopTransaction", {"transactionId": 1}) == ACCEPTED
    central.pass_time(60)
    assert central.of("StopTransaction")[0]["reason"] == "Remote"
    assert central.ask("RemoteStopTransaction", {"transactionId": 1}) == REJECTED
    assert central.statuses(2) == ["Available", "Preparing", "Charging", "Finishing", "Available"]


def test_a_remote_start_takes_the_first_free_connector_where_none_is_named() -> None:
    central = empty(connectors=2)
    for _ in range(2):
        assert central.ask("RemoteStartTransaction", {"idTag": "A"}) == ACCEPTED
        central.pass_time(5)
    assert [each["connectorId"] for each in central.of("StartTransaction")] == [1, 2]
    assert central.ask("RemoteStartTransaction", {"idTag": "A"}) == REJECTED


def test_a_remote_start_is_not_asked_about_where_the_key_says_so() -> None:
    central = empty()
    central.ask("ChangeConfiguration", {"key": "AuthorizeRemoteTxRequests", "value": "false"})
    central.ask("RemoteStartTransaction", {"idTag": "A"})
    central.pass_time(5)
    assert central.of("Authorize") == []
    assert len(central.of("StartTransaction")) == 1


def test_a_remote_start_whose_token_may_not_charge_ends_without_a_session() -> None:
    central = empty()
    central.results["Authorize"] = {"idTagInfo": {"status": "Invalid"}}
    profile = limit(3000, "W", purpose="TxProfile")
    central.ask("RemoteStartTransaction", {"idTag": "A", "chargingProfile": profile})
    central.pass_time(30)
    assert central.statuses() == ["Available", "Preparing", "Available"]
    assert central.point.cabinet.profiles.installed == []


def test_unlocking_ends_the_session_first() -> None:
    central = charging()
    assert central.ask("UnlockConnector", {"connectorId": 1}) == {"status": "Unlocked"}
    central.pass_time(1)
    assert central.of("StopTransaction")[0]["reason"] == "UnlockCommand"
    assert central.ask("UnlockConnector", {"connectorId": 9}) == {"status": "NotSupported"}


# -- availability ---


def test_a_connector_that_charges_goes_out_of_service_after_its_session() -> None:
    central = charging()
    change: Payload = {"connectorId": 1, "type": "Inoperative"}
    assert central.ask("ChangeAvailability", change) == {"status": "Scheduled"}
    assert central.statuses()[-1] == "Charging"
    central.ask("UnlockConnector", {"connectorId": 1})
    central.pass_time(3600)
    assert central.statuses()[-1] == "Unavailable"
    assert central.ask("RemoteStartTransaction", {"idTag": "A"}) == REJECTED
    assert central.ask("ChangeAvailability", {"connectorId": 1, "type": "Operative"}) == ACCEPTED
    central.pass_time(600)
    assert "Charging" in central.statuses()[central.statuses().index("Unavailable") :]


def test_connector_0_is_the_whole_station() -> None:
    central = empty(connectors=2)
    assert central.ask("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}) == ACCEPTED
    central.pass_time(1)
    assert [central.statuses(number)[-1] for number in (0, 1, 2)] == ["Unavailable"] * 3
    central.ask("Reset", {"type": "Hard"})
    central.pass_time(60)
    assert [central.statuses(number)[-1] for number in (0, 1, 2)] == ["Unavailable"] * 3, "it survives"
    assert central.ask("ChangeAvailability", {"connectorId": 0, "type": "Operative"}) == ACCEPTED
    central.pass_time(1)
    assert [central.statuses(number)[-1] for number in (0, 1, 2)] == ["Available"] * 3
    assert central.ask("ChangeAvailability", {"connectorId": 9, "type": "Operative"}) == REJECTED


def test_a_driver_at_a_connector_that_goes_out_of_service_is_turned_away() -> None:
    central = Central()
    central.pass_time(60, until=lambda: "Preparing" in central.statuses())
    change: Payload = {"connectorId": 1, "type": "Inoperative"}
    assert central.ask("ChangeAvailability", change) == {"status": "Scheduled"}
    central.pass_time(60)
    assert central.statuses()[-1] == "Unavailable"
    assert central.of("StartTransaction") == []


# -- triggers ---


@pytest.mark.parametrize("message", get_args(get_type_hints(m.TriggerMessageRequest)["requestedMessage"]))
def test_each_message_can_be_triggered_and_comes_after_the_answer(message: str) -> None:
    central = empty(connectors=2)
    central.said.clear()
    assert central.ask("TriggerMessage", {"requestedMessage": message}) == ACCEPTED
    central.pass_time(1)
    assert central.of(message)


def test_a_trigger_can_name_its_connector() -> None:
    central = empty(connectors=2)
    central.said.clear()
    for message in ("StatusNotification", "MeterValues"):
        assert central.ask("TriggerMessage", {"requestedMessage": message, "connectorId": 2}) == ACCEPTED
    assert [payload["connectorId"] for _, payload in central.said] == [2, 2]
    assert '"Trigger"' in json.dumps(central.of("MeterValues"))
    wanted: Payload = {"requestedMessage": "MeterValues", "connectorId": 3}
    assert central.ask("TriggerMessage", wanted) == REJECTED


# -- the local list ---


def test_the_local_list_is_replaced_amended_and_told_by_its_version() -> None:
    central = empty()
    accepted: Payload = {"idTag": "A", "idTagInfo": {"status": "Accepted"}}
    full: Payload = {"listVersion": 3, "updateType": "Full", "localAuthorizationList": [accepted]}
    assert central.ask("GetLocalListVersion") == {"listVersion": 0}
    assert central.ask("SendLocalList", full) == ACCEPTED
    assert central.ask("GetLocalListVersion") == {"listVersion": 3}
    update = {"listVersion": 3, "updateType": "Differential", "localAuthorizationList": [{"idTag": "a"}]}
    assert central.ask("SendLocalList", update) == {"status": "VersionMismatch"}
    assert central.point.cabinet.allows("a", central.now) is True
    assert central.ask("SendLocalList", update | {"listVersion": 4}) == ACCEPTED
    assert central.point.cabinet.allows("A", central.now) is None
    unfit = full | {"localAuthorizationList": [{"idTag": "B"}]}
    assert central.ask("SendLocalList", unfit) == {"status": "Failed"}
    assert central.ask("SendLocalList", full | {"listVersion": 0}) == {"status": "Failed"}
    many = full | {"localAuthorizationList": [accepted | {"idTag": f"T{n}"} for n in range(501)]}
    assert central.ask("SendLocalList", many) == {"status": "Failed"}
    central.ask("ChangeConfiguration", {"key": "LocalAuthListEnabled", "value": "false"})
    assert central.ask("GetLocalListVersion") == {"listVersion": -1}
    assert central.ask("SendLocalList", full) == {"status": "NotSupported"}


def test_the_cache_is_cleared() -> None:
    central = charging()
    token = central.point.cabinet.report[0].token
    assert central.point.cabinet.allows(token, central.now) is True
    assert central.ask("ClearCache") == ACCEPTED
    assert central.point.cabinet.allows(token, central.now) is None
    central.ask("ChangeConfiguration", {"key": "AuthorizationCacheEnabled", "value": "false"})
    assert central.ask("ClearCache") == REJECTED


# -- reservations ---


def reservation(central: Central, seconds: int = 3600, **members: object) -> Payload:
    expires = iso(central.now + timedelta(seconds=seconds))
    return {"connectorId": 1, "expiryDate": expires, "idTag": "VIP", "reservationId": 5} | members


def test_a_reservation_keeps_the_connector_for_its_token() -> None:
    central = empty()
    assert central.ask("ReserveNow", reservation(central)) == ACCEPTED
    assert central.ask("ReserveNow", reservation(central, reservationId=6)) == {"status": "Occupied"}
    assert central.ask("ReserveNow", reservation(central, idTag="vip2")) == ACCEPTED, "the same one, anew"
    assert central.ask("RemoteStartTransaction", {"idTag": "VIP"}) == REJECTED
    assert central.ask("RemoteStartTransaction", {"idTag": "VIP2"}) == ACCEPTED
    central.pass_time(5)
    assert central.of("StartTransaction")[0]["reservationId"] == 5
    assert central.statuses() == ["Available", "Reserved", "Preparing", "Charging"]


def test_a_reservation_ends_by_itself_by_command_or_where_it_moves_away() -> None:
    central = empty(connectors=2)
    assert central.ask("ReserveNow", reservation(central, seconds=60)) == ACCEPTED
    central.pass_time(61)
    assert central.statuses()[-2:] == ["Reserved", "Available"]
    central.ask("ReserveNow", reservation(central))
    assert central.ask("ReserveNow", reservation(central, connectorId=2)) == ACCEPTED
    assert (central.statuses(1)[-1], central.statuses(2)[-1]) == ("Available", "Reserved")
    assert central.ask("CancelReservation", {"reservationId": 5}) == ACCEPTED
    assert central.statuses(2)[-1] == "Available"
    assert central.ask("CancelReservation", {"reservationId": 5}) == REJECTED


def test_a_reservation_that_cannot_be_is_refused() -> None:
    central = empty(connectors=2)
    assert central.ask("ReserveNow", reservation(central, seconds=-1)) == REJECTED
    assert central.ask("ReserveNow", reservation(central, connectorId=0)) == REJECTED
    central.ask("ChangeAvailability", {"connectorId": 2, "type": "Inoperative"})
    assert central.ask("ReserveNow", reservation(central, connectorId=2)) == {"status": "Unavailable"}


@pytest.mark.parametrize(("parent", "starts"), [("FLEET", True), ("OTHER", False), (None, False)])
def test_a_reservation_of_a_group_is_used_by_its_tokens_alone(parent: str | None, starts: bool) -> None:
    """Who belongs to the group, the central system says: the card is asked for though it could be accepted
    without."""
    central = empty()
    central.ask("ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"})
    info: Payload = {"status": "Accepted"} | ({"parentIdTag": parent} if parent else {})
    central.results["Authorize"] = {"idTagInfo": info}
    assert central.ask("ReserveNow", reservation(central, parentIdTag="FLEET")) == ACCEPTED
    assert central.ask("RemoteStartTransaction", {"idTag": "MEMBER", "connectorId": 1}) == ACCEPTED
    central.pass_time(60)
    assert central.of("Authorize") == [{"idTag": "MEMBER"}]
    if starts:
        assert central.of("StartTransaction")[0]["reservationId"] == 5
    else:
        assert central.of("StartTransaction") == []
        assert central.statuses()[-1] == "Reserved", "it is kept for whom it is meant"
    known = central.ask("RemoteStartTransaction", {"idTag": "MEMBER", "connectorId": 1})
    assert known == REJECTED, "it charges, or is known not to be of the group"


def test_without_a_link_a_member_of_the_group_is_known_by_the_list() -> None:
    central = empty()
    info = {"status": "Accepted", "parentIdTag": "fleet", "expiryDate": iso(central.now + timedelta(hours=1))}
    entries = [
        {"idTag": "MEMBER", "idTagInfo": info},
        {"idTag": "GUEST", "idTagInfo": {"status": "Accepted"}},
    ]
    wanted: Payload = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": entries}
    assert central.ask("SendLocalList", wanted) == ACCEPTED
    assert central.ask("ReserveNow", reservation(central, parentIdTag="FLEET")) == ACCEPTED
    connector = central.point.connectors[0]
    assert (connector.is_free_for("MEMBER"), connector.is_free_for("GUEST")) == (True, False)
    cabinet = central.point.cabinet
    assert cabinet.allows("member", central.now) is True
    assert cabinet.allows("member", central.now + timedelta(hours=1)) is False, "expired"


def test_the_driver_who_reserved_comes() -> None:
    central = Central(tokens=("VIP",))
    central.pass_time(0.1)
    assert central.ask("ReserveNow", reservation(central)) == ACCEPTED
    central.pass_time(60)
    assert central.of("StartTransaction")[0]["reservationId"] == 5


# -- smart charging ---


def limit(
    value: float, unit: str = "A", purpose: str = "TxDefaultProfile", id: int = 1, **members: object
) -> Payload:
    schedule = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": value}],
    }
    return {
        "chargingProfileId": id,
        "stackLevel": 1,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
    } | members


def test_a_limit_limits_at_once_and_its_end_gives_back_what_was_before() -> None:
    central = charging()
    connector = central.point.connectors[0]
    assert connector.battery is not None
    before_w = connector.power_w
    wanted: Payload = {"connectorId": 1, "csChargingProfiles": limit(6.1, purpose="TxProfile")}
    assert central.ask("SetChargingProfile", wanted) == ACCEPTED
    assert connector.power_w == pytest.approx(6.1 * 230 * connector.battery.phases)
    register_wh = connector.meter_wh
    central.pass_time(600)
    assert connector.meter_wh - register_wh == pytest.approx(
        6.1 * 230 * connector.battery.phases / 6, rel=0.05
    )
    wanted["csChargingProfiles"] = limit(0, "W", id=2)
    assert central.ask("SetChargingProfile", wanted) == ACCEPTED
    assert connector.power_w > 0, "the profile of the transaction comes first"
    assert central.ask("ClearChargingProfile", {"chargingProfilePurpose": "TxProfile"}) == ACCEPTED
    assert (connector.power_w, connector.status) == (0.0, "SuspendedEVSE")
    assert central.ask("ClearChargingProfile") == ACCEPTED
    assert connector.power_w == pytest.approx(before_w, rel=0.3)
    assert central.ask("ClearChargingProfile") == {"status": "Unknown"}


def test_a_limit_of_the_station_is_shared_by_what_charges() -> None:
    central = empty(connectors=2)
    for number in (1, 2):
        central.ask("RemoteStartTransaction", {"idTag": f"T{number}", "connectorId": number})
    central.pass_time(60)
    wanted = {"connectorId": 0, "csChargingProfiles": limit(9000, "W", "ChargePointMaxProfile")}
    assert central.ask("SetChargingProfile", wanted) == ACCEPTED
    powers = [each.power_w for each in central.point.connectors]
    assert max(powers) <= 4500
    assert sum(powers) > 4500
    central.ask("UnlockConnector", {"connectorId": 1})
    central.pass_time(60)
    assert 4500 < central.point.connectors[1].power_w <= 9000 or (
        central.point.connectors[1].battery is not None
        and central.point.connectors[1].power_w <= central.point.connectors[1].battery.max_w
    )


def test_a_profile_that_comes_with_a_remote_start_limits_its_session_alone() -> None:
    central = empty()
    profile = limit(5000, "W", "TxProfile")
    wanted: Payload = {"idTag": "A", "connectorId": 1, "chargingProfile": profile}
    for unfit in ({"chargingProfilePurpose": "TxDefaultProfile"}, {"transactionId": 1}):
        assert (
            central.ask("RemoteStartTransaction", wanted | {"chargingProfile": profile | unfit}) == REJECTED
        )
    assert central.ask("RemoteStartTransaction", wanted) == ACCEPTED
    central.pass_time(30)
    assert 0 < central.point.connectors[0].power_w <= 5000
    central.ask("UnlockConnector", {"connectorId": 1})
    assert central.point.cabinet.profiles.installed == []


def test_the_composite_schedule_says_what_holds() -> None:
    central = charging()
    wanted: Payload = {"connectorId": 1, "csChargingProfiles": limit(8.1)}
    central.ask("SetChargingProfile", wanted)
    found = central.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 600})
    schedule = cast(dict[str, object], found["chargingSchedule"])
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 8.1}]
    assert (schedule["chargingRateUnit"], schedule["duration"]) == ("A", 600)
    whole = central.ask("GetCompositeSchedule", {"connectorId": 0, "duration": 60, "chargingRateUnit": "W"})
    assert '"limit": 22080' in json.dumps(whole)
    assert central.ask("GetCompositeSchedule", {"connectorId": 7, "duration": 60}) == REJECTED
    assert central.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 0}) == REJECTED


# -- the rest ---


def test_data_of_our_vendor_comes_back_and_others_are_unknown() -> None:
    central = empty()
    ours = {"vendorId": "EVSYS", "messageId": "echo", "data": "x"}
    assert central.ask("DataTransfer", ours) == {"status": "Accepted", "data": "x"}
    assert central.ask("DataTransfer", {"vendorId": "Other"}) == {"status": "UnknownVendorId"}
    assert central.of("DataTransfer") == []
    central.ask("DataTransfer", ours | {"messageId": "Say"})
    assert central.of("DataTransfer") == [{"vendorId": "EVSYS", "data": "x"}]


VALID = [
    record
    for record in json.loads((Path(__file__).parent.parent / "vectors" / "valid_16.json").read_text())
    if record["kind"] == "request" and m.ACTIONS[record["action"]].sender != "station"
]


@pytest.mark.parametrize("record", VALID, ids=lambda each: each["id"])
def test_every_valid_request_of_a_central_system_is_answered(record: dict[str, str]) -> None:
    """`call` holds the answer against its schema."""
    _, _, action, payload = json.loads(record["frame"])
    assert empty().call(action, payload)[0] == 3


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("MakeCoffee", {}, "NotImplemented"),
        ("GetLog", {}, "OccurenceConstraintViolation"),
        ("StartTransaction", {}, "NotSupported"),
        ("Reset", {"type": "Maybe"}, "PropertyConstraintViolation"),
        ("Reset", {}, "OccurenceConstraintViolation"),
        ("Reset", {"type": "Hard", "now": True}, "FormationViolation"),
        ("UnlockConnector", {"connectorId": "one"}, "TypeConstraintViolation"),
        ("ClearCache", [], "FormationViolation"),
    ],
)
def test_what_is_not_known_or_broken_is_refused_with_its_code(
    action: str, payload: object, code: str
) -> None:
    answered = empty().call(action, payload)
    assert answered[0] == 4
    assert answered[2] == code


JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_every_call_is_answered_by_its_schema_or_refused(data: st.DataObject) -> None:
    """Whatever comes under the name of an action: `call` holds each answer against its schema."""
    action = data.draw(
        st.sampled_from([name for name, each in m.ACTIONS.items() if each.sender != "station"])
    )
    members = list(m.ACTIONS[action].request.__struct_fields__)
    words = st.sampled_from(["Hard", "Full", "Operative", "Heartbeat", "A", "2026-06-01T12:00:00Z", 1, 0, 60])
    payload = data.draw(st.dictionaries(st.sampled_from([*members, "x"]), words | JUNK, max_size=6))
    central = empty()
    assert central.call(action, payload)[0] in (3, 4)
    central.pass_time(30)
