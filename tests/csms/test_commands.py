"""A command is two turns with its CALLs between them."""

import asyncio
import json

import msgspec
import pytest

from evsys.core import commands
from evsys.core.commands import SentCommand
from evsys.core.ports import BusTimeout, CommandReply, CommandRequest, NobodyThere, station_subject
from kit.central import Central, Peer, station


class Sent(list[CommandReply]):
    """Replies, as they come."""


def send(
    central: Central,
    command: SentCommand,
    id: str = "c1",
    timeout_s: float | None = None,
    wait: bool = True,
) -> Sent:
    replies = Sent()
    request = CommandRequest(command=command, command_id=id, by="tester", timeout_s=timeout_s, wait=wait)
    central.node.command("CP1", request, replies.append)
    central.settle()
    return replies


def booted(central: Central) -> Peer:
    peer = central.connect()
    peer.boot()
    return peer


def test_a_command_is_recorded_before_it_is_sent_and_finished_after_it_is_answered(central: Central) -> None:
    peer = booted(central)
    replies = send(central, commands.Reset(when="idle"))
    assert [each[1:] for each in peer.calls()] == [("Reset", {"type": "Soft"})]
    (record,) = central.commands()
    assert (record.type, record.requested_by, record.finished_at) == ("Reset", "tester", None)
    peer.answer({"status": "Accepted"})
    (record,) = central.commands()
    assert record.finished_at is not None
    assert (record.accepted, record.status) == (True, "Accepted")
    assert replies[0].outcome is not None
    assert replies[0].outcome.accepted
    assert central.event_kinds("CommandSent", "CommandFinished") == ["CommandSent", "CommandFinished"]


def test_a_command_whose_time_is_over_when_it_arrives_is_neither_sent_nor_recorded(central: Central) -> None:
    peer = booted(central)
    replies = Sent()
    request = CommandRequest(command=commands.ClearCache(), command_id="c1", expires_at=central.clock.now())
    central.node.command("CP1", request, replies.append)
    central.settle()
    assert [each.error for each in replies] == ["BadCommand"]
    assert peer.calls() == []
    assert central.commands() == []


def test_who_does_not_wait_is_answered_when_the_command_is_recorded(central: Central) -> None:
    peer = booted(central)
    replies = send(central, commands.ClearCache(), wait=False)
    assert replies == [CommandReply()]
    assert central.commands()[0].finished_at is None
    peer.answer({"status": "Accepted"})
    assert central.commands()[0].accepted is True
    assert len(replies) == 1


def test_the_station_refuses_with_a_callerror(central: Central) -> None:
    peer = booted(central)
    replies = send(central, commands.ClearCache())
    peer.refuse("NotSupported")
    assert (replies[0].error, replies[0].code) == ("CallFailed", "NotSupported")
    assert central.commands()[0].error.startswith("CallFailed")


def test_an_answer_that_cannot_be_understood_is_told_as_sent(central: Central) -> None:
    peer = booted(central)
    replies = send(central, commands.ClearCache())
    peer.answer({"state": "fine"})
    assert replies[0].error == "BadAnswer"
    assert json.loads(replies[0].payload) == {"state": "fine"}


def test_a_station_that_is_silent_is_given_up(central: Central) -> None:
    booted(central)
    replies = send(central, commands.ClearCache(), timeout_s=5)
    central.pass_time(6)
    assert replies[0].error == "NoAnswer"


def test_a_stations_own_time_out_holds(central: Central) -> None:
    central.change_station(call_timeout_s=3)
    booted(central)
    replies = send(central, commands.ClearCache())
    central.pass_time(4)
    assert replies[0].error == "NoAnswer"


def test_a_lost_connection_ends_a_command_at_once(central: Central) -> None:
    peer = booted(central)
    replies = send(central, commands.ClearCache())
    peer.connection.lost("gone")
    central.settle()
    assert replies[0].error == "ConnectionLost"
    assert central.commands()[0].error.startswith("ConnectionLost")


def test_a_station_that_is_not_there_is_offline(central: Central) -> None:
    assert send(central, commands.ClearCache())[0].error == "StationOffline"
    assert central.commands() == []


def test_what_1_6_cannot_say_is_told_and_recorded(central: Central) -> None:
    booted(central)
    assert send(central, commands.TriggerMessage(message="Tea"))[0].error == "BadCommand"
    assert central.commands()[0].error.startswith("BadCommand")


def test_nothing_is_sent_that_was_not_recorded(central: Central) -> None:
    peer = booted(central)
    with central.full_disk():
        assert send(central, commands.ClearCache())[0].error == "StoreUnavailable"
    assert peer.calls() == []


def test_an_outcome_that_cannot_be_recorded_is_told_all_the_same(central: Central) -> None:
    peer = booted(central)
    replies = send(central, commands.ClearCache())
    with central.full_disk():
        peer.answer({"status": "Accepted"})
    assert replies[0].outcome is not None


def test_the_same_command_is_not_sent_twice(central: Central) -> None:
    peer = booted(central)
    send(central, commands.ClearCache())
    assert send(central, commands.ClearCache())[0].error == "BadCommand"
    assert len(peer.calls()) == 1


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
def test_a_station_that_is_not_accepted_takes_no_remote_start(central: Central, registration: str) -> None:
    central.change_station(registration=registration)
    peer = booted(central)
    start = commands.RequestStartTransaction(id_token="CARD", evse_id=1)
    reply = send(central, start)[0]
    assert reply.error == "BadCommand"
    assert registration in reply.text
    raw = commands.RawCall(action="RemoteStopTransaction", payload=msgspec.Raw(b'{"transactionId":1}'))
    assert send(central, raw, "c2")[0].error == "BadCommand"
    assert peer.calls() == []


def test_a_pending_station_may_be_configured(central: Central) -> None:
    central.change_station(registration="Pending")
    peer = booted(central)
    replies = send(central, commands.GetVariables(names=("HeartbeatInterval",)))
    peer.answer({"configurationKey": []})
    assert replies[0].outcome is not None


def test_a_secret_goes_to_the_station_and_nowhere_else(central: Central) -> None:
    peer = booted(central)
    secret = commands.SetVariable(name="AuthorizationKey", value="SECRET")
    send(central, commands.SetVariables(variables=(secret,)))
    assert peer.calls()[-1][2] == {"key": "AuthorizationKey", "value": "SECRET"}
    peer.answer({"status": "Accepted"})
    payload = msgspec.Raw(b'{"key":"AuthorizationKey","value":"SECRET"}')
    send(central, commands.RawCall(action="ChangeConfiguration", payload=payload), "c2")
    peer.answer({"status": "Accepted"})
    send(central, commands.GetVariables(), "c3")
    peer.answer({"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "SECRET"}]})
    url = "ftp://me:SECRET@host/dir"
    send(central, commands.GetDiagnostics(location=url), "c4")
    assert peer.calls()[-1][2] == {"location": url}
    peer.answer({"fileName": "a"})
    payload = msgspec.Raw(msgspec.json.encode({"location": url}))
    send(central, commands.RawCall(action="GetDiagnostics", payload=payload), "c5")
    peer.answer({"fileName": "a"})
    central.restart()
    assert b"SECRET" not in central.path.read_bytes()
    assert b"ftp://me:***@host/dir" in bytes(central.commands()[-1].request)


async def bus_request(
    central: Central, command: SentCommand, peer: Peer, timeout_s: float = 5
) -> CommandReply:
    """Ask over the bus, as the office does, while the station answers."""
    request = CommandRequest(command=command, command_id="bus", by="tester")

    async def play() -> None:
        for _ in range(20):
            await asyncio.sleep(0)
            central.settle()
            if peer.calls() and not central.commands()[0].finished_at:
                peer.answer({"status": "Accepted"})

    asking = central.bus.request(station_subject("CP1"), msgspec.json.encode(request), timeout_s)
    payload, _ = await asyncio.gather(asking, play())
    return msgspec.json.decode(payload, type=CommandReply)


def test_a_command_comes_over_the_bus(central: Central) -> None:
    peer = booted(central)
    reply = asyncio.run(bus_request(central, commands.ClearCache(), peer))
    assert reply.outcome is not None
    assert reply.outcome.status == "Accepted"


def test_the_subject_of_a_station_that_is_away_is_served_by_nobody(central: Central) -> None:
    central.put(station("CP2"))
    request = CommandRequest(command=commands.ClearCache(), command_id="x")
    asking = central.bus.request(station_subject("CP2"), msgspec.json.encode(request), 1)
    with pytest.raises(NobodyThere):
        asyncio.run(asking)


def test_who_gives_up_does_not_cancel_the_record(central: Central) -> None:
    peer = booted(central)

    async def give_up() -> None:
        request = CommandRequest(command=commands.ClearCache(), command_id="c1")
        with pytest.raises(BusTimeout):
            await central.bus.request(station_subject("CP1"), msgspec.json.encode(request), 0.01)
        central.settle()
        peer.answer({"status": "Accepted"})
        await asyncio.sleep(0.01)

    asyncio.run(give_up())
    assert central.commands()[0].status == "Accepted"


def test_the_time_out_that_was_asked_for_holds_before_the_stations_own(central: Central) -> None:
    central.change_station(call_timeout_s=3)
    booted(central)
    replies = send(central, commands.ClearCache(), timeout_s=10)
    central.pass_time(8)
    assert replies == []
    central.pass_time(4)
    assert replies[0].error == "NoAnswer"
