"""The slow road: what each fault means, and the name of its repair."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from msgspec import UNSET

from evsys.ocpp.errors import Refusal
from evsys.ocpp.lenient import MAX_INTEGER, MAX_TEXT_CHARS, MAX_TOKEN_CHARS, NotText, decoder, repair
from evsys.ocpp.v16 import messages as m

Boot, Start, Status = m.BootNotificationRequest, m.StartTransactionRequest, m.StatusNotificationRequest
START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-03-01T10:15:30Z"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


def read(kind, payload, **options):  # type: ignore[no-untyped-def]
    return repair(kind, json.dumps(payload).encode(), **options)


def values(**members: object) -> dict[str, object]:
    sample = {"value": "1", **members}
    return {"connectorId": 1, "meterValue": [{"timestamp": START["timestamp"], "sampledValue": [sample]}]}


def test_a_message_that_is_right_comes_out_unchanged_with_no_repair():
    for kind, payload in ((Start, START), (m.MeterValuesRequest, values())):
        repaired, quirks = read(kind, payload, strict=True)
        assert repaired == decoder(kind).decode(json.dumps(payload))
        assert quirks == []


@pytest.mark.parametrize(
    ("kind", "payload", "member", "value", "quirk"),
    [
        (Status, {**STATUS, "info": None}, "info", UNSET, "null_member"),
        (Status, {**STATUS, "connectorId": "1"}, "connectorId", 1, "string_as_number"),
        (Status, {**STATUS, "connectorId": "1.0"}, "connectorId", 1, "string_as_number"),
        (Status, {**STATUS, "errorCode": "Error"}, "errorCode", "Error", "unknown_enum"),
        (Status, {**STATUS, "status": "available"}, "status", "Available", "enum_spelling"),
        (Status, {**STATUS, "vendorErrorCode": "x" * 62}, "vendorErrorCode", "x" * 62, "too_long"),
        (Status, {**STATUS, "timestamp": ""}, "timestamp", UNSET, "timestamp_unreadable"),
        (Status, {**STATUS, "timestamp": 5}, "timestamp", UNSET, "timestamp_unreadable"),
        (Status, {"connectorId": 1, "status": "Available"}, "errorCode", UNSET, "missing_member"),
        (Boot, {**BOOT, "chargePointVendor": 17}, "chargePointVendor", "17", "number_as_string"),
        (Boot, {**BOOT, "wifi": 1}, "chargePointVendor", "V", "unknown_member"),
        (Start, {**START, "meterStart": 1000.7}, "meterStart", 1001, "fraction_rounded"),
        (Start, {**START, "idTag": None}, "idTag", UNSET, "null_member"),
        (m.DataTransferRequest, {"vendorId": "v", "data": {"a": [1]}}, "data", '{"a":[1]}', "object_as_text"),
        (m.HeartbeatRequest, None, None, None, "null_payload"),
    ],
)  # fmt: skip
def test_a_fault_is_repaired_or_in_strict_conformance_refused(kind, payload, member, value, quirk):
    repaired, quirks = read(kind, payload)
    assert quirk in quirks
    assert member is None or getattr(repaired, member) == value
    with pytest.raises(Refusal):
        read(kind, payload, strict=True)


@pytest.mark.parametrize(
    ("text", "quirk"),
    [
        ("2026-03-01T10:15:30", "timestamp_without_zone"),
        ("2026-03-01T12:15:30+02", "timestamp_form"),
    ],
)
def test_a_time_is_read_as_the_field_writes_it(text, quirk):
    repaired, quirks = read(Start, {**START, "timestamp": text})
    assert repaired.timestamp == datetime(2026, 3, 1, 10, 15, 30, tzinfo=UTC)
    assert quirks == [quirk]


@pytest.mark.parametrize(
    ("payload", "quirk"),
    [
        ({"connectorId": 1, "meterValue": values()["meterValue"][0]}, "object_for_list"),  # type: ignore[index]
        (values(value=230.1), "number_as_string"),
        (values(measurand="Energy.Activ.Import"), "unknown_enum"),
        (values(unit="kwh"), "enum_spelling"),
        ({"connectorId": 1, "meterValue": [{"timestamp": "", "sampledValue": []}]}, "timestamp_unreadable"),
    ],
)
def test_meter_values_are_not_refused_for_their_content(payload, quirk):
    assert quirk in read(m.MeterValuesRequest, payload)[1]


def test_a_sample_that_cannot_be_read_is_left_out_and_the_others_stay():
    """One bad sample must not cost a session its readings, or a stop its confirmation."""
    payload = values()
    payload["meterValue"][0]["sampledValue"] += [{"unit": "W"}, None, {"value": ["x"]}]  # type: ignore[index]
    repaired, quirks = read(m.MeterValuesRequest, payload)
    assert [each.value for each in repaired.meterValue[0].sampledValue] == ["1"]
    assert quirks == ["item_dropped"]
    with pytest.raises(Refusal):
        read(m.MeterValuesRequest, payload, strict=True)


@pytest.mark.parametrize(
    ("kind", "payload", "code"),
    [
        (Boot, {"chargePointModel": "M"}, "OccurrenceConstraintViolation"),
        (Boot, [], "FormatViolation"),
        (Boot, {**BOOT, "chargePointVendor": ["V"]}, "TypeConstraintViolation"),
        (Boot, {**BOOT, "chargePointVendor": True}, "TypeConstraintViolation"),
        (m.AuthorizeRequest, {"idTag": None}, "TypeConstraintViolation"),
        (m.AuthorizeRequest, {"idTag": "A" * (MAX_TOKEN_CHARS + 1)}, "PropertyConstraintViolation"),
        (Boot, {**BOOT, "iccid": "1" * (MAX_TEXT_CHARS + 1)}, "PropertyConstraintViolation"),
        (Status, {**STATUS, "connectorId": True}, "TypeConstraintViolation"),
        (Status, {**STATUS, "connectorId": "one"}, "TypeConstraintViolation"),
        (Status, {**STATUS, "connectorId": 1.5}, "TypeConstraintViolation"),
        (Status, {**STATUS, "connectorId": MAX_INTEGER + 1}, "PropertyConstraintViolation"),
        (Status, {**STATUS, "connectorId": "1.e999"}, "TypeConstraintViolation"),
        (Status, {**STATUS, "status": 7}, "TypeConstraintViolation"),
        (Status, {**STATUS, "status": "x" * 2000}, "PropertyConstraintViolation"),
        (m.MeterValuesRequest, {"connectorId": 1, "meterValue": "x"}, "TypeConstraintViolation"),
        (m.DataTransferRequest, {"vendorId": {"a": 1}}, "TypeConstraintViolation"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_refused_with_the_code_of_the_fault(kind, payload, code):
    with pytest.raises(Refusal) as refused:
        read(kind, payload)
    assert refused.value.code in (code, "PropertyConstraintViolation")


def test_a_time_that_is_needed_and_cannot_be_read_is_refused():
    reserve = {"connectorId": 1, "expiryDate": "soon", "idTag": "A", "reservationId": 1}
    with pytest.raises(Refusal, match="expiryDate cannot be read"):
        read(m.ReserveNowRequest, reserve)


def test_vendor_data_may_be_as_long_as_a_frame():
    data = "x" * 100_000
    assert read(m.DataTransferRequest, {"vendorId": "v", "data": data, "x": 1})[0].data == data


def test_text_that_is_no_json_or_no_utf8_is_told_apart():
    with pytest.raises(Refusal):
        repair(m.AuthorizeRequest, b'{"idTag":}')
    with pytest.raises(Refusal):
        repair(m.AuthorizeRequest, rb'{"idTag":"\ud800"}')
    with pytest.raises(Refusal):
        repair(Start, b'{"connectorId":' + b"9" * 4400 + b"}")
    with pytest.raises(Refusal, match="nested"):
        repair(m.AuthorizeRequest, b'{"idTag":' + b"[" * 100_000)
    with pytest.raises(NotText):
        repair(m.AuthorizeRequest, b'{"idTag":"\xff"}')


# -- answers ---


def schedule(limit: object) -> dict[str, object]:
    periods = [{"startPeriod": 0, "limit": limit}]
    return {
        "status": "Accepted",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
    }


@pytest.mark.parametrize(
    ("limit", "read_as"), [(8.1, "8.1"), (16.04, "16.0"), ("16", "16"), (16, "16"), (0, "0")]
)
def test_a_limit_is_read_as_a_decimal(limit, read_as):
    """A binary check of multipleOf 0.1 would refuse 8.1 A."""
    answer, _ = read(m.GetCompositeScheduleResponse, schedule(limit), answer=True)
    assert answer.chargingSchedule.chargingSchedulePeriod[0].limit == Decimal(read_as)


@pytest.mark.parametrize("limit", [True, "NaN", "Infinity", "lots", None])
def test_a_limit_that_is_no_number_is_refused(limit):
    with pytest.raises(Refusal):
        read(m.GetCompositeScheduleResponse, schedule(limit), answer=True)


@pytest.mark.parametrize(("word", "value"), [("true", True), ("False", False), (1, True), (0, False)])
def test_a_boolean_is_read_from_text(word, value):
    keys = {"configurationKey": [{"key": "A", "readonly": word}]}
    answer, quirks = read(m.GetConfigurationResponse, keys, answer=True)
    assert answer.configurationKey[0].readonly is value
    assert quirks == ["text_as_boolean"]


def test_a_boolean_that_is_none_is_refused():
    keys = {"configurationKey": [{"key": "A", "readonly": "maybe"}]}
    with pytest.raises(Refusal):
        read(m.GetConfigurationResponse, keys, answer=True)


def test_in_an_answer_an_unknown_status_is_a_failure_and_a_misspelled_one_is_not():
    assert read(m.ChangeConfigurationResponse, {"status": "Reboot Required"}, answer=True)[0].status == (
        "RebootRequired"
    )
    assert read(m.TriggerMessageResponse, {"status": "NotSupported"}, answer=True)[0].status == (
        "NotImplemented"
    )
    with pytest.raises(Refusal):
        read(m.ResetResponse, {"status": "OK"}, answer=True)


def test_a_value_of_a_configuration_key_may_be_longer_than_500_characters():
    keys = {"configurationKey": [{"key": "A", "readonly": False, "value": "x" * 5000}]}
    answer, quirks = read(m.GetConfigurationResponse, keys, answer=True)
    assert len(answer.configurationKey[0].value) == 5000
    assert quirks == ["too_long"]
    assert msgspec.json.encode(answer)
