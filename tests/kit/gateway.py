"""A gateway on a free port, in front of a real node on a database file, and peers that talk to it.

The database commits in the loop of the test, a moment after it was asked; everything else is as in the
program. `Wire` is a peer made of bytes: it can send what no WebSocket library would.
"""

import asyncio
import contextlib
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from pathlib import Path
from typing import Final, Protocol, TypeVar, cast

import msgspec
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy
from msgspec.structs import replace
from websockets.asyncio.client import ClientConnection, connect

from evsys.app import SystemClock
from evsys.bus.local import LocalHub
from evsys.core import records
from evsys.core.events import StationChanged
from evsys.core.facts import Policy
from evsys.core.work import Committed, Work
from evsys.csms.node import Node, NodeSettings
from evsys.gateway.server import Gateway, GatewaySettings
from evsys.gateway.station_index import StationIndex
from evsys.gateway.tls import Certificates
from evsys.ocpp.v16 import V16
from evsys.store import reading
from evsys.store.connections import open_to_read
from evsys.supervisor import OCPP_BACKLOG, OCPP_RECEIVE_BYTES
from kit.central import BreakableStore
from kit.waiting import PATIENCE_S

R = TypeVar("R", bound=records.Record)
E = TypeVar("E", bound=msgspec.Struct)
SERVER_KEY: Final = b"the key of a gateway, for its tests"

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
BOOT: Final = {"chargePointVendor": "Acme", "chargePointModel": "One"}
MASK: Final = b"\x12\x34\x56\x78"
KEY: Final = "dGhlIHNhbXBsZSBub25jZQ=="
ACCEPTED: Final = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What RFC 6455 §1.3 says is the answer to `KEY`."""


class Served:
    """A running gateway that knows these stations."""

    def __init__(
        self,
        database: Path,
        stations: Iterable[records.Station],
        how: GatewaySettings,
        tls: Certificates | None = None,
        capacity: int = 20_000,
        receive_bytes: int = OCPP_RECEIVE_BYTES,
        bind_ip: str = "127.0.0.1",
        credentials: Iterable[records.Record] = (),
    ) -> None:
        self.tls = tls is not None
        self.index = StationIndex()
        self.store = BreakableStore(database)
        self._database = database
        self.node = Node(
            self.store,
            LocalHub(),
            {"ocpp1.6": V16},
            Policy(accept_unknown_tokens=True),
            NodeSettings(),
            SystemClock(),
            index=self.index,
        )
        self._stations = [*stations, *credentials]
        self._listening = socket.socket(_family(bind_ip))
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self._listening.bind((bind_ip, 0))
        self._listening.listen(OCPP_BACKLOG)
        self.port: int = self._listening.getsockname()[1]
        plain, secure = ([], [self._listening]) if tls is not None else ([self._listening], [])
        self.gateway = Gateway(self.node, self.index, how, plain, secure, tls, capacity)
        self._committing: asyncio.Task[None] | None = None
        self._stopped = False

    async def start(self) -> None:
        work = Work(SystemClock().now())
        for station in self._stations:
            work.add(station)
        await self.store.commit(work)
        self._committing = asyncio.create_task(self._commit())
        await self.node.start()
        revoked = await self.store.revoked_certificates()
        self.index.fill(await self.store.stations(), await self.store.credentials(), revoked)
        self.gateway.start()

    async def _commit(self) -> None:
        while True:
            self.store.flush()
            await asyncio.sleep(0.001)

    async def stop(self) -> None:
        """As the program does."""
        if self._stopped:
            return
        self._stopped = True
        self.gateway.stop_accepting()
        await self.node.stop()
        await self.gateway.stop()
        assert self._committing is not None
        self._committing.cancel()
        await asyncio.gather(self._committing, return_exceptions=True)
        await self.store.close()
        self._listening.close()

    def connected(self, station_id: str = "CP1") -> bool:
        running = self.node.stations.get(station_id)
        return running is not None and running.connection is not None

    def claimed(self, station_id: str) -> bool:
        """Whether a station's connection is recorded."""
        running = self.node.stations.get(station_id)
        return running is not None and running.claimed

    def read(self, kind: type[R]) -> list[R]:
        """The rows of a kind on disk."""
        with contextlib.closing(open_to_read(self._database)) as connection:
            return reading.many(connection, kind, reading.select_sql(kind))

    def events(self, kind: type[E]) -> list[E]:
        """The events of a kind in the log."""
        with contextlib.closing(open_to_read(self._database)) as connection:
            rows = connection.execute(
                "SELECT payload FROM events WHERE kind = ? ORDER BY seq", (kind.__name__,)
            )
            return [msgspec.json.decode(payload, type=kind) for (payload,) in rows]

    def floor(self, station_id: str = "CP1") -> int:
        """The lowest profile with which a station is let in now."""
        entry = self.index.find(station_id)
        assert entry is not None
        return entry.floor

    async def change_station(self, station_id: str, **members: object) -> None:
        """People change what they say of a station, and the node has heard of it."""
        (current,) = (each for each in self.read(records.Station) if each.id == station_id)
        changed = replace(current, version=current.version + 1, **members)
        work = Work(SystemClock().now())
        work.change(changed)
        work.tell(StationChanged(station=changed))
        assert isinstance(await self.store.commit(work), Committed)
        await self.node.refresh()

    # -- peers

    @contextlib.asynccontextmanager
    async def station(self, name: str = "CP1", **options: object) -> AsyncIterator["Station"]:
        """A station on the websockets library, after its boot. `options` are the library's."""
        station = Station(await self.dial(f"/ws/{name}", **options))
        try:
            await station.ask("BootNotification", BOOT)
            yield station
        finally:
            await station.socket.close()

    async def dial(self, path: str, **options: object) -> ClientConnection:
        scheme = "wss" if self.tls else "ws"
        given = {"subprotocols": ["ocpp1.6"], "compression": None, "proxy": None, **options}
        return await connect(f"{scheme}://127.0.0.1:{self.port}{path}", **given)  # type: ignore[arg-type]

    @contextlib.asynccontextmanager
    async def wire(
        self, reads: bool = True, tls: ssl.SSLContext | None = None, address: str = "127.0.0.1"
    ) -> AsyncIterator["Wire"]:
        """A connection without a handshake. One that does not read has hardly room for what it is sent."""
        peer = socket.socket(_family(address))
        if not reads:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.setblocking(False)
        await asyncio.get_running_loop().sock_connect(peer, (address, self.port))
        name = "localhost" if tls else None
        try:
            reader, writer = await asyncio.open_connection(sock=peer, ssl=tls, server_hostname=name)
        except OSError:
            peer.close()
            raise
        if not reads:
            cast(asyncio.Transport, writer.transport).pause_reading()
        wire = Wire(reader, writer)
        try:
            yield wire
        finally:
            writer.transport.abort()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    @contextlib.asynccontextmanager
    async def upgraded(self, name: str = "CP1", address: str = "127.0.0.1") -> AsyncIterator["Wire"]:
        """A connection that has just become the WebSocket of a station."""
        async with self.wire(address=address) as wire:
            wire.send(request(f"/ws/{name}"))
            status, _headers, _body = await wire.answer()
            assert status == 101
            yield wire


class Serve(Protocol):
    """The fixture that starts gateways."""

    async def __call__(self, stations: list[records.Station] | None = None, **given: object) -> Served: ...


async def for_each(
    examples: SearchStrategy[bytes], act: Callable[[bytes], Coroutine[object, object, None]], count: int
) -> None:
    """Do something on this loop for each of so many examples, which are found in a thread beside it."""
    loop = asyncio.get_running_loop()

    @settings(max_examples=count, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(examples)
    def run(example: bytes) -> None:
        asyncio.run_coroutine_threadsafe(act(example), loop).result(4 * PATIENCE_S)

    await asyncio.to_thread(run)


class Station:
    """A station on a socket of the websockets library."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self._sent = 0

    async def ask(self, action: str, payload: object) -> list[object]:
        """A CALL and what answers it; CALLs that come meanwhile are passed over."""
        self._sent += 1
        id = f"m{self._sent}"
        await self.socket.send(json.dumps([2, id, action, payload]))
        while True:
            async with asyncio.timeout(PATIENCE_S):
                frame = cast(list[object], json.loads(await self.socket.recv()))
            if frame[0] in (3, 4) and frame[1] == id:
                return frame

    async def is_answered(self) -> bool:
        return (await self.ask("Heartbeat", {}))[0] == 3


class Wire:
    """A peer made of bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The answer to a request: its status, headers (names in lower case) and body."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("ascii").split("\r\n")
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head[1:] if line)
            }
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(head[0].split()[1]), headers, body

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server: its kind and payload."""
        async with asyncio.timeout(PATIENCE_S):
            first, second = await self.reader.readexactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            assert second < 0x80, "a server does not mask"
            return first & 0x0F, await self.reader.readexactly(size)

    async def message(self) -> bytes:
        """The next text message, whatever pings come before it."""
        while True:
            kind, payload = await self.frame()
            if kind != PING:
                assert kind == TEXT
                return payload

    async def closed(self) -> tuple[int, str]:
        """The code and reason of the server's CLOSE, after whatever else it sends."""
        while True:
            kind, payload = await self.frame()
            if kind == CLOSE:
                return int.from_bytes(payload[:2], "big"), payload[2:].decode()

    async def ended(self, within_s: float = PATIENCE_S) -> None:
        """Wait for the end of the socket, whatever comes before it."""
        async with asyncio.timeout(within_s):
            with contextlib.suppress(ConnectionError):
                while await self.reader.read(65_536):
                    pass


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def request(path: str, *, without: str = "", **headers: str) -> bytes:
    """The bytes of a handshake. `headers` by their names with `_` for `-`; `without` leaves one out."""
    fields = {
        "Host": "localhost",
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": KEY,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Protocol": "ocpp1.6",
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    fields.pop(without, None)
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def frame(payload: bytes, kind: int = TEXT, *, fin: bool = True, reserved: int = 0) -> bytes:
    """The bytes of a masked frame. `reserved` are the bits RSV1 to RSV3, 4 to 1."""
    first = bytes([(0x80 if fin else 0) | reserved << 4 | kind])
    size = len(payload)
    if size < 126:
        length = bytes([0x80 | size])
    elif size < 65_536:
        length = b"\xfe" + struct.pack("!H", size)
    else:
        length = b"\xff" + struct.pack("!Q", size)
    masked = int.from_bytes(payload, "big") ^ int.from_bytes((MASK * (size // 4 + 1))[:size], "big")
    return first + length + MASK + masked.to_bytes(size, "big")


def call(action: str, payload: object, id: str = "1") -> bytes:
    return json.dumps([2, id, action, payload]).encode()


def station(id: str = "CP1", **more: object) -> records.Station:
    return records.Station(id=id, created_at=SystemClock().now(), **more)  # type: ignore[arg-type]


def lines_of(entries: list[structlog.typing.EventDict], event: str) -> list[structlog.typing.EventDict]:
    """The entries of a captured log that say this."""
    return [entry for entry in entries if entry["event"] == event]
