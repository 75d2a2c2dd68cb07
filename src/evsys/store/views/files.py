"""Reads of the files that are kept."""

from sqlalchemy import Connection, func, select, tuple_

from evsys.core.records import JobKind, StoredFile
from evsys.store.cells import microseconds, moment
from evsys.store.schema import files
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import records, select_record


def files_page(
    connection: Connection,
    limit: int,
    cursor: str = "",
    kind: JobKind | None = None,
    station_id: str | None = None,
) -> tuple[list[StoredFile], str | None]:
    """Files, newest first: of a kind, of a station. Indexes: files_by_time, files_by_station."""
    of = f"files {kind} {station_id}"
    columns = files.c
    query = select_record(StoredFile).order_by(columns.created_at.desc(), columns.id.desc()).limit(limit + 1)
    if kind is not None:
        query = query.where(columns.kind == kind)
    if station_id is not None:
        query = query.where(columns.station_id == station_id)
    if cursor:
        at, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.created_at, columns.id) < (moment(int(at)), last))
    return cut(
        records(connection, StoredFile, query),
        limit,
        of,
        lambda each: (microseconds(each.created_at), each.id),
    )


def stored_bytes(connection: Connection) -> int:
    """How much is kept. A scan of a table of people's size, before a file is taken."""
    return int(connection.execute(select(func.coalesce(func.sum(files.c.size_bytes), 0))).scalar_one())


def file_ids(connection: Connection) -> set[str]:
    """All of them, at the start. Index: the primary key."""
    return {str(found) for found in connection.execute(select(files.c.id)).scalars()}
