"""The gateway's server: sockets are accepted at the rate and up to the number that `admission` allows.

An accepted socket goes through two lives: *gate*, until its handshake is decided, and *link*, the WebSocket
of a station. Accepting is a loop of our own over the listening sockets, since a server of asyncio can neither
pause nor refuse before a TLS handshake has cost its CPU.
"""

import asyncio
import socket
import ssl
from collections.abc import Sequence
from typing import Final

import structlog
from msgspec import Struct

from evsys.csms.node import Node
from evsys.gateway.admission import Admission
from evsys.gateway.attempts import Attempts
from evsys.gateway.gate import HANDSHAKE_WITHIN_S, Desk, Gate
from evsys.gateway.link import Counts, Links
from evsys.gateway.station_index import StationIndex

ACCEPTS_PER_TURN: Final = 64
"""Sockets accepted before other work of the loop has its turn."""
NO_DESCRIPTOR_PAUSE_S: Final = 1.0
TICK_S: Final = 1.0
TLS_SHUTDOWN_WITHIN_S: Final = 5.0
KEEPALIVE_IDLE_S: Final = 60
SEND_BUFFER_BYTES: Final = 64 * 1024
"""What the kernel holds for a station that does not read; left to itself it takes 4 MiB."""
UNACKED_MS: Final = 60_000
"""How long the kernel resends to a peer that is gone (TCP_USER_TIMEOUT) before it tells us."""

log = structlog.get_logger()


class GatewaySettings(Struct, frozen=True, kw_only=True):
    """How links are accepted and kept."""

    paths: tuple[str, ...] = ("/ws",)
    """Where stations connect: below one of these."""
    accept_unknown: bool = False
    """Whether a station that is not known registers itself."""
    assume_protocol: str = ""
    """The version of a handshake that offers none; empty: none."""
    ping_interval_s: float = 60.0
    """How often a silent link is asked for a sign of life; 0: never."""
    heartbeat_interval_s: float = 300.0
    """What stations are told at their boot."""
    server_key: bytes = b""
    """What digests of passwords are made with."""
    handshake_within_s: float = HANDSHAKE_WITHIN_S


class Gateway:
    """All sockets of this process. `sockets` listen already, with a small receive window (picows keeps a
    buffer as large as one read); `tls` is their context, None without TLS; `capacity` says how many
    connections are held at most (`admission.capacity`)."""

    def __init__(
        self,
        node: Node,
        index: StationIndex,
        settings: GatewaySettings,
        sockets: Sequence[socket.socket],
        tls: ssl.SSLContext | None,
        capacity: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._node = node
        self._sockets = sockets
        self._tls = tls
        self.admission = Admission(capacity, self._loop.time())
        self._links = Links(
            node, index, self.admission, settings.ping_interval_s, settings.heartbeat_interval_s
        )
        self._desk = Desk(
            node,
            index,
            self.admission,
            self._links,
            settings.paths,
            settings.accept_unknown,
            settings.assume_protocol,
            settings.server_key,
            Attempts(),
            settings.handshake_within_s,
            gates=set(),
            registering={},
        )
        self._opening: set[asyncio.Task[None]] = set()
        self._ticking: asyncio.TimerHandle | None = None
        self._accepting = False

    @property
    def counts(self) -> Counts:
        """What the metrics tell of the gateway."""
        return self._links.counts

    # -- life ---

    def start(self) -> None:
        """Accept connections. The node has been started and the index filled."""
        self._accepting = True
        for listening in self._sockets:
            listening.setblocking(False)
            self._loop.add_reader(listening.fileno(), self._ready, listening)
        self._tick()
        self._links.start()

    def stop_accepting(self) -> None:
        """The first step of a stop: new connections wait in the kernel, or are refused by it; handshakes
        under way end. The second is the node's, which closes the links (1001); the third is `stop`."""
        self._accepting = False
        for listening in self._sockets:
            self._loop.remove_reader(listening.fileno())
        for task in self._opening:
            task.cancel()
        for gate in list(self._desk.gates):
            gate.abort()

    async def stop(self) -> None:
        """Give the stations a moment to answer CLOSE, then cut what is left."""
        await self._links.stop()
        if self._ticking is not None:
            self._ticking.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _tick(self) -> None:
        self._ticking = self._loop.call_later(TICK_S, self._tick)
        try:
            self._node.tick()
        except Exception:
            # The border of the node's own initiative: what fails now is tried at the next tick.
            log.exception("the node's tick failed")

    # -- accepting ---

    def _ready(self, listening: socket.socket) -> None:
        """Connections wait on a listening socket."""
        for _ in range(ACCEPTS_PER_TURN):
            wait_s = self.admission.wait_s(self._loop.time())
            if wait_s:
                self._pause(listening, wait_s)
                return
            try:
                accepted, address = listening.accept()
            except (BlockingIOError, ConnectionError):
                return
            except OSError as error:
                self._links.say("accept", "", "no connection can be accepted", reason=str(error))
                self._pause(listening, NO_DESCRIPTOR_PAUSE_S)
                return
            if not self.admission.lets_in():
                accepted.close()
                self.counts.full += 1
                limit = self.admission.capacity
                self._links.say("full", "", "no more connections: raise the limit of open files", limit=limit)
                continue
            task = self._loop.create_task(self._open(accepted, *address[:2]))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _pause(self, listening: socket.socket, wait_s: float) -> None:
        self._loop.remove_reader(listening.fileno())
        self._loop.call_later(wait_s, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if self._accepting:
            self._loop.add_reader(listening.fileno(), self._ready, listening)

    async def _open(self, accepted: socket.socket, address: str, port: int) -> None:
        """Put a gate in front of an accepted socket, behind TLS where there is."""
        if "." in address:
            address = address.removeprefix("::ffff:")  # a peer by IPv4 of a socket that listens on both
        gate = Gate(self._desk, address, f"[{address}]:{port}" if ":" in address else f"{address}:{port}")
        bounds = {
            "ssl_handshake_timeout": self._desk.handshake_within_s,
            "ssl_shutdown_timeout": TLS_SHUTDOWN_WITHIN_S,
        }
        tls = bounds if self._tls is not None else {}
        try:
            accepted.setblocking(False)
            _keep_alive(accepted)
            await self._loop.connect_accepted_socket(lambda: gate, accepted, ssl=self._tls, **tls)
        except OSError as error:  # ssl.SSLError and TimeoutError among them
            reason = str(error) or type(error).__name__
            self._links.say("open", address, "a connection failed before its handshake", reason=reason)
        finally:
            if not gate.opened:
                gate.connection_lost(None)
                accepted.close()


def _keep_alive(accepted: socket.socket) -> None:
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKED_MS)
