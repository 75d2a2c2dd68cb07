"""The wire of the local bus: length-prefixed msgpack over a stream, and one end of such a connection.

A frame is four bytes of length, big-endian, and a msgpack array whose first member says what it is. Both ends
speak alike: either may ask, answer and tell. Every buffer has a bound. What is told to a peer that does not
read is dropped and counted; a peer that does not even take its answers is cut off.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Literal, cast

import msgspec
import structlog
from msgspec import Struct

from evsys.core.ports import BusTimeout, NobodyThere

MAX_FRAME_BYTES = 4 * 1024 * 1024
"""The largest message: a gateway's metrics text stays far below it, a broken peer does not."""
MAX_UNREAD_TELLS_BYTES = 1024 * 1024
"""Above this much unsent data a peer's next publishes are dropped: it hears of events late anyway."""
MAX_UNREAD_BYTES = 2 * MAX_FRAME_BYTES
"""Above this much a peer that still asks is not reading at all, and is cut off."""
MAX_ASKED = 1000
"""Requests of one peer being answered at once; the next ones hear at once that no answer will come."""

log = structlog.get_logger()

_HEAD_BYTES = 4


class Hello(Struct, frozen=True, array_like=True, tag=0):
    """The hub's first frame: without it a connection may be the kernel's backlog and no living hub."""

    version: int = 1


class Ask(Struct, frozen=True, array_like=True, tag=1):
    id: int
    subject: str
    payload: bytes
    timeout_s: float


class Answer(Struct, frozen=True, array_like=True, tag=2):
    id: int
    payload: bytes = b""
    error: Literal["", "nobody", "timeout"] = ""


class Tell(Struct, frozen=True, array_like=True, tag=3):
    subject: str
    payload: bytes


class Offer(Struct, frozen=True, array_like=True, tag=4):
    """The peer answers requests of the subject, or (`on` false) no longer does."""

    subject: str
    on: bool


class Listen(Struct, frozen=True, array_like=True, tag=5):
    """The peer wants what is published on the subject, or no longer does."""

    subject: str
    on: bool


Message = Hello | Ask | Answer | Tell | Offer | Listen

_encode = msgspec.msgpack.Encoder().encode
_decode: Callable[[bytes], Message] = msgspec.msgpack.Decoder(Message).decode


class Peer(asyncio.Protocol):
    """One end of a connection of the bus.

    `answer` is awaited for each request that comes in; `heard` gets every other message; `lost` is called
    once when the connection is gone. Requests that wait for an answer then fail with BusTimeout: whether they
    were delivered is not known.
    """

    def __init__(
        self,
        answer: Callable[[str, bytes, float], Awaitable[bytes]],
        heard: Callable[["Peer", Message], None],
        lost: Callable[["Peer"], None],
        made: Callable[["Peer"], None] | None = None,
    ) -> None:
        self._answer = answer
        self._heard = heard
        self._lost = lost
        self._made = made
        self._transport: asyncio.Transport | None = None
        self._unread = bytearray()
        self._waiting: dict[int, asyncio.Future[bytes]] = {}
        self._answering: set[asyncio.Task[None]] = set()
        self._last_id = 0
        self.dropped = 0
        """Publishes that this peer did not get because it reads too slowly."""

    # -- what its owner asks of it

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        """The answer of the peer. Raises NobodyThere or BusTimeout."""
        self._last_id += 1
        number = self._last_id
        answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answered
        try:
            self.send(Ask(number, subject, payload, timeout_s))
            async with asyncio.timeout(timeout_s):
                return await answered
        except TimeoutError:
            raise BusTimeout(f"no answer on {subject} within {timeout_s:g} s") from None
        finally:
            self._waiting.pop(number, None)

    def send(self, message: Message) -> None:
        """Send a message; on a broken connection, or to a peer that does not read, it is lost."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        unread = transport.get_write_buffer_size()
        if isinstance(message, Tell) and unread > MAX_UNREAD_TELLS_BYTES:
            self.dropped += 1
            return
        if unread > MAX_UNREAD_BYTES:
            log.warning("a peer on the bus does not read its answers: it is cut off")
            transport.abort()
            return
        body = _encode(message)
        transport.write(len(body).to_bytes(_HEAD_BYTES, "big") + body)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # -- what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self._made is not None:
            self._made(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        for answered in self._waiting.values():
            if not answered.done():
                answered.set_exception(BusTimeout("the bus broke before an answer came"))
        self._lost(self)

    def data_received(self, data: bytes) -> None:
        unread = self._unread
        unread += data
        start = 0
        while len(unread) - start >= _HEAD_BYTES:
            length = int.from_bytes(unread[start : start + _HEAD_BYTES], "big")
            if length > MAX_FRAME_BYTES:
                self._broken(f"a frame of {length} bytes")
                return
            end = start + _HEAD_BYTES + length
            if len(unread) < end:
                break
            body = bytes(unread[start + _HEAD_BYTES : end])
            start = end
            try:
                message = _decode(body)
            except msgspec.DecodeError as error:
                self._broken(str(error))
                return
            self._receive(message)
        del unread[:start]

    # -- helpers

    def _broken(self, why: str) -> None:
        log.error("the bus got what it cannot read and closes the connection", reason=why)
        if self._transport is not None:
            self._transport.abort()

    def _receive(self, message: Message) -> None:
        match message:
            case Ask():
                self._asked(message)
            case Answer(id=number, payload=payload, error=error):
                answered = self._waiting.get(number)
                if answered is None or answered.done():
                    return
                if error == "nobody":
                    answered.set_exception(NobodyThere("nobody answers there"))
                elif error == "timeout":
                    answered.set_exception(BusTimeout("no answer came"))
                else:
                    answered.set_result(payload)
            case _:
                self._heard(self, message)

    def _asked(self, ask: Ask) -> None:
        if len(self._answering) >= MAX_ASKED:
            self.send(Answer(ask.id, error="timeout"))
            return
        task = asyncio.get_running_loop().create_task(self._reply(ask))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)

    async def _reply(self, ask: Ask) -> None:
        try:
            reply = Answer(ask.id, await self._answer(ask.subject, ask.payload, ask.timeout_s))
        except NobodyThere:
            reply = Answer(ask.id, error="nobody")
        except BusTimeout:
            reply = Answer(ask.id, error="timeout")
        self.send(reply)


def check_size(payload: bytes) -> None:
    """Raise ValueError for a payload that no frame can carry: a mistake of the caller."""
    if len(payload) > MAX_FRAME_BYTES - 1024:
        raise ValueError(f"a message of {len(payload)} bytes is too large for the bus")
