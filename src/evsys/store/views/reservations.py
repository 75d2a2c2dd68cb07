"""Reads of reservations."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, func, select, tuple_

from evsys.core.records import Reservation, ReservationStatus
from evsys.store.cells import microseconds, moment
from evsys.store.schema import reservations
from evsys.store.views.events import last_seq
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reach import standing_at
from evsys.store.views.reader import record_by_id, records, select_record

DUE: Final = 500
"""Reservations ended at once; the next look sees the others."""


class ReservationFilter(Struct, frozen=True, kw_only=True):
    """Which reservations: all that meet every condition given."""

    station_id: str = ""
    token: str = ""
    """In canonical form."""
    status: ReservationStatus | None = None
    within: Sequence[str] = ()
    """The locations that count; empty: all."""


def reservation(connection: Connection, reservation_id: str) -> Reservation | None:
    """A reservation by its id. Index: the primary key."""
    return record_by_id(connection, Reservation, reservation_id)


def by_number(connection: Connection, station_id: str, number: int) -> Reservation | None:
    """A reservation by its number on a station. Index: reservations_number."""
    columns = reservations.c
    query = select_record(Reservation).where(columns.station_id == station_id, columns.number == number)
    found = records(connection, Reservation, query)
    return found[0] if found else None


def last_number(connection: Connection, station_id: str) -> int:
    """The number of a station's newest reservation, 0 without any. Index: reservations_number."""
    query = select(func.coalesce(func.max(reservations.c.number), 0))
    return int(connection.execute(query.where(reservations.c.station_id == station_id)).scalar_one())


def reserved_stations(connection: Connection) -> tuple[int, frozenset[str]]:
    """The number of the newest event, and the stations that have an open reservation then or later. Index:
    reservations_open, all of it."""
    seq = last_seq(connection)
    query = (
        select(reservations.c.station_id)
        .distinct()
        .where(reservations.c.ended_at.is_(None))
        .with_hint(reservations, "INDEXED BY reservations_open", "sqlite")
    )
    return seq, frozenset(connection.execute(query).scalars())


def expired(connection: Connection, now: datetime) -> list[Reservation]:
    """Those whose time is over, some of them. Index: reservations_open, all of it: few are open at once."""
    columns = reservations.c
    query = (
        select_record(Reservation)
        .where(columns.ended_at.is_(None), columns.expires_at <= now)
        .with_hint(reservations, "INDEXED BY reservations_open", "sqlite")
        .limit(DUE)
    )
    return records(connection, Reservation, query)


def reservations_page(
    connection: Connection, which: ReservationFilter, limit: int, cursor: str = ""
) -> tuple[list[Reservation], str | None]:
    """Reservations, newest first. Index: reservations_by_time; a station's, a token's and those of a status
    are looked for in row after row of it."""
    of = f"reservations {which.station_id} {which.token} {which.status} {which.within}"
    columns = reservations.c
    query = select_record(Reservation).order_by(columns.created_at.desc(), columns.id.desc()).limit(limit + 1)
    if which.station_id:
        query = query.where(columns.station_id == which.station_id)
    if which.token:
        query = query.where(columns.id_token == which.token)
    if which.within:
        query = query.where(standing_at(columns.station_id, which.within))
    if which.status is not None:
        query = query.where(columns.status == which.status)
    if cursor:
        at, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.created_at, columns.id) < (moment(int(at)), last))
    return cut(
        records(connection, Reservation, query),
        limit,
        of,
        lambda each: (microseconds(each.created_at), each.id),
    )
