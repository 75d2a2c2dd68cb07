"""Reads of the commands that wait for their stations."""

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, func, select

from evsys.core.records import QueuedCommand, StationStatus
from evsys.store.schema import events, queued_commands, station_status
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import records, select_record

DUE: Final = 500
"""Commands ended at once, and stations looked at at once; the next look sees the others."""


class Waited(Struct, frozen=True):
    """A connected station for which commands wait."""

    status: StationStatus
    last_event_at: datetime | None


def queued_command(connection: Connection, command_id: str) -> QueuedCommand | None:
    """A queued command by its id. Index: the primary key."""
    query = select_record(QueuedCommand).where(queued_commands.c.id == command_id)
    found = records(connection, QueuedCommand, query)
    return found[0] if found else None


def last_number(connection: Connection, station_id: str) -> int:
    """The number of the command that was queued last for a station, 0 without any. Index:
    queued_commands_number."""
    query = select(func.coalesce(func.max(queued_commands.c.number), 0))
    return int(connection.execute(query.where(queued_commands.c.station_id == station_id)).scalar_one())


def waiting(connection: Connection, station_id: str) -> int:
    """How many commands wait for a station. Index: queued_commands_waiting."""
    query = select(func.count()).select_from(queued_commands).where(queued_commands.c.ended_at.is_(None))
    return int(connection.execute(query.where(queued_commands.c.station_id == station_id)).scalar_one())


def first_waiting(connection: Connection, station_id: str) -> QueuedCommand | None:
    """The next command to be sent to a station. Index: queued_commands_waiting."""
    columns = queued_commands.c
    query = (
        select_record(QueuedCommand)
        .where(columns.station_id == station_id, columns.ended_at.is_(None))
        .order_by(columns.number)
        .limit(1)
    )
    found = records(connection, QueuedCommand, query)
    return found[0] if found else None


def expired(connection: Connection, now: datetime) -> list[QueuedCommand]:
    """Those whose time is over, some of them. Index: queued_commands_waiting, all of it: what waits is
    little."""
    query = (
        select_record(QueuedCommand)
        .where(queued_commands.c.ended_at.is_(None), queued_commands.c.expires_at <= now)
        .with_hint(queued_commands, "INDEXED BY queued_commands_waiting", "sqlite")
        .limit(DUE)
    )
    return records(connection, QueuedCommand, query)


def connected_with_queue(connection: Connection) -> list[Waited]:
    """The connected stations for which commands wait. Indexes: queued_commands_waiting, the primary key,
    events_by_station."""
    stations = (
        select(queued_commands.c.station_id)
        .where(queued_commands.c.ended_at.is_(None))
        .with_hint(queued_commands, "INDEXED BY queued_commands_waiting", "sqlite")
        .distinct()
        .limit(DUE)
    )
    ids = [row[0] for row in connection.execute(stations)]
    if not ids:
        return []
    there = select_record(StationStatus).where(
        station_status.c.station_id.in_(ids), station_status.c.connected
    )
    return [
        Waited(status, last_event_at(connection, status.station_id))
        for status in records(connection, StationStatus, there)
    ]


def queue_page(
    connection: Connection, station_id: str, limit: int, cursor: str = ""
) -> tuple[list[QueuedCommand], str | None]:
    """The commands that were queued for a station, newest first. Index: queued_commands_number."""
    of = f"queue {station_id}"
    columns = queued_commands.c
    query = (
        select_record(QueuedCommand)
        .where(columns.station_id == station_id)
        .order_by(columns.number.desc())
        .limit(limit + 1)
    )
    if cursor:
        query = query.where(columns.number < from_cursor(of, cursor, [int])[0])
    return cut(records(connection, QueuedCommand, query), limit, of, lambda each: (each.number,))


def last_event_at(connection: Connection, station_id: str) -> datetime | None:
    """When something last happened at a station. Index: events_by_station."""
    query = select(events.c.at).where(events.c.station_id == station_id).order_by(events.c.seq.desc())
    return connection.execute(query.limit(1)).scalar()
