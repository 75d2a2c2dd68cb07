"""Reads of alarms."""

from sqlalchemy import Connection, tuple_

from evsys.core.records import Alarm
from evsys.store.cells import microseconds, moment
from evsys.store.schema import alarms
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import records, select_record


def open_alarm(connection: Connection, station_id: str, kind: str, name: str) -> Alarm | None:
    """The alarm of a station and name that nobody has acknowledged. Index: alarms_open."""
    columns = alarms.c
    query = select_record(Alarm).where(
        columns.station_id == station_id,
        columns.kind == kind,
        columns.name == name,
        columns.acknowledged_at.is_(None),
    )
    found = records(connection, Alarm, query.with_hint(alarms, "INDEXED BY alarms_open", "sqlite"))
    return found[0] if found else None


def alarm(connection: Connection, alarm_id: str) -> Alarm | None:
    """An alarm by its id. Index: the primary key."""
    found = records(connection, Alarm, select_record(Alarm).where(alarms.c.id == alarm_id))
    return found[0] if found else None


def alarms_page(
    connection: Connection,
    limit: int,
    cursor: str = "",
    station_id: str = "",
    acknowledged: bool | None = None,
) -> tuple[list[Alarm], str | None]:
    """Alarms, the newest first: of a station (empty: all), and acknowledged or not. Indexes: alarms_by_time,
    alarms_by_station."""
    of = f"alarms {acknowledged} {station_id}"
    columns = alarms.c
    query = select_record(Alarm).order_by(columns.raised_at.desc(), columns.id.desc()).limit(limit + 1)
    if station_id:
        query = query.where(columns.station_id == station_id)
    if acknowledged is not None:
        seen = columns.acknowledged_at
        query = query.where(seen.is_not(None) if acknowledged else seen.is_(None))
    if cursor:
        at, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.raised_at, columns.id) < (moment(int(at)), last))
    index = "alarms_by_station" if station_id else "alarms_by_time"
    query = query.with_hint(alarms, f"INDEXED BY {index}", "sqlite")
    return cut(
        records(connection, Alarm, query), limit, of, lambda each: (microseconds(each.raised_at), each.id)
    )
