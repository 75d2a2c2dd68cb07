"""Our CALLs: one at a time, bounded, with a time-out each, and independent of the station's own."""

from evsys.core.errors import ConnectionLost, NoAnswer, TooManyCalls
from evsys.csms.calls import MAX_WAITING, CallAnswer
from evsys.ocpp.rpc import CallError, CallResult
from kit.central import Central, Peer, start_payload


class Asked(list[CallAnswer]):
    """Answers, as they come."""


def ask(peer: Peer, action: str = "ClearCache", timeout_s: float = 30) -> Asked:
    answers = Asked()
    peer.connection.calls_to().ask(action, b"{}", timeout_s, answers.append)
    return answers


def test_one_call_is_open_at_a_time(central: Central) -> None:
    peer = central.connect()
    first, second = ask(peer, "ClearCache"), ask(peer, "Reset")
    assert [action for _, action, _ in peer.calls()] == ["ClearCache"]
    peer.answer({"status": "Accepted"})
    assert isinstance(first[0], CallResult)
    assert [action for _, action, _ in peer.calls()] == ["ClearCache", "Reset"]
    peer.refuse("NotSupported")
    assert isinstance(second[0], CallError)


def test_a_call_waits_for_the_reply_to_what_is_being_handled(central: Central) -> None:
    """A CALL that comes before the answer they wait for makes some stations hang."""
    peer = central.connect()
    id = peer.send("StartTransaction", start_payload(central))
    ask(peer)
    assert peer.calls() == []
    central.settle()
    assert peer.answered_ids() == [id]
    assert len(peer.calls()) == 1
    assert b"ClearCache" in peer.link.sent[-1]


def test_the_station_is_heard_while_our_call_is_open(central: Central) -> None:
    peer = central.connect()
    answers = ask(peer)
    assert "currentTime" in peer.ask("Heartbeat", {})
    assert peer.start() > 0
    assert answers == []
    peer.answer({"status": "Accepted"})
    assert len(answers) == 1


def test_an_answer_does_not_wait_for_the_inbox(central: Central) -> None:
    peer = central.connect()
    answers = ask(peer)
    peer.send("StartTransaction", start_payload(central))
    peer.connection.received(b'[3,"%b",{}]' % peer.calls()[0][0].encode())
    assert len(answers) == 1


def test_silence_ends_a_call_and_the_next_one_goes(central: Central) -> None:
    peer = central.connect()
    first, second = ask(peer, timeout_s=5), ask(peer, "Reset")
    central.pass_time(4)
    assert first == []
    central.pass_time(2)
    assert isinstance(first[0], NoAnswer)
    assert [action for _, action, _ in peer.calls()] == ["ClearCache", "Reset"]
    late = peer.calls()[0][0]
    peer.connection.received(b'[3,"%b",{"status":"Accepted"}]' % late.encode())
    assert second == [], "a late answer is not taken for the next one"
    assert central.node.shared.counts.calls["late"] == 1
    assert len(first) == 1


def test_a_lost_connection_fails_all_calls_at_once(central: Central) -> None:
    peer = central.connect()
    answers = [ask(peer) for _ in range(3)]
    peer.connection.lost("gone")
    assert all(isinstance(each[0], ConnectionLost) for each in answers)
    assert isinstance(ask(peer)[0], ConnectionLost)


def test_a_replaced_connection_fails_its_calls(central: Central) -> None:
    peer = central.connect()
    answers = ask(peer)
    central.connect()
    assert isinstance(answers[0], ConnectionLost)


def test_the_queue_behind_the_open_call_is_bounded(central: Central) -> None:
    peer = central.connect()
    answers = [ask(peer) for _ in range(MAX_WAITING + 2)]
    assert [bool(each) for each in answers] == [False] * (MAX_WAITING + 1) + [True]
    assert isinstance(answers[-1][0], TooManyCalls)


def test_the_ids_of_our_calls_differ_over_all_connections(central: Central) -> None:
    ids = set()
    for _ in range(5):
        peer = central.connect()
        for _ in range(3):
            ask(peer)
            ids.add(peer.calls()[-1][0])
            peer.answer({})
    assert len(ids) == 15
    assert all(len(id) <= 36 for id in ids)


def test_a_station_that_answers_with_minus_one_fails_the_open_call(central: Central) -> None:
    peer = central.connect()
    answers = ask(peer)
    peer.connection.received(b'[4,"-1","RpcFrameworkError","",{}]')
    assert isinstance(answers[0], CallError)


def test_a_truncated_answer_fails_the_call_at_once(central: Central) -> None:
    peer = central.connect()
    answers = ask(peer)
    peer.connection.received(b'[3,"%b",{"status":"Acc' % peer.calls()[0][0].encode())
    assert isinstance(answers[0], CallError)
