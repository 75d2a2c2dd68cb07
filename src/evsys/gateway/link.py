"""Links: the WebSockets of stations, and what keeps them alive and bounded (RFC 6455).

A link hands whole text messages to its station's connection in `csms` and sends what that gives it; picows
does the framing. Life: any frame counts, ping and pong among them. One sweep serves all links, in groups, so
that no link has a timer or task of its own and pings are spread over the interval. A link that has ever
answered a ping dies of silence within two ping intervals; one that never did is given max(2 heartbeats, 3
pings). A peer that does not read is cut off before it costs its neighbours memory.
"""

import asyncio
import math
from collections import Counter
from collections.abc import Callable
from typing import Final

import structlog
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from evsys.csms.connection import Connection
from evsys.csms.node import Node
from evsys.gateway.station_index import Entry
from evsys.log import Seldom

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Of a message, in one frame or many. 99 % are below 2 KiB; the largest of the standard are signed meter
values and configuration lists of tens of KiB (OCPP sets no limit)."""
WRITE_HIGH_BYTES: Final = 32 * 1024
WRITE_LOW_BYTES: Final = 8 * 1024
MAX_UNSENT_BYTES: Final = 256 * 1024
"""What may wait for a station that does not read. The kernel holds as much again before this fills."""
CLOSE_WITHIN_S: Final = 2.0
"""How long a peer may take to answer our CLOSE before its socket is cut."""
SWEEP_GROUPS: Final = 32
"""Links are visited in so many groups per half ping interval."""
SHORTEST_SWEEP_S: Final = 0.05
QUIET_VISITS: Final = 3
"""Visits without a frame, of a link that answers pings: with a visit each half interval, and one more until
it is found, it dies within two."""
SAY_EVERY_S: Final = 10.0
"""How often the same kind of trouble of one peer is logged."""

log = structlog.get_logger()


class Link(WSListener):
    """The WebSocket of a station (`core.ports.Link`)."""

    __slots__ = (
        "_connection",
        "_links",
        "_parts",
        "_paused",
        "_transport",
        "answers_pings",
        "begun",
        "closing_until",
        "group",
        "identity",
        "peer",
        "pings",
        "quiet",
        "version",
    )

    def __init__(self, links: "Links", entry: Entry, version: str, peer: str) -> None:
        self.identity = entry.id
        self.pings = entry.ping
        self.version = version
        self.peer = peer
        self.begun = False
        """Whether the WebSocket ever came to be."""
        self.group = 0
        """The group of the sweep that it belongs to."""
        self.quiet = 0
        """Visits of the sweep since the last frame."""
        self.answers_pings = False
        self.closing_until = 0.0
        """When a link that was closed is cut; 0 while it is open."""
        self._links = links
        self._connection: Connection | None = None
        self._transport: WSTransport | None = None
        self._parts: bytearray | None = None
        self._paused = False

    # -- what the running station calls ---

    def send(self, frame: bytes) -> None:
        """Send a text message. A peer that does not read is cut off."""
        transport = self._transport
        if transport is None or self.closing_until:
            return
        transport.send(WSMsgType.TEXT, frame)
        if self._paused and transport.underlying_transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            self._links.cut(self, "it does not read")

    def close(self, code: int, reason: str) -> None:
        """Send CLOSE; the socket ends with the peer's answer, or is cut after a while."""
        if self._transport is not None and not self.closing_until:
            self._transport.send_close(
                code,  # type: ignore[arg-type]  # picows takes any number, its stub only those with a name
                reason[:120].encode("ascii", "replace"),
            )
            self._links.closing(self)

    def ping(self) -> None:
        """Ask for a sign of life."""
        if self._transport is not None:
            self._transport.send_ping()

    def abort(self) -> None:
        """End the socket without waiting for the peer."""
        if self._transport is not None:
            self._transport.disconnect(graceful=False)

    # -- what picows calls ---

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.begun = True
        self._transport = transport
        transport.underlying_transport.set_write_buffer_limits(WRITE_HIGH_BYTES, WRITE_LOW_BYTES)
        self._connection = self._links.connected(self)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        self.quiet = 0
        if (
            frame.msg_type == WSMsgType.TEXT
            and frame.fin
            and self._parts is None
            and not (frame.rsv1 or frame.rsv2 or frame.rsv3 or self.closing_until)
        ):
            self._message(frame.get_payload_as_bytes())
        else:
            self._odd_frame(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        if self._connection is not None:
            self._connection.lost("the socket ended")
        self._links.disconnected(self)

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False

    def _message(self, text: bytes) -> None:
        assert self._connection is not None
        try:
            self._connection.received(text)
        except Exception:
            # The border of a link: a bug of ours costs one message and no charging session.
            log.exception("a message could not be handled", station=self.identity)

    def _odd_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """All that is not a whole text message: control frames, fragments, and what is not allowed."""
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            if not self.closing_until:
                transport.send_close(_answered_code(frame))
            transport.disconnect()
        elif self.closing_until or kind == WSMsgType.PING:
            pass
        elif kind == WSMsgType.PONG:
            self.answers_pings = True
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._refuse(WSCloseCode.PROTOCOL_ERROR, "reserved bits: switch compression off")
        elif kind == WSMsgType.BINARY:
            self._refuse(WSCloseCode.UNSUPPORTED_DATA, "binary frames: OCPP-J is text")
        elif (kind == WSMsgType.CONTINUATION) != (self._parts is not None):
            self._refuse(WSCloseCode.PROTOCOL_ERROR, "fragments out of order")
        else:
            self._fragment(frame)

    def _fragment(self, frame: WSFrame) -> None:
        parts = self._parts = self._parts if self._parts is not None else bytearray()
        parts += frame.get_payload_as_memoryview()
        if len(parts) > MAX_MESSAGE_BYTES:
            self._refuse(WSCloseCode.MESSAGE_TOO_BIG, f"over {MAX_MESSAGE_BYTES} bytes")
        elif frame.fin:
            self._parts = None
            self._message(bytes(parts))

    def _refuse(self, code: WSCloseCode, reason: str) -> None:
        self._links.refused_frame(self, reason)
        self.close(code.value, reason)


class Counts:
    """What the metrics tell of the gateway."""

    def __init__(self) -> None:
        self.accepted = 0
        self.refused: Counter[int] = Counter()
        """Handshakes refused, by HTTP status."""
        self.cut: Counter[str] = Counter()
        """Links ended by us, by reason."""
        self.full = 0
        """Sockets closed because no connection more can be held."""


class Links:
    """All links of the process. The intervals say how long silence may last."""

    def __init__(self, node: Node, ping_interval_s: float, heartbeat_interval_s: float) -> None:
        self.counts = Counts()
        self.ended: Callable[[], None] = lambda: None
        """Called when a link's socket has ended."""
        self._node = node
        self._loop = asyncio.get_running_loop()
        self._seldom = Seldom(SAY_EVERY_S)
        half_s = ping_interval_s / 2
        groups = max(1, min(SWEEP_GROUPS, int(half_s / SHORTEST_SWEEP_S)))
        self._groups: list[set[Link]] = [set() for _ in range(groups)]
        self._sweep_every_s = half_s / groups
        self._visits = 0
        self._next_group = 0
        self._closing: set[Link] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._patience = math.ceil(max(2 * heartbeat_interval_s, 3 * ping_interval_s) / half_s)
        """Visits without a frame after which a link that never answered a ping is cut."""

    def start(self) -> None:
        """Begin to sweep."""
        self._timer = self._loop.call_later(self._sweep_every_s, self._sweep)

    async def stop(self) -> None:
        """Give the peers a moment to answer CLOSE, then cut what is left."""
        deadline = self._loop.time() + CLOSE_WITHIN_S / 2
        while self._closing and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # at a stop alone
        if self._timer is not None:
            self._timer.cancel()
        for group in self._groups:
            for link in list(group):
                link.abort()

    # -- what links tell ---

    def connected(self, link: Link) -> Connection:
        """A link has come to be: the newest socket of its station."""
        self.counts.accepted += 1
        link.group = min(range(len(self._groups)), key=lambda group: len(self._groups[group]))
        self._groups[link.group].add(link)
        return self._node.connect(link.identity, link.version, link.peer, link)

    def disconnected(self, link: Link) -> None:
        """A link's socket has ended."""
        self._groups[link.group].discard(link)
        self._closing.discard(link)
        self.ended()

    def closing(self, link: Link) -> None:
        """A CLOSE was sent on a link."""
        link.closing_until = self._loop.time() + CLOSE_WITHIN_S
        self._closing.add(link)

    def cut(self, link: Link, reason: str) -> None:
        """End a link without its station's consent."""
        self.counts.cut[reason] += 1
        self.say("cut", link.identity, "a link was cut", reason=reason, peer=link.peer)
        link.abort()

    def refused_frame(self, link: Link, reason: str) -> None:
        """A link is being closed for what its station sent."""
        self.counts.cut[reason] += 1
        self.say("frame", link.identity, "a link is closed", reason=reason, peer=link.peer)

    def say(self, kind: str, who: str, text: str, **values: object) -> None:
        """Log what may come a thousand times a second from outside."""
        if self._seldom.lets(kind + who):
            log.warning(text, who=who, **values)

    # -- in time ---

    def _sweep(self) -> None:
        """Visit one group: cut what is silent, ping the others at every second visit; and cut the links whose
        CLOSE was not answered."""
        self._timer = self._loop.call_later(self._sweep_every_s, self._sweep)
        ping = self._visits % 2 == 0
        for link in list(self._groups[self._next_group]):
            link.quiet += 1
            if link.quiet > (QUIET_VISITS if link.answers_pings else self._patience):
                self.cut(link, "silence")
            elif ping and link.pings and not link.closing_until:
                link.ping()
        self._next_group += 1
        if self._next_group == len(self._groups):
            self._next_group = 0
            self._visits += 1
        now = self._loop.time()
        for link in [link for link in self._closing if link.closing_until <= now]:
            link.abort()


def _answered_code(frame: WSFrame) -> WSCloseCode:
    """What a peer's CLOSE is answered with: its own code, 1000 where it gave none."""
    return frame.get_close_code() or WSCloseCode.OK  # type: ignore[unreachable]  # the stub knows no empty CLOSE
