"""The feed: events as they are logged, and the latest meter samples, for many readers at once.

It is read as server-sent events: what is told is made into text once, however many read it, and a reader gets
all that has come since the feed last looked as one piece. A reader first reads the log by itself, up to where
the feed is, and then hears what the feed reads once for all. It waits for nobody: a reader whose queue is
full is dropped, and comes back with the number of the last event it saw.
"""

import asyncio
from asyncio import Queue, QueueEmpty, QueueFull
from collections.abc import AsyncIterator, Iterable, Sequence
from functools import partial
from typing import Final, TypeVar

import msgspec
import structlog
from msgspec import Struct

from evsys.core.errors import StoreUnavailable
from evsys.core.events import LoggedEvent
from evsys.core.ports import EVENTS, SAMPLES, Bus, LatestSample
from evsys.office.waking import woken
from evsys.store.views import events, reach
from evsys.store.views.events import EventFilter
from evsys.store.views.reader import Reader

EVERY_S: Final = 0.25
"""The log is read at most so often for the readers: a person sees no difference, and hundreds of readers are
written to a few times a second, however much happens."""
MAX_WAITING: Final = 100
"""Pieces that wait for one reader: those of half a minute and more."""
PAGE: Final = 500
"""Events read at once, and samples in a message."""
MAX_SAMPLES: Final = 20_000
"""EVSEs whose samples wait for the next piece; those of further ones are left out."""
MAX_READERS: Final = 400
"""Readers at once; each holds a connection of the server."""

HEARTBEAT: Final = b":\n\n"
"""A comment, which readers pass over."""

log = structlog.get_logger()
OfStation = TypeVar("OfStation", LoggedEvent, LatestSample)


class _Piece(Struct, frozen=True, eq=False):
    """What readers of one filter hear at once."""

    text: bytes
    events: list[tuple[int, bytes]] = []
    """The number and the text of each event in it; of samples there are none."""

    def above(self, seen: int) -> bytes:
        """The text without the events up to `seen`."""
        if not self.events or self.events[0][0] > seen:
            return self.text
        return b"".join(text for seq, text in self.events if seq > seen)


class _Reader(Struct, eq=False):
    which: EventFilter
    queue: "Queue[_Piece | None]"
    """None: the end."""


class Feed:
    """One per process; it follows the log while somebody reads."""

    def __init__(self, reader: Reader, bus: Bus) -> None:
        self._store = reader
        self._bus = bus
        self._readers: set[_Reader] = set()
        self._seq = 0
        self._samples: dict[tuple[str, int], LatestSample] = {}
        """What is to be told of each EVSE with the next piece."""
        self._turn = asyncio.Lock()
        self._woken = asyncio.Event()
        self._following: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether there is no room for another reader."""
        return len(self._readers) >= MAX_READERS

    async def read(self, after: int | None, which: EventFilter, heartbeat_s: float) -> AsyncIterator[bytes]:
        """Events above `after` (None: from now on) and samples, as they come, and a comment where nothing
        came for `heartbeat_s`. Ends where the reader is dropped or the feed closes. Raises
        StoreUnavailable."""
        if after is not None:
            more = True
            while more:  # the long way is gone alone, so that nothing waits meanwhile
                page, following = await self._page(after, which)
                more, after = following > after, following
                if page:
                    yield b"".join(map(_message, page))
        reader = _Reader(which, Queue(MAX_WAITING))
        start = await self._join(reader)
        try:
            seen = start if after is None else after
            more = seen < start
            while more:
                page, following = await self._page(seen, which)
                more, seen = seen < following < start, following
                if page:
                    yield b"".join(map(_message, page))
            while True:
                waiting = await _next(reader.queue, heartbeat_s)
                # Alone, the reader may have come further than the feed.
                text = b"".join(piece.above(seen) for piece in waiting if piece is not None)
                if text or not waiting:
                    yield text or HEARTBEAT
                if None in waiting:
                    return
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
                await woken(self._woken)
                self._woken.clear()
                async with self._turn:
                    if not self._readers:
                        self._following = None
                        return
                    try:
                        await self._tell_new()
                    except StoreUnavailable as error:
                        log.warning("the log of events cannot be read", reason=str(error))
                    await self._tell_samples()
                await asyncio.sleep(EVERY_S)
        finally:
            for cancel in cancels:
                cancel()

    async def _tell_new(self) -> None:
        everything, more = EventFilter(), True
        while more and self._readers:
            page, following = await self._page(self._seq, everything)
            more, self._seq = len(page) == PAGE, following
            texts = {event.seq: _message(event) for event in page}
            of_station = _by_station(page)
            for which, readers in self._by_filter():
                near = await self._near(which, page, of_station)
                told = [(event.seq, texts[event.seq]) for event in near if _fits(event, which)]
                if told:
                    piece = _Piece(b"".join(text for _, text in told), told)
                    for reader in readers:
                        self._give(reader, piece)

    def _sampled(self, subject: str, payload: bytes) -> None:
        for sample in msgspec.json.decode(payload, type=list[LatestSample]):
            place = (sample.station_id, sample.evse_id)
            if place in self._samples or len(self._samples) < MAX_SAMPLES:
                self._samples[place] = sample
        self._woken.set()

    async def _near(
        self, which: EventFilter, told: list[OfStation], of_station: dict[str, list[OfStation]]
    ) -> list[OfStation]:
        """What is of the station that a filter names, and of stations at the locations that it names."""
        near = of_station.get(which.station_id, []) if which.station_id else told
        if not which.within or not near:
            return near
        seen = await self._store.read(partial(reach.stations_at, within=which.within))
        return [each for each in near if each.station_id in seen]

    async def _tell_samples(self) -> None:
        samples, self._samples = list(self._samples.values()), {}
        if not samples:
            return
        of_station = _by_station(samples)
        for which, readers in self._by_filter():
            if which.kinds:
                continue
            near = await self._near(which, samples, of_station)
            if near:
                parts = (near[first : first + PAGE] for first in range(0, len(near), PAGE))
                piece = _Piece(b"".join(map(_samples, parts)))
                for reader in readers:
                    self._give(reader, piece)

    def _by_filter(self) -> Iterable[tuple[EventFilter, list[_Reader]]]:
        """Readers by what they want to hear: most want the same."""
        found: dict[EventFilter, list[_Reader]] = {}
        for reader in self._readers:
            found.setdefault(reader.which, []).append(reader)
        return found.items()

    def _give(self, reader: _Reader, piece: _Piece) -> None:
        try:
            reader.queue.put_nowait(piece)
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


async def _next(queue: "Queue[_Piece | None]", within_s: float) -> list[_Piece | None]:
    """All that waits, as soon as something does; nothing where nothing came in time."""
    try:
        async with asyncio.timeout(within_s):
            waiting = [await queue.get()]
    except TimeoutError:
        return []
    while not queue.empty():
        waiting.append(queue.get_nowait())
    return waiting


def _by_station(told: Sequence[OfStation]) -> dict[str, list[OfStation]]:
    found: dict[str, list[OfStation]] = {}
    for each in told:
        found.setdefault(each.station_id, []).append(each)
    return found


def _fits(event: LoggedEvent, which: EventFilter) -> bool:
    """Whether an event of the right station is among those that are wanted."""
    kind = type(event.event).__name__
    return (not which.kinds or kind in which.kinds) and kind not in which.hidden


def _message(event: LoggedEvent) -> bytes:
    kind = type(event.event).__name__.encode()
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, kind, msgspec.json.encode(event))


def _samples(samples: list[LatestSample]) -> bytes:
    return b"event: samples\ndata: %s\n\n" % msgspec.json.encode(samples)
