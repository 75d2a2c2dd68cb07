"""The generated messages against the official JSON schemas."""

import json
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evsys.ocpp.lenient import decoder
from evsys.ocpp.v16.messages import ACTIONS
from kit.schemas import SCHEMAS, faults, schema

GENERATOR = Path(__file__).parents[3] / "tools" / "generate_messages.py"
MESSAGES = [(action, kind) for action in ACTIONS for kind in ("request", "response")]


def test_the_messages_are_what_the_schemas_generate():
    done = subprocess.run([sys.executable, GENERATOR, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_schema_has_its_message_and_every_message_its_schema():
    assert {path.stem.removesuffix("Response") for path in SCHEMAS.glob("*.json")} == set(ACTIONS)


@pytest.mark.parametrize(("action", "kind"), MESSAGES)
def test_members_have_the_names_and_the_order_of_the_schema(action, kind):
    message = ACTIONS[action].request if kind == "request" else ACTIONS[action].response
    assert list(message.__struct_fields__) == list(schema(action, kind).get("properties", {}))  # type: ignore[call-overload]


# -- what is valid ---

WRONG = st.sampled_from([None, True, 7, 7.25, "text", "x" * 60, [], {}, {"a": 1}, [1]])
TIMES = st.sampled_from(
    [
        "2026-03-01T10:15:30Z",
        "2026-03-01T10:15:30.123+02:00",
        "2026-03-01T10:15:30",
        "2026-02-30T10:15:30Z",
        "yesterday",
        "",
    ]
)


def payloads(found: dict, definitions: dict) -> st.SearchStrategy[object]:
    """Payloads of a schema, with the odd fault in them."""
    if "$ref" in found:
        found = definitions[found["$ref"].rpartition("/")[2]]
    match found["type"]:
        case "object":
            made = _objects(found, definitions)
        case "array":
            made = st.lists(payloads(found["items"], definitions), min_size=0, max_size=2)
        case "string" if "enum" in found:
            made = st.sampled_from([*found["enum"], "Nonsense"])
        case "string" if found.get("format") == "date-time":
            made = TIMES
        case "string":
            longest = found.get("maxLength", 30)
            lengths = st.sampled_from([0, 1, longest, longest, longest + 1])
            made = lengths.map(lambda length: "ä" * length)
        case "integer":
            # 1.0 is left out: to JSON it is the integer 1, to the schemas' draft 4 it is none.
            made = st.integers(-(2**53), 2**53)
        case "number":
            # One decimal: more are a matter of `multipleOf`, which is kept where limits are written.
            made = st.integers(0, 1000).map(lambda tenths: Decimal(tenths) / 10)
        case "boolean":
            made = st.booleans()
        case other:
            raise AssertionError(other)
    if found["type"] == "number":
        # A decimal in quotes is read as well: no harm is done by understanding it.
        return st.one_of(made, made, made, WRONG.filter(lambda each: not isinstance(each, str | float)))
    return st.integers(0, 14).flatmap(lambda chance: WRONG if chance == 0 else made)


def _objects(found: dict, definitions: dict) -> st.SearchStrategy[object]:
    members = {
        name: _member(name, each, definitions) for name, each in sorted(found.get("properties", {}).items())
    }
    required = found.get("required", [])
    whole = st.fixed_dictionaries(
        {name: each for name, each in members.items() if name in required},
        optional={name: each for name, each in members.items() if name not in required},
    )

    def faulty(pair: tuple[dict, int]) -> dict:
        value, chance = pair
        if chance == 0:
            value = {**value, "unknown": 1}
        if chance == 1 and value:
            value = dict(list(value.items())[1:])
        return value

    return st.tuples(whole, st.integers(0, 12)).map(faulty)


def _member(name: str, found: dict, definitions: dict) -> st.SearchStrategy[object]:
    if name == "sampledValue" and "minItems" not in found:
        # The schema of StopTransaction forgets what the standard and that of MeterValues say: one or more.
        return st.lists(payloads(found["items"], definitions), min_size=1, max_size=2)
    return payloads(found, definitions)


@pytest.mark.parametrize(("action", "kind"), MESSAGES)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(data=st.data())
def test_a_payload_is_valid_here_where_the_schema_says_so(action, kind, data):
    found = schema(action, kind)
    payload = data.draw(payloads(found, found.get("definitions", {})))  # type: ignore[arg-type]
    raw = msgspec.json.Encoder(decimal_format="number").encode(payload)
    message = ACTIONS[action].request if kind == "request" else ACTIONS[action].response
    try:
        decoder(message).decode(raw)
        accepted = True
    except msgspec.ValidationError:
        accepted = False
    assert accepted == (faults(action, kind, raw) == [])


def test_both_verdicts_are_tried():
    """The payloads of the test above are neither all valid nor all not."""
    found = schema("StatusNotification", "request")
    valid = {True: 0, False: 0}

    @settings(max_examples=200, database=None, derandomize=True)
    @given(payloads(found, {}))
    def count(payload):  # type: ignore[no-untyped-def]
        valid[faults("StatusNotification", "request", json.dumps(payload).encode()) == []] += 1

    count()
    assert min(valid.values()) > 20


def test_an_integer_beyond_what_json_can_say_exactly_is_refused():
    """No schema bounds an integer; a database does."""
    kind = ACTIONS["StopTransaction"].request
    message = {"transactionId": 2**53 + 1, "meterStop": 1, "timestamp": "2026-03-01T10:15:30Z"}
    with pytest.raises(msgspec.ValidationError):
        decoder(kind).decode(json.dumps(message))


def test_who_may_send_an_action_is_one_of_three():
    hints = get_type_hints(type(ACTIONS["Reset"]))
    assert {each.sender for each in ACTIONS.values()} == set(get_args(hints["sender"]))
