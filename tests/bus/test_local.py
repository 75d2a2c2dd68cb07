"""The local bus across processes' lives: restarts, silent hubs, slow readers and garbage on the socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from evsys.bus.local import LocalClient, LocalHub
from evsys.bus.wire import MAX_FRAME_BYTES
from evsys.core.ports import BusTimeout, NobodyThere
from kit.waiting import until


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "bus")


@pytest.fixture
def socket_of_the_supervisor(address: str) -> Iterator[socket.socket]:
    """Listens for ever, whichever gateway accepts on it."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(address)
        listening.listen()
        yield listening


@pytest.fixture
async def client(address: str) -> AsyncIterator[LocalClient]:
    client = LocalClient(address)
    await client.start()
    yield client
    await client.close()


async def answer(payload: bytes) -> bytes:
    return b"answered " + payload


async def test_a_client_finds_the_hub_again_and_renews_what_it_offered_and_listens_to(
    socket_of_the_supervisor: socket.socket, client: LocalClient
) -> None:
    heard: list[bytes] = []
    client.subscribe("events", lambda _, payload: heard.append(payload))
    client.serve("office", answer)
    for life in range(3):
        hub = LocalHub()
        hub.serve("gateway", answer)
        await hub.start(socket_of_the_supervisor)
        assert await client.wait_connected(5)
        assert await client.request("gateway", b"1", 5) == b"answered 1"
        assert await hub.request("office", b"2", 5) == b"answered 2"
        hub.publish("events", str(life).encode())
        await until(lambda life=life: len(heard) > life)
        await hub.close()
        await until(lambda: not client.connected)
        with pytest.raises(NobodyThere):
            await client.request("gateway", b"1", 30)
        with pytest.raises(NobodyThere):
            await hub.request("office", b"2", 30)
    assert heard == [b"0", b"1", b"2"]


async def test_a_socket_that_nobody_accepts_on_is_no_hub(
    socket_of_the_supervisor: socket.socket, client: LocalClient
) -> None:
    assert not await client.wait_connected(0.2)
    with pytest.raises(NobodyThere):
        await client.request("gateway", b"", 30)


async def test_without_any_socket_requests_fail_at_once_and_publications_are_lost(
    client: LocalClient,
) -> None:
    client.publish("events", b"lost")
    with pytest.raises(NobodyThere):
        await client.request("gateway", b"", 30)


async def test_a_request_under_way_when_the_hub_dies_is_of_unknown_outcome(
    socket_of_the_supervisor: socket.socket, client: LocalClient
) -> None:
    asked = asyncio.Event()

    async def never(payload: bytes) -> bytes:
        asked.set()
        await asyncio.sleep(60)
        return b""

    hub = LocalHub()
    hub.serve("gateway", never)
    await hub.start(socket_of_the_supervisor)
    assert await client.wait_connected(5)
    request = asyncio.create_task(client.request("gateway", b"", 30))
    await asked.wait()
    await hub.close()
    with pytest.raises(BusTimeout):
        await asyncio.wait_for(request, 5)


async def test_a_client_that_does_not_read_loses_publications_and_nobody_else_does(
    socket_of_the_supervisor: socket.socket, client: LocalClient, address: str
) -> None:
    heard: list[bytes] = []
    client.subscribe("events", lambda _, payload: heard.append(payload))
    hub = LocalHub()
    hub.serve("gateway", answer)
    await hub.start(socket_of_the_supervisor)
    assert await client.wait_connected(5)
    deaf = LocalClient(address)
    await deaf.start()
    assert await deaf.wait_connected(5)
    deaf.subscribe("events", lambda *_: None)
    assert await deaf.request("gateway", b"1", 5) == b"answered 1"
    assert deaf._hub is not None
    assert deaf._hub._transport is not None
    deaf._hub._transport.pause_reading()
    for _ in range(100):
        hub.publish("events", bytes(100_000))
        await asyncio.sleep(0)
        await client.request("gateway", b"", 5)
    await until(lambda: len(heard) == 100)
    assert hub.dropped > 50
    await deaf.close()
    await hub.close()


@pytest.mark.parametrize(
    "garbage",
    [
        (MAX_FRAME_BYTES + 1).to_bytes(4, "big"),
        b"\xff\xff\xff\xff",
        b"\x00\x00\x00\x01\xc1",
        b"\x00\x00\x00\x02\x91\x63",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\x00\x00\x00",
    ],
)
async def test_garbage_on_the_socket_ends_that_connection_alone(
    socket_of_the_supervisor: socket.socket, client: LocalClient, address: str, garbage: bytes
) -> None:
    hub = LocalHub()
    hub.serve("gateway", answer)
    await hub.start(socket_of_the_supervisor)
    assert await client.wait_connected(5)
    reader, writer = await asyncio.open_unix_connection(address)
    writer.write(garbage)
    async with asyncio.timeout(5):
        while await reader.read(1000):
            pass
    writer.close()
    await writer.wait_closed()
    assert await client.request("gateway", b"1", 5) == b"answered 1"
    await hub.close()


async def test_frames_that_come_in_pieces_are_put_together(
    socket_of_the_supervisor: socket.socket, address: str
) -> None:
    hub = LocalHub()
    heard: list[bytes] = []
    hub.subscribe("events", lambda _, payload: heard.append(payload))
    await hub.start(socket_of_the_supervisor)
    reader, writer = await asyncio.open_unix_connection(address)
    body = b"\x93\x03\xa6events\xc4\x01x"
    for byte in (len(body).to_bytes(4, "big") + body) * 3:
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    await until(lambda: heard == [b"x"] * 3)
    writer.close()
    await hub.close()
    await reader.read()
