"""What a dialect answers and performs, and what it refuses."""

import msgspec
import pytest
from msgspec import Raw

from evsys.core.commands import ClearCache, Command
from evsys.core.errors import BadAnswer, NotSupportedByStation
from evsys.ocpp.dialect import Answered, Request, call, encode, read_answer
from evsys.ocpp.errors import Refusal
from evsys.ocpp.v16 import V16
from evsys.ocpp.v16 import messages as m
from kit.desk import Desk


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("FooBar", "NotImplemented"),
        ("heartbeat", "NotImplemented"),
        ("__class__", "NotImplemented"),
        ("RemoteStartTransaction", "NotSupported"),
        ("CertificateSigned", "NotSupported"),
    ],
)
def test_an_action_that_is_not_for_us_is_refused(action, code):
    with pytest.raises(Refusal) as refused:
        Desk().call(action, {})
    assert refused.value.code == code


def test_a_repaired_frame_is_refused_in_strict_conformance_alone():
    for conformance in ("lenient", "strict"):
        desk = Desk(conformance=conformance)
        if conformance == "lenient":
            desk.turn(lambda turn: V16.answer(turn, "Heartbeat", Raw(b"{}"), "surplus_elements"))
            continue
        with pytest.raises(Refusal, match="surplus_elements"):
            desk.turn(lambda turn: V16.answer(turn, "Heartbeat", Raw(b"{}"), "surplus_elements"))


def test_repairs_are_noted_in_the_turn():
    desk = Desk()
    desk.call("StatusNotification", {"connectorId": "1", "errorCode": "Error", "status": "Available"})
    assert desk.quirks == ["string_as_number", "unknown_enum"]


class Dance(Command, frozen=True, kw_only=True):
    """A command that no version can say."""


def test_a_command_that_cannot_be_said_is_not_supported():
    with pytest.raises(NotSupportedByStation):
        V16.perform(Dance(), Desk().station)


def test_a_performance_yields_its_calls_and_returns_their_outcome():
    performance = V16.perform(ClearCache(), Desk().station)
    request = next(performance)
    assert (request.action, request.encoded()) == ("ClearCache", b"{}")
    with pytest.raises(StopIteration) as stopped:
        performance.send(Answered(Raw(b'{"status":"Accepted"}')))
    assert stopped.value.value.accepted


def test_an_answer_that_cannot_be_understood_is_kept_as_sent():
    with pytest.raises(BadAnswer) as bad:
        read_answer(m.ResetResponse, Raw(b'{"status":"OK"}'))
    assert bad.value.payload == '{"status":"OK"}'
    with pytest.raises(BadAnswer):
        read_answer(m.ResetResponse, Raw(b'{"status":"\xff"}'))
    assert read_answer(m.ResetResponse, Raw(b'{"status":"accepted"}')).status == "Accepted"


def test_a_call_gives_the_typed_answer_and_the_payload_as_sent():
    exchange = call(Request("Reset", m.ResetRequest(type="Hard"), m.ResetResponse))
    next(exchange)
    with pytest.raises(StopIteration) as stopped:
        exchange.send(Answered(Raw(b'{ "status":"Accepted" }')))
    answer, raw = stopped.value.value
    assert answer == m.ResetResponse(status="Accepted")
    assert bytes(raw) == b'{ "status":"Accepted" }'


def test_decimals_go_out_as_the_numbers_they_are():
    period = msgspec.json.decode(b'{"startPeriod":0,"limit":8.1}', type=m.ChargingSchedulePeriod)
    assert encode(period) == b'{"startPeriod":0,"limit":8.1}'
