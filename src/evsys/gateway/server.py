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
from evsys.gateway.authentication import Terms
from evsys.gateway.gate import HANDSHAKE_WITHIN_S, Desk, Gate
from evsys.gateway.link import Counts, Links
from evsys.gateway.station_index import StationIndex
from evsys.gateway.tls import LOOK_EVERY_S, Certificates, why_failed

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
    organisation: str = ""
    """What the organisation of a station's certificate must hold; empty: anything."""
    handshake_within_s: float = HANDSHAKE_WITHIN_S


class Gateway:
    """All sockets of this process. `plain` and `secure` ones listen already, with a small receive window
    (picows keeps a buffer as large as one read); `certificates` are those of the secure ones; `capacity` says
    how many connections are held at most (`admission.capacity`)."""

    def __init__(
        self,
        node: Node,
        index: StationIndex,
        settings: GatewaySettings,
        plain: Sequence[socket.socket],
        secure: Sequence[socket.socket],
        certificates: Certificates | None,
        capacity: int,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._node = node
        self._sockets = (*plain, *secure)
        self._secure = frozenset(each.fileno() for each in secure)
        self._certificates = certificates
        self._looking: asyncio.TimerHandle | None = None
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
            Terms(settings.server_key, settings.organisation, index.revoked),
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
        if self._certificates is not None:
            self._look()
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
        for timer in (self._ticking, self._looking):
            if timer is not None:
                timer.cancel()
        await asyncio.gather(*self._opening, return_exceptions=True)

    def _tick(self) -> None:
        self._ticking = self._loop.call_later(TICK_S, self._tick)
        try:
            self._node.tick()
        except Exception:
            # The border of the node's own initiative: what fails now is tried at the next tick.
            log.exception("the node's tick failed")

    def _look(self) -> None:
        """See whether the certificates have changed."""
        assert self._certificates is not None
        self._looking = self._loop.call_later(LOOK_EVERY_S, self._look)
        self._certificates.look()

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
            secure = self._certificates if listening.fileno() in self._secure else None
            tls = secure.context if secure is not None else None
            task = self._loop.create_task(self._open(accepted, tls, *address[:2]))
            self._opening.add(task)
            task.add_done_callback(self._opening.discard)

    def _pause(self, listening: socket.socket, wait_s: float) -> None:
        self._loop.remove_reader(listening.fileno())
        self._loop.call_later(wait_s, self._resume, listening)

    def _resume(self, listening: socket.socket) -> None:
        if self._accepting:
            self._loop.add_reader(listening.fileno(), self._ready, listening)

    async def _open(
        self, accepted: socket.socket, tls: ssl.SSLContext | None, address: str, port: int
    ) -> None:
        """Put a gate in front of an accepted socket, behind TLS where there is."""
        if "." in address:
            address = address.removeprefix("::ffff:")  # a peer by IPv4 of a socket that listens on both
        peer = f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
        gate = Gate(self._desk, address, peer)
        bounds = {
            "ssl_handshake_timeout": self._desk.handshake_within_s,
            "ssl_shutdown_timeout": TLS_SHUTDOWN_WITHIN_S,
        }
        try:
            accepted.setblocking(False)
            _keep_alive(accepted)
            await self._loop.connect_accepted_socket(
                lambda: gate, accepted, ssl=tls, **(bounds if tls else {})
            )
        except OSError as error:  # ssl.SSLError and TimeoutError among them
            reason = str(error) or type(error).__name__
            self._links.say("open", address, "a connection failed before its handshake", reason=reason)
            if (why := why_failed(error)) is not None:
                self._node.refusals.refused("", peer, why, reason)
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
