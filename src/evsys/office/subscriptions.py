"""Subscriptions: who wants to hear of what, and where.

Somebody sees and changes their own, administrators all. Nobody subscribes to more than they may read: `all`
leaves out what is told only to some roles (`office.access.HIDDEN`); whoever may read that names it.

A secret is shown when it is made and then only used: those that messages are signed with are made here, two
of them are good while a receiver learns the newer one.
"""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, time, timedelta
from functools import partial
from typing import Final, Literal, get_args
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from evsys.core.errors import (
    BadCommand,
    EvsysError,
    NotAllowed,
    NotConfigured,
    NotFound,
    StaleVersion,
)
from evsys.core.events import Event, SubscriptionChanged, SubscriptionPaused, SubscriptionRemoved
from evsys.core.ports import Clock
from evsys.core.records import Subscription, SubscriptionSecret
from evsys.core.work import Work
from evsys.notify.notifier import BadAddress, Notifier, Recipient
from evsys.office.access import HIDDEN, Person
from evsys.office.people import People, Rules
from evsys.office.sealing import Sealer
from evsys.office.writing import Books
from evsys.store.views import notices
from evsys.store.views.reader import Reader

MAX_SUBSCRIPTIONS: Final = 2000
"""All that are not paused are looked at with each event."""
MAX_OF_OWNER: Final = 100
SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "whsec_"
OLD_FOR: Final = timedelta(days=1)
"""How long the older secret is good beside a new one, unless said otherwise."""
PURPOSE: Final = "subscriptions"

Purpose = Literal["signing", "address"]

ALL: Final = "all"
_SECLUDED: Final = frozenset(kind.__name__ for kinds in HIDDEN.values() for kind in kinds)
KINDS: Final = frozenset(kind.__name__ for kind in get_args(Event))


def _named(*names: str) -> frozenset[str]:
    """Those of the kinds that there are."""
    return KINDS & set(names)


GROUPS: Final[dict[str, frozenset[str]]] = {
    "alarms": _named(
        "AlarmRaised", "AlarmRepeated", "AlarmFlapping", "AlarmSettled", "AlarmAcknowledged", "AlarmCleared"
    ),
    "sessions": _named("TransactionStarted", "TransactionEnded", "TransactionCorrected"),
    "stations": _named("StationConnected", "StationDisconnected", "StationBooted", "StationRegistered"),
    ALL: KINDS - _SECLUDED,
}
"""What a subscription may name beside kinds of events."""
DEFAULT: Final = ("alarms",)


class Made(Struct, frozen=True, kw_only=True):
    """A subscription, and the secret that its messages are signed with where they are: shown this once."""

    subscription: Subscription
    secret: str | None = None


def kinds_of(subscription: Subscription) -> frozenset[str]:
    """The kinds of events that a subscription is for."""
    named = subscription.kinds or DEFAULT
    return frozenset(kind for name in named for kind in GROUPS.get(name, (name,)))


class Subscriptions(People[Subscription]):
    """The subscriptions of a running office. All methods raise StoreUnavailable where the database cannot,
    and NotFound for one that is not the person's."""

    def __init__(
        self,
        books: Books,
        reader: Reader,
        clock: Clock,
        server_key: bytes,
        notifiers: Mapping[str, Notifier],
    ) -> None:
        """`notifiers`: the channels that are open, by name."""
        super().__init__(books, reader, clock, _RULES)
        self._sealer = Sealer(server_key, PURPOSE)
        self._notifiers = notifiers

    async def of(self, subscription_id: str, person: Person) -> Subscription:
        """A subscription that this person may see."""
        found = await self.find(subscription_id)
        if not may_see(person, found):
            raise NotFound(f"no subscription {subscription_id}")
        return found

    async def make(self, members: dict[str, object], person: Person, owner: str = "") -> Made:
        """Make a subscription with these members, `channel` and `address` among them; it is the person's, or
        where they are an administrator `owner`'s. Raises NotConfigured, BadCommand or NotAllowed."""
        now = self._clock.now()
        record_id, work = str(uuid4()), Work(now)
        notifier = self._notifier(str(members["channel"]))
        if notifier.for_admins and person.role != "admin":
            raise NotAllowed(f"only administrators subscribe with {members['channel']}")
        shown = await self._address(record_id, notifier, str(members["address"]), work)
        secret = None
        if notifier.signs:
            secret = new_secret()
            work.add(self._sealed(record_id, "signing", 1, secret))
        _may_hear(person, members)
        owner = owner if owner and person.role == "admin" else owner_of(person)
        if await self._reader.read(partial(notices.count, owner=owner)) >= MAX_OF_OWNER:
            raise BadCommand(f"{owner} has {MAX_OF_OWNER} subscriptions already")
        made = await self.create(record_id, {**members, "address": shown, "owner": owner}, person.name, work)
        return Made(subscription=made, secret=secret)

    async def edit(
        self, subscription_id: str, version: int, members: dict[str, object], person: Person
    ) -> Subscription:
        """Change these members; `paused` pauses it or resumes it. Raises StaleVersion, BadCommand or
        NotAllowed."""
        old = await self.of(subscription_id, person)
        work = Work(self._clock.now())
        if "address" in members:
            notifier = self._notifier(old.channel)
            shown = await self._address(subscription_id, notifier, str(members["address"]), work)
            members = {**members, "address": shown}
        _may_hear(person, members)
        paused = members.pop("paused", None)
        if paused is not None:
            reason = f"by {person.name}" if paused else ""
            at = (old.paused_at or self._clock.now()) if paused else None
            members = {**members, "paused_at": at, "paused_reason": reason}
        return await self.change(subscription_id, version, members, person.name, work)

    async def drop(self, subscription_id: str, version: int | None, person: Person) -> None:
        """Remove a subscription, with its secrets; what waits for it is not sent. Raises StaleVersion."""
        await self.of(subscription_id, person)
        work = Work(self._clock.now())
        for each in await self._reader.read(partial(notices.secrets, subscription_id=subscription_id)):
            work.remove(each)
        work.remove(await self._reader.read(partial(notices.health, subscription_id=subscription_id)))
        await self.remove(subscription_id, version, person.name, work)

    async def rotate(self, subscription_id: str, person: Person, old_for: timedelta = OLD_FOR) -> str:
        """A new secret to sign with, which is shown this once. The one before it is good for `old_for` more;
        messages are signed with both. Raises BadCommand where messages are not signed."""
        subscription = await self.of(subscription_id, person)
        if not self._notifier(subscription.channel).signs:
            raise BadCommand(f"messages of {subscription.channel} are not signed")
        kept = await self._reader.read(partial(notices.secrets, subscription_id=subscription_id))
        signing = [each for each in kept if each.purpose == "signing"]
        now = self._clock.now()
        work = Work(now)
        for older in signing[1:]:
            work.remove(older)
        if signing:
            work.save(replace(signing[0], expires_at=now + old_for))
        secret = new_secret()
        number = signing[0].number + 1 if signing else 1
        work.add(self._sealed(subscription_id, "signing", number, secret))
        work.change(replace(subscription, version=subscription.version + 1))
        changed = replace(subscription, version=subscription.version + 1, address="")
        work.tell(SubscriptionChanged(subscription=changed, by=person.name))
        if await self._books.write(work):
            raise StaleVersion("the subscription was changed by somebody else: read it again")
        return secret

    async def recipient(self, subscription: Subscription) -> Recipient:
        """Where its messages go. Raises NotConfigured where its secrets cannot be opened."""
        kept = await self._reader.read(partial(notices.secrets, subscription_id=subscription.id))
        now = self._clock.now()
        signing, address = [], subscription.address
        for each in kept:
            if each.expires_at is not None and each.expires_at <= now:
                continue
            opened = self._sealer.open(each.sealed, f"{each.purpose} {subscription.id}")
            if each.purpose == "address":
                address = opened
            else:
                signing.append(opened)
        return Recipient(address=address, secrets=tuple(signing))

    async def pause(self, subscription: Subscription, reason: str) -> None:
        """Its messages are refused, or have failed for long: an event tells of it. Where somebody was faster
        with a change of theirs, it is left as it is."""
        paused = replace(
            subscription,
            paused_at=self._clock.now(),
            paused_reason=reason,
            version=subscription.version + 1,
        )
        work = Work(self._clock.now())
        work.change(paused)
        work.tell(
            SubscriptionPaused(
                subscription_id=paused.id,
                owner=paused.owner,
                title=paused.title,
                channel=paused.channel,
                reason=reason,
            )
        )
        await self._books.write(work)

    def _notifier(self, channel: str) -> Notifier:
        found = self._notifiers.get(channel)
        if found is None:
            known = ", ".join(sorted(self._notifiers)) or "none"
            raise NotConfigured(f"channel: {channel} is not open (open are: {known})")
        return found

    async def _address(self, subscription_id: str, notifier: Notifier, address: str, work: Work) -> str:
        """The address as people may see it; where it is a secret, the Work keeps it sealed."""
        try:
            checked = await asyncio.to_thread(notifier.check, address)
        except BadAddress as error:
            raise BadCommand(f"address: {error}") from None
        if not notifier.secret_address:
            return checked
        work.save(self._sealed(subscription_id, "address", 1, checked))
        return await asyncio.to_thread(notifier.shown, checked)

    def _sealed(self, subscription_id: str, purpose: Purpose, number: int, secret: str) -> SubscriptionSecret:
        return SubscriptionSecret(
            subscription_id=subscription_id,
            purpose=purpose,
            number=number,
            sealed=self._sealer.seal(secret, f"{purpose} {subscription_id}"),
            made_at=self._clock.now(),
        )


def new_secret() -> str:
    """A secret to sign with."""
    return SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)


def owner_of(person: Person) -> str:
    """Who a person's subscriptions belong to."""
    return person.key_id or person.name


def may_see(person: Person, subscription: Subscription) -> bool:
    """Whether a subscription is the person's to see and to change."""
    return person.role == "admin" or subscription.owner == owner_of(person)


def _may_hear(person: Person, members: Mapping[str, object]) -> None:
    """Raises NotAllowed where the kinds are more than the person may read."""
    named = members.get("kinds", ())
    assert isinstance(named, Sequence)
    for action, kinds in HIDDEN.items():
        hidden = {kind.__name__ for kind in kinds} & set(named)
        if hidden and not person.may(action):
            raise NotAllowed(f"kinds: {sorted(hidden)[0]} is told only to whom may do {action}")


def quiet_until(subscription: Subscription, now: datetime) -> datetime | None:
    """Until when its messages wait; None where they need not."""
    muted = subscription.muted_until
    ends = [muted] if muted is not None and muted > now else []
    if subscription.quiet_from:
        zone = ZoneInfo(subscription.time_zone)
        local = now.astimezone(zone)
        begin, end = _time(subscription.quiet_from), _time(subscription.quiet_until)
        over_midnight = begin >= end
        clock = local.time().replace(tzinfo=None)
        inside = (clock >= begin or clock < end) if over_midnight else begin <= clock < end
        if inside:
            day = local.date() + timedelta(days=int(over_midnight and clock >= begin))
            ends.append(datetime.combine(day, end, zone).astimezone(now.tzinfo))
    return max(ends, default=None)


def _time(written: str) -> time:
    return time.fromisoformat(written)


def _may_be(connection: Connection, record: Subscription) -> EvsysError | None:
    unknown = [each for each in record.kinds if each not in KINDS and each not in GROUPS]
    if unknown:
        return BadCommand(f"kinds: {unknown[0]} is no kind of event, nor one of {', '.join(sorted(GROUPS))}")
    try:
        ZoneInfo(record.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return BadCommand("time_zone: not a time zone; write one such as Europe/Madrid")
    if bool(record.quiet_from) != bool(record.quiet_until) or (
        record.quiet_from and record.quiet_from == record.quiet_until
    ):
        return BadCommand("quiet_from and quiet_until: give both, two times of day, or none")
    if record.version == 1 and notices.count(connection) >= MAX_SUBSCRIPTIONS:
        return BadCommand(f"there are {MAX_SUBSCRIPTIONS} subscriptions already")
    return None


def _may_go(connection: Connection, record: Subscription) -> None:
    """Nothing stands in the way."""


def _changed(record: Subscription, by: str) -> SubscriptionChanged:
    return SubscriptionChanged(subscription=replace(record, address=""), by=by)


_RULES: Final = Rules(
    Subscription,
    made=_changed,
    changed=_changed,
    removed=lambda record, by: SubscriptionRemoved(subscription_id=record.id, by=by),
    may_be=_may_be,
    may_go=_may_go,
)
