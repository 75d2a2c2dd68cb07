"""Reads of the network as a whole, and of what belongs to one session: what the console's pages show."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, Row, Select, func, select

from evsys.core.events import Event, LoggedEvent
from evsys.core.records import CommandRecord
from evsys.store.schema import (
    commands,
    connector_status,
    events,
    knocks,
    meter_values,
    station_status,
    stations,
    transactions,
)
from evsys.store.views.reach import standing_at
from evsys.store.views.reader import records, select_record
from evsys.store.views.series import seq_before

LAST_EVENTS: Final = 20
LOOKED_AT: Final = 2000
"""Events looked at for the last ones: most are not hidden."""
OF_SESSION: Final = 500
"""Events and commands shown of one session."""

_decode_event: Final = msgspec.json.Decoder(Event).decode


class Figures(Struct, frozen=True, kw_only=True):
    """The network in numbers."""

    stations: int
    connected: int
    charging: int
    faulted: int
    """Stations with a connector that is faulted."""
    sessions: int
    """Begun since the moment asked for."""
    power_w: float
    """What the running sessions take, as last measured."""
    knocks: int
    last_seq: int


class Latest(Struct, frozen=True):
    """What a session measured last."""

    at: datetime
    power_w: float | None
    energy_wh: float | None
    soc_percent: float | None


def figures(connection: Connection, since: datetime, within: Sequence[str] = ()) -> Figures:
    """The network in numbers: all of it, or at some locations. Indexes: transactions_open,
    transactions_by_time, meter_values_by_transaction; a row per station and per connector is read."""
    known = select(func.count()).select_from(stations)
    there = (
        select(func.count())
        .select_from(station_status.join(stations, stations.c.id == station_status.c.station_id))
        .where(station_status.c.connected)
    )
    running = (
        select(func.count())
        .select_from(transactions)
        .where(transactions.c.ended_at.is_(None))
        .with_hint(transactions, "INDEXED BY transactions_open", "sqlite")
    )
    faulted = select(func.count(connector_status.c.station_id.distinct())).where(
        connector_status.c.status == "Faulted"
    )
    begun = select(func.count()).select_from(transactions).where(transactions.c.started_at >= since)
    begun = begun.with_hint(transactions, "INDEXED BY transactions_by_time", "sqlite")
    power = _power()
    if within:
        known = known.where(stations.c.location_id.in_(within))
        there = there.where(stations.c.location_id.in_(within))
        running = running.where(standing_at(transactions.c.station_id, within))
        faulted = faulted.where(standing_at(connector_status.c.station_id, within))
        begun = begun.where(standing_at(transactions.c.station_id, within))
        power = power.where(standing_at(transactions.c.station_id, within))
    return Figures(
        stations=int(connection.execute(known).scalar_one()),
        connected=int(connection.execute(there).scalar_one()),
        charging=int(connection.execute(running).scalar_one()),
        faulted=int(connection.execute(faulted).scalar_one()),
        sessions=int(connection.execute(begun).scalar_one()),
        power_w=float(connection.execute(power).scalar_one()),
        knocks=0
        if within
        else int(connection.execute(select(func.count()).select_from(knocks)).scalar_one()),
        last_seq=int(connection.execute(select(func.coalesce(func.max(events.c.seq), 0))).scalar_one()),
    )


def _power() -> Select[float]:
    """The sum of the last power of each running session."""
    last = meter_values.alias("last")
    newest = (
        select(func.max(meter_values.c.id))
        .where(meter_values.c.transaction_id == transactions.c.id, meter_values.c.power_w.is_not(None))
        .correlate(transactions)
        .scalar_subquery()
    )
    return (
        select(func.coalesce(func.sum(last.c.power_w), 0.0))
        .select_from(transactions.join(last, last.c.id == newest))
        .where(transactions.c.ended_at.is_(None))
        .with_hint(transactions, "INDEXED BY transactions_open", "sqlite")
    )


def last_events(
    connection: Connection,
    hidden: Sequence[str],
    within: Sequence[str] = (),
    before: int | None = None,
    kinds: Sequence[str] = (),
    limit: int = LAST_EVENTS,
    station_id: str = "",
) -> tuple[list[LoggedEvent], int | None]:
    """The newest events first, below the number `before`, and the `before` of the next page if there may be
    one. Indexes: the primary key, events_by_station."""
    near = select(events).order_by(events.c.seq.desc()).limit(LOOKED_AT)
    if before is not None:
        near = near.where(events.c.seq < before)
    if station_id:
        near = near.where(events.c.station_id == station_id)
    seen = near.subquery()
    query = select(seen).order_by(seen.c.seq.desc()).limit(limit)
    if hidden:
        query = query.where(seen.c.kind.not_in(hidden))
    if kinds:
        query = query.where(seen.c.kind.in_(kinds))
    if within:
        query = query.where(standing_at(seen.c.station_id, within))
    found = [_logged(row) for row in connection.execute(query)]
    if len(found) == limit:
        return found, found[-1].seq
    oldest = connection.execute(select(func.min(seen.c.seq), func.count())).one()
    return found, int(oldest[0]) if oldest[1] == LOOKED_AT else None


def events_of_session(
    connection: Connection, station_id: str, began: datetime, ended: datetime
) -> list[LoggedEvent]:
    """What happened at a station from one moment to another, in order. Index: events_by_station."""
    query = (
        select(events)
        .where(events.c.station_id == station_id, events.c.seq > seq_before(connection, began))
        .order_by(events.c.seq)
        .limit(OF_SESSION)
    )
    return [each for each in map(_logged, connection.execute(query)) if each.at <= ended]


def commands_between(
    connection: Connection, station_id: str, began: datetime, ended: datetime
) -> list[CommandRecord]:
    """The commands of a station from one moment to another, in order. Index: commands_by_station."""
    columns = commands.c
    query = select_record(CommandRecord).where(
        columns.station_id == station_id, columns.requested_at >= began, columns.requested_at <= ended
    )
    return records(connection, CommandRecord, query.order_by(columns.requested_at).limit(OF_SESSION))


def latest_samples(connection: Connection, transaction_ids: Sequence[str]) -> dict[str, Latest]:
    """What sessions measured last. Index: meter_values_by_transaction."""
    last = meter_values.alias("last")
    newest = (
        select(func.max(meter_values.c.id))
        .where(meter_values.c.transaction_id == transactions.c.id)
        .correlate(transactions)
        .scalar_subquery()
    )
    query = (
        select(transactions.c.id, last.c.at, last.c.power_w, last.c.energy_wh, last.c.soc_percent)
        .select_from(transactions.join(last, last.c.id == newest))
        .where(transactions.c.id.in_(transaction_ids))
    )
    return {row[0]: Latest(*row[1:]) for row in connection.execute(query)}


def _logged(row: Row[tuple[object, ...]]) -> LoggedEvent:
    return LoggedEvent(
        seq=row.seq,
        at=row.at,
        station_id=row.station_id,
        transaction_id=row.transaction_id,
        event=_decode_event(bytes(row.payload)),
    )
