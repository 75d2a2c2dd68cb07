"""The feed: events as they are logged, and the latest meter samples, for many readers at once.

A reader first reads the log by itself, up to where the feed is, and then hears what the feed reads once for
all. It waits for nobody: a reader whose queue is full is dropped, and comes back with the number of the last
event it saw.
"""

import asyncio
from asyncio import Queue, QueueEmpty, QueueFull
from collections.abc import AsyncIterator
from functools import partial
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from evsys.core.errors import StoreUnavailable
from evsys.core.events import LoggedEvent
from evsys.core.ports import EVENTS, SAMPLES, Bus, LatestSample
from evsys.store.views import events
from evsys.store.views.events import EventFilter
from evsys.store.views.reader import Reader

MAX_WAITING: Final = 1000
"""Events and lists of samples that wait for one reader."""
PAGE: Final = 500
EVERY_S: Final = 0.1
"""The log is read at most so often for the readers: a person sees no difference."""
LOOK_S: Final = 2.0
"""A wake-up that was lost costs so much delay."""
MAX_READERS: Final = 400
"""Readers at once; each holds a connection of the server."""

Told = LoggedEvent | list[LatestSample]
log = structlog.get_logger()


class _Reader(Struct, eq=False):
    which: EventFilter
    queue: "Queue[Told | None]"
    """None: the end."""


class Feed:
    """One per process; it follows the log while somebody reads."""

    def __init__(self, reader: Reader, bus: Bus) -> None:
        self._store = reader
        self._bus = bus
        self._readers: set[_Reader] = set()
        self._seq = 0
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether there is no room for another reader."""
        return len(self._readers) >= MAX_READERS

    async def read(
        self, after: int | None, which: EventFilter, heartbeat_s: float
    ) -> AsyncIterator[Told | None]:
        """Events above `after` (None: from now on) and samples, as they come; None where nothing came for
        `heartbeat_s`. Ends where the reader is dropped or the feed closes. Raises StoreUnavailable."""
        if after is not None:
            more = True
            while more:  # the long way is gone alone, so that nothing waits meanwhile
                page, following = await self._page(after, which)
                more, after = following > after, following
                for event in page:
                    yield event
        reader = _Reader(which, Queue(MAX_WAITING))
        start = await self._join(reader)
        try:
            seen = start if after is None else after
            more = seen < start
            while more:
                page, following = await self._page(seen, which)
                more, seen = seen < following < start, following
                for event in page:
                    yield event
            while True:
                try:
                    async with asyncio.timeout(heartbeat_s):
                        told = await reader.queue.get()
                except TimeoutError:
                    yield None
                    continue
                if told is None:
                    return
                if isinstance(told, list) or told.seq > seen:  # alone, the reader may be ahead of the feed
                    yield told
        finally:
            self._readers.discard(reader)

    async def close(self) -> None:
        """End all readers."""
        for reader in list(self._readers):
            self._drop(reader)
        if self._following is not None:
            self._following.cancel()
            await asyncio.gather(self._following, return_exceptions=True)
            self._following = None

    async def _page(self, after: int, which: EventFilter) -> tuple[list[LoggedEvent], int]:
        query = partial(events.events_after, after=after, which=which, limit=PAGE)
        return await self._store.read(query)

    async def _join(self, reader: _Reader) -> int:
        """From the event after the one returned the reader hears all that is for it."""
        async with self._turn:
            if not self._readers:
                self._seq = await self._store.read(events.last_seq)
            self._readers.add(reader)
            if self._following is None or self._following.done():
                self._following = asyncio.create_task(self._follow())
            return self._seq

    async def _follow(self) -> None:
        """Until nobody reads."""
        cancels = (
            self._bus.subscribe(EVENTS, lambda subject, payload: self._woken.set()),
            self._bus.subscribe(SAMPLES, self._sampled),
        )
        try:
            while True:
                try:
                    async with asyncio.timeout(LOOK_S):
                        await self._woken.wait()
                except TimeoutError:
                    pass
                self._woken.clear()
                async with self._turn:
                    if not self._readers:
                        self._following = None
                        return
                    try:
                        await self._tell_new()
                    except StoreUnavailable as error:
                        log.warning("the log of events cannot be read", reason=str(error))
                await asyncio.sleep(EVERY_S)
        finally:
            for cancel in cancels:
                cancel()

    async def _tell_new(self) -> None:
        everything, more = EventFilter(), True
        while more and self._readers:
            page, following = await self._page(self._seq, everything)
            more, self._seq = len(page) == PAGE, following
            for event in page:
                kind = type(event.event).__name__
                for reader in list(self._readers):
                    which = reader.which
                    if (
                        (not which.station_id or which.station_id == event.station_id)
                        and (not which.kind or which.kind == kind)
                        and kind not in which.hidden
                    ):
                        self._give(reader, event)

    def _sampled(self, subject: str, payload: bytes) -> None:
        samples = msgspec.json.decode(payload, type=list[LatestSample])
        for reader in list(self._readers):
            which = reader.which
            if which.kind:
                continue
            fitting = [each for each in samples if which.station_id in ("", each.station_id)]
            if fitting:
                self._give(reader, fitting)

    def _give(self, reader: _Reader, told: Told) -> None:
        try:
            reader.queue.put_nowait(told)
        except QueueFull:
            log.warning("a reader of events is too slow, and is dropped")
            self._drop(reader)

    def _drop(self, reader: _Reader) -> None:
        """End a reader; what waits for it is forgotten."""
        self._readers.discard(reader)
        while True:
            try:
                reader.queue.get_nowait()
            except QueueEmpty:
                break
        reader.queue.put_nowait(None)
