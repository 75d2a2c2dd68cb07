"""Thousands of stations in one process: bare sockets that know just enough of WebSocket to ask and to be
answered."""

import asyncio
import base64
import json
import os
import resource
import struct
from typing import Final

HANDSHAKES_AT_ONCE: Final = 200


def raise_descriptor_limit() -> int:
    """The soft limit to the hard one. How many descriptors this process may have."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def masked(text: bytes) -> bytes:
    """A text frame of a client; short ones only."""
    assert len(text) < 126
    mask = os.urandom(4)
    body = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    return struct.pack("!BB", 0x81, 0x80 | len(text)) + mask + body


class Standing:
    """One station: connected, and silent until it is asked to ask."""

    def __init__(self, port: int, station_id: str) -> None:
        self.id = station_id
        self._port = port
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def connect(self) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port, limit=4096)
        key = base64.b64encode(os.urandom(16)).decode()
        self._writer.write(
            f"GET /ws/{self.id} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n".encode()
        )
        head = await self._reader.readuntil(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head

    async def heartbeat(self) -> str:
        """The time that the central system answers."""
        self._writer.write(masked(json.dumps([2, self.id, "Heartbeat", {}]).encode()))
        while True:
            opcode, length = await self._reader.readexactly(2)
            body = await self._reader.readexactly(length)
            if opcode == 0x81:
                kind, message_id, payload = json.loads(body)
                assert (kind, message_id) == (3, self.id), body
                return str(payload["currentTime"])
            assert opcode in (0x89, 0x8A), f"{self.id} got opcode {opcode:x}: {body!r}"

    def close(self) -> None:
        self._writer.close()


async def gather(port: int, count: int) -> list[Standing]:
    """So many stations, all connected."""
    stations = [Standing(port, f"S{number:05}") for number in range(count)]
    door = asyncio.Semaphore(HANDSHAKES_AT_ONCE)

    async def come(station: Standing) -> None:
        async with door:
            await station.connect()

    await asyncio.gather(*map(come, stations))
    return stations
