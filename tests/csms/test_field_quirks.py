"""Quirks of charge points in the field that meet a running station, one test each, by their numbers on the
page `docs/field-problems.md`, which names for the others the tests that show them."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest

from evsys.core.commands import RequestStartTransaction, Reset, SetVariable, SetVariables
from evsys.core.ports import CommandReply, CommandRequest
from evsys.core.records import ConnectorStatus, MeterValue, Quarantined, Token, Transaction
from evsys.core.workarounds import ModelProfile, Models, Workarounds
from evsys.csms.provisioning import SETTLED_AFTER_S
from evsys.ocpp.rpc import Call, CallError, Conversation, Refused
from kit.central import BOOT, Central, Peer, start_payload

Make = Callable[..., Central]
SAMPLE = {"value": "2000"}


@pytest.fixture
def peer(central: Central) -> Peer:
    peer = central.connect()
    peer.boot()
    return peer


def session(central: Central) -> Transaction:
    return central.transactions()[-1]


def quirks(central: Central) -> dict[str, int]:
    return central.node.shared.quirks.counts("CP1")


def values(peer: Peer, content: object, **more: object) -> None:
    assert peer.ask("MeterValues", {"connectorId": 1, "meterValue": content, **more}) == {}


def now(central: Central, **later: int) -> str:
    return (central.clock.now() + timedelta(**later)).isoformat()


# -- frames ---


def test_quirk_01_a_member_without_a_value_is_refused_by_its_id_or_mended_for_a_known_model() -> None:
    conversation = Conversation("ocpp1.6")
    frame = b'[2,"m","StopTransaction",{"transactionId":,"meterStop":5}]'
    refused = conversation.receive(frame)
    assert isinstance(refused, Refused)
    assert (refused.id, refused.refusal.code) == ("m", "FormatViolation")
    conversation.mends = True
    assert isinstance(conversation.receive(frame), Call)


def test_quirk_02_a_stray_comma_is_mended_for_a_known_model() -> None:
    conversation = Conversation("ocpp1.6")
    conversation.mends = True
    assert isinstance(conversation.receive(b'[2,"m","MeterValues",{"meterValue":[,{}]}]'), Call)


def test_quirk_03_a_truncated_answer_fails_its_call_at_once() -> None:
    conversation = Conversation("ocpp1.6")
    id, _ = conversation.call("Reset", b"{}")
    error = conversation.receive(f'[3,"{id}",{{"status":'.encode())
    assert isinstance(error, CallError)
    assert error.broken


def test_quirk_08_a_byte_order_mark_a_nul_and_a_newline_are_stripped(central: Central, peer: Peer) -> None:
    for index, (before, after) in enumerate([("\ufeff", ""), ("", "\0"), ("", "\r\n")]):
        peer.connection.received(f'{before}[2,"x{index}","Heartbeat",{{}}]{after}'.encode())
        assert (peer.answer_to(f"x{index}") or [])[0] == 3
    assert quirks(central) == {"frame": 2}


def test_quirk_09_what_is_no_utf_8_ends_the_link_with_1007(peer: Peer) -> None:
    peer.connection.received(b'[2,"m","Heartbeat",{"a":"\xe4"}]')
    assert peer.link.closed is not None
    assert peer.link.closed[0] == 1007


@pytest.mark.parametrize("code", ["FormatViolation", "OccurrenceConstraintViolation", "Wrong", 7, None])
def test_quirk_10_error_codes_in_any_spelling_end_the_command(central: Central, code: object) -> None:
    peer = central.connect()
    replies: list[CommandReply] = []
    central.node.command("CP1", CommandRequest(command=Reset(), command_id="c1"), replies.append)
    central.settle()
    peer.connection.received(json.dumps([4, peer.calls()[-1][0], code]).encode())
    central.settle()
    assert [reply.error for reply in replies] == ["CallFailed"]


def test_quirk_11_message_ids_that_begin_anew_after_a_boot_are_messages(central: Central) -> None:
    numbers = set()
    for connector in (1, 2):
        peer = central.connect()
        peer.send("BootNotification", BOOT, id="1")
        peer.send(
            "StartTransaction", start_payload(central, token=f"T{connector}", connector=connector), id="2"
        )
        numbers.add(json.dumps(peer.answer_to("2")))
    assert len(numbers) == len(central.transactions()) == 2


def test_quirk_12_a_retry_with_its_id_is_answered_alike_and_booked_once(central: Central, peer: Peer) -> None:
    frame = json.dumps([2, "1", "StartTransaction", start_payload(central)]).encode()
    for _ in range(3):
        peer.connection.received(frame)
        central.settle()
    assert len({bytes(each) for each in peer.link.sent if b"transactionId" in each}) == 1
    assert len(central.transactions()) == 1
    assert quirks(central) == {"repeated_start": 2}


def test_quirk_13_null_members_and_seven_digits_of_a_second(central: Central, peer: Peer) -> None:
    message = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "info": None}
    peer.ask("StatusNotification", message | {"timestamp": "2026-06-01T12:00:00.1234567Z"})
    assert central.read(ConnectorStatus)[0].info == ""


def test_quirk_14_an_object_for_a_list_of_values(central: Central, peer: Peer) -> None:
    values(peer, {"timestamp": now(central), "sampledValue": SAMPLE})
    assert central.read(MeterValue)[0].energy_wh == 2000


def test_quirk_15_an_empty_list_of_samples_is_passed_over(central: Central, peer: Peer) -> None:
    values(peer, [{"timestamp": now(central), "sampledValue": []}])
    assert central.read(MeterValue) == []
    assert quirks(central) == {"empty_list": 1}


def test_quirk_16_numbers_as_text_and_text_as_numbers(central: Central, peer: Peer) -> None:
    number = peer.start()
    values(
        peer,
        [{"timestamp": now(central), "sampledValue": [{"value": 2000.5}]}],
        connectorId="1",
        transactionId=str(number),
    )
    assert [each.transaction_id for each in central.read(MeterValue)] == [str(number)]
    assert quirks(central).keys() == {"number_as_string", "string_as_number"}


def test_quirk_17_a_serial_number_of_26_characters_is_stored_whole_and_an_absurd_one_refused(
    central: Central, peer: Peer
) -> None:
    peer.ask("BootNotification", BOOT | {"chargePointSerialNumber": "9" * 26})
    assert central.status().serial_number == "9" * 26
    assert peer.refused("BootNotification", BOOT | {"chargePointSerialNumber": "9" * 2000})


def test_quirk_18_an_empty_vendor_is_accepted(peer: Peer) -> None:
    assert peer.ask("BootNotification", BOOT | {"chargePointVendor": ""})["status"] == "Accepted"


def test_quirk_19_members_that_nobody_knows_are_passed_over(central: Central, peer: Peer) -> None:
    peer.ask("Heartbeat", {"messagesInQueue": 7})
    assert quirks(central) == {"unknown_member": 1}


def test_quirk_20_units_that_the_standard_does_not_have_are_kept(central: Central, peer: Peer) -> None:
    sample = {"value": "50", "measurand": "Frequency", "unit": "Hz"}
    values(peer, [{"timestamp": now(central), "sampledValue": [sample]}])
    assert central.read(MeterValue)[0].frequency_hz == 50


@pytest.mark.parametrize("unit", ["Celsius", "Celcius"])
def test_quirk_21_two_spellings_of_celsius(central: Central, peer: Peer, unit: str) -> None:
    sample = {"value": "21", "measurand": "Temperature", "unit": unit}
    values(peer, [{"timestamp": now(central), "sampledValue": [sample]}])
    assert central.read(MeterValue)[0].temperature_c == 21


def test_quirk_23_vendor_data_that_is_an_object_is_kept_as_text(central: Central, peer: Peer) -> None:
    assert peer.ask("DataTransfer", {"vendorId": "V", "data": {"a": 1}})["status"] == "UnknownVendorId"
    assert quirks(central) == {"object_as_text": 1}


# -- time ---


def test_quirk_24_a_time_without_a_zone_is_utc_or_the_stations_own(make_central: Make) -> None:
    for needs, hour in ((Workarounds(), 12), (Workarounds(time_zone="Asia/Tokyo"), 3)):
        central = make_central(models=Models([ModelProfile(name="x", vendor="acme", workarounds=needs)]))
        peer = central.connect()
        peer.boot()
        peer.start(at="2026-06-01T12:00:00")
        assert session(central).started_at.hour == hour


@pytest.mark.parametrize("form", ["2026-06-01T14:00:00+02", "2026-06-01 12:00:00Z", "2026-06-01T12:00:00,5Z"])
def test_quirk_25_offsets_without_minutes_and_a_space_for_the_t(
    central: Central, peer: Peer, form: str
) -> None:
    peer.start(at=form)
    assert session(central).started_at.replace(microsecond=0) == central.clock.now().replace(microsecond=0)


@pytest.mark.parametrize("at", ["1970-01-01T00:00:05Z", "2000-01-01T00:00:00Z", "2031-01-01T00:00:00Z"])
def test_quirk_26_a_clock_that_was_never_set_gives_the_time_of_receipt(
    central: Central, peer: Peer, at: str
) -> None:
    number = peer.start(at=at)
    assert (session(central).started_at, session(central).flags) == (central.clock.now(), ("clock",))
    peer.meter_values(number, 2000, at=at)
    assert central.read(MeterValue)[0].at == central.clock.now()
    assert quirks(central) == {"implausible_time": 2}


def test_quirk_27_a_clock_that_is_hours_behind_is_kept_as_it_says(central: Central, peer: Peer) -> None:
    peer.start(at=now(central, hours=-5))
    assert central.clock.now() - session(central).started_at == timedelta(hours=5)
    assert session(central).start_received_at == central.clock.now()


def test_quirk_28_messages_without_a_time(central: Central, peer: Peer) -> None:
    peer.status("Available")
    values(peer, [{"sampledValue": [SAMPLE]}])
    assert central.read(MeterValue)[0].at == central.clock.now()


def test_quirk_29_a_second_start_with_the_same_time_is_a_retry(central: Central, peer: Peer) -> None:
    at = now(central)
    first = peer.start(at=at)
    again = central.connect()
    assert again.start(at=at) == first


# -- boots and links ---


def test_quirk_30_a_station_that_reconnects_without_a_boot_goes_on(central: Central, peer: Peer) -> None:
    number = peer.start()
    again = central.connect()
    again.stop(number)
    central.pass_time(int(SETTLED_AFTER_S) + 2)
    assert session(central).ended_by == "station"
    assert [action for _, action, _ in again.calls()] == ["TriggerMessage"]


def test_quirk_31_calls_before_the_first_boot_are_answered(central: Central) -> None:
    assert central.connect().start() > 0


def test_quirk_32_a_boot_is_never_triggered(central: Central) -> None:
    peer = central.connect()
    central.pass_time(int(SETTLED_AFTER_S) + 600)
    asked = [payload.get("requestedMessage") for _, _, payload in peer.calls()]
    assert "BootNotification" not in asked


def test_quirk_35_any_message_is_a_sign_of_life(central: Central, peer: Peer) -> None:
    peer.status("Available")
    assert [running.id for running in central.node.shared.heard] == ["CP1"]


def test_quirk_37_a_station_that_takes_minutes_to_come_back_finds_its_session(
    central: Central, peer: Peer
) -> None:
    number = peer.start()
    peer.connection.lost("gone")
    central.pass_time(1500)
    central.connect().stop(number)
    assert session(central).ended_by == "station"


def test_quirk_38_a_flood_of_the_same_status_is_confirmed_and_stored_once(
    central: Central, peer: Peer
) -> None:
    for _ in range(50):
        peer.status("Available")
    assert central.event_kinds("ConnectorStatusChanged") == ["ConnectorStatusChanged"]


def test_quirk_41_a_station_that_cannot_be_triggered_is_not_asked_again(central: Central) -> None:
    peer = central.connect()
    central.pass_time(int(SETTLED_AFTER_S) + 2)
    peer.refuse("NotImplemented")
    peer.connection.lost("gone")
    again = central.connect()
    central.pass_time(1000)
    assert again.calls() == []


# -- sessions ---


@pytest.mark.parametrize("number", [0, -1])
def test_quirk_42_transaction_numbers_0_and_minus_1_mean_the_session_of_the_connector(
    central: Central, peer: Peer, number: int
) -> None:
    begun = peer.start()
    peer.meter_values(number, 2000)
    peer.stop(number, idTag="CARD")
    assert central.read(MeterValue)[0].transaction_id == str(begun)
    assert session(central).energy_wh == 4000
    assert quirks(central) == {"unnamed_transaction": 2}


def test_quirk_43_a_number_of_the_stations_own_is_learnt(central: Central, peer: Peer) -> None:
    peer.start()
    peer.meter_values(77123, 2000)
    peer.stop(77123)
    assert (session(central).alias, session(central).ended_by) == (77123, "station")
    assert quirks(central) == {"own_transaction_number": 1}


def test_quirk_44_a_stop_of_nothing_that_is_known_is_confirmed_and_kept(central: Central, peer: Peer) -> None:
    assert peer.stop(4711) == {}
    assert [each.number for each in central.read(Quarantined)] == [4711]
    assert quirks(central) == {"unknown_transaction": 1}


def test_quirk_45_a_stop_below_its_start_is_the_last_reading(central: Central, peer: Peer) -> None:
    number = peer.start(meter=100_000)
    central.clock.step(60)
    peer.meter_values(number, 104_000)
    peer.stop(number, meter=99_000)
    assert (session(central).energy_wh, session(central).flags) == (4000, ("negative_meter",))


def test_quirk_46_registers_that_restart_with_the_session(central: Central, peer: Peer) -> None:
    number = peer.start(meter=50_000)
    peer.meter_values(number, 100)
    peer.stop(number, meter=3000)
    assert session(central).energy_wh == 3000


def test_quirk_47_kilowatt_hours_that_are_called_watt_hours(make_central: Make) -> None:
    needs = Workarounds(energy_factor=1000.0)
    central = make_central(models=Models([ModelProfile(name="x", vendor="acme", workarounds=needs)]))
    peer = central.connect()
    peer.boot()
    peer.stop(peer.start(meter=10), meter=14)
    assert session(central).energy_wh == 4000


def test_quirk_49_a_drop_and_a_spike_of_a_register_are_no_energy(central: Central, peer: Peer) -> None:
    number = peer.start(meter=10_000)
    for register in (12_000, 11_990, 12_500):
        central.clock.step(60)
        peer.meter_values(number, register)
    peer.stop(number, meter=13_000)
    assert session(central).energy_wh == 3000
    assert len(central.read(MeterValue)) == 3


def test_quirk_50_currents_of_l1_n_are_those_of_l1(central: Central, peer: Peer) -> None:
    samples = [
        {"value": "16", "measurand": "Current.Import", "phase": "L1-N"},
        {"value": "1", "measurand": "Current.Import", "phase": "N"},
    ]
    values(peer, [{"timestamp": now(central), "sampledValue": samples}])
    (value,) = central.read(MeterValue)
    assert value.current_l1_a == 16
    assert value.rest is not None


def test_quirk_51_values_after_the_stop_belong_to_the_session_and_do_not_open_it(
    central: Central, peer: Peer
) -> None:
    number = peer.start()
    peer.stop(number)
    peer.meter_values(number, 5000)
    assert central.read(MeterValue)[0].transaction_id == str(number)
    assert session(central).ended_at is not None
    assert quirks(central) == {"values_after_stop": 1}


def test_quirk_53_what_is_appended_to_a_token_is_cut_by_rule(make_central: Make) -> None:
    needs = Workarounds(id_tag_suffix="_")
    central = make_central(models=Models([ModelProfile(name="x", vendor="acme", workarounds=needs)]))
    peer = central.connect()
    peer.boot()
    peer.start(token="CARD_0815")
    assert (session(central).id_token, session(central).authorization) == ("CARD", "Accepted")


def remote_start(central: Central, peer: Peer, token: str, answer: str = "Accepted") -> CommandReply:
    """A remote start as people send it, and what they hear."""
    replies: list[CommandReply] = []
    command = RequestStartTransaction(id_token=token, evse_id=1)
    central.node.command("CP1", CommandRequest(command=command, command_id=f"r{token}"), replies.append)
    central.settle()
    peer.answer({"status": answer})
    return replies[0]


@pytest.mark.parametrize("echoed", ["04A3221105C4", "04A3221105C480F1XX"])
def test_quirk_52_a_token_of_a_remote_start_that_is_cut_or_longer_is_the_one_that_was_sent(
    central: Central, peer: Peer, echoed: str
) -> None:
    central.put(Token(id="04A3221105C480F1", created_at=central.clock.now()))
    peer.start(token=echoed)
    assert session(central).authorization == "Invalid", "without a remote start it is a stranger's"
    peer.stop(session(central).number)
    remote_start(central, peer, "04A3221105C480F1")
    central.pass_time(60)
    peer.start(token=echoed)
    begun = session(central)
    assert (begun.id_token_canonical, begun.authorization) == ("04A3221105C480F1", "Accepted")
    assert quirks(central)["cut_token"] == 1
    peer.stop(begun.number)
    central.pass_time(1000)
    peer.start(token=echoed)
    assert session(central).authorization == "Invalid", "it was long ago"


def test_quirk_55_the_letter_case_of_a_token_says_nothing(central: Central, peer: Peer) -> None:
    peer.start(token=" card ")
    assert (session(central).id_token_canonical, session(central).authorization) == ("CARD", "Accepted")


@pytest.mark.parametrize("read", ["04:a3:22:11:05:c4:80", "04-A3-22-11-05-C4-80", "04 a3 22 11 05 c4 80"])
def test_quirk_55_separators_in_the_number_of_a_card_say_nothing(
    central: Central, peer: Peer, read: str
) -> None:
    central.put(Token(id="04A3221105C480", created_at=central.clock.now()))
    peer.start(token=read)
    assert session(central).authorization == "Accepted"
    assert session(central).id_token_canonical == "04A3221105C480"


def test_quirk_60_a_remote_start_that_is_rejected_while_finishing_is_told_and_not_retried(
    central: Central, peer: Peer
) -> None:
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Finishing", "timestamp": now(central)}
    peer.ask("StatusNotification", status)
    reply = remote_start(central, peer, "CARD", "Rejected")
    assert reply.outcome is not None
    assert (reply.outcome.accepted, reply.outcome.status) == (False, "Rejected")
    central.pass_time(600)
    assert [action for _, action, _ in peer.calls()].count("RemoteStartTransaction") == 1
    seen = {each.evse_id: each.status for each in central.read(ConnectorStatus)}
    assert seen[1] == "Finishing", "what a driver has to do stands beside it"


def test_quirk_56_an_empty_token_starts_a_session_that_is_flagged(central: Central, peer: Peer) -> None:
    assert peer.start(token="") > 0
    assert session(central).flags == ("no_token",)
    assert quirks(central) == {"no_token": 1}


def test_quirk_57_a_start_that_is_sent_again_with_new_ids_is_one_session(
    central: Central, peer: Peer
) -> None:
    at = now(central)
    assert len({peer.start(at=at) for _ in range(4)}) == len(central.transactions()) == 1


def test_quirk_58_a_session_over_a_power_cut_goes_on_and_its_late_stop_counts(
    central: Central, peer: Peer
) -> None:
    number = peer.start()
    central.restart()
    again = central.connect()
    again.boot()
    again.stop(number, meter=7000)
    assert session(central).energy_wh == 6000
    assert quirks(central) == {"boot_in_session": 1}


def test_quirk_59_a_reason_that_the_standard_does_not_have_is_kept(central: Central, peer: Peer) -> None:
    peer.stop(peer.start(), reason="BecauseICan")
    assert session(central).stop_reason == "BecauseICan"


def test_quirk_61_connector_0_says_nothing_of_the_others(central: Central, peer: Peer) -> None:
    peer.status("Charging")
    peer.status("Available", connector=0)
    statuses = {each.evse_id: each.status for each in central.read(ConnectorStatus)}
    assert statuses == {0: "Available", 1: "Charging"}


def test_quirk_64_numbers_of_sessions_are_given_once_whatever_stations_make_of_them(
    central: Central, peer: Peer
) -> None:
    numbers = []
    for _ in range(3):
        central.clock.step(60)
        numbers.append(peer.start())
        central.restart()
        peer = central.connect()
    assert len(set(numbers)) == 3


def test_quirk_65_signed_values_are_kept_whatever_their_length(central: Central, peer: Peer) -> None:
    signed = "OCMF|" + "A" * 20_000
    sample = {"value": signed, "format": "SignedData", "context": "Transaction.End"}
    values(peer, [{"timestamp": now(central), "sampledValue": [sample]}])
    rest = central.read(MeterValue)[0].rest
    assert rest is not None
    assert json.loads(bytes(rest)) == [sample]


# -- commands ---


def test_quirk_73_an_answer_may_take_longer_than_usual_where_people_say_so(central: Central) -> None:
    central.change_station(call_timeout_s=90)
    peer = central.connect()
    replies: list[CommandReply] = []
    central.node.command("CP1", CommandRequest(command=Reset(), command_id="c1"), replies.append)
    central.settle()
    central.pass_time(80)
    peer.answer({"status": "Accepted"})
    assert [reply.error for reply in replies] == [""]


def test_quirk_80_a_restart_that_a_change_needs_is_told_and_left_to_people(
    central: Central, peer: Peer
) -> None:
    replies: list[CommandReply] = []
    command = SetVariables(variables=(SetVariable(name="LocalAuthListEnabled", value="true"),))
    central.node.command("CP1", CommandRequest(command=command, command_id="c1"), replies.append)
    central.settle()
    peer.answer({"status": "RebootRequired"})
    assert replies[0].outcome is not None
    assert (replies[0].outcome.accepted, replies[0].outcome.status) == (True, "RebootRequired")
    central.pass_time(600)
    assert "Reset" not in [action for _, action, _ in peer.calls()]


def test_12_a_remote_start_that_comes_to_nothing_leaves_no_session_and_holds_no_token(
    central: Central, peer: Peer
) -> None:
    """evcc #15552, #15752; MicroOcpp #363: what a station accepts it may not do."""
    command = RequestStartTransaction(id_token="CARD", evse_id=1)
    central.node.command("CP1", CommandRequest(command=command, command_id="c1"), lambda reply: None)
    central.settle()
    peer.answer({"status": "Accepted"})
    central.pass_time(300)
    assert central.transactions() == []
    peer.start(connector=2)
    assert session(central).authorization == "Accepted"
