"""The records of `tests/vectors` for OCPP 1.6."""

import json
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from evsys.core.errors import BadAnswer
from evsys.core.facts import Policy
from evsys.core.quirks import FORM
from evsys.ocpp import timestamps
from evsys.ocpp.dialect import encode, read_answer
from evsys.ocpp.errors import Refusal, spelled
from evsys.ocpp.lenient import decoder
from evsys.ocpp.rpc import Call, CallError, CallResult, Conversation, Ignored, Received, Refused
from evsys.ocpp.v16 import V16
from evsys.ocpp.v16.messages import ACTIONS
from kit.desk import Desk
from kit.schemas import faults, load

VECTORS = Path(__file__).parent.parent / "vectors"

NOT_HERE = {"F16-huge-frame"}
"""The limit of a frame is the gateway's."""


def records(name: str) -> list[dict]:
    found: list[dict] = json.loads((VECTORS / name).read_text())
    return [each for each in found if each["version"] == "1.6"]


def frame_of(record: dict) -> bytes:
    if "frame_hex" in record:
        return bytes.fromhex(record["frame_hex"])
    if "frame_gen" in record:
        parts = record["frame_gen"]
        return (parts["prefix"] + parts["repeat"] * parts["times"] + parts["suffix"]).encode()
    frame: str = record["frame"]
    return frame.encode("utf-8", "surrogatepass")


def id_of(frame: str) -> str:
    return frame.split('"')[1]


def same(one: object, other: object) -> bool:
    """Equal as JSON, where a time may be written in another way."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, str) and isinstance(other, str) and one != other:
        times = timestamps.parse(one), timestamps.parse(other)
        return times[0] is not None and times[0] == times[1]
    return one == other


VALID = records("valid_16.json")


@pytest.mark.parametrize("record", VALID, ids=lambda each: each["id"])
def test_a_valid_message_is_read_and_written_again_as_it_was(record):
    kind, action = record["kind"], ACTIONS[record["action"]]
    payload = load(record["frame"])[3 if kind == "request" else 2]  # type: ignore[index]
    raw = json.dumps(payload, default=float).encode()
    message = decoder(action.request if kind == "request" else action.response).decode(raw)
    assert same(load(encode(message)), payload)


def requests_to_us() -> Iterator[dict]:
    for record in VALID:
        if record["kind"] == "request" and record["action"] in V16.handlers:
            yield record


@pytest.mark.parametrize("conformance", ["lenient", "strict"])
@pytest.mark.parametrize("record", list(requests_to_us()), ids=lambda each: each["id"])
def test_a_valid_request_is_answered_as_the_schema_has_it(record, conformance):
    desk = Desk(conformance=conformance)
    call = Conversation("ocpp1.6").receive(frame_of(record))
    assert isinstance(call, Call)
    reply = desk.turn(lambda turn: V16.answer(turn, call.action, call.payload))
    assert faults(call.action, "response", encode(reply)) == []
    assert FORM.keys().isdisjoint(desk.quirks)


@pytest.mark.parametrize(
    "record", [each for each in VALID if each["kind"] == "response"], ids=lambda each: each["id"]
)
def test_a_valid_answer_resolves_the_open_call(record):
    conversation = Conversation("ocpp1.6")
    conversation.open_id = id_of(record["frame"])
    result = conversation.receive(frame_of(record))
    assert isinstance(result, CallResult)
    read_answer(ACTIONS[record["action"]].response, result.payload)


# -- invalid ---


def prepare(record: dict) -> tuple[Desk, Conversation]:
    """The state that a record supposes."""
    context, strict = record.get("context") or "", record["conformance"] == "strict"
    settings: dict[str, object] = {"conformance": "strict"} if strict else {}
    if "Pending" in context:
        settings["registration"] = "Pending"
    if "Rejected" in context and record["action"] == "BootNotification":
        settings["registration"] = "Rejected"
    desk = Desk(Policy(), **settings)
    for id in ("A", "BLOCKED1"):
        desk.token(id, blocked=id == "BLOCKED1")
    if record["layer"] == "semantic" and (record["action"] == "StopTransaction" or "4711" in record["frame"]):
        desk.disk.next_number = 4711
        start = {"connectorId": 1, "idTag": "A", "meterStart": 5000, "timestamp": "2026-03-01T10:15:30Z"}
        desk.call("StartTransaction", start)
    if "stopped" in context:
        stop = {"transactionId": 4711, "meterStop": 6000, "timestamp": "2026-03-01T11:00:00Z"}
        desk.call("StopTransaction", stop)
    conversation = Conversation("ocpp1.6")
    frame = record.get("frame", "")
    if "pending" in context and frame[:2] in ("[3", "[4"):
        id = id_of(frame)
        conversation.open_id = "c9" if id == "-1" else id
    return desk, conversation


def outcome(desk: Desk, received: Received, record: dict) -> tuple[str, str | None]:
    """What a station hears, in the words of the records, and the error code."""
    match received:
        case Ignored():
            return "ignore", None
        case Refused(refusal=refusal):
            return "callerror", spelled(refusal.code, "ocpp1.6")
        case CallError():
            return "fail_pending", None
        case CallResult(payload=payload):
            action = ACTIONS[_pending(record)]
            try:
                read_answer(action.response, payload)
            except BadAnswer:
                return "fail_pending", None
            return "resolve_pending", None
        case Call(action=action, payload=payload, quirk=quirk):
            try:
                reply = desk.turn(lambda turn: V16.answer(turn, action, payload, quirk))
            except Refusal as refusal:
                return "callerror", spelled(refusal.code, "ocpp1.6")
            assert faults(action, "response", encode(reply)) == []
            return "callresult", None
        case _:
            raise AssertionError(received)


def _pending(record: dict) -> str:
    context = record["context"]
    if "(" in context:
        return context.partition("(")[2].partition(")")[0]  # type: ignore[no-any-return]
    return record["action"]  # type: ignore[no-any-return]


def cases() -> Iterator[dict]:
    for record in records("invalid.json"):
        if record["id"] in NOT_HERE:
            continue
        yield {**record, "conformance": "lenient"}
        if "strict" in record:
            yield {**record, "conformance": "strict", "expected": record["strict"]}


@pytest.mark.parametrize("record", list(cases()), ids=lambda each: f"{each['id']}-{each['conformance']}")
def test_a_broken_hostile_or_odd_message_has_the_outcome_of_its_record(record):
    desk, conversation = prepare(record)
    received = conversation.receive(frame_of(record))
    word, code = outcome(desk, received, record)
    expected = [record["expected"], record.get("alternative") or record["expected"]]
    assert word in [each["outcome"] for each in expected]
    if word == "callerror":
        id = received.id if isinstance(received, Refused | Call) else None
        assert code in record["expected"].get("codes", [code])
        assert record["expected"].get("message_id") in (None, id)
    if word == "fail_pending":
        assert conversation.open_id is None


def answer(record_id: str) -> tuple[Desk, dict[str, object]]:
    record = next(each for each in records("invalid.json") if each["id"] == record_id)
    desk, conversation = prepare({**record, "conformance": "lenient"})
    call = conversation.receive(frame_of(record))
    assert isinstance(call, Call)
    reply = desk.turn(lambda turn: V16.answer(turn, call.action, call.payload))
    return desk, msgspec.to_builtins(reply)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("record_id", "status", "flags"),
    [
        ("S16-start-conn0", "Accepted", ("no_connector",)),
        ("S16-start-unknown-tag", "Invalid", ()),
        ("S16-start-empty-tag", "Invalid", ("no_token",)),
        ("S16-start-future", "Accepted", ("clock",)),
        ("S16-start-negative-meter", "Accepted", ("negative_meter",)),
        ("S16-start-32bit", "Accepted", ()),
        ("S16-start-sqli", "Invalid", ()),
        ("S16-start-missing-idtag", "Invalid", ("no_token",)),
        ("S16-start-garbage-ts", "Accepted", ("clock",)),
    ],
)
def test_an_odd_start_gets_its_id_and_what_is_odd_is_flagged(record_id, status, flags):
    desk, reply = answer(record_id)
    (stored,) = desk.disk.transactions()
    assert reply["transactionId"] == stored.number
    assert reply["idTagInfo"]["status"] == status
    assert stored.flags == flags


def test_the_odd_stops_of_the_records_do_what_their_notes_say():
    desk, _ = answer("S16-stop-unknown")
    assert len(desk.disk.quarantine()) == 1
    desk, _ = answer("S16-stop-twice")
    assert desk.disk.transactions()[0].meter_stop_wh == 6000
    desk, _ = answer("S16-stop-before-start")
    assert desk.disk.transactions()[0].flags == ("clock",)
    desk, reply = answer("S16-stop-blocked-tag")
    assert reply == {"idTagInfo": {"status": "Blocked"}}
    assert desk.disk.transactions()[0].ended_by == "station"
    desk, _ = answer("S16-meter-after-stop")
    assert desk.disk.meter_values()[0].transaction_id == "4711"
    assert desk.disk.transactions()[0].ended_at is not None
    desk, _ = answer("S16-meter-unknown-tx")
    assert len(desk.disk.quarantine()) == 1
    _, reply = answer("S16-rejected-early-boot")
    assert reply["status"] == "Rejected"
    _, reply = answer("S16-datatransfer-unknown-msg")
    assert reply == {"status": "UnknownMessageId"}
