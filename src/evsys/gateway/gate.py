"""The gate: a socket from its acceptance until its handshake is decided.

It reads the request, finds out who it is, and answers: 101, and the socket becomes a link; or a refusal with
a status and a sentence that says what to do. One deadline covers all of it, and only one thing is waited for:
the registration of a station that may register itself.

It uses names that picows keeps private (all that come from `picows.picows`), pinned by version and held by a
contract test.
"""

import asyncio
import logging
from functools import partial
from http import HTTPStatus
from typing import Final, cast

import structlog
from msgspec import Struct
from picows import (
    WSAutoPingStrategy,
    WSCloseCode,
    WSListener,
    WSTransport,
    WSUpgradeRequest,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from picows.picows import (  # type: ignore[attr-defined]  # private names, which the stub does not tell
    WSProtocol,
    _parse_http_request,
    _validate_upgrade_request,
)

from evsys.core.credentials import Proved
from evsys.csms.node import Node
from evsys.gateway.admission import Admission
from evsys.gateway.attempts import WINDOW_S, Attempts
from evsys.gateway.authentication import Denied, Presented, Terms, judge
from evsys.gateway.handshake import Subprotocol, identity, is_odd, listed, subprotocol
from evsys.gateway.link import MAX_MESSAGE_BYTES, Link, Links
from evsys.gateway.station_index import Entry, StationIndex
from evsys.gateway.tls import peer_certificate

MAX_REQUEST_BYTES: Final = 16 * 1024
"""Of the request line and the headers; picows has the same limit, and drops what is longer unanswered."""
HANDSHAKE_WITHIN_S: Final = 10.0
"""From the accepted socket to the answer, in all: sending slowly does not extend it."""
READ_BUFFER_BYTES: Final = 2048
"""What picows keeps per connection; it grows with a burst up to the socket's receive window and stays so."""
MAX_REGISTERED: Final = 100_000
"""Stations known at most while unknown ones register themselves: names are free for whoever makes them up."""
METHODS: Final = frozenset({b"POST", b"PUT", b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"TRACE", b"CONNECT"})
TLS_HELLO: Final = 0x16
"""The first byte of a TLS connection; no HTTP request begins with it."""
HEADERS: Final = {
    HTTPStatus.UPGRADE_REQUIRED: "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    HTTPStatus.METHOD_NOT_ALLOWED: "Allow: GET\r\n",
    HTTPStatus.UNAUTHORIZED: 'WWW-Authenticate: Basic realm="ocpp"\r\n',
    HTTPStatus.TOO_MANY_REQUESTS: f"Retry-After: {WINDOW_S:.0f}\r\n",
}
"""What a refusal says beside its text."""

log = structlog.get_logger()
picows_log = logging.LoggerAdapter(logging.getLogger("picows"))
"""An adapter, because picows makes a Logger of its own per connection from anything else (0.5 KiB each)."""
# Illegal frames are told by the link, with the station's name and at a bounded rate.
picows_log.logger.addFilter(lambda record: not str(record.msg).startswith("WS parser error"))


class Desk(Struct, frozen=True):
    """What all gates decide from."""

    node: Node
    index: StationIndex
    admission: Admission
    links: Links
    paths: tuple[str, ...]
    accept_unknown: bool
    assume_protocol: str
    terms: Terms
    attempts: Attempts
    handshake_within_s: float
    gates: set["Gate"]
    """Those whose handshake is not decided."""
    registering: dict[str, asyncio.Task[None]]
    """The last registration under way, by the name without regard to case."""


class NoVersion(WSListener):
    """A connection whose handshake found no version: completed, and closed at once (OCPP-J §3.1.2)."""

    def __init__(self, admission: Admission, reason: str) -> None:
        self.begun = False
        self._admission = admission
        self._reason = reason

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.begun = True
        transport.send_close(WSCloseCode.PROTOCOL_ERROR, self._reason.encode())
        transport.disconnect()

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._admission.ended()


class Gate(asyncio.Protocol):
    """A socket until its handshake is decided. `address` is the peer's, `peer` that and its port."""

    def __init__(self, desk: Desk, address: str, peer: str) -> None:
        self._desk = desk
        self._address = address
        self._peer = peer
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._registering: asyncio.Task[None] | None = None
        self._decided = False
        self._deadline = asyncio.get_running_loop().call_later(desk.handshake_within_s, self._too_late)
        desk.gates.add(self)

    @property
    def opened(self) -> bool:
        """Whether the socket ever was this gate's: not where its TLS handshake failed."""
        return self._transport is not None

    def abort(self) -> None:
        """End the socket without an answer."""
        self._decide()
        if self._transport is not None:
            self._transport.abort()

    # -- what the loop calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is one in all but its class
        if self._decided:
            self._transport.abort()  # its time was up within the TLS handshake

    def connection_lost(self, error: Exception | None) -> None:
        """The peer is gone before it became a link, or was refused."""
        self._deadline.cancel()
        self._decide()
        if self._registering is not None:
            self._registering.cancel()
        self._desk.admission.ended()

    def data_received(self, data: bytes) -> None:
        if self._decided:
            return  # refused, and on its way out
        self._buffer += data
        end = self._buffer.find(b"\r\n\r\n")
        if end >= MAX_REQUEST_BYTES or (end < 0 and len(self._buffer) >= MAX_REQUEST_BYTES):
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "the request is too large")
        elif self._registering is not None:
            pass  # frames sent ahead of the answer
        elif end >= 0:
            self._read(bytes(self._buffer[:end]))
        elif self._buffer[0] == TLS_HELLO:
            self._desk.links.say("tls_on_plain", self._address, "TLS is spoken on a port without TLS")
            self.abort()

    # -- the decision ---

    def _read(self, head: bytes) -> None:
        """Decide about a request that is there as a whole, or begin to."""
        if head.partition(b" ")[0] in METHODS:
            self._refuse(HTTPStatus.METHOD_NOT_ALLOWED, "a station connects with GET")
            return
        try:
            request = _parse_http_request(head)
        except RuntimeError:
            self._refuse(HTTPStatus.BAD_REQUEST, "not a request of HTTP/1.1 for a WebSocket")
            return
        target = request.path.decode("utf-8", "surrogateescape")
        name = identity(target, self._desk.paths)
        if name is None:
            self._desk.links.say(
                "path", self._address, "no station is named by the path of a request", path=target
            )
            self._refuse(HTTPStatus.NOT_FOUND, f"connect to {self._desk.paths[0]}/<identity>")
        elif not _wants_upgrade(request):
            self._refuse(HTTPStatus.UPGRADE_REQUIRED, "a WebSocket for charge points: ask for the upgrade")
        elif (entry := self._desk.index.find(name)) is not None:
            self._accept(request, entry)
        else:
            self._unknown(request, name)

    def _unknown(self, request: WSUpgradeRequest, name: str) -> None:
        desk = self._desk
        if not desk.accept_unknown or len(desk.index) >= MAX_REGISTERED:
            desk.links.say("unknown", name, "an unknown station was refused", peer=self._peer)
            desk.node.knocks.heard(name, self._peer)
            self._refuse(HTTPStatus.NOT_FOUND, "the station is not known here")
            return
        assert self._transport is not None
        self._transport.pause_reading()  # what it sends meanwhile waits in the kernel, not here
        folded = name.casefold()
        before = desk.registering.get(folded)
        task = asyncio.get_running_loop().create_task(self._register(request, name, before))
        self._registering = desk.registering[folded] = task
        task.add_done_callback(partial(_forget, desk.registering, folded))

    async def _register(
        self, request: WSUpgradeRequest, name: str, before: asyncio.Task[None] | None
    ) -> None:
        """An unknown station that may register itself, after a registration `before` whose name may differ
        from its own by case alone: then it is the same station."""
        if before is not None:
            await asyncio.wait([before])
        try:
            if self._desk.index.find(name) is None:
                await self._desk.node.register(name, self._peer)
        except Exception:
            # The border of a handshake: a bug of ours costs this one.
            log.exception("a station could not be registered", station=name)
        self._registering = None
        entry = self._desk.index.find(name)
        if self._decided or self._transport is None or self._transport.is_closing():
            return
        if entry is None:
            self._refuse(HTTPStatus.SERVICE_UNAVAILABLE, "the station cannot be registered now; try again")
            return
        transport = self._transport
        self._accept(request, entry)
        transport.resume_reading()

    def _authenticate(self, request: WSUpgradeRequest, entry: Entry) -> Proved | Denied:
        """What the station has proved, where it is enough for it."""
        desk, now = self._desk, asyncio.get_running_loop().time()
        assert self._transport is not None
        if entry.floor and desk.attempts.too_many(now, entry.id, self._address):
            return Denied("too many attempts", HTTPStatus.TOO_MANY_REQUESTS, "too many wrong passwords")
        secured = self._transport.get_extra_info("ssl_object")
        certificate = peer_certificate(secured) if secured is not None else None
        presented = Presented(secured is not None, request.headers.get("Authorization", ""), certificate)
        judged = judge(entry, presented, desk.terms, desk.node.now())
        if isinstance(judged, Denied) and judged.reason == "wrong password":
            desk.attempts.failed(now, entry.id, self._address)
        return judged

    def _accept(self, request: WSUpgradeRequest, entry: Entry) -> None:
        desk = self._desk
        proved = self._authenticate(request, entry)
        if isinstance(proved, Denied):
            desk.links.say("denied", entry.id, "a station was denied", reason=proved.reason, peer=self._peer)
            desk.node.refusals.refused(entry.id, self._peer, proved.reason, proved.text)
            self._refuse(proved.status, proved.text)
            return
        offered = listed(request.headers.getall("Sec-WebSocket-Protocol", ()))
        assumed = entry.assume_protocol or desk.assume_protocol
        chosen = subprotocol(offered, desk.node.dialects.keys(), assumed)
        if not isinstance(chosen, Subprotocol):
            reason = f"no version to speak: {chosen}"
            desk.links.say(
                "version", entry.id, "a link is closed", reason=reason, peer=self._peer, offered=offered
            )
            self._upgrade(request, None, NoVersion(desk.admission, reason))
        else:
            header = chosen.name if chosen.announced else None
            self._note_oddities(request, entry, chosen)
            self._upgrade(request, header, Link(desk.links, entry, chosen.name, self._peer, proved))

    def _note_oddities(self, request: WSUpgradeRequest, entry: Entry, chosen: Subprotocol) -> None:
        """Count what of the handshake of a known station is off the standard."""
        node, target = self._desk.node, request.path.decode("utf-8", "surrogateescape")
        if not chosen.announced:
            node.noticed(entry.id, "no_subprotocol", request.path)
        if is_odd(target, self._desk.paths):
            node.noticed(entry.id, "odd_path", request.path)
        if identity(target, self._desk.paths) != entry.id:
            node.noticed(entry.id, "identity_case", request.path)

    # -- the answer ---

    def _upgrade(self, request: WSUpgradeRequest, announced: str | None, listener: Link | NoVersion) -> None:
        """Hand the socket to picows, with all that has arrived on it."""
        headers = [("Sec-WebSocket-Protocol", announced)] if announced else []
        answer = WSUpgradeResponseWithListener(WSUpgradeResponse.create_101_response(headers), listener)

        def take(parsed: WSUpgradeRequest) -> WSUpgradeResponseWithListener:
            parsed.headers["Connection"] = "Upgrade"  # `keep-alive, Upgrade` is legal, and picows refuses it
            return answer

        protocol = _picows(take)
        assert self._transport is not None
        self._deadline.cancel()
        self._decide()
        self._transport.set_protocol(protocol)
        protocol.connection_made(self._transport)
        rest = memoryview(self._buffer)
        try:
            while rest:
                room = protocol.get_buffer(-1)
                size = min(len(room), len(rest))
                room[:size] = rest[:size]
                protocol.buffer_updated(size)
                rest = rest[size:]
        finally:
            if not listener.begun:
                # picows found a fault that we did not, has answered 400, and will never call the listener.
                self._desk.admission.ended()

    def _refuse(self, status: HTTPStatus, text: str) -> None:
        """Answer and close. The deadline goes on for a peer that does not take the answer."""
        self._desk.links.counts.refused[status.value] += 1
        self._decide()
        assert self._transport is not None
        body = text.encode() + b"\n"
        self._transport.write(
            f"HTTP/1.1 {status.value} {status.phrase}\r\n{HEADERS.get(status, '')}Connection: close\r\n"
            f"Content-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        self._transport.close()

    def _too_late(self) -> None:
        if not self._decided:
            self._desk.links.say("slow", self._address, "a handshake took too long")
        self.abort()

    def _decide(self) -> None:
        if not self._decided:
            self._decided = True
            self._desk.gates.discard(self)
            self._desk.admission.decided()


def _forget(registering: dict[str, asyncio.Task[None]], folded: str, task: asyncio.Task[None]) -> None:
    """A registration is over; a later one of the same name may have taken its place."""
    if registering.get(folded) is task:
        del registering[folded]


def _picows(take: object) -> WSProtocol:
    """The protocol of a server's connection; `take` answers its request. By position, as picows has it."""
    return WSProtocol(
        None,  # host and port, of a client
        None,  # path, of a client
        False,  # a client
        take,
        picows_log,
        True,  # disconnect when the listener raises
        None,  # handshake time-out: the request is fed to it at once
        False, 20, 20, WSAutoPingStrategy.PING_WHEN_IDLE,  # pings: the sweep sends them
        False,  # answer pings: the link does
        MAX_MESSAGE_BYTES,
        None,  # headers, of a client
        READ_BUFFER_BYTES,
    )  # fmt: skip


def _wants_upgrade(request: WSUpgradeRequest) -> bool:
    """Whether a request asks for a WebSocket in a way that picows accepts after a small repair."""
    if "upgrade" not in [option.lower() for option in listed(request.headers.getall("Connection", ()))]:
        return False
    request.headers["Connection"] = "Upgrade"
    try:
        _validate_upgrade_request(request)
    except RuntimeError:
        return False
    return True
