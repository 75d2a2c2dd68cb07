"""Reads of subscriptions and of messages on their way."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, func, select, text, tuple_

from evsys.core.events import Event, LoggedEvent
from evsys.core.records import (
    Delivery,
    DeliveryState,
    Location,
    Station,
    Subscription,
    SubscriptionHealth,
    SubscriptionSecret,
)
from evsys.store.schema import (
    deliveries,
    events,
    locations,
    stations,
    subscription_health,
    subscription_secrets,
    subscriptions,
)
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import RecordSelect, records, select_record

_WAITING = text("deliveries.state = 'waiting'")
_decode_event = msgspec.json.Decoder(Event).decode


class Folded(Struct, frozen=True):
    """How much of one kind and station a summary tells of."""

    kind: str
    station_id: str
    number: int
    first_at: datetime
    last_at: datetime


class Place(Struct, frozen=True):
    """A station and where it stands; without a location where it has none."""

    station: Station
    location: Location | None = None


class DeliveryFilter(Struct, frozen=True, kw_only=True):
    """Which deliveries: all that meet every condition given. `owner`: of their subscription."""

    subscription_id: str = ""
    state: DeliveryState | None = None
    station_id: str = ""
    owner: str | None = None


def active(connection: Connection) -> list[Subscription]:
    """The subscriptions that are not paused. Index: the primary key; there are as many as people and programs
    that want to hear of something."""
    query = select_record(Subscription).where(subscriptions.c.paused_at.is_(None))
    return records(connection, Subscription, query.order_by(subscriptions.c.id))


def count(connection: Connection, owner: str | None = None) -> int:
    """How many subscriptions there are, of somebody or (None) of all. Index: subscriptions_by_owner."""
    query = select(func.count()).select_from(subscriptions)
    if owner is not None:
        query = query.where(subscriptions.c.owner == owner)
    return int(connection.execute(query).scalar_one())


def subscriptions_page(
    connection: Connection, limit: int, cursor: str = "", owner: str | None = None
) -> tuple[list[Subscription], str | None]:
    """Subscriptions of somebody or (None) of all, in the order of their ids. Indexes: the primary key,
    subscriptions_by_owner."""
    of = "subscriptions" if owner is None else f"subscriptions {owner}"
    query = select_record(Subscription).order_by(subscriptions.c.id).limit(limit + 1)
    if owner is not None:
        query = query.where(subscriptions.c.owner == owner)
    if cursor:
        query = query.where(subscriptions.c.id > from_cursor(of, cursor, [str])[0])
    return cut(records(connection, Subscription, query), limit, of, lambda each: (each.id,))


def secrets(connection: Connection, subscription_id: str) -> list[SubscriptionSecret]:
    """The secrets of a subscription, the newest first. Index: the primary key."""
    columns = subscription_secrets.c
    query = select_record(SubscriptionSecret).where(columns.subscription_id == subscription_id)
    return records(connection, SubscriptionSecret, query.order_by(columns.number.desc()))


def health(connection: Connection, subscription_id: str) -> SubscriptionHealth:
    """How sending to a subscription goes. Index: the primary key."""
    where = subscription_health.c.subscription_id == subscription_id
    found = records(connection, SubscriptionHealth, select_record(SubscriptionHealth).where(where))
    return found[0] if found else SubscriptionHealth(subscription_id=subscription_id)


def delivery(connection: Connection, delivery_id: str) -> Delivery | None:
    """A delivery by its id. Index: the primary key."""
    found = records(connection, Delivery, select_record(Delivery).where(deliveries.c.id == delivery_id))
    return found[0] if found else None


def with_waiting(connection: Connection) -> list[str]:
    """The subscriptions that anything waits for, each found by one step in the index. Index:
    deliveries_waiting."""
    found: list[str] = []
    column = deliveries.c.subscription_id
    while True:
        query = select(column).where(_WAITING).order_by(column).limit(1)
        query = query.with_hint(deliveries, "INDEXED BY deliveries_waiting", "sqlite")
        if found:
            query = query.where(column > found[-1])
        following = connection.execute(query).scalar()
        if following is None:
            return found
        found.append(following)


def count_waiting(connection: Connection, subscription_id: str, limit: int) -> int:
    """How many wait for a subscription, counted up to `limit`. Index: deliveries_waiting."""
    query = select(deliveries.c.seq).where(_WAITING, deliveries.c.subscription_id == subscription_id)
    query = query.with_hint(deliveries, "INDEXED BY deliveries_waiting", "sqlite").limit(limit)
    return int(connection.execute(select(func.count()).select_from(query.subquery())).scalar_one())


def waiting(
    connection: Connection,
    subscription_id: str,
    limit: int,
    without: Sequence[str] = (),
    critical: bool | None = None,
) -> list[Delivery]:
    """What waits for a subscription, in order: not of the stations in `without`; only what is critical, or
    what is not. Index: deliveries_waiting."""
    columns = deliveries.c
    query = select_record(Delivery).where(_WAITING, columns.subscription_id == subscription_id)
    if without:
        query = query.where(columns.station_id.not_in(without))
    if critical is not None:
        query = query.where((columns.severity == "critical") if critical else columns.severity != "critical")
    query = query.order_by(columns.seq).limit(limit)
    return records(
        connection, Delivery, query.with_hint(deliveries, "INDEXED BY deliveries_waiting", "sqlite")
    )


def folded(connection: Connection, summary: Delivery, first_seq: int) -> list[Folded]:
    """What a summary tells of that begins with the event `first_seq`, by kind and station, the most frequent
    first. Index: deliveries_by_subscription."""
    columns = deliveries.c
    number = func.count().label("number")
    query = (
        select(columns.kind, columns.station_id, number, func.min(columns.at), func.max(columns.at))
        .where(
            columns.subscription_id == summary.subscription_id,
            columns.seq.between(first_seq, summary.seq),
            columns.folded_into == summary.id,
        )
        .group_by(columns.kind, columns.station_id)
        .order_by(number.desc(), columns.kind, columns.station_id)
        .with_hint(deliveries, "INDEXED BY deliveries_by_subscription", "sqlite")
    )
    return [Folded(*row) for row in connection.execute(query)]


def deliveries_page(
    connection: Connection, which: DeliveryFilter, limit: int, cursor: str = ""
) -> tuple[list[Delivery], str | None]:
    """Deliveries, the newest first. Indexes: deliveries_by_subscription, deliveries_by_order."""
    of = f"deliveries {msgspec.json.encode(which).decode()}"
    columns = deliveries.c
    query: RecordSelect = select_record(Delivery).order_by(columns.seq.desc(), columns.id.desc())
    index = "deliveries_by_subscription" if which.subscription_id else "deliveries_by_order"
    if which.subscription_id:
        query = query.where(columns.subscription_id == which.subscription_id)
    if which.owner is not None:
        theirs = select(subscriptions.c.id).where(subscriptions.c.owner == which.owner)
        query = query.where(columns.subscription_id.in_(theirs))
    if which.state is not None:
        query = query.where(columns.state == which.state)
    if which.station_id:
        query = query.where(columns.station_id == which.station_id)
    if cursor:
        seq, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.seq, columns.id) < (int(seq), last))
    query = query.limit(limit + 1).with_hint(deliveries, f"INDEXED BY {index}", "sqlite")
    return cut(records(connection, Delivery, query), limit, of, lambda each: (each.seq, each.id))


def ended_before(connection: Connection, moment: datetime, limit: int) -> list[Delivery]:
    """The oldest deliveries that were over before. Index: deliveries_ended."""
    ended = deliveries.c.ended_at
    query = select_record(Delivery).where(and_(ended.is_not(None), ended < moment)).order_by(ended)
    query = query.limit(limit).with_hint(deliveries, "INDEXED BY deliveries_ended", "sqlite")
    return records(connection, Delivery, query)


def logged(connection: Connection, seqs: Sequence[int]) -> dict[int, LoggedEvent]:
    """Events by their numbers. Index: the primary key."""
    return {
        row.seq: LoggedEvent(
            seq=row.seq,
            at=row.at,
            station_id=row.station_id,
            transaction_id=row.transaction_id,
            event=_decode_event(bytes(row.payload)),
        )
        for row in connection.execute(select(events).where(events.c.seq.in_(seqs)))
    }


def places(connection: Connection, station_ids: Sequence[str]) -> dict[str, Place]:
    """Stations and where they stand; those that are not registered are left out. Indexes: the primary
    keys."""
    found = records(connection, Station, select_record(Station).where(stations.c.id.in_(station_ids)))
    ids = {each.location_id for each in found if each.location_id is not None}
    there = records(connection, Location, select_record(Location).where(locations.c.id.in_(ids)))
    by_id: dict[str | None, Location] = {each.id: each for each in there}
    return {each.id: Place(each, by_id.get(each.location_id)) for each in found}


def first_seq_since(connection: Connection, moment: datetime) -> int:
    """The number of the first event at `moment` or later; one behind the last where there is none. Events
    stand in the order of time, so it is found by halving. Index: the primary key."""
    low, high = connection.execute(
        select(func.coalesce(func.min(events.c.seq), 1), func.coalesce(func.max(events.c.seq), 0))
    ).one()
    high += 1
    while low < high:
        middle = (low + high) // 2
        query = select(events.c.seq, events.c.at).where(events.c.seq <= middle)
        row = connection.execute(query.order_by(events.c.seq.desc()).limit(1)).first()
        if row is None or row.at < moment:
            low = middle + 1
        else:
            high = row.seq
    return int(low)
