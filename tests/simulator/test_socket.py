"""The socket of a charge point against servers that do not behave."""

import asyncio
import base64
import hashlib
import re
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from evsys.simulator.socket import MAX_MESSAGE_BYTES, Ears, Socket, connect
from kit.waiting import until

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""What RFC 6455 adds to the key before it is hashed."""


def upgrade(request: bytes) -> bytes:
    """The answer that makes a WebSocket of the connection."""
    found = re.search(rb"(?i)sec-websocket-key: (\S+)", request)
    assert found is not None
    accept = base64.b64encode(hashlib.sha1(found[1] + _MAGIC).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Protocol: ocpp1.6\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
    )


@asynccontextmanager
async def server(answer: bytes | None, frames: bytes = b"", reset: bool = False) -> AsyncIterator[str]:
    """A server that answers the handshake with these bytes (None: rightly) and frames, and ends it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        if reset:
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.write((upgrade(request) if answer is None else answer) + frames)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        yield f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


class Listener:
    """Hears of a link, in order."""

    def __init__(self) -> None:
        self.heard: list[str | bytes] = []

    @property
    def ears(self) -> Ears:
        def connected(link: Socket) -> None:
            self.heard.append("connected")

        return Ears(connected, self.heard.append, lambda: self.heard.append("lost"))


@pytest.mark.parametrize(
    ("answer", "reset"),
    [
        (b"", False),
        (b"", True),
        (b"hello\r\n\r\n", False),
        (b"HTTP/1.1 101 Swi", False),
        (b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n", False),
        (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", False),
    ],
    ids=["end", "reset", "garbage", "half", "refusal", "no key"],
)
async def test_a_handshake_that_fails_is_a_link_that_could_not_be_made(answer: bytes, reset: bool) -> None:
    listener = Listener()
    async with server(answer, reset=reset) as url:
        with pytest.raises(OSError):
            await connect(url, "A", listener.ears)
    assert listener.heard == []


@pytest.mark.parametrize(
    ("frames", "heard"),
    [
        (b"", []),
        (b"\x88\x02\x03\xe9", []),
        (b"\x88\x00", []),
        (b"\x81\x02[]\x88\x00", [b"[]"]),
        (b"\x01\x01[\x00\x00\x89\x00\x80\x01]\x88\x00", [b"[]"]),
        (b"\x80\x01]", []),
        (b"\x01\x01[\x81\x02[]", []),
        (b"\x82\x02[]", []),
        (b"\x83\x02[]", []),
        (b"\x81\x7f" + struct.pack(">Q", MAX_MESSAGE_BYTES + 1), []),
        (b"\x01\x7e\xff\xff" + 65_535 * b"x" + 20 * (b"\x00\x7e\xff\xff" + 65_535 * b"x"), []),
    ],
    ids=[
        "nothing",
        "close 1001",
        "close",
        "message",
        "pieces",
        "a piece of nothing",
        "a message in a message",
        "binary",
        "unknown",
        "too big",
        "too big in pieces",
    ],
)
async def test_a_link_that_ends_is_told_once_after_what_came_before(
    frames: bytes, heard: list[bytes]
) -> None:
    listener = Listener()
    async with server(None, frames) as url:
        await connect(url, "A", listener.ears)
        await until(lambda: "lost" in listener.heard)
    assert listener.heard == ["connected", *heard, "lost"]


async def test_the_id_is_one_segment_of_the_path() -> None:
    asked = list[bytes]()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readline())
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listening:
        url = f"ws://127.0.0.1:{listening.sockets[0].getsockname()[1]}/ws/"
        with pytest.raises(OSError):
            await connect(url, "DE*1/ä", Listener().ears)
    assert asked == [b"GET /ws/DE%2A1%2F%C3%A4 HTTP/1.1\r\n"]
