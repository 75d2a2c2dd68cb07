"""The book of quirks: what stations do that is off the standard is counted, stored, and told."""

import re
from pathlib import Path

import evsys
from evsys.core.commands import Reset
from evsys.core.ports import CommandReply, CommandRequest
from evsys.core.quirks import KINDS
from evsys.core.records import StationQuirk
from evsys.csms.quirks import EXAMPLE_CHARS, FLUSH_EVERY_S
from kit.central import BOOT, Central, start_payload, station

ODD = BOOT | {"vendorExtra": "x"}
SOON = int(FLUSH_EVERY_S) + 1


def stored(central: Central) -> dict[str, int]:
    return {each.kind: each.count for each in central.read(StationQuirk)}


def test_quirks_are_stored_in_bulk_with_their_last_example(central: Central) -> None:
    peer = central.connect()
    peer.ask("BootNotification", ODD)
    assert stored(central) == {}
    central.pass_time(SOON)
    (first,) = central.read(StationQuirk)
    assert (first.kind, first.count, first.first_seen_at) == ("unknown_member", 1, first.last_seen_at)
    peer.ask("BootNotification", ODD | {"chargePointModel": "Two"})
    central.pass_time(SOON)
    (second,) = central.read(StationQuirk)
    assert (second.count, second.first_seen_at) == (2, first.first_seen_at)
    assert second.last_seen_at > first.last_seen_at
    assert "Two" in second.example


def test_quirks_are_counted_over_restarts(central: Central) -> None:
    for _ in range(2):
        peer = central.connect()
        peer.ask("BootNotification", ODD)
        peer.ask("BootNotification", ODD)
        central.pass_time(SOON)
        central.restart()
    (row,) = central.read(StationQuirk)
    assert row.count == 4
    peer = central.connect()
    peer.ask("BootNotification", ODD)
    central.pass_time(SOON)
    peer.ask("BootNotification", ODD)
    central.pass_time(SOON)
    (after,) = central.read(StationQuirk)
    assert (after.count, after.first_seen_at) == (6, row.first_seen_at)


def test_a_disk_that_is_full_for_a_while_loses_no_count(central: Central) -> None:
    peer = central.connect()
    peer.ask("BootNotification", ODD)
    with central.full_disk():
        central.pass_time(SOON)
    peer.ask("BootNotification", ODD)
    central.pass_time(SOON)
    assert stored(central) == {"unknown_member": 2}


def test_a_station_that_has_left_memory_is_counted_on_when_it_is_back(central: Central) -> None:
    peer = central.connect()
    peer.ask("BootNotification", ODD)
    peer.connection.lost("gone")
    central.pass_time(180)
    assert central.node.shared.quirks.counts("CP1") == {}
    central.connect().ask("BootNotification", ODD)
    central.pass_time(SOON)
    assert stored(central) == {"unknown_member": 2}


def test_a_turn_that_is_taken_again_counts_its_quirks_once(central: Central) -> None:
    """A start with an uncached token is decided more than once."""
    peer = central.connect()
    peer.ask("StartTransaction", start_payload(central) | {"meterStart": "1000"})
    assert central.node.shared.quirks.counts("CP1") == {"string_as_number": 1}


def test_clean_messages_leave_no_trace(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    number = peer.start()
    peer.meter_values(number, 2000)
    peer.stop(number)
    central.pass_time(SOON)
    assert stored(central) == {}


def test_examples_are_cut_and_masked_and_no_line_of_them_is_broken(central: Central) -> None:
    peer = central.connect()
    secret = [{"key": "AuthorizationKey", "readonly": False, "value": "0123456789ABCDEF"}]
    peer.send("DataTransfer", {"vendorId": "V", "data": {"configurationKey": secret, "text": "x" * 3000}})
    peer.connection.received(b"[2,\n\x1b[31m")
    central.pass_time(SOON)
    examples = {each.kind: each.example for each in central.read(StationQuirk)}
    assert "***" in examples["object_as_text"]
    assert not any("0123456789ABCDEF" in each for each in examples.values())
    assert all(len(each) <= EXAMPLE_CHARS and each.isprintable() for each in examples.values())


def test_what_nothing_can_be_made_of_is_counted_too(central: Central) -> None:
    peer = central.connect()
    peer.refused("Nonsense", {})
    for frame in (b"", b'[3,"nobody",{}]', b'[2,"m","Heartbeat",{', b"[9]"):
        peer.connection.received(frame)
    central.connect()
    assert central.node.shared.quirks.counts("CP1") == {
        "refused_call": 1,
        "ignored_frame": 2,
        "answer_to_nothing": 1,
        "unreadable_call": 1,
        "two_sockets": 1,
    }


def commanded(central: Central, answer: object) -> CommandReply:
    """What comes of a Reset that the station answers so."""
    peer = central.connect()
    replies: list[CommandReply] = []
    request = CommandRequest(command=Reset(), command_id=f"c{central.clock.now().timestamp()}")
    central.node.command("CP1", request, replies.append)
    central.settle()
    peer.answer(answer)
    return replies[0]


def test_repairs_of_answers_are_counted_and_in_strict_conformance_refused(central: Central) -> None:
    odd = {"status": "accepted", "extra": 1}
    reply = commanded(central, odd)
    assert reply.outcome is not None
    assert reply.outcome.accepted
    assert central.node.shared.quirks.counts("CP1") == {"unknown_member": 1, "enum_spelling": 1}
    central.clock.step(1)
    central.change_station(conformance="strict")
    assert commanded(central, odd).error == "BadAnswer"


def test_answers_that_are_late_or_cannot_be_read_are_counted(central: Central) -> None:
    peer = central.connect()
    for number in range(2):
        request = CommandRequest(command=Reset(), command_id=f"c{number}")
        central.node.command("CP1", request, lambda reply: None)
        central.settle()
    first = peer.calls()[0][0]
    central.pass_time(31)
    peer.connection.received(f'[3,"{first}",{{"status":"Accepted"}}]'.encode())
    peer.connection.received(f'[3,"{peer.calls()[-1][0]}",{{"status":'.encode())
    assert central.node.shared.quirks.counts("CP1") == {"late_answer": 1, "broken_answer": 1}


def test_the_quirks_of_one_station_are_not_anothers(central: Central) -> None:
    central.put(station("CP2"))
    central.connect("CP2").ask("BootNotification", ODD)
    central.connect("CP1").boot()
    central.pass_time(SOON)
    assert [(each.station_id, each.count) for each in central.read(StationQuirk)] == [("CP2", 1)]


def test_every_quirk_that_the_code_notes_has_a_meaning_and_none_is_left_over() -> None:
    """Names are noted in the rooms of the stations' tower and nowhere else."""
    folder = Path(evsys.__file__).parent
    rooms = [*(folder / "ocpp").glob("*.py"), *(folder / "ocpp/v16").glob("*.py")]
    rooms += [
        *(folder / "core").glob("*.py"),
        *(folder / "csms").glob("*.py"),
        *(folder / "gateway").glob("*"),
    ]
    texts = {path: path.read_text() for path in rooms if path.suffix == ".py" and path.name != "quirks.py"}
    noting = re.compile(r'(?:self\.note\(|quirks\.append\(|noticed\(entry\.id, )"(\w+)"')
    noted = {name for text in texts.values() for name in noting.findall(text)}
    assert noted <= KINDS.keys()
    everything = "".join(texts.values())
    assert [kind for kind in KINDS if f'"{kind}"' not in everything] == []
