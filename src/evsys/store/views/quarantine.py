"""Reads of what could not be taken as it came: quarantined messages, and knocks of unknown stations."""

from collections.abc import Sequence

from sqlalchemy import Connection, tuple_

from evsys.core.records import Knock, Quarantined
from evsys.store.cells import microseconds, moment
from evsys.store.schema import knocks, quarantined
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reach import standing_at
from evsys.store.views.reader import records, select_record

KNOCKS = "knocks"


def quarantine_page(
    connection: Connection,
    station_id: str,
    resolved: bool | None,
    limit: int,
    cursor: str = "",
    within: Sequence[str] = (),
) -> tuple[list[Quarantined], str | None]:
    """Quarantined messages by station (empty: all), in the order they came. Index: quarantined_by_station."""
    of = f"quarantine {resolved} {within} {station_id}"
    columns = quarantined.c
    order = (columns.station_id, columns.received_at, columns.id)
    query = select_record(Quarantined).order_by(*order).limit(limit + 1)
    if station_id:
        query = query.where(columns.station_id == station_id)
    if within:
        query = query.where(standing_at(columns.station_id, within))
    if resolved is not None:
        query = query.where(columns.resolved_at.is_not(None) if resolved else columns.resolved_at.is_(None))
    if cursor:
        station, at, last = from_cursor(of, cursor, [str, int, str])
        query = query.where(tuple_(*order) > (station, moment(int(at)), last))
    return cut(
        records(connection, Quarantined, query),
        limit,
        of,
        lambda each: (each.station_id, microseconds(each.received_at), each.id),
    )


def knocks_page(connection: Connection, limit: int, cursor: str = "") -> tuple[list[Knock], str | None]:
    """Unknown stations that were refused, the latest first. Index: knocks_by_time."""
    columns = knocks.c
    query = (
        select_record(Knock).order_by(columns.last_seen_at.desc(), columns.station_id.desc()).limit(limit + 1)
    )
    if cursor:
        at, last = from_cursor(KNOCKS, cursor, [int, str])
        query = query.where(tuple_(columns.last_seen_at, columns.station_id) < (moment(int(at)), last))
    return cut(
        records(connection, Knock, query),
        limit,
        KNOCKS,
        lambda each: (microseconds(each.last_seen_at), each.station_id),
    )


def knock(connection: Connection, station_id: str) -> Knock | None:
    """The knock of a station. Index: the primary key."""
    found = records(connection, Knock, select_record(Knock).where(knocks.c.station_id == station_id))
    return found[0] if found else None
