"""Reads of the log of events, in its order."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, func, select

from evsys.core.events import Event, LoggedEvent
from evsys.core.records import ConsumerCursor, DeferredEvent
from evsys.store.schema import consumer_cursors, deferred_events, events
from evsys.store.views.reach import standing_at
from evsys.store.views.reader import records, select_record

LOOKED_AT: Final = 5000
"""Events looked at for one page: a filter that fits seldom ends with what it has, and goes on from there."""

_decode_event: Final = msgspec.json.Decoder(Event).decode


class EventFilter(Struct, frozen=True, kw_only=True):
    """Which events: of a station, of some kinds (empty: any), and of none of the kinds `hidden`; and of
    stations at the locations `within` alone, where there are any."""

    station_id: str = ""
    kinds: Sequence[str] = ()
    hidden: Sequence[str] = ()
    within: Sequence[str] = ()


def events_after(
    connection: Connection, after: int, which: EventFilter, limit: int
) -> tuple[list[LoggedEvent], int]:
    """Events with a `seq` above `after`, in order, and the `after` to go on with. Indexes: the primary key,
    events_by_station."""
    columns = events.c
    filtered = bool(which.kinds or which.hidden or which.within)
    near = select(events).where(columns.seq > after).order_by(columns.seq)
    if which.station_id:
        near = near.where(columns.station_id == which.station_id)
    seen = near.limit(LOOKED_AT if filtered else limit).subquery()
    query = select(seen).order_by(seen.c.seq).limit(limit)
    if which.kinds:
        query = query.where(seen.c.kind.in_(which.kinds))
    if which.hidden:
        query = query.where(seen.c.kind.not_in(which.hidden))
    if which.within:
        query = query.where(standing_at(seen.c.station_id, which.within))
    found = [_logged(row) for row in connection.execute(query)]
    if len(found) == limit or not filtered:
        return found, found[-1].seq if found else after
    last = connection.execute(select(func.max(seen.c.seq))).scalar()
    return found, after if last is None else int(last)


def events_of(
    connection: Connection, after: int, kinds: Sequence[str], limit: int
) -> tuple[list[LoggedEvent], int]:
    """Events of these kinds with a `seq` above `after`, in order, and the `after` to go on with, which is
    below the end of the log where that is far away. What is of other kinds is not decoded. Index: the primary
    key."""
    seq = events.c.seq
    upto = min(last_seq(connection), after + LOOKED_AT)
    if upto <= after:
        return [], after
    near = select(events).where(seq > after, seq <= upto, events.c.kind.in_(kinds))
    found = [_logged(row) for row in connection.execute(near.order_by(seq).limit(limit))]
    return found, found[-1].seq if len(found) == limit else upto


def event(connection: Connection, seq: int) -> LoggedEvent | None:
    """An event by its number. Index: the primary key."""
    row = connection.execute(select(events).where(events.c.seq == seq)).one_or_none()
    return None if row is None else _logged(row)


def deferred(connection: Connection, consumer: str) -> list[DeferredEvent]:
    """The events that a consumer has passed and not taken yet, in order. Index: the primary key."""
    columns = deferred_events.c
    query = select_record(DeferredEvent).where(columns.consumer == consumer).order_by(columns.seq)
    return records(connection, DeferredEvent, query)


def cursor(connection: Connection, name: str) -> ConsumerCursor | None:
    """How far a consumer of the log has come. Index: the primary key."""
    query = select_record(ConsumerCursor).where(consumer_cursors.c.name == name)
    found = records(connection, ConsumerCursor, query)
    return found[0] if found else None


def last_seq(connection: Connection) -> int:
    """The number of the newest event, 0 without any. Index: the primary key."""
    return int(connection.execute(select(func.coalesce(func.max(events.c.seq), 0))).scalar_one())


def _logged(row: Row[*tuple[object, ...]]) -> LoggedEvent:
    return LoggedEvent(
        seq=row.seq,
        at=row.at,
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        event=_decode_event(bytes(row.payload)),
    )
