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
from evsys.gateway.gate import HANDSHAKE_WITHIN_S, Desk, Gate
from evsys.gateway.link import Counts, Links
from evsys.gateway.station_index import StationIndex

ACCEPTS_PER_TURN: Final = 64
"""Sockets accepted before other work of the loop has its turn."""
NO_DESCRIPTOR_PAUSE_S: Final = 1.0
TICK_S: Final = 1.0
TLS_SHUTDOWN_WITHIN_S: Final = 5.0
KEEPALIVE_IDLE_S: Final = 60
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
    heartbeat_interval_s: float = 300.0


class Gateway:
    """All sockets of this process. `tls` is the context of the listening sockets, None without TLS; `capacity`
    says how many connections are held at most (`admission.capacity`)."""

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
        self._links = Links(node, settings.ping_interval_s, settings.heartbeat_interval_s)
        self.admission = Admission(capacity, self._loop.time())
        self._links.ended = self.admission.ended
        self._desk = Desk(
            node,
            index,
            self.admission,
            self._links,
            settings.paths,
            settings.accept_unknown,
            settings.assume_protocol,
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
        """The first step of a stop: new connections wait in the kernel, or are refused by it. The second is
        the node's, which closes the links (1001); the third is `stop`."""
        self._accepting = False
        for listening in self._sockets:
            self._loop.remove_reader(listening.fileno())

    async def stop(self) -> None:
        """Give the stations a moment to answer CLOSE, then cut what is left."""
        await self._links.stop()
        if self._ticking is not None:
            self._ticking.cancel()
        for task in self._opening:
            task.cancel()
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
            if self.admission.full:
                accepted.close()
                self.counts.full += 1
                limit = self.admission.capacity
                self._links.say("full", "", "no more connections: raise the limit of open files", limit=limit)
                continue
            self.admission.let_in()
            task = self._loop.create_task(self._open(accepted, f"{address[0]}:{address[1]}"))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _pause(self, listening: socket.socket, wait_s: float) -> None:
        self._loop.remove_reader(listening.fileno())
        self._loop.call_later(wait_s, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if self._accepting:
            self._loop.add_reader(listening.fileno(), self._ready, listening)

    async def _open(self, accepted: socket.socket, peer: str) -> None:
        """Put a gate in front of an accepted socket, behind TLS where there is."""
        gate = Gate(self._desk, peer)
        try:
            accepted.setblocking(False)
            _keep_alive(accepted)
            if self._tls is None:
                await self._loop.connect_accepted_socket(lambda: gate, accepted)
            else:
                await self._loop.connect_accepted_socket(
                    lambda: gate,
                    accepted,
                    ssl=self._tls,
                    ssl_handshake_timeout=HANDSHAKE_WITHIN_S,
                    ssl_shutdown_timeout=TLS_SHUTDOWN_WITHIN_S,
                )
        except (OSError, TimeoutError) as error:  # ssl.SSLError is an OSError
            self._links.say("tls", peer, "a TLS handshake failed", reason=str(error))
            gate.never_opened()
            accepted.close()


def _keep_alive(accepted: socket.socket) -> None:
    accepted.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, KEEPALIVE_IDLE_S)
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKED_MS)
