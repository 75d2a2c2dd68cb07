"""Reads of alarms."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select, tuple_

from evsys.core.alarms import Known
from evsys.core.records import Alarm, AlarmKind, AlarmRule, AlarmWatch, Transaction
from evsys.store.cells import microseconds, moment
from evsys.store.schema import (
    alarm_watches,
    alarms,
    meter_values,
    station_status,
    stations,
    transactions,
)
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reach import standing_at
from evsys.store.views.reader import records, select_record

Key = tuple[str, AlarmKind, str]
"""Station, kind and name."""


class AlarmFilter(Struct, frozen=True, kw_only=True):
    """Which alarms: of a station, of a kind, of a severity (empty: all), acknowledged or not, in a state."""

    station_id: str = ""
    kind: str = ""
    severity: str = ""
    acknowledged: bool | None = None
    state: str = ""
    """`open` (raised or acknowledged), `raised`, `acknowledged` or `cleared`; empty: any."""
    within: Sequence[str] = ()
    """The locations that count; empty: all."""


ANY: Final = AlarmFilter()


class Presence(Struct, frozen=True, kw_only=True):
    """Whether a station may and does hold a connection."""

    enabled: bool
    connected: bool


class Metering(Struct, frozen=True, kw_only=True):
    """What the meter said in a session that is open."""

    connected: bool
    last_at: datetime | None
    """When the last values came."""
    has_energy: bool
    """Whether any has flowed."""


def known(connection: Connection, keys: Iterable[Key]) -> dict[Key, Known]:
    """What is known of each: what is watched, and the alarm that is not cleared. Indexes: the primary key,
    alarms_open."""
    found: dict[Key, Known] = {}
    for key in keys:
        station_id, kind, name = key
        watch, alarm = alarm_watches.c, alarms.c
        watches = select_record(AlarmWatch).where(
            watch.station_id == station_id, watch.kind == kind, watch.name == name
        )
        open_ = select_record(Alarm).where(
            alarm.station_id == station_id,
            alarm.kind == kind,
            alarm.name == name,
            alarm.cleared_at.is_(None),
        )
        watched = records(connection, AlarmWatch, watches)
        hinted = open_.with_hint(alarms, "INDEXED BY alarms_open", "sqlite")
        raised = records(connection, Alarm, hinted)
        found[key] = Known(watched[0] if watched else None, raised[0] if raised else None)
    return found


def keys(connection: Connection) -> set[Key]:
    """All of which anything is watched or an alarm is open; read at the start. Indexes: the primary key,
    alarms_open."""
    watch, alarm = alarm_watches.c, alarms.c
    watched = select(watch.station_id, watch.kind, watch.name)
    open_ = (
        select(alarm.station_id, alarm.kind, alarm.name)
        .where(alarm.cleared_at.is_(None))
        .with_hint(alarms, "INDEXED BY alarms_open", "sqlite")
    )
    return {(row[0], row[1], row[2]) for query in (watched, open_) for row in connection.execute(query)}


def due(connection: Connection, now: datetime, limit: int) -> list[AlarmWatch]:
    """What is to be looked at, the longest waiting first. Index: alarm_watches_due."""
    at = alarm_watches.c.due_at
    query = select_record(AlarmWatch).where(at <= now).order_by(at).limit(limit)
    return records(connection, AlarmWatch, query)


def rules(connection: Connection) -> list[AlarmRule]:
    """All that people want; read at the start and after each change."""
    return records(connection, AlarmRule, select_record(AlarmRule))


def presence(connection: Connection, station_id: str) -> Presence | None:
    """Whether a station may and does hold a connection; None where it is not registered. Index: the primary
    keys."""
    query = (
        select(stations.c.enabled, station_status.c.connected)
        .join(station_status, station_status.c.station_id == stations.c.id)
        .where(stations.c.id == station_id)
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Presence(enabled=row[0], connected=row[1])


def metering(connection: Connection, station_id: str, transaction_id: str) -> Metering | None:
    """What the meter said in a session; None where that has ended. Indexes: the primary key,
    meter_values_by_transaction."""
    found = records(
        connection, Transaction, select_record(Transaction).where(transactions.c.id == transaction_id)
    )
    if not found or found[0].ended_at is not None:
        return None
    column = meter_values.c
    query = select(func.max(column.received_at), func.max(column.energy_wh), func.max(column.power_w)).where(
        column.transaction_id == transaction_id
    )
    last_at, energy_wh, power_w = connection.execute(query).one()
    there = presence(connection, station_id)
    flowed = energy_wh is not None and energy_wh > found[0].meter_start_wh
    return Metering(
        connected=there is not None and there.connected,
        last_at=last_at,
        has_energy=flowed or (power_w is not None and power_w > 0),
    )


def open_by_severity(connection: Connection) -> dict[str, int]:
    """How many alarms are open. Index: alarms_open_by_time."""
    query = (
        select(alarms.c.severity, func.count())
        .where(alarms.c.cleared_at.is_(None))
        .group_by(alarms.c.severity)
        .with_hint(alarms, "INDEXED BY alarms_open_by_time", "sqlite")
    )
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def alarm(connection: Connection, alarm_id: str) -> Alarm | None:
    """An alarm by its id. Index: the primary key."""
    found = records(connection, Alarm, select_record(Alarm).where(alarms.c.id == alarm_id))
    return found[0] if found else None


def alarms_page(
    connection: Connection, limit: int, cursor: str = "", which: AlarmFilter = ANY
) -> tuple[list[Alarm], str | None]:
    """Alarms, the newest first. Indexes: alarms_by_time, alarms_by_station, alarms_open_by_time."""
    of = f"alarms {msgspec.json.encode(which).decode()}"
    columns = alarms.c
    query = select_record(Alarm).order_by(columns.raised_at.desc(), columns.id.desc()).limit(limit + 1)
    for column, value in (
        (columns.station_id, which.station_id),
        (columns.kind, which.kind),
        (columns.severity, which.severity),
    ):
        if value:
            query = query.where(column == value)
    is_acknowledged, is_open = columns.acknowledged_at.is_not(None), columns.cleared_at.is_(None)
    if which.acknowledged is not None:
        query = query.where(is_acknowledged if which.acknowledged else ~is_acknowledged)
    if which.within:
        query = query.where(standing_at(columns.station_id, which.within))
    if which.state:
        query = query.where(~is_open if which.state == "cleared" else is_open)
    if which.state in ("raised", "acknowledged"):
        query = query.where(is_acknowledged if which.state == "acknowledged" else ~is_acknowledged)
    if cursor:
        at, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.raised_at, columns.id) < (moment(int(at)), last))
    is_small = which.state not in ("", "cleared")
    index = "alarms_open_by_time" if is_small else "alarms_by_time"
    index = "alarms_by_station" if which.station_id else index
    query = query.with_hint(alarms, f"INDEXED BY {index}", "sqlite")
    return cut(
        records(connection, Alarm, query), limit, of, lambda each: (microseconds(each.raised_at), each.id)
    )
