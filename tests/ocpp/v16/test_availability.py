"""StatusNotification, ChangeAvailability."""

import pytest

from evsys.core.commands import ChangeAvailability
from kit.clock import NOON
from kit.desk import Desk
from kit.performing import perform


def test_a_connector_of_16_is_an_evse_with_one_connector_and_0_is_the_station():
    desk = Desk()
    status = {"errorCode": "NoError", "status": "Available"}
    for connector in (0, 2, -3):
        assert desk.call("StatusNotification", {"connectorId": connector, **status}) == {}
    assert set(desk.station.connectors) == {(0, 0), (2, 1)}


def test_every_member_of_a_status_is_kept():
    desk = Desk()
    desk.call(
        "StatusNotification",
        {
            "connectorId": 1,
            "errorCode": "GroundFailure",
            "info": "i",
            "status": "Faulted",
            "timestamp": "2026-06-01T13:59:58+02:00",
            "vendorId": "v",
            "vendorErrorCode": "0x1",
        },
    )
    kept = desk.station.connectors[1, 1]
    assert (kept.error_code, kept.info, kept.vendor_id, kept.vendor_error_code) == (
        "GroundFailure",
        "i",
        "v",
        "0x1",
    )
    assert kept.reported_at is not None
    assert (NOON - kept.reported_at).total_seconds() == 2


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("status", "Occupied"),
        ("errorCode", "Error"),
        ("vendorErrorCode", "0x" + "F" * 60),
        ("info", "ä" * 51),
    ],
)
def test_values_outside_enums_and_over_long_ones_are_kept_as_sent(word, value):
    desk = Desk()
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available", word: value}
    assert desk.call("StatusNotification", status) == {}
    kept = desk.station.connectors[1, 1]
    assert value in (kept.status, kept.error_code, kept.vendor_error_code, kept.info)


@pytest.mark.parametrize(
    ("operative", "word", "status", "accepted"),
    [
        (True, "Operative", "Accepted", True),
        (False, "Inoperative", "Scheduled", True),
        (False, "Inoperative", "Rejected", False),
    ],
)
def test_availability_is_changed_or_will_be(operative, word, status, accepted):
    outcome, said = perform(ChangeAvailability(evse_id=2, operative=operative), {"status": status})
    assert said == [("ChangeAvailability", {"connectorId": 2, "type": word})]
    assert (outcome.accepted, outcome.status) == (accepted, status)
