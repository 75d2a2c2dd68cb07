"""The messages of a charge point on their way."""

import json
from datetime import timedelta

from msgspec import Raw
from msgspec.structs import replace

from evsys.ocpp.rpc import CallResult
from evsys.ocpp.v16 import messages as m
from evsys.simulator.mail import CALL_TIMEOUT_S, MAX_OTHERS, MAX_QUEUED, Mail, Outgoing
from evsys.simulator.session import Session
from kit.clock import NOON


def mail(attempts: int = 3) -> Mail:
    return Mail(lambda: attempts, lambda: 10)


def session() -> Session:
    return Session(station="A", connector=1, token="T", started_at=NOON, meter_start_wh=0)


def value(of: Session, number: int = 1) -> Outgoing:
    sample = m.MeterValue(timestamp=NOON, sampledValue=[m.SampledValue(value=str(number))])
    request = m.MeterValuesRequest(connectorId=1, meterValue=[sample])
    return Outgoing("MeterValues", lambda: request, session=of)


def heartbeat() -> Outgoing:
    return Outgoing("Heartbeat", m.HeartbeatRequest)


def answered(post: Mail, frame: bytes | None) -> None:
    assert frame is not None
    received = post.receive(json.dumps([3, json.loads(frame)[1], {}]).encode())
    assert isinstance(received, CallResult)
    post.resolved(received.payload, NOON)


def test_one_call_is_open_at_a_time_and_others_come_before_the_queue() -> None:
    post = mail()
    post.queue(value(session()))
    assert post.next_frame(NOON, "Accepted") is None, "there is no link"
    post.connected("a-")
    post.say(heartbeat(), NOON)
    frame = post.next_frame(NOON, "Accepted")
    assert frame == b'[2,"a-1","Heartbeat",{}]'
    assert post.next_frame(NOON, "Accepted") is None
    answered(post, frame)
    frame = post.next_frame(NOON, "Accepted")
    assert frame is not None
    assert b"MeterValues" in frame
    answered(post, frame)
    assert post.idle


def test_the_queue_waits_until_the_station_is_accepted() -> None:
    post = mail()
    post.queue(value(session()))
    post.connected("a-")
    for registration in ("", "Pending", "Rejected"):
        assert post.next_frame(NOON, registration) is None
    assert post.next_frame(NOON, "Accepted") is not None


def test_an_answer_that_does_not_come_in_time_is_told() -> None:
    post = mail()
    post.connected("a-")
    post.say(heartbeat(), NOON)
    post.next_frame(NOON, "Accepted")
    assert post.next_at == NOON + timedelta(seconds=CALL_TIMEOUT_S)
    assert not post.timed_out(NOON + timedelta(seconds=CALL_TIMEOUT_S - 1))
    assert post.timed_out(NOON + timedelta(seconds=CALL_TIMEOUT_S))


def test_what_hangs_on_no_transaction_fails_with_the_link_or_without_one() -> None:
    post, failed = mail(), list[int]()
    for number in (1, 2):
        if number == 2:
            post.connected("a-")
        for _ in range(2):
            post.say(Outgoing("Heartbeat", m.HeartbeatRequest, failed=lambda now: failed.append(1)), NOON)
    assert len(failed) == 2
    post.next_frame(NOON, "Accepted")
    post.disconnected(NOON)
    assert len(failed) == 4
    assert post.idle


def test_the_queue_keeps_every_stop_but_not_every_meter_value() -> None:
    post, one = mail(), session()
    for number in range(MAX_QUEUED + 5):
        post.queue(value(one, number))
    request = m.StopTransactionRequest(meterStop=1, timestamp=NOON, transactionId=1)
    post.queue(Outgoing("StopTransaction", lambda: request, session=one))
    assert post.waiting == MAX_QUEUED + 1
    assert one.meter_values_dropped == 5


def test_what_is_sent_again_says_the_same_whatever_has_changed_since() -> None:
    post, one = mail(), session()
    request = m.MeterValuesRequest(connectorId=1, meterValue=[m.MeterValue(timestamp=NOON, sampledValue=[])])
    post.queue(Outgoing("MeterValues", lambda: replace(request, connectorId=one.meter_start_wh), session=one))
    sent = []
    for one.meter_start_wh in (1, 2):
        post.connected("a-")
        sent.append(post.next_frame(NOON, "Accepted"))
        post.disconnected(NOON)
    assert sent[0] == sent[1]


def test_more_than_so_many_others_do_not_wait() -> None:
    post = mail()
    post.connected("a-")
    for _ in range(MAX_OTHERS + 5):
        post.say(heartbeat(), NOON)
    sent = 0
    while (frame := post.next_frame(NOON, "Accepted")) is not None:
        answered(post, frame)
        sent += 1
    assert sent == MAX_OTHERS


def test_answers_to_nothing_change_nothing() -> None:
    post = mail()
    post.resolved(Raw(b"{}"), NOON)
    post.refused(NOON)
    assert post.receive(b'[3,"1",{}]') is None
    assert post.idle
