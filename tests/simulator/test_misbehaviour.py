"""Misbehaviour of simulated charge points: what leaves in the place of a frame."""

import json
from typing import cast

import pytest

from evsys.simulator.misbehaviour import (
    BESIDES,
    HELD_FRAMES,
    HUGE_BYTES,
    KINDS,
    SELDOM,
    TWISTS,
    Misbehaviour,
    Payload,
    habits,
)

AT = "2026-06-01T12:00:00Z"
VALUE = {"timestamp": AT, "sampledValue": [{"value": "12.5", "measurand": "SoC"}]}
METER: Payload = {"connectorId": 1, "transactionId": 7, "meterValue": [VALUE]}
STATUS: Payload = {"connectorId": 1, "errorCode": "NoError", "status": "Available", "timestamp": AT}
ANSWER = b'[3,"c1",{"status":"Accepted"}]'
MANY = 300


def call(action: str, payload: Payload, id: str = "m1") -> bytes:
    return json.dumps([2, id, action, payload]).encode()


def sent(kind: str, frame: bytes, times: int = MANY, seed: int = 1) -> list[bytes]:
    """Everything that leaves for the same frame, again and again."""
    bad = Misbehaviour("SIM1", habits(kind), seed)
    return [each for _ in range(times) for each in bad.frames(frame)]


def twisted(kind: str, action: str, payload: Payload) -> Payload:
    """A twisted payload: of the seeds, one by which this message is."""
    for seed in range(50):
        frame = sent(kind, call(action, payload), 1, seed)[0]
        found = cast(Payload, json.loads(frame)[3])
        if found != payload:
            return found
    raise AssertionError("it is never twisted")


def test_numbers_are_text_and_text_is_numbers() -> None:
    found = twisted("string-numbers", "MeterValues", METER)
    assert (found["connectorId"], found["transactionId"]) == ("1", "7")
    assert '"value": 12.5' in json.dumps(found)


def test_times_mean_the_same_without_a_zone() -> None:
    found = twisted("odd-times", "MeterValues", METER)
    assert cast(list[Payload], found["meterValue"])[0]["timestamp"] in (
        AT[:-1],
        AT[:-1] + "+00",
        AT[:-1] + "+0000",
    )


def test_other_twists() -> None:
    assert twisted("missing-members", "StatusNotification", STATUS).keys() < STATUS.keys()
    assert twisted("lower-case", "StatusNotification", STATUS)["status"] == "available"
    assert twisted("extra-members", "StatusNotification", STATUS)["info"] is None
    assert twisted("objects-for-lists", "MeterValues", METER)["meterValue"] == VALUE
    assert twisted("unnamed-transactions", "MeterValues", METER)["transactionId"] in (0, -1)


def test_a_message_that_is_sent_again_is_twisted_in_the_same_way() -> None:
    for kind in TWISTS:
        first, *others = (json.loads(each)[3] for each in sent(kind, call("MeterValues", METER), 20))
        assert all(each == first for each in others), kind


def test_duplicates_come_with_the_same_id_and_with_another() -> None:
    said = [json.loads(each) for each in sent("duplicates", call("MeterValues", METER))]
    assert len(said) > MANY
    assert all(each[3] == METER for each in said)
    assert len({each[1] for each in said}) > 2


@pytest.mark.parametrize("kind", BESIDES)
def test_what_is_said_beside_leaves_the_messages_as_they_are(kind: str) -> None:
    frame = call("MeterValues", METER)
    said = sent(kind, frame)
    assert said.count(frame) == MANY
    assert len(said) > MANY


def test_an_answer_may_come_late_and_is_not_lost() -> None:
    bad = Misbehaviour("SIM1", habits("late-answers"), 1)
    said: list[bytes] = []
    for _ in range(50):
        said += bad.frames(ANSWER)
    for _ in range(HELD_FRAMES + 1):
        said += bad.frames(call("Heartbeat", {}))
    assert said.count(ANSWER) == 50


def test_what_is_held_is_lost_with_its_link() -> None:
    bad = Misbehaviour("SIM1", habits("late-answers"), 1)
    while bad.frames(ANSWER):
        pass
    bad.connected()
    assert all(ANSWER not in bad.frames(call("Heartbeat", {})) for _ in range(2 * HELD_FRAMES))


def test_what_costs_the_link_is_seldom() -> None:
    said = sent("huge", call("Heartbeat", {}), 2 * SELDOM)
    assert len([each for each in said if len(each) > HUGE_BYTES]) == 2
    bad, ghosts = Misbehaviour("SIM1", habits("two-sockets"), 1), 0
    for _ in range(2 * SELDOM):
        bad.frames(call("Heartbeat", {}))
        ghosts += bad.wants_ghost
        bad.wants_ghost = False
    assert ghosts == 2


def test_the_same_seed_misbehaves_in_the_same_way() -> None:
    frames = call("MeterValues", METER)
    assert sent("all", frames) == sent("all", frames) != sent("all", frames, seed=2)


def test_kinds_are_named_and_a_wrong_one_is_told() -> None:
    assert habits("all") == frozenset(KINDS)
    assert habits("huge, duplicates") == {"huge", "duplicates"}
    assert habits("") == frozenset()
    with pytest.raises(ValueError, match="'huje' is none of all, "):
        habits("huge,huje")
