"""Each workaround does something: what is said to a station and what is read of it, with it and without."""

import json
from decimal import Decimal
from pathlib import Path
from typing import get_type_hints

import pytest

from evsys.core.commands import (
    AssertMetering,
    ChargingProfile,
    ChargingSchedule,
    ChargingSchedulePeriod,
    GetVariables,
    RequestStartTransaction,
    SetChargingProfile,
    SetVariable,
    SetVariables,
    TriggerMessage,
)
from evsys.core.errors import BadCommand
from evsys.core.workarounds import Workarounds
from evsys.ocpp.rpc import Call, Conversation, Refused
from evsys.ocpp.v16.provisioning import STANDARD_KEYS
from kit.desk import Desk
from kit.performing import perform

AT = "2026-06-01T12:00:00Z"
ACCEPTED = {"status": "Accepted"}


def desk(**needs: object) -> Desk:
    made = Desk()
    made.station.workarounds = Workarounds(**needs)  # type: ignore[arg-type]
    return made


def keys(*names: str, value: str = "1") -> dict[str, object]:
    return {"configurationKey": [{"key": name, "readonly": False, "value": value} for name in names]}


def test_never_trigger() -> None:
    needs = desk(never_trigger=("BootNotification",))
    with pytest.raises(BadCommand, match="never triggered"):
        perform(TriggerMessage(message="BootNotification"), desk=needs)
    assert perform(TriggerMessage(message="Heartbeat"), ACCEPTED, desk=needs)[0].accepted


def test_four_keys_per_get_configuration() -> None:
    names = tuple("ABCDEF")
    first, rest = keys(*"ABCD"), {**keys("E"), "unknownKey": ["F"]}
    outcome, said = perform(
        GetVariables(names=names), first, rest, desk=desk(configuration_keys_per_request=4)
    )
    assert [payload["key"] for _, payload in said] == [list("ABCD"), list("EF")]  # type: ignore[index]
    whole = json.loads(bytes(outcome.detail))
    assert [each["key"] for each in whole["configurationKey"]] == list("ABCDE")
    assert whole["unknownKey"] == ["F"]


def test_a_configuration_that_is_told_by_name_alone() -> None:
    _, said = perform(GetVariables(), keys("A"), desk=desk(configuration_by_name=True))
    assert said == [("GetConfiguration", {"key": list(STANDARD_KEYS)})]


def test_the_metering_is_asked_for_in_pieces_too() -> None:
    has = keys("MeterValuesSampledData", value="Energy.Active.Import.Register")
    _, said = perform(
        AssertMetering(measurands=("Energy.Active.Import.Register",), sample_interval_s=60),
        has,
        keys("MeterValueSampleInterval", value="60"),
        desk=desk(configuration_keys_per_request=1),
    )
    assert len(said) == 2


def test_the_smallest_sample_interval() -> None:
    command = AssertMetering(sample_interval_s=10)
    interval = keys("MeterValueSampleInterval", value="60")
    assert len(perform(command, interval, desk=desk(min_sample_interval_s=60))[1]) == 1
    _, said = perform(command, interval, ACCEPTED, desk=desk(min_sample_interval_s=30))
    assert said[-1][1] == {"key": "MeterValueSampleInterval", "value": "30"}


@pytest.mark.parametrize(("has", "word"), [("5", "Accepted"), ("1", "Ignored")])
def test_a_value_that_was_accepted_is_read_again(has: str, word: str) -> None:
    command = SetVariables(variables=(SetVariable(name="A", value="5"),))
    outcome, _ = perform(command, ACCEPTED, keys("a", value=has), desk=desk(read_back=True))
    assert (outcome.status, outcome.accepted) == (word, word == "Accepted")


def test_remote_tags_are_upper_case_hex() -> None:
    needs = desk(hex_id_tags=True)
    _, said = perform(RequestStartTransaction(id_token="ab12"), ACCEPTED, desk=needs)
    assert said[0][1] == {"idTag": "AB12"}
    with pytest.raises(BadCommand, match="hexadecimal"):
        perform(RequestStartTransaction(id_token="card"), desk=needs)


@pytest.mark.parametrize(
    ("how", "given", "named"), [("required", None, 1), ("required", 2, 2), ("refused", 2, None), (None, 2, 2)]
)
def test_the_connector_of_a_remote_start(how: str | None, given: int | None, named: int | None) -> None:
    command = RequestStartTransaction(id_token="A", evse_id=given)
    _, said = perform(command, ACCEPTED, desk=desk(remote_start_connector=how))
    assert said[0][1].get("connectorId") == named  # type: ignore[attr-defined]


def profile(*limits: str, purpose: str = "TxDefaultProfile") -> SetChargingProfile:
    periods = tuple(
        ChargingSchedulePeriod(start_period=60 * n, limit=Decimal(limit)) for n, limit in enumerate(limits)
    )
    return SetChargingProfile(
        evse_id=0,
        profile=ChargingProfile(
            id=1,
            stack_level=5,
            purpose=purpose,  # type: ignore[arg-type]
            kind="Absolute",
            schedule=ChargingSchedule(charging_rate_unit="A", periods=periods),
        ),
    )


def sent(command: SetChargingProfile, needs: Desk) -> dict[str, object]:
    _, said = perform(command, ACCEPTED, desk=needs)
    return said[0][1]["csChargingProfiles"]  # type: ignore[index,no-any-return]


def test_the_only_stack_level() -> None:
    assert sent(profile("16"), desk(stack_level=0))["stackLevel"] == 0
    assert sent(profile("16"), desk())["stackLevel"] == 5


def test_currents_in_steps_are_rounded_down() -> None:
    schedule = sent(profile("15.9", "32", "5"), desk(current_steps_a=(6, 10, 16)))["chargingSchedule"]
    periods = schedule["chargingSchedulePeriod"]  # type: ignore[index]
    assert [each["limit"] for each in periods] == [10, 16, 0]


def test_a_limit_of_zero_is_not_sent_where_it_means_none() -> None:
    with pytest.raises(BadCommand, match="takes 0 as no limit"):
        sent(profile("0"), desk(zero_is_unlimited=True))
    with pytest.raises(BadCommand, match="takes 0 as no limit"):
        sent(profile("5"), desk(zero_is_unlimited=True, current_steps_a=(6, 10)))
    assert sent(profile("0"), desk())["stackLevel"] == 5


def test_a_limit_of_the_station_is_said_as_the_default_of_its_transactions() -> None:
    command = profile("16", purpose="ChargingStationMaxProfile")
    assert sent(command, desk(no_station_limit=True))["chargingProfilePurpose"] == "TxDefaultProfile"
    assert sent(command, desk())["chargingProfilePurpose"] == "ChargePointMaxProfile"


def start(at: Desk, **members: object) -> None:
    at.call(
        "StartTransaction",
        {"connectorId": 1, "idTag": "CARD_77", "meterStart": 5, "timestamp": AT, **members},
    )


def test_what_a_station_appends_to_a_token_is_cut() -> None:
    needs = desk(id_tag_suffix="_")
    start(needs)
    needs.call("Authorize", {"idTag": "CARD_77"})
    number = needs.disk.transactions()[0].number
    stop = {"meterStop": 9, "timestamp": AT, "transactionId": number, "idTag": "CARD_77"}
    needs.call("StopTransaction", stop)
    (session,) = needs.disk.transactions()
    assert (session.id_token, session.stop_id_token) == ("CARD", "CARD")
    assert [str(each) for each in needs.disk.table(type(needs.token("X")))] == ["CARD", "X"]


def test_registers_in_kilowatt_hours() -> None:
    needs = desk(energy_factor=1000.0)
    start(needs)
    number = needs.disk.transactions()[0].number
    values = [{"timestamp": AT, "sampledValue": [{"value": "7.5"}, {"value": "3", "measurand": "SoC"}]}]
    needs.call("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": values})
    needs.call("StopTransaction", {"meterStop": 9, "timestamp": AT, "transactionId": number})
    (value,), (session,) = needs.disk.meter_values(), needs.disk.transactions()
    assert (value.energy_wh, value.soc_percent) == (7500, 3)
    assert (session.meter_start_wh, session.energy_wh) == (5000, 4000)


def test_times_without_a_zone_are_the_stations_own() -> None:
    needs = desk(time_zone="Europe/Madrid")
    start(needs, timestamp="2026-06-01T14:00:00")
    assert needs.disk.transactions()[0].started_at.isoformat() == "2026-06-01T12:00:00+00:00"
    start(needs, timestamp="2026-06-01T12:30:00Z", connectorId=2)
    assert needs.disk.transactions()[1].started_at.isoformat() == "2026-06-01T12:30:00+00:00"


@pytest.mark.parametrize(
    ("broken", "payload"),
    [
        (
            '[2,"m","StopTransaction",{"transactionId":,"meterStop":5}]',
            {"transactionId": None, "meterStop": 5},
        ),
        ('[2,"m","StopTransaction",{"meterStop":5,"reason":}]', {"meterStop": 5, "reason": None}),
        ('[2,"m","MeterValues",{"meterValue":[,{"a":",:}"}],}]', {"meterValue": [{"a": ",:}"}]}),
        ('[2,"m","MeterValues",{"meterValue":[{},,{}]}]', {"meterValue": [{}, {}]}),
    ],
)
def test_json_is_mended_where_the_model_is_known_for_it(broken: str, payload: object) -> None:
    conversation = Conversation("ocpp1.6")
    assert isinstance(conversation.receive(broken.encode()), Refused)
    conversation.mends = True
    call = conversation.receive(broken.encode())
    assert isinstance(call, Call)
    assert (call.id, call.quirk, json.loads(bytes(call.payload))) == ("m", "broken_json", payload)


@pytest.mark.parametrize("hopeless", ['[2,"m","Heartbeat",{', '[2,"m","Heartbeat",{"a" "b"}]', '[2,"m","x'])
def test_what_cannot_be_mended_is_refused_as_before(hopeless: str) -> None:
    conversation = Conversation("ocpp1.6")
    conversation.mends = True
    assert not isinstance(conversation.receive(hopeless.encode()), Call)


def test_every_workaround_is_tried_here_or_where_stations_run() -> None:
    elsewhere = {"keep_configuration", "operative_after_boot", "call_timeout_s", "mend_json"}
    text = Path(__file__).read_text()
    missing = [name for name in get_type_hints(Workarounds) if f"{name}=" not in text]
    assert set(missing) == elsewhere
