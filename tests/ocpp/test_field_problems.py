"""Field problems of charge points that meet the core and the dialect, one test each, by their numbers in the
collection that the product started from (steve, HA = lbbrhzn/ocpp, evcc … name the threads)."""

import json

import pytest

from evsys.core.commands import GetCompositeSchedule, GetVariables, SetVariable, SetVariables
from evsys.core.facts import Policy
from evsys.core.records import Transaction
from evsys.core.transactions import close
from evsys.ocpp.rpc import Call, CallResult, Conversation, Ignored
from evsys.ocpp.v16 import V16
from kit.clock import NOON
from kit.desk import Desk
from kit.performing import perform

AT = "2026-06-01T12:00:00Z"
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}


def start(desk: Desk, **members: object) -> int:
    message = {"connectorId": 1, "idTag": "CARD", "meterStart": 1000, "timestamp": AT, **members}
    number = desk.call("StartTransaction", message)["transactionId"]
    assert isinstance(number, int)
    return number


def stop(desk: Desk, number: int, **members: object) -> dict[str, object]:
    message = {"meterStop": 4200, "timestamp": "2026-06-01T13:00:00Z", "transactionId": number, **members}
    return desk.call("StopTransaction", message)


def measure(desk: Desk, value: str, number: int | None = None, at: str = "2026-06-01T12:30:00Z") -> None:
    values = [{"timestamp": at, "sampledValue": [{"value": value}]}]
    message: dict[str, object] = {"connectorId": 1, "meterValue": values}
    desk.call("MeterValues", message if number is None else {**message, "transactionId": number})


def stored(desk: Desk, number: int) -> Transaction:
    return next(each for each in desk.disk.transactions() if each.number == number)


def test_01_a_retried_start_gets_the_same_id():
    """steve #955, #1294, #1295; libocpp PR #688."""
    desk = Desk()
    first = start(desk)
    desk.restart()
    assert [start(desk), start(desk)] == [first, first]
    assert len(desk.disk.transactions()) == 1


def test_02_no_concurrent_tx_on_ones_own_retry_or_for_a_zombie_on_the_same_connector():
    """steve #141, #217, #1364, #1478; citrineos-core PR #575."""
    desk = Desk(Policy())
    desk.token("CARD")
    for timestamp in (AT, AT, "2026-06-01T14:00:00Z"):
        message = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": timestamp}
        assert desk.call("StartTransaction", message)["idTagInfo"] == {"status": "Accepted"}


def test_03_an_offline_session_with_an_unknown_card_is_taken_and_has_an_id():
    """steve #25, #134: a refused start makes the charger loop for ever."""
    desk = Desk(Policy())
    number = start(desk, idTag="NOBODY")
    assert stored(desk, number).authorization == "Invalid"


def test_04_a_stop_for_an_unknown_session_is_acknowledged():
    """steve #156; ConnectorIO PR #199."""
    desk = Desk()
    assert stop(desk, 4711) == {}
    assert len(desk.disk.quarantine()) == 1


@pytest.mark.parametrize("number", [-1, 0])
def test_05_transaction_id_minus_one_or_zero_after_an_offline_start(number):
    """libocpp #495; mobilityhouse #478; steve #2058."""
    desk = Desk()
    begun = start(desk)
    measure(desk, "3000", number)
    stop(desk, number, idTag="CARD")
    assert stored(desk, begun).energy_wh == 3200
    assert desk.disk.meter_values()[0].transaction_id == str(begun)


def test_06_meter_values_without_a_transaction_id_belong_to_the_session():
    """citrineos-core PR #1025."""
    desk = Desk()
    number = start(desk)
    measure(desk, "3000")
    assert desk.disk.meter_values()[0].transaction_id == str(number)


def test_07_meter_values_after_the_stop_neither_vanish_nor_revive_the_session():
    """HA PR #2075."""
    desk = Desk()
    number = start(desk)
    stop(desk, number)
    measure(desk, "4200", number)
    assert desk.disk.meter_values()[0].transaction_id == str(number)
    assert stored(desk, number).ended_at is not None


def test_08_a_retried_stop_is_not_counted_twice():
    """citrineos-core PR #880; steve #955; libocpp #907."""
    desk = Desk()
    number = start(desk)
    for _ in range(3):
        stop(desk, number)
    assert stored(desk, number).energy_wh == 3200
    assert [type(each).__name__ for each in desk.events].count("TransactionEnded") == 1


@pytest.mark.parametrize("meter_stop", [-1, 99_000, 101_999])
def test_09_a_meter_stop_of_minus_one_below_the_start_or_off_by_a_watt_hour(meter_stop):
    """ocpp-go PR #114; HA #1069, #1810."""
    desk = Desk()
    number = start(desk, meterStart=100_000)
    measure(desk, "102000")
    stop(desk, number, meterStop=meter_stop)
    energy = stored(desk, number).energy_wh
    assert energy in (2000, 1999)


def test_10_registers_that_restart_at_zero():
    """Java-OCA-OCPP #331; steve #1264."""
    desk = Desk()
    number = start(desk, meterStart=50_000)
    measure(desk, "51000")
    measure(desk, "200", at="2026-06-01T12:40:00Z")
    stop(desk, number, meterStop=500)
    assert stored(desk, number).energy_wh == 1500


def test_11_a_manual_stop_of_a_zombie_is_replaced_by_the_late_one():
    """steve #235, #292, #816."""
    desk = Desk()
    number = start(desk)
    zombie = stored(desk, number)
    desk.turn(lambda turn: close(turn.work, turn.station, zombie, turn.now, "operator"))
    assert stored(desk, number).ended_by == "operator"
    stop(desk, number)
    assert (stored(desk, number).ended_by, stored(desk, number).energy_wh) == ("station", 3200)


@pytest.mark.parametrize(
    "timestamp", ["2026-06-01T12:00:00", "2026-06-01T14:00:00+02", "", "1970-01-01T00:00:00Z", "yesterday"]
)
def test_13_timestamps_without_zone_with_offset_empty_or_1970(timestamp):
    """evcc #10399; ocpp-go #237; monta emulator #5; MicroOcpp #354."""
    desk = Desk()
    assert stored(desk, start(desk, timestamp=timestamp)).started_at == NOON


def test_13_the_reply_has_z_and_no_microseconds():
    """libocpp #808; HA #512."""
    desk = Desk()
    desk.clock.step(0.123456)
    assert desk.call("Heartbeat", {}) == {"currentTime": AT}


@pytest.mark.parametrize(
    ("action", "message"),
    [
        ("BootNotification", {**BOOT, "firmwareVersion": "1" * 80, "chargePointSerialNumber": "2" * 26}),
        ("StatusNotification", {**STATUS, "vendorErrorCode": "0x" + "F" * 60}),
        ("Authorize", {"idTag": "A" * 32}),
    ],
)
def test_14_over_long_fields_do_not_kill_a_boot_or_a_status(action, message):
    """HA #987, #1155, #1622, #1803, #2030; mobilityhouse #122, #128, #273."""
    desk = Desk()
    desk.call(action, message)
    assert desk.quirks == ["too_long"]


def test_15_empty_required_strings():
    """evcc #32170."""
    answer = Desk().call("BootNotification", {"chargePointVendor": "", "chargePointModel": ""})
    assert answer["status"] == "Accepted"


def test_16_values_outside_enums():
    """HA #1248, #1311."""
    desk = Desk()
    assert desk.call("StatusNotification", {**STATUS, "errorCode": "Error"}) == {}
    sample = {"value": "5", "measurand": "Curent.Import", "phase": "N"}
    value = {"timestamp": AT, "sampledValue": [sample]}
    assert desk.call("MeterValues", {"connectorId": 1, "meterValue": [value]}) == {}
    assert json.loads(bytes(desk.disk.meter_values()[0].rest)) == [sample]


def test_17_units_and_phases():
    """HA #19, #1217, #1311, PR #1925: kW, a missing unit, energy per phase only, currents labelled L1-N."""
    desk = Desk()
    samples = [
        {"value": "7.4", "measurand": "Power.Active.Import", "unit": "kW"},
        {"value": "16", "measurand": "Current.Import", "phase": "L1-N"},
        {"value": "100", "phase": "L1"},
        {"value": "200", "phase": "L2"},
    ]
    desk.call("MeterValues", {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": samples}]})
    (value,) = desk.disk.meter_values()
    assert (value.power_w, value.current_l1_a, value.energy_wh) == (7400, 16, 300)


@pytest.mark.parametrize(
    "frame",
    [b"", b'[3,"x",{"a":', b'[2,"m","Heartbeat",{}]garbage', b'[1,"m","Heartbeat",{}]', b"\x00"],
)
def test_18_broken_json_extra_bytes_and_odd_message_types_do_not_end_the_conversation(frame):
    """HA #176, #442, #1078; steve #66, #916."""
    conversation = Conversation("ocpp1.6")
    conversation.receive(frame)
    assert isinstance(conversation.receive(b'[2,"m","Heartbeat",{}]'), Call)


def test_18_a_null_payload_is_an_empty_one():
    assert "currentTime" in Desk().call("Heartbeat", None)


def test_19_a_message_id_that_is_used_again_is_no_repeat():
    """libocpp PR #298; citrineos #212: chargers count from 1 after each boot."""
    conversation, desk = Conversation("ocpp1.6"), Desk()
    numbers = set()
    for connector in (1, 2):
        start_frame = json.dumps(
            [
                2,
                "1",
                "StartTransaction",
                {"connectorId": connector, "idTag": "A", "meterStart": 0, "timestamp": AT},
            ]
        )
        call = conversation.receive(start_frame.encode())
        assert isinstance(call, Call)
        numbers.add(
            desk.turn(lambda turn, call=call: V16.answer(turn, call.action, call.payload)).transactionId
        )
    assert len(numbers) == 2


def test_20_a_limit_of_8_1_ampere_is_valid_and_goes_out_as_8_1():
    """citrineos-core PR #959: `multipleOf 0.1` in floating point refuses it. See smart charging."""
    answer = {
        "status": "Accepted",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}],
        },
    }
    outcome, _ = perform(GetCompositeSchedule(evse_id=1, duration_s=60), answer)
    assert b'"limit": 8.1' in bytes(outcome.detail)


def test_21_a_vendors_data_transfer_is_answered_sensibly():
    desk = Desk(Policy(data_transfer_vendors=("de.keba",)))
    assert desk.call("DataTransfer", {"vendorId": "de.KEBA", "data": "x"}) == {"status": "Accepted"}
    assert desk.call("DataTransfer", {"vendorId": "other"}) == {"status": "UnknownVendorId"}


def test_27_a_station_that_reconnects_without_a_boot_is_heard():
    """HA #1529; evcc PR #4567."""
    desk = Desk()
    desk.restart()
    assert desk.call("StatusNotification", STATUS) == {}


def test_31_a_slow_answer_is_recognised_after_its_time():
    """evcc #15874, #26837, #32039."""
    conversation = Conversation("ocpp1.6")
    id, _ = conversation.call("UnlockConnector", b'{"connectorId":1}')
    conversation.give_up()
    late = conversation.receive(json.dumps([3, id, {"status": "Unlocked"}]).encode())
    assert isinstance(late, CallResult)
    assert late.late
    assert isinstance(conversation.receive(b'[3,"nobody",{}]'), Ignored)


def test_32_the_limits_of_get_configuration():
    """evcc #15869; ocpp-go #285; HA #1265: no empty list is sent, and long values are read."""
    answer = {"configurationKey": [{"key": "K", "readonly": False, "value": "x" * 2000}], "unknownKey": None}
    outcome, said = perform(GetVariables(), answer)
    assert said == [("GetConfiguration", {})]
    assert outcome.accepted


def test_32_a_misspelled_reboot_required_is_a_yes():
    command = SetVariables(variables=(SetVariable(name="A", value="1"),))
    assert perform(command, {"status": "Reboot Required"})[0].accepted
