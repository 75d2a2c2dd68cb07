"""Deliveries: messages on their way to who has subscribed to them.

One office sends, under a lease (`office.sole`). Each subscription with something to send has a task of its
own (`office.outlet`): one that is slow or dead delays no other, and nothing here is on a station's way. Of
one subscription, the messages of one station go in order, one after the other; those of different stations go
side by side, a few at a time. A message is marked as sent behind the sending: a crash in between repeats it,
with the same idempotency key, once for each station at most.

People are not flooded: beyond so many messages in a minute, what waits is folded into one. In quiet hours and
while it is muted, a subscription's messages wait; critical ones pass where it says so.
"""

import asyncio
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Final
from uuid import uuid4

import msgspec
import structlog
from msgspec import Raw, Struct
from msgspec.structs import replace

from evsys.core.errors import EvsysError, NotConfigured
from evsys.core.ports import Clock
from evsys.core.records import Delivery, Subscription
from evsys.core.work import Work
from evsys.notify import text
from evsys.notify.notifier import (
    Notifier,
    NotSent,
)
from evsys.office.digests import period
from evsys.office.outlet import Channel, Desk, Outlet, Pace, PeriodOf, message_of
from evsys.office.sole import Sole
from evsys.office.subscriptions import Subscriptions
from evsys.office.waking import LOOK_S, woken
from evsys.office.writing import Books
from evsys.store.views import events, notices
from evsys.store.views.reader import Reader, record_by_id

LEASE: Final = "deliveries"
MAX_WAITING: Final = 100_000
"""Messages that wait for one subscription; with more it is paused."""
UPKEEP_EVERY_S: Final = 30.0
SWEPT: Final = 500
"""Deliveries that are removed at once."""
REST_S: Final = 30.0
"""How often it is looked whether a subscription that is paused goes on."""


log = structlog.get_logger()


class Tested(Struct, frozen=True, kw_only=True):
    """What came of a test message."""

    sent: bool
    error: str = ""


class Deliveries:
    """See the module. All coroutines raise StoreUnavailable where the database cannot."""

    def __init__(
        self,
        books: Books,
        reader: Reader,
        clock: Clock,
        subscriptions: Subscriptions,
        notifiers: Mapping[str, Notifier],
        pace: Pace,
    ) -> None:
        channels = {name: Channel(notifier) for name, notifier in notifiers.items()}
        self._desk = Desk(books, reader, clock, subscriptions, channels, pace)
        self._woken = asyncio.Event()
        self._outlets: dict[str, Outlet] = {}
        self._resting: dict[str, float] = {}
        """Subscriptions that send nothing now, and when (`Clock.monotonic`) to look again."""

    def wake(self, subscription_ids: Iterable[str]) -> None:
        """Something waits for these, or they have changed."""
        for each in subscription_ids:
            self._resting.pop(each, None)
            if (outlet := self._outlets.get(each)) is not None:
                outlet.woken.set()
        self._woken.set()

    async def run(self) -> None:
        """Send what waits while this office may, until cancelled."""
        if not self._desk.channels:
            return
        try:
            await Sole(self._desk.books, self._desk.reader, self._desk.clock, LEASE).run(self._send)
        finally:
            for channel in self._desk.channels.values():
                await channel.notifier.close()

    async def test(self, subscription: Subscription) -> Tested:
        """Send a test message at once, without waiting for anything, and say what came of it. Raises
        NotConfigured where the channel is not open."""
        channel = self._desk.channels.get(subscription.channel)
        if channel is None:
            raise NotConfigured(f"channel: {subscription.channel} is not open")
        now = self._desk.clock.now()
        delivery = Delivery(
            id=f"{subscription.id}-test-{uuid4()}",
            subscription_id=subscription.id,
            channel=subscription.channel,
            seq=await self._desk.reader.read(events.last_seq),
            station_id="",
            kind="Test",
            severity="info",
            at=now,
            next_at=now,
        )
        wording = await asyncio.to_thread(text.of_test, now, subscription.language, subscription.time_zone)
        message = message_of(subscription, delivery, wording, channel.notifier, None)
        error = ""
        try:
            await channel.send(await self._desk.subscriptions.recipient(subscription), message)
        except NotSent as failure:
            error = failure.reason
        work = Work(self._desk.clock.now())
        ended = replace(
            delivery,
            state="failed" if error else "sent",
            tries=1,
            error=error,
            ended_at=self._desk.clock.now(),
        )
        work.add(ended)
        await self._desk.books.write(work)
        return Tested(sent=not error, error=error)

    async def _send(self) -> None:
        """An outlet for each subscription that anything waits for."""
        async with asyncio.TaskGroup() as working:
            working.create_task(self._upkeep())
            while True:
                self._woken.clear()
                try:
                    waiting = await self._desk.reader.read(notices.with_waiting)
                except EvsysError as error:
                    log.warning("messages cannot be looked for", reason=str(error))
                    waiting = []
                now_s = self._desk.clock.monotonic()
                for each in waiting:
                    if each not in self._outlets and self._resting.get(each, now_s) <= now_s:
                        outlet = Outlet(self._desk, each)
                        self._outlets[each] = outlet
                        working.create_task(self._let_out(outlet))
                await woken(self._woken, LOOK_S)

    async def _let_out(self, outlet: Outlet) -> None:
        """One subscription's messages; the border of its faults."""
        try:
            if not await outlet.run():
                self._resting[outlet.subscription_id] = self._desk.clock.monotonic() + REST_S
        except EvsysError as error:
            log.warning("messages wait", subscription=outlet.subscription_id, reason=str(error))
        except Exception:
            log.exception("a fault of ours keeps messages back", subscription=outlet.subscription_id)
            self._resting[outlet.subscription_id] = self._desk.clock.monotonic() + REST_S
        finally:
            del self._outlets[outlet.subscription_id]

    # -- what is done now and then

    async def _upkeep(self) -> None:
        while True:
            try:
                await self._order_digests()
                await self._sweep()
                await self._pause_the_full()
            except EvsysError as error:
                log.warning("deliveries cannot be looked after", reason=str(error))
            await asyncio.sleep(UPKEEP_EVERY_S)

    async def _order_digests(self) -> None:
        """A delivery for each digest that is due; its id says of which period, so there is one."""
        now = self._desk.clock.now()
        for each in await self._desk.reader.read(notices.active):
            if not each.report or each.channel not in self._desk.channels:
                continue
            since, until = period(each.report, each.time_zone, now)
            delivery_id = f"{each.id}-{each.report}-{until:%Y-%m-%d}"
            known = await self._desk.reader.read(partial(record_by_id, kind=Delivery, record_id=delivery_id))
            if known is not None or each.created_at >= until:
                continue
            work = Work(now)
            work.add_once(
                Delivery(
                    id=delivery_id,
                    subscription_id=each.id,
                    channel=each.channel,
                    seq=await self._desk.reader.read(events.last_seq),
                    station_id="",
                    kind="Digest",
                    severity="info",
                    at=now,
                    next_at=now,
                    detail=Raw(msgspec.json.encode(PeriodOf(since=since, until=until))),
                )
            )
            await self._desk.books.write(work)
            self.wake([each.id])

    async def _sweep(self) -> None:
        """Forget what was sent long ago."""
        moment = self._desk.clock.now() - self._desk.pace.keep
        while old := await self._desk.reader.read(partial(notices.ended_before, moment=moment, limit=SWEPT)):
            work = Work(self._desk.clock.now())
            for each in old:
                work.remove(each)
            await self._desk.books.write(work)

    async def _pause_the_full(self) -> None:
        for each in await self._desk.reader.read(notices.active):
            count = partial(notices.count_waiting, subscription_id=each.id, limit=MAX_WAITING)
            if await self._desk.reader.read(count) >= MAX_WAITING:
                await self._desk.subscriptions.pause(each, f"{MAX_WAITING} messages wait")
