"""The RPC framework: frames in, typed messages out."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from evsys.ocpp.errors import Refusal
from evsys.ocpp.rpc import (
    LATE_IDS,
    MAX_DESCRIPTION_CHARS,
    MAX_ID_CHARS,
    Call,
    CallError,
    CallResult,
    Conversation,
    Ignored,
    Refused,
    ResultRefused,
    Undecodable,
)


@pytest.fixture
def conversation() -> Conversation:
    return Conversation("ocpp1.6", prefix="7-")


def test_a_call_has_an_id_that_no_connection_of_the_station_had(conversation):
    id, frame = conversation.call("Reset", b'{"type":"Hard"}')
    assert json.loads(frame) == [2, id, "Reset", {"type": "Hard"}]
    assert id.startswith("7-")
    conversation.receive(json.dumps([3, id, {}]).encode())
    assert conversation.call("Reset", b"{}")[0] != id


def test_an_action_is_written_as_json_text(conversation):
    id, frame = conversation.call('Odd"\n', b"{}")
    assert json.loads(frame) == [2, id, 'Odd"\n', {}]


def test_an_answer_resolves_the_open_call_once(conversation):
    id, _ = conversation.call("ClearCache", b"{}")
    frame = json.dumps([3, id, {"status": "Accepted"}], separators=(",", ":")).encode()
    assert conversation.receive(frame) == CallResult(id, Raw(b'{"status":"Accepted"}'))
    assert conversation.open_id is None
    assert isinstance(conversation.receive(frame), Ignored)


def test_a_spaced_answer_without_payload_resolves_it_too(conversation):
    id, _ = conversation.call("ClearCache", b"{}")
    assert conversation.receive(json.dumps([3, id]).encode()) == CallResult(id, Raw(b"{}"))


def test_a_late_answer_is_told_from_nonsense(conversation):
    id, _ = conversation.call("ClearCache", b"{}")
    conversation.give_up()
    conversation.give_up()
    assert conversation.receive(json.dumps([3, id, {}]).encode()) == CallResult(id, Raw(b"{}"), late=True)
    other, _ = conversation.call("ClearCache", b"{}")
    conversation.give_up()
    late = conversation.receive(json.dumps([4, other, "GenericError", "no", {}]).encode())
    assert late == CallError(other, "GenericError", "no", late=True)
    assert isinstance(conversation.receive(json.dumps([4, other, "GenericError"]).encode()), Ignored)


def test_only_so_many_late_ids_are_remembered(conversation):
    ids = []
    for _ in range(LATE_IDS + 1):
        ids.append(conversation.call("ClearCache", b"{}")[0])
        conversation.give_up()
    assert isinstance(conversation.receive(json.dumps([3, ids[0], {}]).encode()), Ignored)
    assert isinstance(conversation.receive(json.dumps([3, ids[1], {}]).encode()), CallResult)


@pytest.mark.parametrize(
    ("tail", "code", "description", "details"),
    [
        (["FormationViolation", "bad", {"a": 1}], "FormationViolation", "bad", '{"a": 1}'),
        (["Whatever"], "Whatever", "", "{}"),
        ([], "GenericError", "", "{}"),
        ([17, None, None], "17", "", "null"),
        (["E", "d" * 300], "E", "d" * MAX_DESCRIPTION_CHARS, "{}"),
    ],
)
def test_a_refusal_is_understood_in_any_shape(conversation, tail, code, description, details):
    id, _ = conversation.call("ClearCache", b"{}")
    refused = conversation.receive(json.dumps([4, id, *tail]).encode())
    assert refused == CallError(id, code, description, details)
    assert conversation.open_id is None


def test_a_refusal_of_an_unreadable_id_means_the_one_open_call(conversation):
    id, _ = conversation.call("ClearCache", b"{}")
    assert conversation.receive(b'[4,"-1","RpcFrameworkError","?",{}]') == CallError(
        id, "RpcFrameworkError", "?"
    )
    assert isinstance(conversation.receive(b'[4,"-1","RpcFrameworkError","?",{}]'), Ignored)


def test_a_broken_answer_fails_the_open_call_at_once(conversation):
    """Grizzl-E cuts long answers off."""
    id, _ = conversation.call("GetConfiguration", b"{}")
    failed = conversation.receive(f'[3,"{id}",{{"configurationKey":['.encode())
    assert isinstance(failed, CallError)
    assert failed.id == id
    assert conversation.open_id is None
    assert isinstance(conversation.receive(b'[3,"other",{"a":['), Ignored)


@pytest.mark.parametrize(
    ("frame", "quirk"),
    [
        (b'["2","m","Heartbeat",{}]', "message_type_as_text"),
        (b'[2.0,"m","Heartbeat",{}]', "message_type_as_text"),
        (b'\xef\xbb\xbf[2,"m","Heartbeat",{}]', "frame"),
        (b'[2,"m","Heartbeat",{}]\r\n\x00', "frame"),
        (b'[2,"m","Heartbeat"]', "missing_payload"),
        (b'[2,"m","Heartbeat",{},1]', "surplus_elements"),
        (b'[2,"m","Heartbeat",{}]', ""),
    ],
)
def test_a_frame_is_repaired_and_the_repair_has_a_name(conversation, frame, quirk):
    call = conversation.receive(frame)
    assert isinstance(call, Call)
    assert (call.id, call.action, bytes(call.payload), call.quirk) == ("m", "Heartbeat", b"{}", quirk)


def test_an_id_of_a_charger_that_counts_from_one_after_each_boot_is_never_refused(conversation):
    for _ in range(3):
        assert isinstance(conversation.receive(b'[2,"1","Heartbeat",{}]'), Call)


@pytest.mark.parametrize("id", ["", "x" * (MAX_ID_CHARS + 1), 17, None, {}])
def test_an_unreadable_id_is_ignored_in_16_and_refused_in_2x(id):
    frame = json.dumps([2, id, "Heartbeat", {}]).encode()
    assert isinstance(Conversation("ocpp1.6").receive(frame), Ignored)
    refused = Conversation("ocpp2.0.1").receive(frame)
    assert isinstance(refused, Refused)
    assert (refused.id, refused.refusal.code) == ("-1", "RpcFrameworkError")
    answered = json.dumps([3, id, {}]).encode()
    assert isinstance(Conversation("ocpp2.0.1").receive(answered), Ignored)


def test_text_that_is_not_json_is_refused_with_the_id_that_can_be_read():
    frame = b'[2,"m","MeterValues",{"a":[,1]}]'
    refused = Conversation("ocpp1.6").receive(frame)
    assert isinstance(refused, Refused)
    assert (refused.id, refused.refusal.code) == ("m", "FormatViolation")
    assert isinstance(Conversation("ocpp1.6").receive(b"not json"), Ignored)
    assert isinstance(Conversation("ocpp2.0.1").receive(b"not json"), Refused)


def test_an_id_of_broken_escapes_is_unreadable():
    assert isinstance(Conversation("ocpp1.6").receive(rb'[2,"\ud800","Heartbeat",{}'), Ignored)


def test_a_deep_nest_does_not_raise(conversation):
    frame = b'[2,"m","DataTransfer",{"vendorId":"x","data":' + b"[" * 100_000
    refused = conversation.receive(frame)
    assert isinstance(refused, Refused)
    assert refused.id == "m"


@pytest.mark.parametrize("frame", [b"", b"  ", b"[]", b"null", b'"text"', b"17", b"{}", b"[2]", b"[2,"])
def test_nothing_to_answer_is_ignored(conversation, frame):
    assert isinstance(conversation.receive(frame), Ignored)


def test_text_that_is_not_utf8_ends_the_connection(conversation):
    assert conversation.receive(b"\xff\xfe") == Undecodable()


def test_a_call_without_an_action_is_refused_and_a_send_ignored():
    assert isinstance(Conversation("ocpp1.6").receive(b'[2,"m",17,{}]'), Refused)
    assert isinstance(Conversation("ocpp1.6").receive(b'[2,"m"]'), Refused)
    assert isinstance(Conversation("ocpp2.1").receive(b'[6,"m"]'), Ignored)


def test_the_messages_of_21_are_known_in_21_alone():
    send = b'[6,"m","NotifyPeriodicEventStream",{}]'
    call = Conversation("ocpp2.1").receive(send)
    assert isinstance(call, Call)
    assert not call.awaits_answer
    assert isinstance(Conversation("ocpp1.6").receive(send), Ignored)
    refused = b'[5,"m","GenericError","no",{}]'
    assert Conversation("ocpp2.1").receive(refused) == ResultRefused("m", "GenericError", "no")
    assert isinstance(Conversation("ocpp2.0.1").receive(refused), Ignored)


def test_errors_are_spelled_as_the_version_spells_them():
    old, new = Conversation("ocpp1.6"), Conversation("ocpp2.0.1")
    assert json.loads(old.error("m", "FormatViolation", "x"))[2] == "FormationViolation"
    assert (
        json.loads(old.error("m", "OccurrenceConstraintViolation", "x"))[2] == "OccurenceConstraintViolation"
    )
    assert json.loads(new.error("m", "FormatViolation", "x"))[2] == "FormatViolation"
    assert json.loads(old.error("m", "InternalError", "x")) == [4, "m", "InternalError", "x", {}]


def test_a_description_is_cut_and_can_be_written_whatever_it_holds(conversation):
    frame = json.loads(conversation.error("m", "GenericError", "\ud800" + "x" * 300))
    assert len(frame[3]) == MAX_DESCRIPTION_CHARS


def test_a_result_is_written_with_its_payload(conversation):
    assert conversation.result("m", Raw(b'{"a":8.1}')) == b'[3,"m",{"a":8.1}]'


def test_a_refusal_reads_as_one_line():
    assert str(Refusal("SecurityError", "not accepted")) == "SecurityError: not accepted"


pieces = st.sampled_from(
    [
        b"[",
        b"]",
        b"{",
        b"}",
        b",",
        b'"',
        b"2",
        b"3",
        b"4",
        b"6",
        b"\\",
        b"\\ud800",
        b"null",
        b"\xff",
        b" ",
        b'"m"',
    ]
)


@given(
    st.one_of(
        st.binary(max_size=60),
        st.lists(pieces, max_size=30).map(b"".join),
        st.lists(pieces, max_size=20).map(lambda tail: b'[3,"7-1",' + b"".join(tail)),
        st.lists(pieces, max_size=20).map(lambda tail: b'[2,"m","Heartbeat",' + b"".join(tail)),
    ),
    st.sampled_from(["ocpp1.6", "ocpp2.0.1", "ocpp2.1"]),
)
def test_no_bytes_whatever_make_it_raise(frame, version):
    conversation = Conversation(version, prefix="7-")
    conversation.call("GetConfiguration", b"{}")
    received = conversation.receive(frame)
    match received:
        case CallResult() | CallError():
            assert conversation.open_id is None
        case Refused(id=id, refusal=refusal):
            json.loads(conversation.error(id, refusal.code, refusal.description))
        case _:
            assert conversation.open_id is not None
