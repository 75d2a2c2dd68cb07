"""The gate: what a handshake is answered with, and what it may cost."""

import asyncio
import json
import logging
from pathlib import Path
from typing import cast

import pytest
from hypothesis import strategies as st
from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeResponse
from picows import WSUpgradeResponseWithListener as Upgrade
from picows.picows import WSProtocol, _parse_http_request  # type: ignore[attr-defined]  # held by a test here
from structlog.testing import capture_logs

from evsys.core.records import Knock, Station
from evsys.gateway import gate
from evsys.gateway.gate import MAX_REQUEST_BYTES
from kit.gateway import (
    ACCEPTED,
    BINARY,
    CLOSE,
    Serve,
    Served,
    call,
    for_each,
    frame,
    lines_of,
    request,
    station,
)
from kit.waiting import PATIENCE_S, until

RECORDS: list[dict[str, dict[str, object]]] = json.loads(
    (Path(__file__).parents[1] / "vectors" / "handshake.json").read_text()
)


def concerns_this_version(record: dict[str, dict[str, object]]) -> bool:
    """Profile 0 alone (no passwords, no certificates), and of the versions 1.6 or none: a record whose answer
    is 2.0.1 waits for that version."""
    return record["config"]["profile"] == 0 and record["expected"].get("subprotocol") in (None, "ocpp1.6")


VECTORS = [record for record in RECORDS if concerns_this_version(record)]


def test_the_vectors_are_those_of_profile_0_without_2_0_1() -> None:
    assert len(VECTORS) == 14
    left_out = {str(record["id"]) for record in RECORDS if record["config"]["profile"] == 0} - {
        str(record["id"]) for record in VECTORS
    }
    assert left_out == {"H-ok-201-pref", "H-unsupported-mixed", "H-pct-pipe", "H-id-48"}


@pytest.mark.parametrize("record", VECTORS, ids=[str(record["id"]) for record in VECTORS])
async def test_a_handshake_of_the_vectors_is_answered_as_it_says(
    record: dict[str, dict[str, object]], serve: Serve
) -> None:
    asked, expected = record["request"], record["expected"]
    served = await serve([station(str(record["config"]["station"]))], paths=("/ocpp",))
    offered = cast(list[str], asked["subprotocols"])
    async with served.wire() as older, served.wire() as wire:
        if record["config"].get("already_connected"):
            older.send(request("/ocpp/CP001"))
            await older.answer()
        without = str(asked.get("missing_header", "" if offered else "Sec-WebSocket-Protocol"))
        wire.send(request(str(asked["path"]), without=without, Sec_WebSocket_Protocol=", ".join(offered)))
        status, headers, _body = await wire.answer()

        statuses = expected.get("http", 101)
        assert status in (statuses if isinstance(statuses, list) else [statuses])
        if status == 101:
            protocol = "ocpp1.6" if "close" in expected else expected["subprotocol"]
            assert headers.get("sec-websocket-protocol") == protocol
        if expected.get("then") == "close":
            assert (await wire.closed())[0] == 1002
            await wire.ended()
        if "close" in expected:
            wire.send(frame(call("Heartbeat", {}), reserved=4))
            assert (await wire.closed())[0] == expected["close"]
        if "effect" in expected:
            assert (await older.closed())[0] == 1000
            await older.ended()
            assert served.connected("CP001")


# -- requests that are no handshake --------------------------------------------------------------------------


async def test_a_request_without_upgrade_is_told_what_this_is_and_disturbs_nobody(served: Served) -> None:
    async with served.station("CP1") as live:
        for without in ("Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version"):
            async with served.wire() as browser:
                browser.send(request("/ws/CP1", without=without))
                status, headers, body = await browser.answer()
                assert status == 426
                assert headers["upgrade"] == "websocket"
                assert headers["sec-websocket-version"] == "13"
                assert b"WebSocket" in body
                await browser.ended()
        assert await live.is_answered()
        assert served.connected("CP1")


async def test_a_version_of_the_websocket_that_nobody_speaks_is_told_the_one_spoken(served: Served) -> None:
    async with served.wire() as wire:
        wire.send(request("/ws/CP1", Sec_WebSocket_Version="12"))
        status, headers, _ = await wire.answer()
        assert (status, headers["sec-websocket-version"]) == (426, "13")


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "OPTIONS", "DELETE"])
async def test_another_method_is_not_allowed(served: Served, method: str) -> None:
    async with served.wire() as wire:
        wire.send(request("/ws/CP1").replace(b"GET", method.encode(), 1))
        status, headers, _ = await wire.answer()
        assert (status, headers["allow"]) == (405, "GET")


@pytest.mark.parametrize(
    "sent",
    [
        b"GARBAGE\r\n\r\n",
        b"GET /ws/CP1 HTTP/1.0\r\n\r\n",
        b"GET /ws/CP1\r\n\r\n",
        b"\r\n\r\n",
        b"GET /ws/CP1 HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /ws/CP1 HTTP/1.1\r\nContent-Length: 5\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_a_bad_one(served: Served, sent: bytes) -> None:
    async with served.wire() as wire:
        wire.send(sent)
        assert (await wire.answer())[0] == 400
        await wire.ended()


async def test_a_wrong_path_is_told_the_right_one_and_named_to_the_operator(served: Served) -> None:
    with capture_logs() as entries:
        async with served.wire() as wire:
            wire.send(request("/steve/CP1\x1b[31m"))
            status, _, body = await wire.answer()
    assert (status, body) == (404, b"connect to /ws/<identity>\n")
    (entry,) = lines_of(entries, "no station is named by the path of a request")
    assert entry["path"] == "/steve/CP1\x1b[31m", "as a value, which the log escapes"


@pytest.mark.parametrize("size", [MAX_REQUEST_BYTES, 3 * MAX_REQUEST_BYTES])
async def test_a_request_that_is_too_large_is_refused(served: Served, size: int) -> None:
    for whole in (True, False):
        async with served.wire() as wire:
            sent = request("/ws/CP1", X_Padding="x" * size)
            wire.send(sent if whole else sent[: MAX_REQUEST_BYTES + 1])
            status, _, _ = await wire.answer()
            assert status == 431


# -- what is legal and unusual -------------------------------------------------------------------------------


async def test_a_request_may_come_byte_by_byte_and_frames_may_follow_in_the_same_breath(
    served: Served,
) -> None:
    async with served.wire() as wire:
        for byte in request("/ws/CP1")[:-1]:
            wire.send(bytes([byte]))
            await asyncio.sleep(0)
        wire.send(b"\n" + frame(call("BootNotification", {"chargePointVendor": "A" * 20_000, "x": 1})))
        status, headers, _ = await wire.answer()
        assert status == 101
        assert headers["sec-websocket-accept"] == ACCEPTED
        assert json.loads(await wire.message())[:2] == [4, "1"]


async def test_headers_are_read_as_proxies_and_odd_stacks_write_them(served: Served) -> None:
    async with served.wire() as wire:
        asked = request("/ws/cp1", Connection="keep-alive, Upgrade", Upgrade="WebSocket")
        asked = asked.replace(b"Sec-WebSocket-Protocol: ocpp1.6\r\n", b"sec-websocket-protocol: ocpp1.5\r\n")
        wire.send(asked[:-2] + b"Sec-WebSocket-Protocol: ocpp1.2 , ocpp1.6\r\n\r\n")
        status, headers, _ = await wire.answer()
        assert (status, headers["sec-websocket-protocol"]) == (101, "ocpp1.6")
        await until(lambda: served.connected("CP1"))
        assert not served.connected("cp1"), "the name that was registered is the name"


async def test_compression_is_not_agreed_to(served: Served) -> None:
    async with served.wire() as wire:
        wire.send(request("/ws/CP1", Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"))
        status, headers, _ = await wire.answer()
        assert status == 101
        assert "sec-websocket-extensions" not in headers


async def test_a_version_is_assumed_where_the_gateway_is_told_to(serve: Serve) -> None:
    served = await serve(assume_protocol="ocpp1.6")
    async with served.wire() as wire:
        wire.send(request("/ws/CP1", without="Sec-WebSocket-Protocol"))
        status, headers, _ = await wire.answer()
        assert status == 101
        assert "sec-websocket-protocol" not in headers, "nothing was offered"
        await until(lambda: served.connected("CP1"))


async def test_a_version_is_assumed_where_the_station_s_record_says_so(serve: Serve) -> None:
    served = await serve([station("CP1"), station("GRIZZL", assume_protocol="ocpp1.6")])
    for name, assumed in (("GRIZZL", True), ("CP1", False)):
        async with served.wire() as wire:
            wire.send(request(f"/ws/{name}", without="Sec-WebSocket-Protocol"))
            assert (await wire.answer())[0] == 101
            if assumed:
                await until(lambda: served.connected("GRIZZL"))
            else:
                assert await wire.closed() == (1002, "no version to speak: none offered")
                await wire.ended()
    assert "CP1" not in served.node.stations


async def test_a_station_without_a_version_is_named_to_the_operator(served: Served) -> None:
    with capture_logs() as entries:
        async with served.wire() as wire:
            wire.send(request("/ws/CP1", Sec_WebSocket_Protocol="ocpp0.9"))
            assert (await wire.answer())[0] == 101
            await wire.ended()
    (entry,) = lines_of(entries, "a link is closed")
    assert (entry["who"], entry["offered"]) == ("CP1", ["ocpp0.9"])
    await until(lambda: served.gateway.admission.live == 0)


# -- stations that are not known -----------------------------------------------------------------------------


async def test_an_unknown_station_is_refused_and_its_knock_is_noted(served: Served) -> None:
    for _ in range(3):
        async with served.wire() as wire:
            wire.send(request("/ws/NOPE"))
            assert (await wire.answer())[0] == 404
            await wire.ended()
    await until(lambda: [(each.station_id, each.count) for each in served.read(Knock)] == [("NOPE", 3)])
    (knock,) = served.read(Knock)
    assert knock.address.startswith("127.0.0.1:")
    assert served.index.find("NOPE") is None


async def test_an_unknown_station_that_may_registers_itself_durably(serve: Serve) -> None:
    served = await serve(accept_unknown=True)
    async with served.station("NEW-1") as new:
        assert await new.is_answered()
    assert "NEW-1" in [known.id for known in served.read(Station)]


async def test_frames_sent_before_an_unknown_station_is_registered_are_answered(serve: Serve) -> None:
    served = await serve(accept_unknown=True)
    async with served.wire() as wire:
        wire.send(request("/ws/NEW") + frame(call("Heartbeat", {}, "1")))
        await asyncio.sleep(0)
        wire.send(frame(call("Heartbeat", {}, "2")))
        assert (await wire.answer())[0] == 101
        assert [json.loads(await wire.message())[1] for _ in range(2)] == ["1", "2"]


async def test_sockets_that_register_the_same_station_at_once_are_one_station(serve: Serve) -> None:
    served = await serve(accept_unknown=True)
    async with served.wire() as one, served.wire() as two, served.wire() as three:
        for wire, name in ((one, "NEW"), (two, "NEW"), (three, "new")):
            wire.send(request(f"/ws/{name}"))
        for wire in (one, two, three):
            assert (await wire.answer())[0] == 101
        await until(lambda: served.connected("NEW"))
    assert [known.id for known in served.read(Station)] == ["CP1", "CP2", "NEW"]


async def test_an_unknown_station_without_a_version_is_closed_as_any_other(serve: Serve) -> None:
    served = await serve(accept_unknown=True)
    async with served.wire() as wire:
        wire.send(request("/ws/NEW", Sec_WebSocket_Protocol="soap"))
        assert (await wire.answer())[0] == 101
        assert (await wire.closed())[0] == 1002
        await wire.ended()
    await until(lambda: served.gateway.admission.live == 0)


async def test_a_peer_that_is_gone_before_it_is_registered_leaves_nothing(serve: Serve) -> None:
    served = await serve(accept_unknown=True)
    for _ in range(20):
        async with served.wire() as wire:
            wire.send(request("/ws/NEW"))
            await asyncio.sleep(0.001)
    await until(lambda: served.gateway.admission.live == 0)
    assert served.gateway.admission.pending == 0
    assert not served.connected("NEW")


async def test_a_station_that_disk_does_not_take_is_told_to_try_again(serve: Serve) -> None:
    served = await serve(accept_unknown=True)
    served.store.full = True
    async with served.wire() as wire:
        wire.send(request("/ws/NEW"))
        status, _, body = await wire.answer()
        assert (status, body) == (503, b"the station cannot be registered now; try again\n")
    served.store.full = False
    async with served.station("NEW") as new:
        assert await new.is_answered()


async def test_names_that_register_themselves_are_bounded(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gate, "MAX_REGISTERED", 3)
    served = await serve(accept_unknown=True)
    for name, status in (("NEW1", 101), ("NEW2", 404), ("CP1", 101)):
        async with served.wire() as wire:
            wire.send(request(f"/ws/{name}"))
            assert (await wire.answer())[0] == status


# -- time ----------------------------------------------------------------------------------------------------


async def test_a_handshake_that_drips_is_cut_in_time_and_so_is_one_that_says_nothing(serve: Serve) -> None:
    served = await serve(handshake_within_s=0.3)
    with capture_logs() as entries:
        async with served.station("CP1") as live, served.wire() as silent, served.wire() as dripping:

            async def drip() -> None:
                for byte in request("/ws/CP2"):
                    dripping.send(bytes([byte]))
                    await asyncio.sleep(0.02)

            dripped = asyncio.create_task(drip())
            began = asyncio.get_running_loop().time()
            await asyncio.gather(silent.ended(), dripping.ended())
            took_s = asyncio.get_running_loop().time() - began
            assert await live.is_answered()
            await asyncio.gather(dripped, return_exceptions=True)
    assert 0.2 < took_s < 1.5
    assert len(lines_of(entries, "a handshake took too long")) == 1, "once for an address"
    assert not served.connected("CP2")
    await until(lambda: served.gateway.admission.live == 0)
    assert served.gateway.admission.pending == 0


async def test_hundreds_of_slow_handshakes_delay_nobody(serve: Serve) -> None:
    served = await serve(handshake_within_s=2.0)
    wires = []
    for _ in range(300):
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"GET /ws/CP2 HT")
        wires.append((reader, writer))
    await until(lambda: served.gateway.admission.pending == 300)
    async with asyncio.timeout(1.0), served.station("CP1") as live:
        assert await live.is_answered()
    for _reader, writer in wires:
        writer.transport.abort()
    await until(lambda: served.gateway.admission.live == 0)


# -- hostile bytes -------------------------------------------------------------------------------------------


async def test_tls_on_a_port_without_tls_is_ended_and_told(served: Served) -> None:
    with capture_logs() as entries:
        async with served.wire() as wire:
            wire.send(bytes.fromhex("16030100c8010000c40303"))
            await wire.ended()
    assert lines_of(entries, "TLS is spoken on a port without TLS")


async def test_no_bytes_in_place_of_a_handshake_disturb_a_neighbour(serve: Serve) -> None:
    served = await serve(handshake_within_s=0.05)
    async with served.station("CP1") as live:

        async def send(data: bytes) -> None:
            async with served.wire() as wire:
                wire.send(data)
                wire.writer.write_eof()
                await wire.ended()
            assert await live.is_answered()

        await for_each(
            st.one_of(
                st.binary(max_size=2000),
                st.binary(max_size=500).map(lambda data: data + b"\r\n\r\n"),
                st.binary(max_size=200).map(lambda data: b"GET " + data + b" HTTP/1.1\r\n\r\n"),
                st.tuples(st.integers(0, 190), st.binary(min_size=1, max_size=4)).map(
                    lambda cut: request("/ws/CP2")[: cut[0]] + cut[1] + request("/ws/CP2")[cut[0] + 1 :]
                ),
            ),
            send,
            200,
        )
        await until(lambda: served.gateway.admission.live == 1)
        assert served.gateway.admission.pending == 0


# -- the library ---------------------------------------------------------------------------------------------


class Echo(WSListener):
    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()
        else:
            transport.send(frame.msg_type, frame.get_payload_as_bytes())


async def test_picows_private_names_are_what_the_gate_takes_them_for() -> None:
    """The contract: construct, feed, echo. Where it fails after an upgrade, gate.py is to be read beside the
    new picows.pyx: the positions of the arguments, what the parser checks, when the listener is called."""
    parsed = _parse_http_request(request("/ws/CP%201?x", Authorization="Basic \xff")[:-4])
    assert (parsed.method, parsed.path) == (b"GET", b"/ws/CP%201?x")
    raw = parsed.headers["Authorization"].encode("utf-8", "surrogateescape")
    assert raw == b"Basic \xff"
    with pytest.raises(RuntimeError):
        _parse_http_request(b"POST / HTTP/1.1")

    loop = asyncio.get_running_loop()
    echo = Echo()
    made: list[WSProtocol] = []

    def protocol() -> WSProtocol:
        made.append(gate._picows(lambda _request: Upgrade(WSUpgradeResponse.create_101_response(), echo)))
        return made[-1]

    server = await loop.create_server(protocol, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    try:
        async with asyncio.timeout(PATIENCE_S):
            writer.write(request("/") + frame(b"ahead") + frame(b"x" * 5000, BINARY) + frame(b"p", 9))
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101")
            assert ACCEPTED.encode() in head
            assert await reader.readexactly(7) == b"\x81\x05ahead"
            assert await reader.readexactly(5004) == b"\x82\x7e\x13\x88" + b"x" * 5000
            assert await reader.readexactly(3) == b"\x89\x01p", "the listener gets pings, and answers them"
            writer.write(frame(b"", CLOSE))
            assert await reader.read() == b""
    finally:
        writer.transport.abort()
        server.close()
        await server.wait_closed()


async def test_picows_does_not_fill_the_log_with_the_illegal_frames_of_strangers(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "picows"), capture_logs() as entries:
        async with served.upgraded() as wire:
            wire.send(b"\x83\x80abcd")
            assert (await wire.closed())[0] == 1002
            await wire.ended()
        await until(lambda: served.gateway.admission.live == 0)
    assert not [record for record in caplog.records if record.levelno > logging.INFO]
    (entry,) = lines_of(entries, "a link is closed")
    assert (entry["who"], entry["reason"]) == ("CP1", "an illegal frame")


async def test_what_is_odd_in_a_handshake_is_counted_of_its_station(serve: Serve) -> None:
    served = await serve(assume_protocol="ocpp1.6")
    odd = [
        (request("/ws//CP1"), {"odd_path": 1}),
        (request("/ws/CP1", without="Sec-WebSocket-Protocol"), {"odd_path": 1, "no_subprotocol": 1}),
        (request("/ws/cp1"), {"odd_path": 1, "no_subprotocol": 1, "identity_case": 1}),
        (request("/ws/CP1"), {"odd_path": 1, "no_subprotocol": 1, "identity_case": 1}),
        (request("/ws/%43P1?from=here"), {"odd_path": 1, "no_subprotocol": 1, "identity_case": 1}),
    ]
    for handshake, counted in odd:
        async with served.wire() as wire:
            wire.send(handshake)
            assert (await wire.answer())[0] == 101
            found = served.node.shared.quirks.counts("CP1")
            assert {kind: n for kind, n in found.items() if kind != "two_sockets"} == counted
