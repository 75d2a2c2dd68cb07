"""Notices: the log of events is made into messages, one for each subscription that an event is for.

A message begins as a row, its *delivery*, whose id is also its idempotency key and says whose it is and of
which event. So an event that is taken twice makes no second one. What is sent when is not decided here
(`office.deliveries`).
"""

from datetime import datetime
from functools import partial
from typing import Final, get_args

from evsys.core.events import (
    Event,
    LocationChanged,
    LocationRemoved,
    LoggedEvent,
    StationChanged,
    StationRegistered,
    StationRemoved,
    SubscriptionChanged,
    SubscriptionPaused,
    SubscriptionRemoved,
)
from evsys.core.ports import Clock
from evsys.core.records import Delivery, Severity, Subscription
from evsys.core.work import Work
from evsys.notify.text import alarm_of, severity_of
from evsys.office.consumers import Consumers
from evsys.office.deliveries import Deliveries
from evsys.office.subscriptions import kinds_of
from evsys.office.writing import Books
from evsys.store.views import events, notices
from evsys.store.views.events import EventFilter
from evsys.store.views.notices import Place
from evsys.store.views.reader import Reader

CONSUMER: Final = "notices"
MAX_PLACES: Final = 5000
"""Stations whose place is remembered; beyond so many all are forgotten."""
RANKS: Final[dict[Severity, int]] = {"info": 0, "warning": 1, "critical": 2}
MAX_REPLAYED: Final = 10_000
"""Messages of one replay."""
REPLAY_PAGE: Final = 500
"""Events read, and deliveries written at once."""


class Notices:
    """See the module."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, deliveries: Deliveries) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._deliveries = deliveries
        self._by_kind: dict[str, list[Subscription]] | None = None
        """Those that are not paused; None: to be read again."""
        self._places: dict[str, Place | None] = {}

    def follow(self, consumers: Consumers) -> None:
        """Hear of everything."""
        consumers.add(CONSUMER, get_args(Event), self.take, self._forget)

    def _forget(self) -> None:
        self._by_kind = None
        self._places.clear()

    async def take(self, logged: LoggedEvent) -> None:
        """Make the deliveries of an event. Raises StoreUnavailable."""
        self._notice(logged.event)
        by_kind = await self._subscriptions()
        candidates = by_kind.get(type(logged.event).__name__, ())
        wanting = [each for each in candidates if each.created_at <= logged.at]
        if not wanting:
            return
        place = await self._place(logged.station_id)
        wanting = [each for each in wanting if wants(each, logged, place)]
        if not wanting:
            return
        now = self._clock.now()
        work = Work(now)
        for each in wanting:
            work.add_once(delivery_of(each, logged, now))
        await self._books.write(work)
        self._deliveries.wake([each.id for each in wanting])

    async def replay(self, subscription: Subscription, since: datetime) -> int:
        """Send all that a subscription would hear of what has happened since, whether it was sent or not; the
        idempotency keys are those of the first time. How many messages there are; at most `MAX_REPLAYED`.
        Raises StoreUnavailable."""
        after = await self._reader.read(partial(notices.first_seq_since, moment=since)) - 1
        which = EventFilter(kinds=sorted(kinds_of(subscription)))
        number = 0
        while number < MAX_REPLAYED:
            query = partial(events.events_after, after=after, which=which, limit=REPLAY_PAGE)
            before, (page, after) = after, await self._reader.read(query)
            if after == before:
                break
            now = self._clock.now()
            work = Work(now)
            for logged in page[: MAX_REPLAYED - number]:
                if wants(subscription, logged, await self._place(logged.station_id)):
                    work.save(delivery_of(subscription, logged, now))
            if work:
                await self._books.write(work)
                number += len(work.ops)
        self._deliveries.wake([subscription.id])
        return number

    def _notice(self, event: Event) -> None:
        """What is remembered may be old now."""
        match event:
            case SubscriptionChanged() | SubscriptionRemoved() | SubscriptionPaused():
                self._by_kind = None
            case StationChanged() | StationRegistered() | StationRemoved():
                self._places.clear()
            case LocationChanged() | LocationRemoved():
                self._places.clear()

    async def _subscriptions(self) -> dict[str, list[Subscription]]:
        if self._by_kind is None:
            by_kind: dict[str, list[Subscription]] = {}
            for each in await self._reader.read(notices.active):
                for kind in kinds_of(each):
                    by_kind.setdefault(kind, []).append(each)
            self._by_kind = by_kind
        return self._by_kind

    async def _place(self, station_id: str) -> Place | None:
        if not station_id:
            return None
        if station_id not in self._places:
            if len(self._places) >= MAX_PLACES:
                self._places.clear()
            found = await self._reader.read(partial(notices.places, station_ids=[station_id]))
            self._places[station_id] = found.get(station_id)
        return self._places[station_id]


def wants(subscription: Subscription, logged: LoggedEvent, place: Place | None) -> bool:
    """Whether an event of one of its kinds is for a subscription: of its stations, and no alarm below its
    severity."""
    if alarm_of(logged.event) and RANKS[severity_of(logged.event)] < RANKS[subscription.min_severity]:
        return False
    if not (subscription.station_ids or subscription.location_ids):
        return True
    location_id = place.station.location_id if place is not None else None
    return logged.station_id in subscription.station_ids or location_id in subscription.location_ids


def delivery_of(subscription: Subscription, logged: LoggedEvent, now: datetime) -> Delivery:
    """The message that tells a subscription of an event, as it begins."""
    return Delivery(
        id=f"{subscription.id}-{logged.seq}",
        subscription_id=subscription.id,
        channel=subscription.channel,
        seq=logged.seq,
        station_id=logged.station_id,
        kind=type(logged.event).__name__,
        severity=severity_of(logged.event),
        at=logged.at,
        next_at=now,
    )
