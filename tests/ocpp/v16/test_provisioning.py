"""BootNotification, Heartbeat, ChangeConfiguration, GetConfiguration, Reset."""

from datetime import timedelta

import pytest

from evsys.core.commands import GetVariables, Reset, SetVariable, SetVariables
from evsys.core.errors import BadCommand
from kit.clock import NOON
from kit.desk import Desk
from kit.performing import perform

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


def test_the_time_in_a_reply_is_utc_with_z_and_without_microseconds():
    desk = Desk()
    desk.clock.step(0.987654)
    assert desk.call("Heartbeat", {}) == {"currentTime": "2026-06-01T12:00:00Z"}
    assert desk.call("BootNotification", BOOT) == {
        "status": "Accepted",
        "currentTime": "2026-06-01T12:00:00Z",
        "interval": 300,
    }


def test_every_member_of_a_boot_is_kept():
    desk = Desk()
    full = {
        **BOOT,
        "chargePointSerialNumber": "S",
        "chargeBoxSerialNumber": "B",
        "firmwareVersion": "1.2",
        "iccid": "I",
        "imsi": "J",
        "meterType": "T",
        "meterSerialNumber": "N",
    }
    desk.call("BootNotification", full)
    status = desk.station.status
    kept = (status.vendor, status.model, status.serial_number, status.charge_box_serial_number)
    assert kept == ("V", "M", "S", "B")
    kept = (status.firmware_version, status.iccid, status.imsi, status.meter_type)
    assert kept == ("1.2", "I", "J", "T")
    assert status.meter_serial_number == "N"
    assert status.booted_at == NOON


@pytest.mark.parametrize(
    "members",
    [{"chargePointVendor": ""}, {"chargePointModel": "M" * 30}, {"chargePointSerialNumber": "1" * 26}],
    ids=["empty vendor", "long model", "26 characters of serial number"],
)
def test_a_boot_is_not_refused_for_empty_or_over_long_fields(members):
    assert Desk().call("BootNotification", {**BOOT, **members})["status"] == "Accepted"


@pytest.mark.parametrize(("registration", "interval"), [("Pending", 60), ("Rejected", 60)])
def test_a_station_that_is_not_accepted_is_told_when_to_try_again(registration, interval):
    answer = Desk(registration=registration).call("BootNotification", BOOT)
    assert (answer["status"], answer["interval"]) == (registration, interval)


def test_each_variable_is_a_call_and_a_refused_one_does_not_stop_the_next():
    command = SetVariables(variables=(SetVariable(name="A", value="1"), SetVariable(name="B", value="2")))
    outcome, said = perform(command, {"status": "NotSupported"}, {"status": "Accepted"})
    assert said == [
        ("ChangeConfiguration", {"key": "A", "value": "1"}),
        ("ChangeConfiguration", {"key": "B", "value": "2"}),
    ]
    assert (outcome.accepted, outcome.status) == (False, "A: NotSupported, B: Accepted")


@pytest.mark.parametrize(
    ("status", "accepted"), [("Accepted", True), ("RebootRequired", True), ("Rejected", False)]
)
def test_one_variable_has_the_stations_own_word(status, accepted):
    command = SetVariables(variables=(SetVariable(name="A", value="1"),))
    outcome, _ = perform(command, {"status": status})
    assert (outcome.accepted, outcome.status) == (accepted, status)


def test_a_value_that_16_cannot_say_is_a_bad_command_before_anything_is_sent():
    good, bad = SetVariable(name="A", value="1"), SetVariable(name="B", value="x" * 501)
    with pytest.raises(BadCommand, match="B"):
        perform(SetVariables(variables=(good, bad)))


def test_without_names_the_list_of_keys_is_left_out():
    """Several stations refuse an empty list."""
    assert perform(GetVariables(), {})[1] == [("GetConfiguration", {})]


def test_configuration_is_read_and_comes_as_sent():
    answer = b'{"configurationKey":[{"key":"A","readonly":"true","value":1}],"unknownKey":null}'
    outcome, said = perform(GetVariables(names=("A", "B")), answer)
    assert said == [("GetConfiguration", {"key": ["A", "B"]})]
    assert outcome.accepted
    assert bytes(outcome.detail) == answer


@pytest.mark.parametrize(("when", "kind"), [("now", "Hard"), ("idle", "Soft")])
def test_a_reset_is_hard_now_and_soft_when_idle(when, kind):
    outcome, said = perform(Reset(when=when), {"status": "Accepted"})
    assert said == [("Reset", {"type": kind})]
    assert outcome.accepted
    assert not perform(Reset(), {"status": "Rejected"})[0].accepted


def test_a_clock_that_is_set_follows_the_wall_clock():
    desk = Desk()
    desk.clock.jump(timedelta(hours=1).total_seconds())
    assert desk.call("Heartbeat", {}) == {"currentTime": "2026-06-01T13:00:00Z"}
