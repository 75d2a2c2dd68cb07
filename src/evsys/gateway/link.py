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
from typing import Final

import structlog
from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSTransport

from evsys.core.credentials import Proved
from evsys.csms.connection import Connection
from evsys.csms.node import Node
from evsys.gateway.admission import Admission
from evsys.gateway.station_index import Entry, StationIndex
from evsys.gateway.trouble import Trouble

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""Of a message, in one frame or many. 99 % are below 2 KiB; the largest of the standard are signed meter
values and configuration lists of tens of KiB (OCPP sets no limit)."""
WRITE_HIGH_BYTES: Final = 32 * 1024
WRITE_LOW_BYTES: Final = 8 * 1024
MAX_UNSENT_BYTES: Final = 256 * 1024
"""What may wait for a station that does not read, beside what the kernel holds for it and the longest message
that waits: a local list of thousands of tokens is longer, and takes its time on a slow line."""
CLOSE_WITHIN_S: Final = 2.0
"""How long a peer may take to end its side after a CLOSE, before its socket is cut."""
STOP_WITHIN_S: Final = 1.0
"""The same at a stop, which has five seconds for everything."""
SWEEP_GROUPS: Final = 32
"""Links are visited in so many groups, each once per half ping interval."""
SHORTEST_SWEEP_S: Final = 0.05
QUIET_VISITS: Final = 3
"""Visits without a frame, of a link that answers pings: with a visit each half interval, and one more until
it is found, it dies within two."""

TEXT: Final = WSMsgType.TEXT
"""Looked up once: a member of a compiled enum costs 0.1 µs at each look, and every frame needs two."""

log = structlog.get_logger()


class Link(WSListener):
    """The WebSocket of a station (`core.ports.Link`)."""

    __slots__ = (
        "_connection",
        "_links",
        "_longest",
        "_parts",
        "_paused",
        "_transport",
        "answers_pings",
        "begun",
        "closing",
        "group",
        "identity",
        "peer",
        "proved",
        "quiet",
        "version",
    )

    def __init__(self, links: "Links", entry: Entry, version: str, peer: str, proved: Proved) -> None:
        self.identity = entry.id
        self.version = version
        self.peer = peer
        self.proved = proved
        self.begun = False
        """Whether the WebSocket ever came to be."""
        self.closing = False
        """Whether a CLOSE was sent, or the socket was cut: nothing is sent any more."""
        self.group = 0
        """The group of the sweep that it belongs to."""
        self.quiet = 0
        """Visits of the sweep since the last frame."""
        self.answers_pings = False
        self._links = links
        self._connection: Connection | None = None
        self._transport: WSTransport | None = None
        self._parts: bytearray | None = None
        self._paused = False
        self._longest = 0
        """The longest message since nearly all was read."""

    # -- what the running station calls ---

    def send(self, frame: bytes) -> None:
        """Send a text message. A peer that does not read is cut off."""
        transport = self._transport
        if transport is not None and not self.closing and (not self._paused or self._has_room(transport)):
            transport.send(TEXT, frame)
            if len(frame) > self._longest:
                self._longest = len(frame)

    def close(self, code: int, reason: str) -> None:
        """Send CLOSE; the socket ends with the peer's answer, or is cut after a while."""
        if self._transport is not None and not self.closing:
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
            frame.msg_type == TEXT
            and frame.fin
            and self._parts is None
            and not (frame.rsv1 or frame.rsv2 or frame.rsv3 or self.closing)
        ):
            self._message(frame.get_payload_as_bytes())
        else:
            self._odd_frame(transport, frame)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._transport = None
        handshake = transport.close_handshake
        if not self.closing and handshake and handshake.sent:
            # A CLOSE that is not ours: picows has refused a frame before we saw it.
            self._links.refused_frame(self, "an illegal frame", detail=handshake.sent.reason)
        self._links.disconnected(self)
        if self._connection is not None:
            self._connection.lost("the socket ended")

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        self._longest = 0

    def _has_room(self, transport: WSTransport) -> bool:
        """Whether more may be sent to a peer that reads slowly; if not, it is cut off."""
        unsent = transport.underlying_transport.get_write_buffer_size()
        if unsent <= MAX_UNSENT_BYTES + self._longest:
            return True
        self._links.cut(self, "it does not read")
        return False

    def _message(self, text: bytes) -> None:
        try:
            assert self._connection is not None
            self._connection.received(text)
        except Exception:
            # The border of a link: a bug of ours costs one message and no charging session.
            log.exception("a message could not be handled", station=self.identity)

    def _odd_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """All that is not a whole text message: control frames, fragments, and what is not allowed."""
        kind = frame.msg_type
        if kind == WSMsgType.CLOSE:
            if not transport.is_close_frame_sent:
                transport.send_close(_answered_code(frame))
                self._links.closing(self)
            transport.disconnect()
        elif self.closing:
            pass
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._refuse(WSCloseCode.PROTOCOL_ERROR, "reserved bits: switch compression off")
        elif kind == WSMsgType.PING:
            # Not left to picows, which would tell us nothing of it: a ping is life, and its answer is unsent.
            if not self._paused or self._has_room(transport):
                transport.send_pong(frame.get_payload_as_bytes())
        elif kind == WSMsgType.PONG:
            self.answers_pings = True
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
        self._parts = None
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
    """All links of the process. The intervals say how long silence may last; without a ping interval (0) no
    link is pinged."""

    def __init__(
        self,
        node: Node,
        index: StationIndex,
        admission: Admission,
        ping_interval_s: float,
        heartbeat_interval_s: float,
    ) -> None:
        self.counts = Counts()
        self.pinging = ping_interval_s > 0
        self._node = node
        self._index = index
        self._admission = admission
        self._loop = asyncio.get_running_loop()
        self._trouble = Trouble()
        visit_every_s = (ping_interval_s or heartbeat_interval_s) / 2
        groups = max(1, min(SWEEP_GROUPS, int(visit_every_s / SHORTEST_SWEEP_S)))
        self._groups: list[set[Link]] = [set() for _ in range(groups)]
        self._sweep_every_s = visit_every_s / groups
        self._visits = 0
        self._next_group = 0
        self._closing: dict[Link, float] = {}
        """When the links that were closed are cut; the first that is due stands first."""
        self._sweep_timer: asyncio.TimerHandle | None = None
        self._closing_timer: asyncio.TimerHandle | None = None
        self._patience = math.ceil(max(2 * heartbeat_interval_s, 3 * ping_interval_s) / visit_every_s)
        """Visits without a frame after which a link that never answered a ping is cut."""

    def start(self) -> None:
        """Begin to sweep."""
        self._sweep_timer = self._loop.call_later(self._sweep_every_s, self._sweep)

    async def stop(self) -> None:
        """Give those who were sent CLOSE a moment to answer, then cut what is left."""
        deadline = self._loop.time() + STOP_WITHIN_S
        while self._closing and self._loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # at a stop alone: an event would be set at every end of a link
        for timer in (self._sweep_timer, self._closing_timer):
            if timer is not None:
                timer.cancel()
        for group in self._groups:
            for link in group:
                link.abort()
        await asyncio.sleep(0)  # the turn of the loop in which their ends are told

    # -- what links tell ---

    def connected(self, link: Link) -> Connection:
        """A link has come to be: the newest socket of its station."""
        self.counts.accepted += 1
        link.group = self.counts.accepted % len(self._groups)
        self._groups[link.group].add(link)
        return self._node.connect(link.identity, link.version, link.peer, link, link.proved)

    def disconnected(self, link: Link) -> None:
        """A link's socket has ended."""
        self._groups[link.group].discard(link)
        self._closing.pop(link, None)
        self._admission.ended()

    def closing(self, link: Link) -> None:
        """A CLOSE was sent on a link."""
        link.closing = True
        self._closing[link] = self._loop.time() + CLOSE_WITHIN_S
        if self._closing_timer is None:
            self._closing_timer = self._loop.call_later(CLOSE_WITHIN_S, self._cut_closed)

    def cut(self, link: Link, reason: str) -> None:
        """End a link without its station's consent."""
        link.closing = True
        self.counts.cut[reason] += 1
        self.say("cut", link.identity, "a link was cut", reason=reason, peer=link.peer)
        link.abort()

    def refused_frame(self, link: Link, reason: str, **values: object) -> None:
        """A link is being closed for what its station sent."""
        self.counts.cut[reason] += 1
        self.say("frame", link.identity, "a link is closed", reason=reason, peer=link.peer, **values)

    def say(self, kind: str, who: str, text: str, **values: object) -> None:
        """Log trouble that comes from outside, at a bounded rate."""
        self._trouble.say(self._loop.time(), kind, who, text, **values)

    # -- in time ---

    def _sweep(self) -> None:
        """Visit one group: cut what is silent, and ping the others at every second visit."""
        self._sweep_timer = self._loop.call_later(self._sweep_every_s, self._sweep)
        asking = self.pinging and self._visits % 2 == 0
        for link in list(self._groups[self._next_group]):
            pinged = self.pinging and self._wants_pings(link)
            if not pinged:
                link.answers_pings = False  # asked again, it is to answer first before silence is short
            link.quiet += 1
            if link.quiet > (QUIET_VISITS if link.answers_pings else self._patience):
                self.cut(link, "silence")
            elif asking and pinged and not link.closing:
                link.ping()
        self._next_group += 1
        if self._next_group == len(self._groups):
            self._next_group = 0
            self._visits += 1

    def _wants_pings(self, link: Link) -> bool:
        """Whether its station is asked for signs of life: as people say now, not when it connected."""
        entry = self._index.find(link.identity)
        return entry is not None and entry.ping

    def _cut_closed(self) -> None:
        """Cut the links whose peers did not end their side in time."""
        self._closing_timer = None
        now = self._loop.time()
        for link, deadline in list(self._closing.items()):
            if deadline > now:
                self._closing_timer = self._loop.call_later(deadline - now, self._cut_closed)
                return
            link.abort()


def _answered_code(frame: WSFrame) -> WSCloseCode:
    """What a peer's CLOSE is answered with: its own code, 1000 where it gave none."""
    return frame.get_close_code() or WSCloseCode.OK  # type: ignore[unreachable]  # the stub knows no empty CLOSE
