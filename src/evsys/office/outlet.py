"""An outlet: the messages of one subscription, from its deliveries to its notifier, as long as any wait.

What fails is tried again, later each time, and its station's next messages wait behind it. Where nothing goes
through any more, one message at a time is tried; where that lasts, the subscription is paused.
"""

import asyncio
from collections import deque
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal, NamedTuple

import msgspec
import structlog
from msgspec import Raw, Struct
from msgspec.structs import replace

from evsys.core.errors import EvsysError, NotConfigured
from evsys.core.events import LoggedEvent
from evsys.core.ports import Clock
from evsys.core.records import Delivery, Subscription, SubscriptionHealth
from evsys.core.work import Work
from evsys.notify import speech, text
from evsys.notify.notifier import (
    SEND_S,
    Message,
    Notifier,
    NotSent,
    Recipient,
    Refused,
    TryLater,
)
from evsys.notify.text import Wording
from evsys.office.digests import digest_of
from evsys.office.patience import later_s
from evsys.office.subscriptions import Subscriptions, quiet_until
from evsys.office.waking import LOOK_S, woken
from evsys.office.writing import Books
from evsys.store.views import notices
from evsys.store.views.notices import Place
from evsys.store.views.reader import Reader, record_by_id

PAGE: Final = 200
"""Messages of a subscription that are read at once."""
AT_ONCE: Final = 4
"""Messages of one subscription under way at once, each of another station."""
MAX_BLOCKED: Final = 400
"""Stations of a subscription whose messages wait to be tried again; with more, all wait."""
CIRCUIT: Final = 20
"""After so many failures in a row one message at a time is tried."""
MAX_TRIES: Final = 40
"""A message that failed so often while others went through is given up."""
FOLDED: Final = 500
"""Messages folded into one."""
SPECIAL: Final = frozenset(("Summary", "Digest", "Test"))
"""What is no event, and is never folded."""

log = structlog.get_logger()
Ended = Literal["sent", "failed"]


class Pace(Struct, frozen=True, kw_only=True):
    """How patient it is."""

    first_retry_s: float = 1.0
    longest_retry_s: float = 300.0
    pause_after_s: float = 24 * 3600.0
    """A subscription of which every message has failed for so long is paused."""
    window_s: float = 60.0
    """What `per_minute` is counted in."""
    keep: timedelta = timedelta(days=35)
    """How long it is known what was sent: longer than a month, or a monthly digest would be made twice."""


class Desk(Struct, eq=False):
    """What all outlets work with."""

    books: Books
    reader: Reader
    clock: Clock
    subscriptions: Subscriptions
    channels: dict[str, "Channel"]
    pace: Pace


class PeriodOf(Struct, frozen=True):
    """What a digest is of."""

    since: datetime
    until: datetime


class FirstOf(Struct, frozen=True):
    """What a summary is of: the events from this one on."""

    first_seq: int


class Channel:
    """A notifier, and how much of it is in use."""

    def __init__(self, notifier: Notifier) -> None:
        self.notifier = notifier
        self.gate = asyncio.Semaphore(notifier.parallel)
        self._opening = asyncio.Lock()
        self._is_open = False

    async def send(self, recipient: Recipient, message: Message) -> None:
        """Send within `SEND_S`. Raises NotSent."""
        async with self._opening:
            if not self._is_open:
                await asyncio.to_thread(speech.prepare)
                await self.notifier.open()
                self._is_open = True
        try:
            async with asyncio.timeout(SEND_S):
                await self.notifier.send(recipient, message)
        except TimeoutError:
            raise TryLater(f"nothing was heard within {SEND_S:.0f} s") from None


class _Trip(NamedTuple):
    """What the messages that are sent together have in common."""

    subscription: Subscription
    channel: Channel
    recipient: Recipient
    logged: dict[int, LoggedEvent]
    places: dict[str, Place]
    probing: bool
    """Whether this is to see if anything goes through again."""


class Outlet:
    """The messages of one subscription, as long as any wait."""

    def __init__(self, desk: Desk, subscription_id: str) -> None:
        self.subscription_id = subscription_id
        self.woken = asyncio.Event()
        self._desk = desk
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._sent_s: deque[float] = deque()
        """When (`Clock.monotonic`) those of the last minute were sent."""
        self._is_flooded = False
        """More came than may be sent in a minute: what waits then is folded."""
        self._blocked: dict[str, datetime] = {}
        """Stations whose next message is to be tried again, and when."""
        self._health = SubscriptionHealth(subscription_id=subscription_id)
        self._is_stopped = False

    async def run(self) -> bool:
        """Send until nothing waits any more; False where what waits is not to be sent now."""
        desk = self._desk
        find = partial(notices.health, subscription_id=self.subscription_id)
        self._health = await desk.reader.read(find)
        probe_at_s = 0.0
        while True:
            self.woken.clear()
            subscription = await desk.reader.read(
                partial(record_by_id, kind=Subscription, record_id=self.subscription_id)
            )
            if subscription is None:
                await self._abandon()
                return True
            channel = desk.channels.get(subscription.channel)
            if subscription.paused_at is not None or channel is None or self._is_stopped:
                return False
            probing = self._health.failures >= CIRCUIT
            if probing and probe_at_s > desk.clock.monotonic():
                await self._wait(probe_at_s - desk.clock.monotonic())
                continue
            page, wait_s = await self._page(subscription, channel, 1 if probing else PAGE)
            if page:
                await self._send_all(subscription, channel, page, probing)
                probe_at_s = desk.clock.monotonic() + self._pause_s(self._health.failures - CIRCUIT + 1)
            elif wait_s is None:
                return True
            else:
                await self._wait(wait_s)

    async def _wait(self, seconds: float) -> None:
        await woken(self.woken, min(max(seconds, 0.01), LOOK_S))

    async def _page(
        self, subscription: Subscription, channel: Channel, limit: int
    ) -> tuple[list[Delivery], float | None]:
        """What may be sent now; where that is nothing, in how many seconds there may be something, None where
        nothing waits."""
        desk, now = self._desk, self._desk.clock.now()
        self._blocked = {station: at for station, at in self._blocked.items() if at > now}
        waits = [(at - now).total_seconds() for at in self._blocked.values()]
        if len(self._blocked) > MAX_BLOCKED:
            return [], min(waits)
        critical: bool | None = None
        if (held := quiet_until(subscription, now)) is not None:
            waits.append((held - now).total_seconds())
            if not subscription.critical_passes:
                return [], waits[-1]
            critical = True
        room, room_in_s = self._room(subscription, channel)
        if critical is None and room == 0:
            if await self._waiting(2, critical=False):
                self._is_flooded = True
                waits.append(room_in_s)
            critical = True
        if critical is None and self._is_flooded:
            self._is_flooded = False
            await self._fold()
        page = await self._waiting(limit if critical or room is None else min(limit, room), critical=critical)
        due = [each for each in page if each.next_at <= now]
        for each in page:
            if each.next_at > now:
                self._blocked.setdefault(each.station_id, each.next_at)
                waits.append((each.next_at - now).total_seconds())
        due = [each for each in due if each.station_id not in self._blocked]
        if not due and not waits and await desk.reader.read(self._any_waiting()) > 0:
            waits.append(LOOK_S)
        return due, min(waits, default=None)

    def _any_waiting(self) -> "partial[int]":
        return partial(notices.count_waiting, subscription_id=self.subscription_id, limit=1)

    async def _waiting(self, limit: int, critical: bool | None) -> list[Delivery]:
        query = partial(
            notices.waiting,
            subscription_id=self.subscription_id,
            limit=limit,
            without=tuple(self._blocked),
            critical=critical,
        )
        return await self._desk.reader.read(query)

    def _room(self, subscription: Subscription, channel: Channel) -> tuple[int | None, float]:
        """How many messages may go now (None: any number), and where none may, in how many seconds."""
        limit = subscription.per_minute or channel.notifier.per_minute
        if limit is None:
            return None, 0.0
        now_s, window_s = self._desk.clock.monotonic(), self._desk.pace.window_s
        while self._sent_s and self._sent_s[0] <= now_s - window_s:
            self._sent_s.popleft()
        room = max(limit - len(self._sent_s), 0)
        return room, self._sent_s[0] + window_s - now_s if not room else 0.0

    async def _fold(self) -> None:
        """Fold what waits and is not critical into one message."""
        page = await self._waiting(FOLDED, critical=False)
        page = [each for each in page if each.kind not in SPECIAL]
        if len(page) < 2:
            return
        now, first, last = self._desk.clock.now(), page[0], page[-1]
        summary = Delivery(
            id=f"{self.subscription_id}-{first.seq}-{last.seq}",
            subscription_id=self.subscription_id,
            channel=first.channel,
            seq=last.seq,
            station_id="",
            kind="Summary",
            severity="warning" if any(each.severity == "warning" for each in page) else "info",
            at=last.at,
            next_at=now,
            detail=Raw(msgspec.json.encode(FirstOf(first_seq=first.seq))),
        )
        work = Work(now)
        work.save(summary)
        for each in page:
            work.save(replace(each, state="folded", folded_into=summary.id, ended_at=now))
        await self._desk.books.write(work)

    async def _abandon(self) -> None:
        """The subscription is gone: what waits for it is not sent."""
        while page := await self._waiting(PAGE, critical=None):
            work = Work(self._desk.clock.now())
            for each in page:
                work.save(self._ended(each, "failed", "the subscription was removed"))
            await self._desk.books.write(work)

    # -- sending

    async def _send_all(
        self, subscription: Subscription, channel: Channel, page: list[Delivery], probing: bool
    ) -> None:
        """Those of each station in order, stations side by side."""
        reader = self._desk.reader
        logged = await reader.read(
            partial(notices.logged, seqs=[each.seq for each in page if each.kind not in SPECIAL])
        )
        stations = sorted({each.station_id for each in page if each.station_id})
        places = await reader.read(partial(notices.places, station_ids=stations))
        try:
            recipient = await self._desk.subscriptions.recipient(subscription)
        except NotConfigured as error:
            await self._pause(subscription, str(error))
            return
        lanes: dict[str, list[Delivery]] = {}
        for each in page:
            lanes.setdefault(each.station_id, []).append(each)
        async with asyncio.TaskGroup() as sending:
            for lane in lanes.values():
                trip = _Trip(subscription, channel, recipient, logged, places, probing)
                sending.create_task(self._lane(trip, lane))

    async def _lane(self, trip: "_Trip", lane: list[Delivery]) -> None:
        """The messages of one station, until one is not sent."""
        for each in lane:
            async with self._gate:
                if self._is_stopped or (self._health.failures >= CIRCUIT and not trip.probing):
                    return
                logged = trip.logged.get(each.seq)
                wording = await self._wording(
                    trip.subscription, each, logged, trip.places.get(each.station_id)
                )
                if wording is None:
                    continue
                message = message_of(trip.subscription, each, wording, trip.channel.notifier, logged)
                if not await self._try(trip, each, message):
                    return

    async def _wording(
        self, subscription: Subscription, delivery: Delivery, logged: LoggedEvent | None, place: Place | None
    ) -> Wording | None:
        """A delivery in words; None where there is nothing to tell, or a fault of ours: it is over then."""
        language, zone = subscription.language, subscription.time_zone
        try:
            match delivery.kind:
                case "Summary":
                    first = msgspec.json.decode(delivery.detail or b"{}", type=FirstOf).first_seq
                    query = partial(notices.folded, summary=delivery, first_seq=first)
                    folded = await self._desk.reader.read(query)
                    stations = [each.station_id for each in folded]
                    places = await self._desk.reader.read(partial(notices.places, station_ids=stations))
                    return text.of_summary(folded, places, language, zone)
                case "Digest":
                    of = msgspec.json.decode(delivery.detail or b"{}", type=PeriodOf)
                    digest = await digest_of(self._desk.reader, subscription, of.since, of.until)
                    return text.of_digest(digest, language, zone)
            if logged is not None:
                return text.of_event(logged, place, language, zone)
            reason = "the event is no longer kept"
        except EvsysError:
            raise
        except Exception:
            # The border of a message: a fault of ours costs this one alone.
            log.exception("a message cannot be worded", delivery=delivery.id, kind=delivery.kind)
            reason = "a fault of ours: see the log"
        work = Work(self._desk.clock.now())
        work.save(self._ended(delivery, "failed", reason))
        await self._desk.books.write(work)
        return None

    async def _try(self, trip: "_Trip", delivery: Delivery, message: Message) -> bool:
        """Send one message and write down what came of it; whether its station's next may follow."""
        failure: NotSent | None = None
        async with trip.channel.gate:
            try:
                await trip.channel.send(trip.recipient, message)
            except NotSent as error:
                failure = error
            except Exception as error:
                log.exception("a notifier has failed by a fault of ours", channel=delivery.channel)
                failure = TryLater(f"a fault of ours: {type(error).__name__}")
        now = self._desk.clock.now()
        work = Work(now)
        if failure is None:
            self._sent_s.append(self._desk.clock.monotonic())
            work.save(self._ended(delivery, "sent", ""))
            self._went_well(now, work)
            await self._desk.books.write(work)
            return True
        given_up = self._failed(delivery, failure, now, work)
        await self._desk.books.write(work)
        since = self._health.failing_since
        if isinstance(failure, Refused):
            await self._pause(trip.subscription, failure.reason)
        elif since is not None and (now - since).total_seconds() > self._desk.pace.pause_after_s:
            hours = (now - since).total_seconds() / 3600
            await self._pause(trip.subscription, f"nothing could be sent for {hours:.0f} h: {failure.reason}")
        return given_up

    def _went_well(self, now: datetime, work: Work) -> None:
        """Note it where it says anything new: each message would be another row to write."""
        health = self._health
        if health.failures or health.sent_at is None or now - health.sent_at > timedelta(seconds=10):
            self._health = replace(health, sent_at=now, failures=0, failing_since=None, error="")
            work.save(self._health)

    def _failed(self, delivery: Delivery, failure: NotSent, now: datetime, work: Work) -> bool:
        """Note it, and when to try again; whether the message is given up."""
        health = self._health
        self._health = replace(
            health,
            failed_at=now,
            failures=health.failures + 1,
            failing_since=health.failing_since or now,
            error=failure.reason,
        )
        work.save(self._health)
        tries = delivery.tries + 1
        if tries >= MAX_TRIES and self._health.failures < tries:
            work.save(replace(self._ended(delivery, "failed", failure.reason), tries=tries))
            return True
        # Where others go through, this one soon may, too.
        wait_s = self._pause_s(min(tries, self._health.failures + 2))
        if isinstance(failure, TryLater) and failure.after_s is not None:
            wait_s = max(wait_s, failure.after_s)
        at = now + timedelta(seconds=wait_s)
        self._blocked[delivery.station_id] = at
        work.save(replace(delivery, tries=tries, next_at=at, error=failure.reason))
        return False

    def _pause_s(self, tries: int) -> float:
        pace = self._desk.pace
        return later_s(tries, pace.first_retry_s, pace.longest_retry_s)

    async def _pause(self, subscription: Subscription, reason: str) -> None:
        if not self._is_stopped:
            self._is_stopped = True
            log.warning("a subscription is paused", subscription=subscription.id, reason=reason)
            await self._desk.subscriptions.pause(subscription, reason)

    def _ended(self, delivery: Delivery, state: Ended, error: str) -> Delivery:
        now = self._desk.clock.now()
        return replace(delivery, state=state, tries=delivery.tries + 1, error=error, ended_at=now)


def message_of(
    subscription: Subscription,
    delivery: Delivery,
    wording: Wording,
    notifier: Notifier,
    logged: LoggedEvent | None,
) -> Message:
    """A delivery as its notifier takes it."""
    return Message(
        key=delivery.id,
        kind=delivery.kind,
        subscription_id=subscription.id,
        language=subscription.language,
        severity=delivery.severity,
        at=delivery.at,
        seq=delivery.seq if delivery.kind not in SPECIAL else 0,
        station_id=delivery.station_id,
        alarm_id=wording.alarm_id,
        subject=wording.subject,
        text=wording.text,
        html=text.html(wording, subscription.language) if notifier.wants_html else "",
        facts=Raw(msgspec.json.encode(logged)) if logged is not None else delivery.detail or Raw(b"{}"),
        actions=wording.actions,
    )
