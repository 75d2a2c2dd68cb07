"""The wire log as people read it: what is on disk, and what the gateway still has in memory.

The office keeps what the gateway publishes. Pieces wait in a bounded queue for the one thread that writes
them; what does not fit is dropped and counted, and so is what the disk does not take. A reader gets frames
newest first, an answer with the action of the CALL that it answers.
"""

import asyncio
import contextlib
import re
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, Literal, TypeVar

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import replace

from evsys.core.errors import StoreUnavailable
from evsys.core.ports import GATEWAY_WIRE, WIRE, Bus, BusTimeout, Clock, NobodyThere, WireFrame, WirePiece
from evsys.store.connections import DatabaseFailure
from evsys.store.wirelog import WireStore

MAX_WAITING_BYTES: Final = 32 * 2**20
"""Pieces that wait for the disk: a second of a very busy gateway."""
WRITE_EVERY_S: Final = 0.5
PRUNE_EVERY_S: Final = 60.0
ASK_TIMEOUT_S: Final = 2.0
NEAR: Final = 50
"""Among so many older frames the CALL of an answer is looked for; a station has few open at once."""
MAX_LOOKED_AT: Final = 20_000
"""Frames looked at for one page: a filter that fits seldom ends with what it has and a cursor."""

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_CALL = re.compile(rb'\s*\[\s*2\s*,\s*"((?:[^"\\]|\\.)*)"\s*,\s*"([^"\\]{1,100})"')
_ANSWER = re.compile(rb'\s*\[\s*([34])\s*,\s*"((?:[^"\\]|\\.)*)"')

log = structlog.get_logger()
T = TypeVar("T")


class WireMessage(Struct, frozen=True, kw_only=True):
    """A frame of a station. `direction` is the station's: `in` came from it, `out` went to it."""

    at: datetime
    direction: Literal["in", "out"]
    kind: Literal["call", "result", "error", "other"]
    action: str = ""
    """Of a CALL, and of an answer whose CALL is near; else empty."""
    frame: str
    """As it was on the wire, secrets masked; what is not UTF-8 is replaced."""


class WireFilter(Struct, frozen=True, kw_only=True):
    """Which frames: from `since` up to, without, `before`, that meet every other condition given."""

    since: datetime = EPOCH
    before: datetime | None = None
    direction: Literal["in", "out"] | None = None
    action: str = ""


class Wire:
    """The wire log of all stations."""

    def __init__(self, store: WireStore, bus: Bus, clock: Clock) -> None:
        self.dropped = 0
        """Pieces that could not be kept since the start."""
        self._store = store
        self._bus = bus
        self._clock = clock
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="wire")
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0

    async def run(self) -> None:
        """Keep what is published, until cancelled; then what waits is kept yet."""
        cancel = self._bus.subscribe(WIRE, self._heard)
        pruned_at = 0.0
        try:
            while True:
                await asyncio.sleep(WRITE_EVERY_S)
                await self._write()
                if self._clock.monotonic() - pruned_at >= PRUNE_EVERY_S:
                    pruned_at = self._clock.monotonic()
                    await self._prune()
        finally:
            cancel()
            await self._write()

    def close(self) -> None:
        """After `run` has ended."""
        self._thread.shutdown()
        self._store.close()

    async def messages(
        self, station_id: str, which: WireFilter, limit: int
    ) -> tuple[list[WireMessage], datetime | None]:
        """A page of a station's frames, newest first, and the `before` of the next page, if there is one.
        Raises StoreUnavailable."""
        in_memory = await self._in_memory(station_id)
        try:
            return await self._on_thread(lambda: self._page(station_id, which, in_memory, limit))
        except DatabaseFailure as error:
            raise StoreUnavailable(f"the wire log cannot be read: {error}") from None

    def _page(
        self, station_id: str, which: WireFilter, in_memory: list[WireFrame], limit: int
    ) -> tuple[list[WireMessage], datetime | None]:
        found: list[WireMessage] = []
        frames = self._newest_first(station_id, which, in_memory)
        for looked_at, read in enumerate(_with_actions(frames)):
            at_us, direction, frame = read.frame
            moment = EPOCH + timedelta(microseconds=at_us)
            if len(found) == limit or looked_at == MAX_LOOKED_AT:
                return found, moment + timedelta(microseconds=1)
            if (which.direction or direction) == direction and (which.action or read.action) == read.action:
                found.append(
                    WireMessage(
                        at=moment,
                        direction=direction,
                        kind=read.kind,
                        action=read.action,
                        frame=frame.decode("utf-8", "replace"),
                    )
                )
        return found, None

    def _newest_first(
        self, station_id: str, which: WireFilter, in_memory: list[WireFrame]
    ) -> Iterator[WireFrame]:
        """Memory first, then disk, which has the older part of what is in memory as well."""
        since = _microseconds(which.since)
        before = _microseconds(which.before) if which.before is not None else 2**62
        for frame in reversed(in_memory):
            if since <= frame[0] < before:
                yield frame
        oldest = in_memory[0][0] if in_memory else before
        yield from self._store.newest_first(station_id, since, min(before, oldest))

    async def _in_memory(self, station_id: str) -> list[WireFrame]:
        with contextlib.suppress(NobodyThere, BusTimeout):
            answer = await self._bus.request(GATEWAY_WIRE, station_id.encode(), ASK_TIMEOUT_S)
            return msgspec.msgpack.decode(answer, type=WirePiece).frames
        return []

    def _heard(self, subject: str, payload: bytes) -> None:
        if self._waiting_bytes + len(payload) > MAX_WAITING_BYTES:
            self.dropped += 1
            return
        self._waiting.append(payload)
        self._waiting_bytes += len(payload)

    async def _write(self) -> None:
        taken, self._waiting = self._waiting, deque()
        self._waiting_bytes = 0
        if not taken:
            return
        try:
            await self._on_thread(lambda: self._store.add(taken))
        except DatabaseFailure as error:
            self.dropped += len(taken)
            log.warning("the wire log cannot be written", reason=str(error), dropped=self.dropped)

    async def _prune(self) -> None:
        try:
            now_us = _microseconds(self._clock.now())
            await self._on_thread(lambda: self._store.prune(now_us))
        except DatabaseFailure as error:
            log.warning("the wire log cannot be pruned", reason=str(error))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


class _Read(Struct, frozen=True):
    """A frame and what its beginning says."""

    frame: WireFrame
    kind: Literal["call", "result", "error", "other"]
    id: bytes = b""
    action: str = ""


def _with_actions(frames: Iterator[WireFrame]) -> Iterator[_Read]:
    """Frames read, newest first. An answer comes before its CALL here: it is looked for among the next."""
    near = deque(_read(frame) for frame in islice(frames, NEAR))
    while near:
        read = near.popleft()
        near.extend(_read(frame) for frame in islice(frames, 1))
        if read.kind in ("result", "error"):
            calls = (each for each in near if each.kind == "call" and each.id == read.id)
            call = next((each for each in calls if each.frame[1] != read.frame[1]), None)
            read = replace(read, action=call.action if call else "")
        yield read


def _read(frame: WireFrame) -> _Read:
    if call := _CALL.match(frame[2]):
        return _Read(frame, "call", call[1], call[2].decode("utf-8", "replace"))
    if answer := _ANSWER.match(frame[2]):
        return _Read(frame, "result" if answer[1] == b"3" else "error", answer[2])
    return _Read(frame, "other")


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(microseconds=1)
