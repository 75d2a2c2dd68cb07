"""DataTransfer in both directions."""

import pytest

from evsys.core.commands import DataTransfer
from evsys.core.facts import Policy
from kit.desk import Desk
from kit.performing import perform


def test_a_vendors_message_is_answered_by_who_the_vendor_is():
    desk = Desk(Policy(data_transfer_vendors=("com.example",)))
    known = {"vendorId": "com.example", "messageId": "m", "data": "d"}
    assert desk.call("DataTransfer", known) == {"status": "Accepted"}
    assert desk.call("DataTransfer", {"vendorId": "com.other"}) == {"status": "UnknownVendorId"}


def test_data_that_is_an_object_is_kept_as_its_text():
    desk = Desk()
    desk.call("DataTransfer", {"vendorId": "com.other", "data": {"a": [1, "x"]}})
    assert desk.events[-1].data == '{"a":[1,"x"]}'


@pytest.mark.parametrize(
    ("command", "payload"),
    [
        (DataTransfer(vendor_id="v"), {"vendorId": "v"}),
        (
            DataTransfer(vendor_id="v", message_id="m", data=""),
            {"vendorId": "v", "messageId": "m", "data": ""},
        ),
    ],
)
def test_a_vendors_message_is_sent(command, payload):
    outcome, said = perform(command, {"status": "Accepted", "data": "ok"})
    assert said == [("DataTransfer", payload)]
    assert outcome.accepted
    assert not perform(command, {"status": "UnknownVendorId"})[0].accepted
