"""The gateway's server: storms, capacity, TLS, memory, and the stop."""

import asyncio
import contextlib
import os
import ssl
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from evsys.gateway.admission import BURST, CONNECTS_PER_S
from evsys.gateway.tls import Certificates, TlsFiles
from kit.gateway import CLOSE, PING, PONG, Serve, Wire, call, frame, lines_of, request, station
from kit.pki import Authority, station_context
from kit.waiting import until

# -- storms --------------------------------------------------------------------------------------------------


async def test_a_thousand_stations_that_reconnect_at_once_are_let_in_at_a_steady_rate(serve: Serve) -> None:
    stations = 1000
    served = await serve([station(f"CP{number}") for number in range(stations)] + [station("OLD")])
    loop = asyncio.get_running_loop()
    begin = 0.0

    async def reconnect(number: int) -> float:
        async with served.upgraded(f"CP{number}") as wire:
            let_in_after_s = loop.time() - begin
            wire.send(frame(call("Heartbeat", {})))
            await wire.message()
            await everybody.wait()
            return let_in_after_s

    async with served.station("OLD") as old:
        everybody = asyncio.Event()
        begin = loop.time()
        storm = [asyncio.create_task(reconnect(number)) for number in range(stations)]
        slowest_s = 0.0
        while served.gateway.counts.accepted < stations + 1:
            asked = loop.time()
            assert await old.is_answered()
            slowest_s = max(slowest_s, loop.time() - asked)
        assert served.gateway.admission.live == stations + 1, "all at the same time"
        everybody.set()
        times = sorted(await asyncio.gather(*storm))
    assert slowest_s < 1.0, "who is connected is answered meanwhile"
    for number, at in enumerate(times):
        assert number <= BURST + CONNECTS_PER_S * at + 10, "no faster than the rate"
    assert times[-1] < 15


async def test_more_connections_than_there_is_room_for_are_closed_with_one_line(serve: Serve) -> None:
    served = await serve([station(f"CP{number}") for number in range(10)], capacity=5)
    with capture_logs() as entries:
        async with contextlib.AsyncExitStack() as open_:
            for number in range(5):
                await open_.enter_async_context(served.upgraded(f"CP{number}"))
            for _ in range(20):
                async with served.wire() as refused:
                    refused.send(request("/ws/CP9"))
                    await refused.ended()
            assert served.gateway.counts.full == 20
            assert served.connected("CP4")
        await until(lambda: served.gateway.admission.live == 0)
        async with served.upgraded("CP9"):
            assert served.connected("CP9")
    (entry,) = lines_of(entries, "no more connections: raise the limit of open files")
    assert entry["limit"] == 5


async def test_peers_of_both_families_are_told_by_the_address_they_have(serve: Serve) -> None:
    served = await serve(bind_ip="::")
    for address, peer in (("127.0.0.1", "127.0.0.1:"), ("::1", "[::1]:")):
        async with served.upgraded("CP1", address):
            connection = served.node.stations["CP1"].connection
            assert connection is not None
            assert connection.address.startswith(peer)


# -- memory --------------------------------------------------------------------------------------------------


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def test_a_burst_of_small_frames_leaves_no_large_buffer_behind(serve: Serve) -> None:
    """picows' read buffer doubles with each full read and never shrinks: the receive window bounds the read.
    Without it 2 MiB and more stay with each connection."""
    names = [f"CP{number}" for number in range(10)]
    served = await serve([station(name) for name in names])
    some = frame(b"x" * 100, PONG) * 1000

    async def burst(wire: Wire) -> None:
        for _ in range(40):
            wire.send(some)
            await wire.writer.drain()
        wire.send(frame(call("Heartbeat", {})))
        await wire.message()

    async with contextlib.AsyncExitStack() as open_:
        wires = [await open_.enter_async_context(served.upgraded(name)) for name in names]
        before = resident_bytes()
        await asyncio.gather(*map(burst, wires))
        grown_by = resident_bytes() - before
    assert grown_by < len(names) * 300_000


# -- TLS -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["ecdsa", "rsa"])
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Authority:
    return Authority(tmp_path, kind=request.param)


@pytest.fixture
def of_server(authority: Authority) -> Certificates:
    return Certificates(TlsFiles(certificates=(authority.issue("localhost", server=True).pair,)))


@pytest.fixture
def of_station(authority: Authority) -> ssl.SSLContext:
    return station_context(authority.root)


async def test_a_station_speaks_over_tls(
    serve: Serve, of_server: Certificates, of_station: ssl.SSLContext
) -> None:
    served = await serve(tls=of_server)
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        of_station.minimum_version = of_station.maximum_version = version
        async with served.station("CP1", ssl=of_station) as secure:
            assert await secure.is_answered()
    await until(lambda: served.gateway.admission.live == 0)


async def test_an_unknown_station_registers_itself_over_tls(
    serve: Serve, of_server: Certificates, of_station: ssl.SSLContext
) -> None:
    served = await serve(tls=of_server, accept_unknown=True)
    async with served.wire(tls=of_station) as wire:
        wire.send(request("/ws/NEW") + frame(call("Heartbeat", {})))
        assert (await wire.answer())[0] == 101
        await wire.message()


async def test_a_peer_that_floods_over_tls_without_reading_is_cut(
    serve: Serve, of_server: Certificates, of_station: ssl.SSLContext
) -> None:
    served = await serve(tls=of_server)
    async with served.station("CP2", ssl=of_station) as neighbour:
        async with served.wire(reads=False, tls=of_station) as wire:
            wire.send(request("/ws/CP1"))
            await until(lambda: served.connected("CP1"))
            before = resident_bytes()
            async with asyncio.timeout(20):
                while served.gateway.admission.live == 2:
                    if wire.writer.transport.get_write_buffer_size() < 1_000_000:
                        wire.send(frame(b"x" * 125, PING) * 500)
                    assert await neighbour.is_answered()
            assert resident_bytes() - before < 10_000_000
        assert served.gateway.counts.cut == {"it does not read": 1}


async def test_a_tls_handshake_that_fails_is_told_with_its_reason_and_disturbs_nobody(
    serve: Serve, of_server: Certificates, of_station: ssl.SSLContext
) -> None:
    served = await serve(tls=of_server)
    with capture_logs() as entries:
        async with served.station("CP1", ssl=of_station) as live:
            for sent in (request("/ws/CP2"), b"\x16\x03\x01garbage" * 50, b"\x00" * 100):
                async with served.wire() as plain:
                    plain.send(sent)
                    await plain.ended()
            assert await live.is_answered()
        await until(lambda: served.gateway.admission.live == 0)
    assert served.gateway.admission.pending == 0
    (entry,) = lines_of(entries, "a connection failed before its handshake")
    assert entry["who"] == "127.0.0.1"
    assert "HTTP_REQUEST" in entry["reason"]


async def test_a_tls_handshake_that_says_nothing_is_cut_in_time(
    serve: Serve, of_server: Certificates, of_station: ssl.SSLContext
) -> None:
    served = await serve(tls=of_server, handshake_within_s=0.3)
    async with served.wire() as silent, served.wire(tls=of_station) as half:
        half.send(b"GET /ws/CP1")
        await asyncio.gather(silent.ended(1.5), half.ended(1.5))
    await until(lambda: served.gateway.admission.live == 0)
    assert served.gateway.admission.pending == 0


# -- the stop ------------------------------------------------------------------------------------------------


async def test_a_stop_tells_every_station_and_waits_for_none(serve: Serve) -> None:
    served = await serve(handshake_within_s=30.0)
    loop = asyncio.get_running_loop()
    async with (
        served.upgraded("CP1") as polite,
        served.upgraded("CP2") as deaf,
        served.wire() as undecided,
    ):
        undecided.send(b"GET /ws")
        await until(lambda: served.gateway.admission.pending == 1)
        began = loop.time()
        stopping = asyncio.create_task(served.stop())
        assert (await polite.closed()) == (1001, "the central system stops")
        polite.send(frame(b"\x03\xe9", CLOSE))
        await polite.ended()
        await stopping
        assert loop.time() - began < 2.5
        assert (await deaf.closed())[0] == 1001
        await asyncio.gather(deaf.ended(), undecided.ended())
    assert (served.gateway.admission.live, served.gateway.admission.pending) == (0, 0)


async def test_work_under_way_is_committed_and_answered_before_the_stop(serve: Serve) -> None:
    served = await serve()
    async with served.upgraded("CP1") as wire:
        wire.send(frame(call("BootNotification", {"chargePointVendor": "a", "chargePointModel": "b"})))
        await until(lambda: served.node.shared.counts.frames_in > 0)
        stopping = asyncio.create_task(served.stop())
        assert b"Accepted" in await wire.message()
        assert (await wire.closed())[0] == 1001
        await stopping


async def test_nothing_is_accepted_once_a_stop_began(serve: Serve) -> None:
    served = await serve()
    served.gateway.stop_accepting()
    async with served.wire() as waiting:
        waiting.send(request("/ws/CP1"))
        await asyncio.sleep(0.1)
        assert served.gateway.admission.live == 0, "it waits in the kernel for the next process"
