"""Reads of the commands that were sent to stations."""

from sqlalchemy import Connection, tuple_

from evsys.core.records import CommandRecord
from evsys.store.cells import microseconds, moment
from evsys.store.schema import commands
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import records, select_record


def command(connection: Connection, command_id: str) -> CommandRecord | None:
    """A command by its id."""
    query = select_record(CommandRecord).where(commands.c.id == command_id)
    found = records(connection, CommandRecord, query)
    return found[0] if found else None


def commands_page(
    connection: Connection, station_id: str, limit: int, cursor: str = ""
) -> tuple[list[CommandRecord], str | None]:
    """A station's commands, newest first. Index: commands_by_station."""
    of = f"commands {station_id}"
    columns = commands.c
    query = (
        select_record(CommandRecord)
        .where(columns.station_id == station_id)
        .order_by(columns.requested_at.desc(), columns.id.desc())
        .limit(limit + 1)
    )
    if cursor:
        at, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.requested_at, columns.id) < (moment(int(at)), last))
    return cut(
        records(connection, CommandRecord, query),
        limit,
        of,
        lambda each: (microseconds(each.requested_at), each.id),
    )
