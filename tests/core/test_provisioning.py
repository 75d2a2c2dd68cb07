"""Boots and registration."""

import pytest

from evsys.core.events import StationBooted
from evsys.core.facts import Policy
from evsys.core.provisioning import BEFORE_ACCEPTANCE, Boot, admits, boot
from evsys.core.work import Turn, Work
from kit.clock import NOON
from kit.desk import Desk

REPORTED = Boot(vendor="V", model="M", serial_number="S", firmware_version="1.2", meter_type="Z")


@pytest.mark.parametrize(
    ("settings", "status", "interval_s"),
    [
        ({}, "Accepted", 300),
        ({"registration": "Pending"}, "Pending", 60),
        ({"registration": "Rejected"}, "Rejected", 60),
        ({"enabled": False}, "Rejected", 60),
    ],
)
def test_an_operator_decides_how_a_boot_is_answered(settings, status, interval_s):
    desk = Desk(Policy(), **settings)
    assert desk.turn(lambda turn: boot(turn, REPORTED)) == (status, interval_s)
    kept = desk.station.status
    assert (kept.registration, kept.booted_at, kept.vendor, kept.meter_type) == (status, NOON, "V", "Z")
    (told,) = desk.events
    assert isinstance(told, StationBooted)
    assert (told.status, told.serial_number, told.firmware_version) == (status, "S", "1.2")


def test_a_boot_ends_no_transaction():
    desk = Desk()
    start = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-06-01T12:00:00Z"}
    desk.call("StartTransaction", start)
    desk.turn(lambda turn: boot(turn, REPORTED))
    assert desk.station.open_on(1) is not None


def admitted(desk: Desk, action: str) -> bool:
    return admits(Turn(desk.station, desk.facts, NOON, Work(NOON)), action)


def test_a_station_that_was_accepted_and_reconnects_without_a_boot_stays_accepted():
    assert admitted(Desk(), "Authorize")
    assert admitted(Desk(conformance="strict"), "Authorize")


def test_money_is_heard_from_a_station_that_is_not_accepted():
    desk = Desk(registration="Pending")
    assert all(admitted(desk, action) for action in BEFORE_ACCEPTANCE)
    assert not admitted(desk, "Authorize")
    assert not admitted(desk, "DataTransfer")


def test_in_strict_conformance_only_the_boot_is_heard_before_it_is_accepted():
    desk = Desk(conformance="strict", registration="Pending")
    desk.turn(lambda turn: boot(turn, REPORTED))
    assert admitted(desk, "BootNotification")
    assert not admitted(desk, "StatusNotification")
