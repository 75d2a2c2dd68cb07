"""Any CALL, as given."""

import msgspec
import pytest
from msgspec import Raw

from evsys.core.commands import RawCall
from evsys.core.errors import BadCommand
from evsys.ocpp.v16 import V16
from kit.desk import Desk
from kit.performing import perform


def test_the_payload_keeps_its_order_and_its_numbers_and_loses_its_white_space():
    payload = Raw(b'{ "b" : 1.0 ,\n "a" : [ 8.10, 1e5 ] , "s" : " x \\u00e9 " }')
    request = next(V16.perform(RawCall(action="Odd", payload=payload), Desk().station))
    assert request.action == "Odd"
    assert request.encoded() == b'{"b":1.0,"a":[8.10,1e5],"s":" x \\u00e9 "}'


@pytest.mark.parametrize("payload", [b"[]", b"1", b'"{}"', b"null"])
def test_a_payload_that_is_no_object_is_a_bad_command(payload):
    with pytest.raises(BadCommand):
        perform(RawCall(action="Reset", payload=Raw(payload)))


@pytest.mark.parametrize(
    ("answer", "accepted", "status"),
    [
        (b'{"status":"Accepted"}', True, "Accepted"),
        (b'{"status":"Scheduled"}', True, "Scheduled"),
        (b'{"status":"RebootRequired"}', True, "RebootRequired"),
        (b'{"status":"Unlocked"}', True, "Unlocked"),
        (b'{"status":"Rejected"}', False, "Rejected"),
        (b'{"configurationKey":[]}', True, ""),
        (b'{"status":7}', True, ""),
        (b"[]", True, ""),
    ],
)
def test_the_answer_comes_back_as_it_came(answer, accepted, status):
    outcome, _ = perform(RawCall(action="Reset", payload=Raw(b"{}")), answer)
    assert (outcome.accepted, outcome.status, bytes(outcome.detail)) == (accepted, status, answer)
    assert msgspec.json.decode(msgspec.json.encode(outcome), type=type(outcome)) == outcome
