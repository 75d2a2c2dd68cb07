"""Reads of stations: what people said of them, what they say of themselves, and what runs there."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, false, func, or_, select

from evsys.core.records import ConnectorStatus, Reservation, Station, StationStatus, Transaction
from evsys.store.schema import (
    connector_status,
    events,
    last_seen,
    reservations,
    station_status,
    stations,
    transactions,
)
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reach import standing_at
from evsys.store.views.reader import records, select_record

LIST = "stations"


class StationView(Station, frozen=True, kw_only=True):
    """A station with all that is known of it now."""

    status: StationStatus | None = None
    """What it says of itself and of its link; null before its first connection."""
    connectors: tuple[ConnectorStatus, ...] = ()
    open_transactions: tuple[Transaction, ...] = ()
    last_seen_at: datetime | None = None
    reservations: tuple[Reservation, ...] = ()
    """What is reserved there now: EVSE 0 is any of the station."""


class Counts(Struct, frozen=True, kw_only=True):
    """How much there is."""

    stations: int
    open_transactions: int
    last_event: int


def counts(connection: Connection, within: Sequence[str] = ()) -> Counts:
    """How much there is now: of all, or at the locations `within`. Indexes: the primary keys,
    transactions_open, stations_by_location."""
    known = select(func.count(stations.c.id))
    running = (
        select(func.count())
        .select_from(transactions)
        .where(transactions.c.ended_at.is_(None))
        .with_hint(transactions, "INDEXED BY transactions_open", "sqlite")
    )
    if within:
        running = running.where(standing_at(transactions.c.station_id, within))
        known = known.where(stations.c.location_id.in_(within))
    return Counts(
        stations=connection.execute(known).scalar_one(),
        open_transactions=connection.execute(running).scalar_one(),
        last_event=connection.execute(select(func.coalesce(func.max(events.c.seq), 0))).scalar_one(),
    )


def station(connection: Connection, station_id: str) -> StationView | None:
    """A station by its id."""
    found = records(connection, Station, select_record(Station).where(stations.c.id == station_id))
    return _views(connection, found)[0] if found else None


def stations_page(
    connection: Connection,
    limit: int,
    cursor: str = "",
    search: str = "",
    connected: bool | None = None,
    within: Sequence[str] = (),
    state: Literal["", "charging", "faulted"] = "",
    location_id: str = "",
    descending: bool = False,
) -> tuple[list[StationView], str | None]:
    """Stations in the order of their ids: those whose id or title holds `search`, and that are connected or
    are not; only those at the locations `within`, where there are any, and at `location_id`; only those
    where a session runs or a connector is faulted; in the order of their ids, or against it. Indexes: the
    primary key, where what is searched for is looked for in row after row of it; stations_by_location."""
    narrowed = search or within or state or location_id or descending or connected is not None
    of = f"{LIST} {connected} {state} {descending} {within} {location_id} {search}" if narrowed else LIST
    columns = stations.c
    query = select_record(Station).order_by(columns.id.desc() if descending else columns.id).limit(limit + 1)
    if cursor:
        last = from_cursor(of, cursor, [str])[0]
        query = query.where(columns.id < last if descending else columns.id > last)
    if location_id:
        query = query.where(columns.location_id == location_id)
    if state == "charging":
        running = select(transactions.c.id).where(
            transactions.c.station_id == columns.id, transactions.c.ended_at.is_(None)
        )
        query = query.where(running.exists())
    if state == "faulted":
        faulted = select(connector_status.c.evse_id).where(
            connector_status.c.station_id == columns.id, connector_status.c.status == "Faulted"
        )
        query = query.where(faulted.exists())
    if search:
        query = query.where(
            or_(
                columns.id.icontains(search, autoescape=True),
                columns.title.icontains(search, autoescape=True),
            )
        )
    if within:
        query = query.where(columns.location_id.in_(within))
    if connected is not None:
        there = select(station_status.c.connected).where(station_status.c.station_id == columns.id)
        query = query.where(func.coalesce(there.scalar_subquery(), false()) == connected)
    page, following = cut(records(connection, Station, query), limit, of, lambda each: (each.id,))
    return _views(connection, page), following


def statuses_of(connection: Connection, ids: Sequence[str]) -> dict[str, StationStatus]:
    """What stations say of themselves. Index: the primary key."""
    query = select_record(StationStatus).where(station_status.c.station_id.in_(ids))
    return {each.station_id: each for each in records(connection, StationStatus, query)}


def connectors_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[ConnectorStatus]]:
    """The connectors of stations, in order. Index: the primary key."""
    query = (
        select_record(ConnectorStatus)
        .where(connector_status.c.station_id.in_(ids))
        .order_by(connector_status.c.station_id, connector_status.c.evse_id, connector_status.c.connector_id)
    )
    found: dict[str, list[ConnectorStatus]] = {}
    for each in records(connection, ConnectorStatus, query):
        found.setdefault(each.station_id, []).append(each)
    return found


def open_transactions_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Transaction]]:
    """What runs on stations, oldest first. Index: transactions_open."""
    query = (
        select_record(Transaction)
        .where(transactions.c.station_id.in_(ids), transactions.c.ended_at.is_(None))
        .order_by(transactions.c.started_at, transactions.c.id)
        .with_hint(transactions, "INDEXED BY transactions_open", "sqlite")
    )
    found: dict[str, list[Transaction]] = {}
    for each in records(connection, Transaction, query):
        found.setdefault(each.station_id, []).append(each)
    return found


def last_seen_of(connection: Connection, ids: Sequence[str]) -> dict[str, datetime]:
    """When stations were last heard of. Index: the primary key."""
    query = select(last_seen.c.station_id, last_seen.c.at).where(last_seen.c.station_id.in_(ids))
    return {row[0]: row[1] for row in connection.execute(query)}


def open_reservations_of(connection: Connection, ids: Sequence[str]) -> dict[str, list[Reservation]]:
    """What is reserved on stations, oldest first. Index: reservations_open."""
    columns = reservations.c
    query = (
        select_record(Reservation)
        .where(columns.station_id.in_(ids), columns.ended_at.is_(None))
        .order_by(columns.station_id, columns.number)
        .with_hint(reservations, "INDEXED BY reservations_open", "sqlite")
    )
    found: dict[str, list[Reservation]] = {}
    for each in records(connection, Reservation, query):
        found.setdefault(each.station_id, []).append(each)
    return found


def stations_named(
    connection: Connection, ids: Sequence[str], within: Sequence[str] = ()
) -> list[StationView]:
    """Stations by their ids, as far as they are at the locations `within`. Index: the primary key."""
    query = select_record(Station).where(stations.c.id.in_(ids))
    if within:
        query = query.where(stations.c.location_id.in_(within))
    return _views(connection, records(connection, Station, query))


def _views(connection: Connection, found: list[Station]) -> list[StationView]:
    if not found:
        return []
    ids = [each.id for each in found]
    status = statuses_of(connection, ids)
    connectors = connectors_of(connection, ids)
    running = open_transactions_of(connection, ids)
    seen = last_seen_of(connection, ids)
    reserved = open_reservations_of(connection, ids)
    return [
        StationView(
            **asdict(each),
            status=status.get(each.id),
            connectors=tuple(connectors.get(each.id, ())),
            open_transactions=tuple(running.get(each.id, ())),
            last_seen_at=seen.get(each.id),
            reservations=tuple(reserved.get(each.id, ())),
        )
        for each in found
    ]
