"""Durable consumers of the log of events: whatever in the office must hear of each event, sooner or later.

A consumer takes the events of its kinds one after the other, in the order of the log, each at least once: how
far it has come (its *cursor*) stands in the database, behind what it has done. So what follows from an event
must be the same when it is done twice. A new consumer begins with what happens from now on.

One office follows the log for a consumer, under a lease that it renews while it lives; another takes over
when that has run out. Whoever has lost the lease learns it when it saves the cursor, and stops.

An event that cannot be taken now (the database is away, another office works on it) waits, and all behind it;
one that is refused by a fault of ours again and again is left out: a bug costs one event, never all that come
after it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from msgspec.structs import replace

from evsys.core.errors import EvsysError
from evsys.core.events import Event, LoggedEvent
from evsys.core.ports import EVENTS, Bus, Clock
from evsys.core.records import ConsumerCursor
from evsys.core.work import Work
from evsys.office.waking import LOOK_S, woken
from evsys.office.writing import Books
from evsys.store.views import events
from evsys.store.views.events import EventFilter
from evsys.store.views.reader import Reader

PAGE: Final = 500
"""Events read at once; the cursor is saved behind each page."""
EVERY_S: Final = 0.5
"""A consumer looks into the log at most so often: what comes in a burst comes in one page. A look costs a
millisecond or two, and under load every consumer would look all the time."""
LEASE_S: Final = 30.0
"""How long an office that has died keeps others from taking over."""
RENEW_EVERY_S: Final = 10.0
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
MAX_FAULTS: Final = 3
"""So often an event is offered that a fault of ours keeps from being taken."""

Take = Callable[[LoggedEvent], Awaitable[None]]
log = structlog.get_logger()


class Consumers:
    """The consumers of one office."""

    def __init__(
        self,
        books: Books,
        reader: Reader,
        bus: Bus,
        clock: Clock,
        holder: str = "office",
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        """`holder` names this office: the same after each restart, so that it goes on at once, and used by no
        other."""
        self._desk = _Desk(books, reader, clock, holder, first_retry_s)
        self._bus = bus
        self._consumers: list[_Consumer] = []

    def add(
        self, name: str, kinds: Sequence[type[Event]], take: Take, begun: Callable[[], None] | None = None
    ) -> None:
        """A consumer of these kinds of events, before `run`. Under its `name` stands for ever how far it has
        come. `take` returns when what follows from the event is durable, and raises an EvsysError where it is
        to be offered again. `begun` is called each time this office has got the lease: nothing that happens
        from then on is missed, and what was known before may be old."""
        self._consumers.append(_Consumer(self._desk, name, kinds, take, begun))

    async def run(self) -> None:
        """Follow the log for all of them, until cancelled."""
        cancel = self._bus.subscribe(EVENTS, self._wake)
        try:
            async with asyncio.TaskGroup() as following:
                for consumer in self._consumers:
                    following.create_task(consumer.run())
        finally:
            cancel()

    def _wake(self, _subject: str, _payload: bytes) -> None:
        for consumer in self._consumers:
            consumer.woken.set()


class _Desk:
    """What all consumers of an office work with."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, holder: str, first_retry_s: float) -> None:
        self.books = books
        self.reader = reader
        self.clock = clock
        self.holder = holder
        self.first_retry_s = first_retry_s


class _Consumer:
    """One of them."""

    def __init__(
        self,
        desk: _Desk,
        name: str,
        kinds: Sequence[type[Event]],
        take: Take,
        begun: Callable[[], None] | None,
    ) -> None:
        self.woken = asyncio.Event()
        self._desk = desk
        self._name = name
        self._which = EventFilter(kinds=tuple(kind.__name__ for kind in kinds))
        self._take = take
        self._begun = begun

    async def run(self) -> None:
        """Follow the log while this office has the lease; else wait for it."""
        waits = _Waits(self._desk.first_retry_s)
        while True:
            try:
                cursor = await self._claim()
                if cursor is None:
                    await asyncio.sleep(LOOK_S)
                elif self._begun is not None:
                    self._begun()
                while cursor is not None:
                    cursor = await self._go_on(cursor)
                    waits.over()
            except EvsysError as error:
                log.warning("the log of events is not followed", consumer=self._name, reason=str(error))
                await waits.wait()

    async def _claim(self) -> ConsumerCursor | None:
        """The cursor, where the lease is this office's now; None where it is another's."""
        desk = self._desk
        found = await desk.reader.read(partial(events.cursor, name=self._name))
        if found is None:
            end, now = await desk.reader.read(events.last_seq), desk.clock.now()
            found = ConsumerCursor(name=self._name, seq=end, holder=desk.holder, held_until=now, version=0)
        elif found.holder != desk.holder and found.held_until > desk.clock.now():
            return None
        return await self._save(found, found.seq)

    async def _save(self, cursor: ConsumerCursor, seq: int) -> ConsumerCursor | None:
        """The cursor behind the event `seq`, the lease renewed; None where another office has it."""
        desk = self._desk
        now = desk.clock.now()
        held_until = now + timedelta(seconds=LEASE_S)
        saved = replace(
            cursor, seq=seq, holder=desk.holder, held_until=held_until, version=cursor.version + 1
        )
        work = Work(now)
        if cursor.version:
            work.change(saved)
        else:
            work.add(saved)
        return None if await desk.books.write(work) else saved

    async def _go_on(self, cursor: ConsumerCursor) -> ConsumerCursor | None:
        """Take what is new, and wait a little where nothing is; the cursor as it is then, None where the
        lease is lost. What is of other kinds is passed over without a word to the database until the lease is
        renewed."""
        self.woken.clear()
        after = cursor.seq
        while True:
            query = partial(events.events_after, after=after, which=self._which, limit=PAGE)
            page, following = await self._desk.reader.read(query)
            for event in page:
                await self._offer(event)
            if page or self._renewal_due(cursor):
                return await self._save(cursor, following)
            if following == after:
                break
            after = following
        await woken(self.woken)
        await asyncio.sleep(EVERY_S)
        return replace(cursor, seq=following)

    def _renewal_due(self, cursor: ConsumerCursor) -> bool:
        left_s = (cursor.held_until - self._desk.clock.now()).total_seconds()
        return left_s <= LEASE_S - RENEW_EVERY_S

    async def _offer(self, event: LoggedEvent) -> None:
        """Offer an event until it is taken, or left out."""
        waits, faults = _Waits(self._desk.first_retry_s), 0
        about = log.bind(consumer=self._name, seq=event.seq, kind=type(event.event).__name__)
        while True:
            try:
                await self._take(event)
                return
            except EvsysError as error:
                about.warning("an event cannot be taken yet", reason=str(error))
            except Exception:
                faults += 1
                about.exception("an event was not taken by a fault of ours", tries=faults)
                if faults == MAX_FAULTS:
                    return
            await waits.wait()


class _Waits:
    """Waits that grow while what is waited for fails again."""

    def __init__(self, first_s: float) -> None:
        self._first_s = self._next_s = first_s

    async def wait(self) -> None:
        await asyncio.sleep(self._next_s)
        self._next_s = min(2 * self._next_s, LONGEST_RETRY_S)

    def over(self) -> None:
        self._next_s = self._first_s
