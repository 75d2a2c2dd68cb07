"""Reads of how stations left the standard."""

from sqlalchemy import Connection

from evsys.core.records import StationQuirk
from evsys.store.schema import station_quirks
from evsys.store.views.reader import records, select_record


def quirks_of(connection: Connection, station_id: str) -> list[StationQuirk]:
    """The quirks of a station, what happens most first; there are no more than kinds. Index: the primary
    key."""
    columns = station_quirks.c
    found = records(
        connection, StationQuirk, select_record(StationQuirk).where(columns.station_id == station_id)
    )
    return sorted(found, key=lambda each: (-each.count, each.kind))
