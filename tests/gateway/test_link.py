"""Links: frames, life and death, and peers that do not play along."""

import asyncio
import contextlib
import json
from pathlib import Path

import pytest
from hypothesis import strategies as st
from structlog.testing import capture_logs

from evsys.gateway.link import CLOSE_WITHIN_S, MAX_MESSAGE_BYTES, MAX_UNSENT_BYTES
from evsys.gateway.server import SEND_BUFFER_BYTES
from kit.gateway import (
    BINARY,
    BOOT,
    CLOSE,
    PING,
    PONG,
    Serve,
    Served,
    Wire,
    call,
    for_each,
    frame,
    lines_of,
    request,
    station,
)
from kit.waiting import until

HEARTBEAT = call("Heartbeat", {})


async def answered(wire: Wire) -> None:
    """Wait for the answer to a CALL."""
    assert json.loads(await wire.message())[0] in (3, 4)


# -- frames --------------------------------------------------------------------------------------------------


async def test_a_message_in_fragments_is_one_message_with_pings_between_them(served: Served) -> None:
    async with served.upgraded() as wire:
        text = call("BootNotification", BOOT, "in parts")
        wire.send(frame(text[:5], fin=False))
        wire.send(frame(text[5:20], 0, fin=False) + frame(b"between", PING) + frame(b"", 0, fin=False))
        wire.send(frame(text[20:], 0))
        assert await wire.frame() == (PONG, b"between")
        assert json.loads(await wire.message())[:2] == [3, "in parts"]


async def test_many_messages_in_one_write_are_answered_in_order(served: Served) -> None:
    async with served.upgraded() as wire:
        wire.send(b"".join(frame(call("Heartbeat", {}, str(number))) for number in range(20)))
        answers = [json.loads(await wire.message())[1] for _ in range(20)]
        assert answers == [str(number) for number in range(20)]


RESERVED = "reserved bits: switch compression off"
UNORDERED = "fragments out of order"
NOT_TEXT = "binary frames: OCPP-J is text"
ILLEGAL: dict[str, tuple[bytes, int, str]] = {
    "compressed": (frame(HEARTBEAT, reserved=4), 1002, RESERVED),
    "reserved": (frame(HEARTBEAT, reserved=1), 1002, RESERVED),
    "ping_reserved": (frame(b"x", PING, reserved=4), 1002, RESERVED),
    "fragment_reserved": (frame(b"x", fin=False) + frame(b"x", 0, reserved=4), 1002, RESERVED),
    "binary": (frame(HEARTBEAT, BINARY), 1003, NOT_TEXT),
    "binary_within_text": (frame(b"x", fin=False) + frame(b"x", BINARY), 1003, NOT_TEXT),
    "continues_nothing": (frame(b"x", 0), 1002, UNORDERED),
    "text_within_text": (frame(b"x", fin=False) + frame(b"y"), 1002, UNORDERED),
    "not_masked": (b"\x81\x05plain", 1002, ""),
    "kind_unknown": (frame(b"x", 3), 1002, ""),
    "ping_too_long": (frame(b"x" * 126, PING), 1002, ""),
    "ping_in_parts": (frame(b"x", PING, fin=False), 1002, ""),
    "close_of_one_byte": (frame(b"\x03", CLOSE), 1002, ""),
    "close_not_utf8": (frame(b"\x03\xe8\xff", CLOSE), 1007, ""),
    "text_not_utf8": (frame(b"\xff\xfe"), 1007, "not UTF-8"),
    "a_terabyte": (b"\x81\xff" + (2**40).to_bytes(8, "big"), 1009, ""),
}


@pytest.mark.parametrize(("sent", "code", "said"), ILLEGAL.values(), ids=ILLEGAL)
async def test_what_is_not_allowed_closes_the_link_with_its_code_and_no_neighbour(
    served: Served, sent: bytes, code: int, said: str
) -> None:
    with capture_logs() as entries:
        async with served.station("CP2") as neighbour, served.upgraded("CP1") as wire:
            wire.send(sent)
            got, reason = await wire.closed()
            assert got == code
            assert not said or reason == said
            wire.send(frame(code.to_bytes(2, "big"), CLOSE))
            await wire.ended(CLOSE_WITHIN_S / 2)
            assert await neighbour.is_answered()
            await until(lambda: not served.connected("CP1"))
    if said != "not UTF-8":  # which is the connection's to say
        assert lines_of(entries, "a link is closed")[0]["who"] == "CP1"


async def test_a_message_of_the_largest_size_is_read_and_a_larger_one_is_not(served: Served) -> None:
    padding = "x" * (MAX_MESSAGE_BYTES - 200)
    async with served.upgraded() as wire:
        wire.send(frame(call("DataTransfer", {"vendorId": "a", "data": padding})))
        await answered(wire)
        wire.send(frame(b"x" * (MAX_MESSAGE_BYTES + 1))[:100])
        assert (await wire.closed())[0] == 1009, "before its body was read"


async def test_fragments_are_bounded_together(served: Served) -> None:
    async with served.upgraded() as wire:
        wire.send(frame(b"x" * 100_000, fin=False))
        for _ in range(MAX_MESSAGE_BYTES // 100_000):
            wire.send(frame(b"x" * 100_000, 0, fin=False))
        assert (await wire.closed())[0] == 1009
    assert served.gateway.counts.cut[f"over {MAX_MESSAGE_BYTES} bytes"] == 1


async def test_no_bytes_on_a_link_disturb_a_neighbour(served: Served) -> None:
    async with served.station("CP2") as neighbour:

        async def send(data: bytes) -> None:
            async with served.upgraded("CP1") as wire:
                wire.send(data)
                wire.writer.write_eof()
                await wire.ended()
            assert await neighbour.is_answered()

        kinds = st.integers(0, 15)
        frames = st.builds(
            frame, st.binary(max_size=300), kinds, fin=st.booleans(), reserved=st.sampled_from([0, 0, 0, 4])
        )
        texts = st.text(max_size=100).map(lambda text: frame(text.encode()))

        await for_each(
            st.one_of(st.binary(max_size=500), st.lists(st.one_of(frames, texts)).map(b"".join)), send, 150
        )
        await until(lambda: served.gateway.admission.live == 1)


VALID: list[bytes] = [
    record["frame"].encode()
    for record in json.loads((Path(__file__).parents[1] / "vectors" / "valid_16.json").read_text())
]


def mutated(text: bytes, at: int, put: bytes, cut: int) -> bytes:
    """The text with some of its bytes replaced."""
    at %= len(text) + 1
    return text[:at] + put + text[at + cut :]


async def test_no_mutation_of_a_valid_frame_disturbs_a_neighbour(served: Served) -> None:
    places, bytes_, cuts = st.integers(0, 2000), st.binary(max_size=6), st.integers(0, 40)
    texts = st.builds(mutated, st.sampled_from(VALID), places, bytes_, cuts)
    wires = st.builds(mutated, texts.map(frame), places, bytes_, cuts)
    async with served.station("CP2") as neighbour:

        async def send(data: bytes) -> None:
            async with served.upgraded("CP1") as wire:
                wire.send(data + frame(HEARTBEAT))
                wire.writer.write_eof()
                await wire.ended()
            assert await neighbour.is_answered()

        await for_each(st.lists(st.one_of(texts.map(frame), wires), max_size=5).map(b"".join), send, 200)
        await until(lambda: served.gateway.admission.live == 1)


# -- the end of a link ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "answer"),
    [(b"", 1000), (b"\x03\xe9bye", 1001), (b"\x0f\xa0", 4000)],
    ids=["none", "going", "own"],
)
async def test_a_close_is_answered_with_its_own_code(served: Served, sent: bytes, answer: int) -> None:
    async with served.upgraded() as wire:
        wire.send(frame(sent, CLOSE))
        assert (await wire.closed())[0] == answer
        await wire.ended()
        await until(lambda: not served.connected())
    assert not served.gateway.counts.cut, "a station that goes is no trouble"


async def test_nothing_is_taken_or_sent_after_a_close(served: Served) -> None:
    async with served.upgraded() as wire:
        wire.send(frame(HEARTBEAT, BINARY) + frame(HEARTBEAT) * 50)
        assert (await wire.closed())[0] == 1003
        wire.send(frame(HEARTBEAT) + frame(b"x", PING))
        wire.send(frame(b"\x03\xeb", CLOSE))
        assert await wire.reader.read() == b""
    assert served.node.shared.counts.frames_in == 0


async def test_a_peer_that_does_not_answer_a_close_is_cut(served: Served) -> None:
    async with served.upgraded() as wire:
        wire.send(frame(HEARTBEAT, BINARY))
        assert (await wire.closed())[0] == 1003
        began = asyncio.get_running_loop().time()
        await wire.ended()
        took_s = asyncio.get_running_loop().time() - began
    assert CLOSE_WITHIN_S - 0.5 < took_s < CLOSE_WITHIN_S + 1


async def test_a_peer_that_closes_without_reading_what_it_was_sent_is_cut(served: Served) -> None:
    """A graceful end would wait until the peer has read everything, for ever."""
    async with served.wire(reads=False) as wire:
        wire.send(request("/ws/CP1"))
        await until(served.connected)
        wire.send(frame(b"x" * 125, PING) * 2500 + frame(b"\x03\xe8", CLOSE))
        await asyncio.sleep(CLOSE_WITHIN_S / 2)
        assert served.gateway.admission.live == 1, "there is no end to what is to be read"
        await until(lambda: served.gateway.admission.live == 0, CLOSE_WITHIN_S + 1)


async def test_the_newest_socket_of_a_station_wins_and_the_old_one_s_death_changes_nothing(
    served: Served,
) -> None:
    async with served.upgraded() as old, served.upgraded() as new:
        assert (await old.closed()) == (1000, "replaced by a newer connection")
        old.send(frame(HEARTBEAT))
        await old.ended()  # cut, since it does not answer
        assert served.connected()
        new.send(frame(HEARTBEAT))
        await answered(new)
    await until(lambda: not served.connected())


async def test_a_socket_that_is_reset_ends_its_link_at_once(served: Served) -> None:
    async with served.upgraded() as wire:
        assert served.connected()
        wire.writer.transport.abort()
        await until(lambda: not served.connected())
    await until(lambda: served.gateway.admission.live == 0)


# -- life ----------------------------------------------------------------------------------------------------

PING_S = 0.4
HEARTBEAT_S = 0.7
BUSY_S = 0.3
"""How much later than it should a busy machine may come to it."""


async def lives(
    serve: Serve,
    *,
    ping: bool = True,
    ping_interval_s: float = PING_S,
    heartbeat_interval_s: float = HEARTBEAT_S,
) -> Served:
    return await serve(
        [station("CP1", ping=ping), station("CP2")],
        ping_interval_s=ping_interval_s,
        heartbeat_interval_s=heartbeat_interval_s,
    )


async def silent_for(wire: Wire, *, pongs: int = 0) -> float:
    """Answer so many pings, then fall silent. How long the link lived from the last frame."""
    loop = asyncio.get_running_loop()
    silent_since = loop.time()
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
        while True:
            kind, payload = await wire.frame()
            if kind == PING and pongs:
                pongs -= 1
                wire.send(frame(payload, PONG))
                silent_since = loop.time()
    return loop.time() - silent_since


async def test_a_link_that_has_answered_a_ping_dies_within_two_intervals_of_silence(serve: Serve) -> None:
    served = await lives(serve)
    with capture_logs() as entries:
        async with served.upgraded() as wire:
            lived_s = await silent_for(wire, pongs=1)
    assert 1.4 * PING_S < lived_s <= 2 * PING_S + BUSY_S
    assert lines_of(entries, "a link was cut")[0]["reason"] == "silence"
    assert served.gateway.counts.cut["silence"] == 1
    await until(lambda: not served.connected())


async def test_a_link_that_never_answered_a_ping_is_given_more_time(serve: Serve) -> None:
    served = await lives(serve)
    async with served.upgraded() as wire:
        lived_s = await silent_for(wire)
    assert 2 * HEARTBEAT_S <= lived_s <= 2 * HEARTBEAT_S + PING_S + BUSY_S


async def test_answered_pings_alone_keep_a_link(serve: Serve) -> None:
    served = await lives(serve)
    async with served.upgraded() as wire:
        lived_s = 0.0
        began = asyncio.get_running_loop().time()
        for _ in range(6):
            kind, payload = await wire.frame()
            assert kind == PING
            wire.send(frame(payload, PONG))
            lived_s = asyncio.get_running_loop().time() - began
        assert lived_s > 2 * HEARTBEAT_S, "longer than silence may last"
        assert lived_s / 6 == pytest.approx(PING_S, abs=0.1)
        assert served.connected()


@pytest.mark.parametrize(
    "sent", [frame(b"", PING), frame(b"1", PONG), frame(HEARTBEAT)], ids=["ping", "pong", "call"]
)
async def test_any_frame_of_a_station_keeps_its_link(serve: Serve, sent: bytes) -> None:
    served = await lives(serve)
    async with served.upgraded() as wire:
        for _ in range(20):
            wire.send(sent)
            await asyncio.sleep(PING_S / 4)
        assert served.connected()
    assert not served.gateway.counts.cut


@pytest.mark.parametrize("globally", [False, True])
async def test_a_link_is_not_pinged_where_that_is_switched_off(serve: Serve, globally: bool) -> None:
    served = await lives(serve, ping=globally, ping_interval_s=0.0 if globally else PING_S)
    began = asyncio.get_running_loop().time()
    async with served.upgraded() as wire:
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await wire.frame()
    lived_s = asyncio.get_running_loop().time() - began
    assert 2 * HEARTBEAT_S <= lived_s <= 2.6 * HEARTBEAT_S + BUSY_S


async def test_pings_are_switched_off_and_on_while_a_station_is_connected(serve: Serve) -> None:
    served = await lives(serve, heartbeat_interval_s=10)
    async with served.upgraded() as wire:

        async def pings(during_s: float) -> int:
            count = 0
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(during_s):
                    while True:
                        kind, payload = await wire.frame()
                        assert kind == PING
                        wire.send(frame(payload, PONG))
                        count += 1
            return count

        assert await pings(3 * PING_S) >= 2
        await served.change_station("CP1", ping=False)
        assert await pings(3 * PING_S) == 0, "and its silence is no fault"
        await served.change_station("CP1", ping=True)
        assert await pings(3 * PING_S) >= 2


async def test_pings_of_many_links_are_spread_over_the_interval(serve: Serve) -> None:
    served = await serve([station(f"CP{number}") for number in range(40)], ping_interval_s=1.0)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as open_:
        wires = [await open_.enter_async_context(served.upgraded(f"CP{number}")) for number in range(40)]

        async def pinged_at(wire: Wire) -> float:
            kind, _ = await wire.frame()
            assert kind == PING
            return loop.time()

        times = sorted(await asyncio.gather(*map(pinged_at, wires)))
    slots = {round(at / 0.05) for at in times}
    assert len(slots) >= 8
    assert times[-1] - times[0] <= 1.1


# -- peers that do not read ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [frame(b"x" * 125, PING), frame(HEARTBEAT)], ids=["pings", "calls"])
async def test_a_peer_that_floods_without_reading_is_cut_and_its_neighbours_feel_nothing(
    served: Served, sent: bytes
) -> None:
    loop = asyncio.get_running_loop()
    async with served.station("CP2") as neighbour, served.wire(reads=False) as wire:
        wire.send(request("/ws/CP1"))
        await until(served.connected)
        slowest_s = 0.0
        deadline = loop.time() + 20
        while served.gateway.admission.live == 2 and loop.time() < deadline:
            if wire.writer.transport.get_write_buffer_size() < 1_000_000:
                wire.send(sent * 500)
            began = loop.time()
            assert await neighbour.is_answered()
            slowest_s = max(slowest_s, loop.time() - began)
        assert served.gateway.counts.cut == {"it does not read": 1}
        assert slowest_s < 1.0
        assert await neighbour.is_answered()


async def test_a_long_message_to_a_station_that_reads_arrives_and_so_does_what_follows_it(
    served: Served,
) -> None:
    """A local list of thousands of tokens is longer than what may wait for a station that does not read, and
    takes its time on a slow line."""
    long = b"x" * 4 * MAX_UNSENT_BYTES
    async with served.upgraded() as wire:
        ours = served.node.stations["CP1"].connection
        assert ours is not None
        for _ in range(2):
            ours.send(long)
            for number in range(100):
                ours.send(b"%d" % number)
            assert await wire.message() == long
            assert [await wire.message() for _ in range(100)] == [b"%d" % number for number in range(100)]
    assert not served.gateway.counts.cut


def test_what_waits_for_a_peer_that_does_not_read_is_small() -> None:
    assert MAX_UNSENT_BYTES + 2 * SEND_BUFFER_BYTES <= 512 * 1024
