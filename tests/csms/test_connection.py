"""One socket: what is read of it, what is counted, and how it ends."""

import io
import random
from collections.abc import Callable

import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from evsys import log
from evsys.core.work import Turn
from evsys.ocpp.v16 import V16
from kit.central import BOOT, Central, start_payload
from kit.link import call
from kit.mutation import FRAMES, mutated

ROUND = 2000
"""Mutated frames for one database."""


def test_text_that_is_not_utf_8_ends_the_connection(central: Central) -> None:
    peer = central.connect()
    peer.connection.received(b"\xff\xfe\xfd")
    assert peer.link.closed is not None
    assert peer.link.closed[0] == 1007


def test_nothing_is_heard_or_sent_after_the_end(central: Central) -> None:
    peer = central.connect()
    peer.send("StartTransaction", start_payload(central))
    peer.connection.lost("gone")
    peer.connection.received(call("late", "Heartbeat", {}))
    central.settle()
    assert peer.link.sent == []


def test_a_connection_is_lost_once(central: Central) -> None:
    peer = central.connect()
    peer.connection.lost("gone")
    peer.connection.lost("gone again")
    central.settle()
    assert central.event_kinds("StationDisconnected") == ["StationDisconnected"]


def test_what_needs_no_reply_gets_none(central: Central) -> None:
    peer = central.connect()
    for frame in (b"", b"[]", b"[9]", b'[3,"x",{}]', b'[4,"x","E","",{}]', b"nonsense", b"[2]"):
        peer.connection.received(frame)
    central.settle()
    assert peer.link.sent == []
    assert peer.link.closed is None


def test_repairs_are_counted_per_station(central: Central) -> None:
    peer = central.connect()
    with capture_logs() as entries:
        for _ in range(12):
            peer.ask("BootNotification", BOOT | {"vendorExtra": "x"})
    assert central.node.shared.quirks.counts("CP1") == {"unknown_member": 12}
    reported = [each["times"] for each in entries if each.get("quirk") == "unknown_member"]
    assert reported == [1, 10]


def test_what_a_station_sends_reaches_the_log_as_values_alone(
    central: Central, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The log escapes values; the sentences themselves are ours."""

    def buggy(turn: Turn, request: object) -> object:
        raise ValueError("EVIL")

    decode, kind, _ = V16.handlers["DataTransfer"]
    monkeypatch.setitem(V16.handlers, "DataTransfer", (decode, kind, buggy))
    peer = central.connect()
    with capture_logs() as entries:
        peer.refused("EVIL", {})
        peer.refused("DataTransfer", {"vendorId": "EVIL", "EVIL": 1})
        peer.connection.received(b'[4,"EVIL","EVIL","EVIL",{}]')
    assert entries
    assert all("EVIL" not in each["event"] for each in entries)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_no_bytes_whatever_harm_the_station(central: Central, frame: bytes) -> None:
    peer = central.connect()
    peer.connection.received(frame)
    central.settle()
    if peer.link.closed is None:
        assert "currentTime" in peer.ask("Heartbeat", {})


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_mutation_of_a_valid_frame_harms_the_station(central: Central, data: st.DataObject) -> None:
    frame = bytearray(call("1", "StartTransaction", start_payload(central)))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(frame) - 1))
        frame[at] = data.draw(st.integers(0, 255))
    peer = central.connect()
    peer.connection.received(bytes(frame))
    central.settle()
    if peer.link.closed is None:
        assert "currentTime" in peer.ask("Heartbeat", {})


@pytest.mark.parametrize(
    "count", [500, pytest.param(50_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
)
def test_mutated_frames_of_every_action_harm_nobody_and_write_no_line_of_their_own(
    make_central: Callable[..., Central], count: int
) -> None:
    """Nothing crashes or hangs: no entry tells of a bug, and the station is answered after each frame. The
    database is made anew now and then: what matters is what a frame does, not how many rows there are."""
    chance, lines = random.Random(1), io.StringIO()
    log.configure("gateway", stream=lines)
    try:
        for first in range(0, count, ROUND):
            central = make_central(accept_unknown_tokens=True)
            for number in range(first, min(count, first + ROUND)):
                peer = central.connect()
                frame = mutated(chance.choice(FRAMES), chance).encode("utf-8", "surrogatepass")
                peer.connection.received(frame[: chance.randrange(400)] if number % 2 else frame)
                central.settle()
                if peer.link.closed is None:
                    assert "currentTime" in peer.ask("Heartbeat", {}), frame
    finally:
        structlog.reset_defaults()
    written = lines.getvalue()
    assert "a bug" not in written
    assert "Traceback" not in written
    for line in written.split("\n"):
        assert line.isprintable(), line
        assert line == "" or line.startswith("timestamp="), line
    assert written.count("\n") > 0
