"""What vendors say outside the standard."""

import pytest

from evsys.core.data_transfer import MAX_UNKNOWN_CHARS, receive
from evsys.core.events import DataTransferReceived
from evsys.core.facts import Policy
from kit.desk import Desk


@pytest.mark.parametrize(
    ("vendor", "status"),
    [
        ("com.example", "Accepted"),
        ("COM.Example", "Accepted"),
        ("com.other", "UnknownVendorId"),
        ("org.openchargealliance.iso15118pnc", "UnknownMessageId"),
    ],
)
def test_a_vendor_is_accepted_where_an_operator_named_it(vendor, status):
    desk = Desk(Policy(data_transfer_vendors=("com.example",)))
    assert desk.turn(lambda turn: receive(turn, vendor, "m", "d")) == status
    assert desk.events == [
        DataTransferReceived(station_id="CP1", vendor_id=vendor, message_id="m", data="d", status=status)
    ]


def test_of_a_vendor_that_nobody_asked_for_not_everything_is_kept():
    desk = Desk(Policy(data_transfer_vendors=("com.example",)))
    data = "x" * (MAX_UNKNOWN_CHARS + 1)
    desk.turn(lambda turn: receive(turn, "com.other", "", data))
    desk.turn(lambda turn: receive(turn, "com.example", "", data))
    assert [len(each.data) for each in desk.events] == [MAX_UNKNOWN_CHARS, MAX_UNKNOWN_CHARS + 1]
