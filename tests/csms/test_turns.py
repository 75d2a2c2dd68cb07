"""One turn, one Work, one commit: what leaves when, and what a failed commit means."""

import json
from collections.abc import Callable

import pytest

from evsys.core.work import Turn
from evsys.csms import turns
from evsys.csms.node import RECONNECT_WITHIN_S
from evsys.ocpp.v16 import V16
from kit.central import BOOT, Central, start_payload, station, token
from kit.link import RecordingLink, call, read


def test_no_reply_leaves_before_its_commit(central: Central) -> None:
    peer = central.connect()
    id = peer.send("StartTransaction", start_payload(central))
    while peer.link.sent == []:
        transactions = central.transactions()
        assert central.flush(), "nothing is under way, and nothing was answered"
    assert peer.answer_to(id) is not None
    assert len(central.transactions()) == 1
    assert transactions == [], "the reply left in the very flush that committed the start"


def test_memory_is_not_ahead_of_disk(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    peer.send("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    assert central.state().connectors == {}
    central.settle()
    assert central.state().connectors[1, 1].status == "Available"


def test_replies_leave_in_the_order_of_their_calls_a_heartbeat_among_them(central: Central) -> None:
    peer = central.connect()
    sent = [
        peer.send("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}),
        peer.send("Heartbeat", {}),
        peer.send("StartTransaction", start_payload(central)),
        peer.send("Heartbeat", {}),
    ]
    assert peer.link.sent == []
    central.settle()
    assert peer.answered_ids() == sent


def test_a_heartbeat_is_answered_at_once_when_nothing_is_under_way(central: Central) -> None:
    peer = central.connect()
    id = peer.send("Heartbeat", {})
    assert peer.answered_ids() == [id]


def test_frames_wait_while_the_state_is_loaded(central: Central) -> None:
    peer = central.connect(settle=False)
    id = peer.send("Heartbeat", {})
    assert peer.link.sent == []
    central.settle()
    assert peer.answered_ids() == [id]


def test_stations_do_not_wait_for_one_another(central: Central) -> None:
    central.put(station("CP2"))
    slow, quick = central.connect("CP1"), central.connect("CP2")
    slow.send("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    assert quick.send("Heartbeat", {}) in quick.answered_ids()
    assert slow.link.sent == []


def test_a_call_that_cannot_be_read_is_refused_in_its_order(central: Central) -> None:
    peer = central.connect()
    first = peer.send("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    peer.connection.received(b'[2,"broken","Heartbeat",{')
    last = peer.send("Heartbeat", {})
    central.settle()
    assert peer.answered_ids() == [first, "broken", last]


def test_a_full_disk_is_told_as_internal_error_and_the_retry_is_clean(central: Central) -> None:
    peer = central.connect()
    payload = start_payload(central)
    with central.full_disk():
        assert peer.refused("StartTransaction", payload) == "InternalError"
        assert peer.refused("StartTransaction", payload) == "InternalError"
        assert central.node.shared.failure
        assert central.state().transactions == {}
    number = peer.ask("StartTransaction", payload)["transactionId"]
    assert [each.number for each in central.transactions()] == [number]
    assert central.node.shared.failure == ""


def test_a_start_that_was_not_stored_does_not_keep_its_token_in_use(central: Central) -> None:
    """Field problem 2: ConcurrentTx on one's own retry."""
    peer = central.connect()
    payload = start_payload(central)
    with central.full_disk():
        assert peer.refused("StartTransaction", payload) == "InternalError"
    assert peer.ask("StartTransaction", payload)["idTagInfo"] == {"status": "Accepted"}


def test_a_token_is_claimed_at_the_decision(central: Central) -> None:
    central.put(station("CP2"))
    first, second = central.connect("CP1"), central.connect("CP2")
    payload = start_payload(central)
    ids = first.send("StartTransaction", payload), second.send("StartTransaction", payload)
    answers = [
        read(json.dumps(peer.answer_to(id)).encode())[2]
        for peer, id in zip((first, second), ids, strict=True)
    ]
    statuses = [each["idTagInfo"]["status"] for each in answers]  # type: ignore[index,call-overload]
    assert statuses == ["Accepted", "ConcurrentTx"]
    assert len({each["transactionId"] for each in answers}) == 2  # type: ignore[index,call-overload]


def test_a_token_is_free_again_after_its_session(central: Central) -> None:
    peer = central.connect()
    peer.stop(peer.start(meter=1))
    assert peer.ask("StartTransaction", start_payload(central, meter=2))["idTagInfo"] == {
        "status": "Accepted"
    }


def test_a_start_that_disk_has_and_memory_has_not_is_the_same_one(central: Central) -> None:
    """A conflict at commit is a fact, never an error to the station."""
    peer = central.connect()
    payload = start_payload(central)
    number = peer.ask("StartTransaction", payload)["transactionId"]
    for meter in range(20):  # memory keeps the last few sessions only
        peer.stop(peer.start(meter=20_000 + meter), meter=20_001 + meter)
    assert all(each.number != number for each in central.state().transactions.values())
    assert peer.ask("StartTransaction", payload)["transactionId"] == number


def test_two_stations_register_the_same_unknown_token_at_once(make_central: Callable[..., Central]) -> None:
    central = make_central(accept_unknown_tokens=True)
    central.put(station("CP2"))
    peers = central.connect("CP1"), central.connect("CP2")
    ids = [peer.send("Authorize", {"idTag": "NEW"}) for peer in peers]
    for peer, id in zip(peers, ids, strict=True):
        answer = peer.answer_to(id)
        assert answer is not None
        assert answer[2] == {"idTagInfo": {"status": "Accepted"}}


def test_a_commit_of_unknown_outcome_is_not_acknowledged_and_the_state_is_loaded_again(
    central: Central,
) -> None:
    peer = central.connect()
    payload = start_payload(central)
    id = peer.send("StartTransaction", payload)
    central.lose_the_answer()
    answer = peer.answer_to(id)
    assert answer is not None
    assert answer[:3] == [4, id, "InternalError"]
    assert len(central.state().transactions) == 1, "what disk has is loaded before the next turn"
    again = peer.ask("StartTransaction", payload)
    assert again["transactionId"] == central.transactions()[0].number
    assert again["idTagInfo"] == {"status": "Accepted"}
    assert len(central.transactions()) == 1


def test_a_fenced_station_is_closed_and_writes_nothing(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    central.claim_elsewhere("CP1")
    id = peer.send("StartTransaction", start_payload(central))
    central.settle()
    assert peer.link.closed is not None
    assert peer.link.closed[0] == 1001
    assert id not in peer.answered_ids()
    assert central.transactions() == []


def test_a_bug_in_a_handler_costs_one_call(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(turn: Turn, request: object) -> object:
        raise ZeroDivisionError("a bug")

    decode, kind, _ = V16.handlers["DataTransfer"]
    monkeypatch.setitem(V16.handlers, "DataTransfer", (decode, kind, buggy))
    peer = central.connect()
    assert peer.refused("DataTransfer", {"vendorId": "x"}) == "InternalError"
    assert "currentTime" in peer.ask("Heartbeat", {})


def test_a_bug_after_the_commit_costs_one_call(central: Central, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = central.connect()
    state = central.state()

    class Broken(type(state)):  # type: ignore[misc]
        __slots__ = ()

        def adopt(self, record: object) -> None:
            raise ZeroDivisionError("a bug")

    monkeypatch.setattr(state, "__class__", Broken)
    payload = start_payload(central)
    assert peer.refused("StartTransaction", payload) == "InternalError"
    number = peer.ask("StartTransaction", payload)["transactionId"]
    assert [each.number for each in central.transactions()] == [number]


def test_a_station_that_floods_is_closed(central: Central) -> None:
    peer = central.connect()
    peer.send("StartTransaction", start_payload(central))
    for _ in range(turns.MAX_INBOX_FRAMES + 1):
        peer.send("Heartbeat", {})
    assert peer.link.closed is not None
    assert peer.link.closed[0] == 1008
    central.settle()
    assert peer.link.sent == []
    assert len(central.transactions()) == 1, "the turn that was under way is committed"
    assert "currentTime" in central.connect().ask("Heartbeat", {})


def test_a_station_that_floods_with_large_frames_is_closed(central: Central) -> None:
    peer = central.connect()
    peer.send("StartTransaction", start_payload(central))
    for _ in range(5):
        peer.send("DataTransfer", {"vendorId": "x", "data": "y" * (turns.MAX_INBOX_BYTES // 4)})
    assert peer.link.closed is not None
    assert peer.link.closed[0] == 1008


def test_the_newest_connection_wins_and_the_late_death_of_the_old_one_changes_nothing(
    central: Central,
) -> None:
    """Field problem 25."""
    old = central.connect()
    old.boot()
    new = central.connect()
    assert old.link.closed is not None
    old.connection.received(call("late", "Heartbeat", {}))
    old.connection.lost("reset by peer")
    central.settle()
    assert len(old.link.sent) == 1
    assert central.status().connected
    assert central.status().epoch == 2
    assert "currentTime" in new.ask("Heartbeat", {})
    assert central.event_kinds("StationConnected", "StationDisconnected") == ["StationConnected"] * 2


def test_a_connection_that_comes_while_the_last_one_is_being_claimed_wins(central: Central) -> None:
    old = central.connect(settle=False)
    while not central.node.stations["CP1"].state:
        central.flush()
    new = central.connect()
    assert old.link.closed is not None
    assert central.status().epoch == 2
    assert "currentTime" in new.ask("Heartbeat", {})


def test_a_lost_connection_is_recorded_after_what_it_sent(central: Central) -> None:
    peer = central.connect()
    peer.send("StartTransaction", start_payload(central))
    peer.send("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    peer.connection.lost("the cable was cut")
    central.settle()
    assert peer.link.sent == []
    assert not central.status().connected
    assert central.state().connectors[1, 1].status == "Charging"
    assert central.event_kinds()[-3:] == [
        "TransactionStarted",
        "ConnectorStatusChanged",
        "StationDisconnected",
    ]


def test_a_connection_that_disk_does_not_take_is_recorded_later(central: Central) -> None:
    with central.full_disk():
        peer = central.connect()
        assert peer.refused("Heartbeat", {}) == "InternalError"
        central.tick()
    central.tick()
    assert central.status().connected
    assert "currentTime" in peer.ask("Heartbeat", {})
    with central.full_disk():
        peer.connection.lost("gone")
        central.settle()
    assert central.status().connected
    central.tick()
    assert not central.status().connected


def test_a_state_that_cannot_be_read_is_read_by_the_next_frame(central: Central) -> None:
    with central.unreadable():
        peer = central.connect(settle=False)
        early, broken = peer.send("Heartbeat", {}), b'[2,"broken","Heartbeat",{'
        peer.connection.received(broken)
        central.settle()
        assert peer.answered_ids() == [early, "broken"]
        assert peer.refused("Heartbeat", {}) == "InternalError"
    assert "currentTime" in peer.ask("Heartbeat", {})


def test_a_connection_left_open_by_a_crash_is_ended_after_the_restart(central: Central) -> None:
    central.connect()
    central.restart()
    central.pass_time(int(RECONNECT_WITHIN_S) - 2)
    assert central.status().connected, "it may well come back"
    central.pass_time(5)
    assert not central.status().connected
    assert central.event_kinds()[-1] == "StationDisconnected"


def test_restart_loses_nothing(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    peer.status("Charging")
    number = peer.start(meter=1000)
    peer.meter_values(number, 1500)
    central.restart()
    peer = central.connect()
    assert peer.ask("Heartbeat", {})
    other = central.connect("CP1")
    assert other.ask("StartTransaction", start_payload(central, connector=2))["idTagInfo"] == {
        "status": "ConcurrentTx"
    }
    other.stop(number, meter=3000)
    assert next(each for each in central.transactions() if each.number == number).energy_wh == 2000


def test_an_evse_holds_at_most_one_open_transaction(central: Central) -> None:
    peer = central.connect()
    first = peer.start(meter=1)
    central.clock.step(60)
    second = peer.start(meter=2)
    assert {each.number: each.ended_at is None for each in central.transactions()} == {
        first: False,
        second: True,
    }


def test_before_acceptance_only_some_calls_are_heard(central: Central) -> None:
    central.put(station("NEW", registration="Pending"))
    peer = central.connect("NEW")
    assert peer.ask("BootNotification", BOOT)["status"] == "Pending"
    assert peer.refused("Authorize", {"idTag": "CARD"}) == "SecurityError"
    assert peer.status("Available") == {}


def test_a_message_that_is_not_utf_8_inside_ends_the_connection(central: Central) -> None:
    peer = central.connect()
    peer.connection.received(b'[2,"a","DataTransfer",{"vendorId":"\xff\xfe"}]')
    central.settle()
    assert peer.link.closed is not None
    assert peer.link.closed[0] == 1007


def test_a_fact_that_does_not_come_in_time_fails_the_call_alone(central: Central) -> None:
    peer = central.connect()
    id = peer.send("Authorize", {"idTag": "UNCACHED"})
    central.clock.step(turns.FACT_TIMEOUT_S + 1)
    central.node.tick()
    assert peer.answered_ids() == [id]
    central.settle()
    assert peer.answered_ids() == [id], "what comes late is nobody's answer"
    assert "currentTime" in peer.ask("Heartbeat", {})


def test_a_link_that_raises_does_not_harm_the_neighbours(
    central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    central.put(station("CP2"))

    def broken(self: RecordingLink, frame: bytes) -> None:
        raise OSError("broken")

    first, second = central.connect("CP1"), central.connect("CP2")
    monkeypatch.setattr(type(first.link), "send", broken)
    first.send("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    second.send("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"})
    central.settle()
    assert central.state("CP2").connectors[1, 1].status == "Available"


def test_tokens_are_looked_up_once(central: Central) -> None:
    central.put(token("OTHER"))
    peer = central.connect()
    assert peer.ask("Authorize", {"idTag": "OTHER"})["idTagInfo"] == {"status": "Accepted"}
    retaken = central.node.shared.counts.retaken
    assert peer.ask("Authorize", {"idTag": "other"})["idTagInfo"] == {"status": "Accepted"}
    assert central.node.shared.counts.retaken == retaken
