"""Reads of the local lists of stations, and of what they follow from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, and_, exists, func, or_, select

from evsys.core.records import LocalList, LocalListContent, Station, StationStatus, Token
from evsys.store.schema import (
    local_list_contents,
    local_lists,
    station_status,
    stations,
    tokens,
)
from evsys.store.views.queue import last_event_at
from evsys.store.views.reader import records, select_record

TOKENS_PAGE: Final = 5000
"""Tokens read at once."""
ORPHANS: Final = 100
"""Contents removed at once."""


class Listed(Struct, frozen=True):
    """A station with all that its local list depends on."""

    station: Station
    status: StationStatus | None
    last_event_at: datetime | None
    kept: LocalList | None


def listed(connection: Connection, ids: Sequence[str]) -> list[Listed]:
    """Stations by their ids. Indexes: the primary keys, events_by_station."""
    found = records(connection, Station, select_record(Station).where(stations.c.id.in_(ids)))
    there = select_record(StationStatus).where(station_status.c.station_id.in_(ids))
    status = {each.station_id: each for each in records(connection, StationStatus, there)}
    known = select_record(LocalList).where(local_lists.c.station_id.in_(ids))
    kept = {each.station_id: each for each in records(connection, LocalList, known)}
    return [
        Listed(each, status.get(each.id), last_event_at(connection, each.id), kept.get(each.id))
        for each in found
    ]


def connected_with_list(connection: Connection, by_default: bool) -> list[str]:
    """The connected stations that have a local list or are to have one. A scan of a row per station."""
    wanted = func.coalesce(stations.c.local_list, by_default)
    has_one = exists().where(and_(local_lists.c.station_id == stations.c.id, local_lists.c.content != ""))
    query = (
        select(stations.c.id)
        .join(station_status, station_status.c.station_id == stations.c.id)
        .where(station_status.c.connected, or_(wanted, has_one))
    )
    return [row[0] for row in connection.execute(query)]


def tokens_after(connection: Connection, after: str) -> list[Token]:
    """A page of all tokens in the order of their ids. Index: the primary key."""
    query = select_record(Token).where(tokens.c.id > after).order_by(tokens.c.id).limit(TOKENS_PAGE)
    return records(connection, Token, query)


def content(connection: Connection, digest: str) -> LocalListContent | None:
    """What is on the lists of a digest. Index: the primary key."""
    query = select_record(LocalListContent).where(local_list_contents.c.digest == digest)
    found = records(connection, LocalListContent, query)
    return found[0] if found else None


def orphans(connection: Connection) -> list[LocalListContent]:
    """Contents that no station has any more, some of them. Indexes: local_lists_by_content, and a scan of the
    contents, which are few."""
    used = exists().where(local_lists.c.content == local_list_contents.c.digest)
    return records(connection, LocalListContent, select_record(LocalListContent).where(~used).limit(ORPHANS))
