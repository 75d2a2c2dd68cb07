"""Durable consumers of the log of events: whatever in the office must hear of each event, sooner or later.

A consumer takes the events of its kinds, those of a station one after the other in the order of the log, each
at least once: how far it has come (its *cursor*) stands in the database, behind what it has done. So what
follows from an event must be the same when it is done twice; `delivery_key` is the same each time. A new
consumer begins with what happens from now on.

One office follows the log for a consumer, under a lease that it renews while it lives; another takes over
when that has run out. Whoever has lost the lease learns it before the next event, or when it saves the
cursor: that is written only over the version that it read.

An event that is refused is *deferred*, and with it all later events of its station; other stations go on. It
is offered again, later each time, and after too many tries set aside, which is an event of its own. So
neither a bug nor a station can hold up the others, and what waits survives a restart. Where the database is
away, everything waits.

The log is looked into once for all consumers of an office (`_Follower`); only one that is far behind reads on
its own until it has caught up.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from typing import Final, NamedTuple, get_args

import structlog
from msgspec.structs import replace

from evsys.core.errors import EvsysError, StoreUnavailable
from evsys.core.events import Event, EventSetAside, LoggedEvent
from evsys.core.ports import EVENTS, Bus, Clock
from evsys.core.records import ConsumerCursor, DeferredEvent
from evsys.core.work import Work
from evsys.office.deferred import Deferred
from evsys.office.leases import LEASE_S, RENEW_EVERY_S, hold, lease_open_to
from evsys.office.patience import later_s
from evsys.office.waking import LOOK_S, woken
from evsys.office.writing import Books
from evsys.store.cells import EPOCH
from evsys.store.views import events
from evsys.store.views.reader import Reader

PAGE: Final = 500
"""Events read at once."""
EVERY_S: Final = 0.5
"""The log is looked into at most so often: what comes in a burst comes in one page."""
MAX_WAITING: Final = 2000
"""Events that wait in memory for one consumer: one that is slower reads them again when it gets to them."""
SAVE_EVERY_S: Final = 1.0
"""The cursor is saved so often at most where all is well: a crash repeats what was taken since."""
TAKE_S: Final = LEASE_S - RENEW_EVERY_S
"""How long an event may take: as much of the lease is left at least when it is offered."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
MAX_TRIES: Final = 10
"""An event that is refused so often, over about five minutes, is set aside."""
MAX_FAULTS: Final = 3
"""The same for one that a fault of ours keeps from being taken: it will do so the next time."""
Take = Callable[[LoggedEvent], Awaitable[None]]
log = structlog.get_logger()


def delivery_key(consumer: str, seq: int) -> str:
    """The idempotency key of an event for a consumer, the same each time it is offered."""
    return f"{consumer}-{seq}"


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
        self._follower = _Follower(reader)
        self._consumers: list[_Consumer] = []

    def add(
        self,
        name: str,
        kinds: Sequence[type[Event]],
        take: Take,
        begun: Callable[[], None] | None = None,
        one_by_one: bool = False,
    ) -> None:
        """A consumer of these kinds of events (none named: of all), before `run`. Under its `name` stands for
        ever how far it has come. `take` returns when what follows from the event is durable, within `TAKE_S`,
        and raises an EvsysError where it is to be offered again. `begun` is called each time this office has
        got the lease: nothing that happens from then on is missed, and what was known before may be old.
        `one_by_one`: the cursor is saved behind each event, so that a crash repeats one of them, not those of
        a second."""
        consumer = _Consumer(
            self._desk, self._follower, name, kinds or get_args(Event), take, begun, one_by_one
        )
        self._consumers.append(consumer)
        self._follower.kinds.update(consumer.kinds)

    async def run(self) -> None:
        """Follow the log for all of them, until cancelled."""
        cancel = self._bus.subscribe(EVENTS, lambda _subject, _payload: self._follower.woken.set())
        try:
            async with asyncio.TaskGroup() as following:
                following.create_task(self._follower.run())
                for consumer in self._consumers:
                    following.create_task(consumer.run())
        finally:
            cancel()


class _Desk:
    """What all consumers of an office work with."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, holder: str, first_retry_s: float) -> None:
        self.books = books
        self.reader = reader
        self.clock = clock
        self.holder = holder
        self.first_retry_s = first_retry_s

    def pause_s(self, tries: int) -> float:
        """How long to wait after so many tries that failed: longer each time, and never quite the same."""
        return later_s(tries, self.first_retry_s, LONGEST_RETRY_S)


class _Follower:
    """Looks into the log for all consumers that have caught up with it, and hands each the events of its
    kinds. What nobody wants is not decoded."""

    def __init__(self, reader: Reader) -> None:
        self.kinds: set[str] = set()
        """Those that any consumer wants, whether it follows now or not: then one that joins while the log is
        read misses nothing."""
        self.woken = asyncio.Event()
        self._reader = reader
        self._following: dict[_Consumer, None] = {}
        self._seq = 0

    def joined(self, consumer: "_Consumer", seq: int) -> bool:
        """Whether a consumer that has read up to `seq` has caught up: then it is handed all that comes."""
        if not self._following:
            self._seq = seq
        if seq < self._seq:
            return False
        self._following[consumer] = None
        return True

    def leave(self, consumer: "_Consumer") -> None:
        self._following.pop(consumer, None)

    async def run(self) -> None:
        """Follow the log, until cancelled."""
        while True:
            await woken(self.woken)
            self.woken.clear()
            try:
                await self._look()
            except StoreUnavailable as error:
                log.warning("the log of events cannot be read", reason=str(error))
            await asyncio.sleep(EVERY_S)

    async def _look(self) -> None:
        more = True
        while more and self._following:
            query = partial(events.events_of, after=self._seq, kinds=sorted(self.kinds), limit=PAGE)
            before = self._seq
            page, following = await self._reader.read(query)
            if self._seq != before:
                return  # all had left, and one has come back: the page is not for it
            more, self._seq = following > before, following
            wanted: dict[str, list[list[LoggedEvent]]] = {}
            pages: dict[_Consumer, list[LoggedEvent]] = {each: [] for each in self._following}
            for consumer, mine in pages.items():
                for kind in consumer.kinds:
                    wanted.setdefault(kind, []).append(mine)
            for event in page:
                for mine in wanted.get(type(event.event).__name__, ()):
                    mine.append(event)
            for consumer, mine in pages.items():
                if not consumer.handed(mine, following):
                    self.leave(consumer)


class _Consumer:
    """One of them."""

    def __init__(
        self,
        desk: _Desk,
        follower: _Follower,
        name: str,
        kinds: Sequence[type[Event]],
        take: Take,
        begun: Callable[[], None] | None,
        one_by_one: bool,
    ) -> None:
        self.kinds = frozenset(kind.__name__ for kind in kinds)
        self._desk = desk
        self._follower = follower
        self._name = name
        self._take = take
        self._begun = begun
        self._one_by_one = one_by_one
        self._woken = asyncio.Event()
        self._cursor = ConsumerCursor(name=name, seq=0, holder="", held_until=EPOCH, version=0)
        self._waiting: deque[LoggedEvent] = deque()
        self._seen = 0
        """All of its kinds up to this one wait or have been offered."""
        self._is_following = False
        self._save_at_s = inf
        """When the cursor is to be saved: soon after something was taken."""
        self._deferred = Deferred(name)

    async def run(self) -> None:
        """Follow the log while this office has the lease; else wait for it."""
        failures = 0
        while True:
            try:
                if await self._claim():
                    if self._begun is not None:
                        self._begun()
                    failures = 0
                    while True:
                        await self._go_on()
                await asyncio.sleep(LOOK_S)
            except _LeaseLost:
                log.warning("another office follows the log now", consumer=self._name)
            except EvsysError as error:
                failures += 1
                log.warning("the log of events is not followed", consumer=self._name, reason=str(error))
                await asyncio.sleep(self._desk.pause_s(failures))
            except asyncio.CancelledError:
                await self._leave_off()
                raise
            finally:
                self._is_following = False
                self._follower.leave(self)

    def handed(self, page: list[LoggedEvent], following: int) -> bool:
        """Its events up to `following`; False where it has no room for them: it reads on its own from now
        on."""
        new = [each for each in page if each.seq > self._seen]
        self._is_following = len(self._waiting) + len(new) <= MAX_WAITING
        if self._is_following:
            self._waiting.extend(new)
            self._seen = max(self._seen, following)
        if new:
            self._woken.set()
        return self._is_following

    # -- the lease and the cursor

    async def _claim(self) -> bool:
        """Whether the lease is this office's now; then it is known how far the consumer has come."""
        desk, name = self._desk, self._name
        found = await lease_open_to(desk.holder, desk.reader, desk.clock, name)
        if found is None:
            return False
        if not found.version:
            found = replace(found, seq=await desk.reader.read(events.last_seq))
        self._cursor, self._seen = found, found.seq
        self._waiting.clear()
        self._deferred.fill(await desk.reader.read(partial(events.deferred, consumer=name)))
        try:
            await self._save()
        except _LeaseLost:
            return False
        return True

    async def _save(self) -> None:
        """Save the cursor behind all that was offered, with what became of it; the lease is renewed. Raises
        _LeaseLost where another office has it: then nothing is written."""
        work = Work(self._desk.clock.now())
        behind = self._waiting[0].seq - 1 if self._waiting else self._seen
        saved = hold(work, replace(self._cursor, seq=behind), self._desk.holder)
        self._save_at_s = inf
        self._deferred.write_into(work)
        if await self._desk.books.write(work):
            raise _LeaseLost
        self._cursor = saved

    async def _leave_off(self) -> None:
        """The office stops: what was taken is not to be taken again."""
        if self._save_at_s < inf:
            with suppress(EvsysError, _LeaseLost):
                await self._save()

    async def _hold(self) -> None:
        """See to it that `TAKE_S` of the lease are left; one that has run out goes on where nobody else has
        taken it. Raises _LeaseLost."""
        left_s = (self._cursor.held_until - self._desk.clock.now()).total_seconds()
        if left_s <= TAKE_S:
            await self._save()

    # -- the events

    async def _go_on(self) -> None:
        """Offer what is new and what is to be tried again, and wait where nothing is. What is of other kinds
        is passed over without a word to the database until the lease is renewed. Raises _LeaseLost."""
        self._woken.clear()
        await self._hold()
        if not self._is_following and not self._waiting:
            await self._read_on()
        for station_id in self._deferred.due(_now_s()):
            await self._offer_again(station_id)
        while self._waiting and self._deferred.has_room:
            await self._offer_next()
        if self._deferred.is_changed or self._save_at_s <= _now_s():
            await self._save()
        if self._is_following or not self._deferred.has_room:
            next_s = min(self._deferred.due_s(), self._save_at_s)
            await woken(self._woken, min(LOOK_S, next_s - _now_s()))

    async def _read_on(self) -> None:
        """Read the next page on its own, and follow with the others where that is all there is."""
        query = partial(events.events_of, after=self._seen, kinds=sorted(self.kinds), limit=PAGE)
        page, self._seen = await self._desk.reader.read(query)
        self._waiting.extend(page)
        self._is_following = self._follower.joined(self, self._seen)

    async def _offer_next(self) -> None:
        """Offer the next event, or defer it behind others of its station."""
        event = self._waiting[0]
        tries, reason = 0, ""
        if not self._deferred.holds(event.station_id):
            await self._hold()
            refusal = await self._offer(event)
            tries, reason = (0, "") if refusal is None else (1, refusal.reason)
        self._waiting.popleft()
        self._save_at_s = min(self._save_at_s, _now_s() + SAVE_EVERY_S)
        if tries or self._deferred.holds(event.station_id):
            self._deferred.add(event, tries, reason, _now_s() + self._desk.pause_s(1))
        if self._one_by_one:
            await self._save()

    async def _offer_again(self, station_id: str) -> None:
        """Offer the deferred events of a station, until one is refused again."""
        for head in self._deferred.of(station_id):
            await self._hold()
            event = await self._desk.reader.read(partial(events.event, seq=head.seq))
            refusal = await self._offer(event) if event is not None else None
            tries = head.tries + 1
            if event is None or refusal is None:
                self._deferred.settle(head)
            elif tries < refusal.limit:
                self._deferred.refuse(head, refusal.reason, _now_s() + self._desk.pause_s(tries))
                return
            else:
                self._deferred.settle(head, _set_aside(replace(head, tries=tries), event, refusal.reason))
            if self._one_by_one:
                await self._save()

    async def _offer(self, event: LoggedEvent) -> "_Refusal | None":
        """Offer an event; None where it was taken."""
        about = log.bind(consumer=self._name, seq=event.seq, kind=type(event.event).__name__)
        try:
            async with asyncio.timeout(TAKE_S):
                await self._take(event)
            return None
        except (EvsysError, TimeoutError) as error:
            reason = str(error) or type(error).__name__
            about.warning("an event cannot be taken yet", reason=reason)
            return _Refusal(reason, MAX_TRIES)
        except Exception as error:
            about.exception("an event was not taken by a fault of ours")
            return _Refusal(type(error).__name__, MAX_FAULTS)


class _Refusal(NamedTuple):
    """Why an event was not taken, and how often it may be so."""

    reason: str
    limit: int


class _LeaseLost(Exception):
    """Another office follows the log for this consumer."""


def _set_aside(row: DeferredEvent, event: LoggedEvent, reason: str) -> EventSetAside | None:
    """What is told of an event that is given up; nothing where it tells of another one, for that would never
    end."""
    kind = type(event.event).__name__
    log.error("an event is set aside", consumer=row.consumer, seq=row.seq, kind=kind, tries=row.tries)
    if isinstance(event.event, EventSetAside):
        return None
    return EventSetAside(
        consumer=row.consumer,
        seq=row.seq,
        event_kind=kind,
        station_id=row.station_id,
        tries=row.tries,
        reason=reason,
    )


def _now_s() -> float:
    return asyncio.get_running_loop().time()
