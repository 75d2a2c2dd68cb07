"""Reads for digests: what stations did in a period."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from sqlalchemy import Connection, func, select, text

from evsys.core.records import Station
from evsys.store.schema import events, stations, transactions
from evsys.store.views.notices import first_seq_since
from evsys.store.views.reader import records, select_record

_LINKS = text("kind IN ('StationConnected', 'StationDisconnected')")


class StationDigest(Struct, frozen=True, kw_only=True):
    """What one station did."""

    station_id: str
    title: str = ""
    sessions: int = 0
    """Those that began in the period."""
    energy_wh: int = 0
    uptime: float = 0.0
    """The share of the period, or of what it was known of it, in which it was connected: 0 to 1."""


class Digest(Struct, frozen=True, kw_only=True):
    """What stations did from `since` until `until`, those with the most energy first."""

    since: datetime
    until: datetime
    stations: tuple[StationDigest, ...] = ()

    @property
    def sessions(self) -> int:
        return sum(each.sessions for each in self.stations)

    @property
    def energy_wh(self) -> int:
        return sum(each.energy_wh for each in self.stations)

    @property
    def uptime(self) -> float:
        """The mean of the stations'."""
        return sum(each.uptime for each in self.stations) / len(self.stations) if self.stations else 0.0


def stations_in_scope(
    connection: Connection, station_ids: Sequence[str], location_ids: Sequence[str], after: str, limit: int
) -> list[Station]:
    """Stations that are named or stand at a location that is; all where nothing is named; in the order of
    their ids, above `after`. Index: the primary key."""
    columns = stations.c
    query = select_record(Station).where(columns.id > after).order_by(columns.id).limit(limit)
    if station_ids or location_ids:
        query = query.where(columns.id.in_(station_ids) | columns.location_id.in_(location_ids))
    return records(connection, Station, query)


def digests(
    connection: Connection, known: Sequence[Station], since: datetime, until: datetime
) -> list[StationDigest]:
    """What these stations did in a period: some hundred at once. Indexes: transactions_by_station,
    events_of_links."""
    columns = transactions.c
    query = (
        select(columns.station_id, func.count(), func.coalesce(func.sum(columns.energy_wh), 0))
        .where(
            columns.station_id.in_([each.id for each in known]),
            columns.started_at >= since,
            columns.started_at < until,
        )
        .group_by(columns.station_id)
        .with_hint(transactions, "INDEXED BY transactions_by_station", "sqlite")
    )
    charged = {row[0]: (int(row[1]), int(row[2])) for row in connection.execute(query)}
    first, last = first_seq_since(connection, since), first_seq_since(connection, until)
    return [
        StationDigest(
            station_id=each.id,
            title=each.title,
            sessions=charged.get(each.id, (0, 0))[0],
            energy_wh=charged.get(each.id, (0, 0))[1],
            uptime=_uptime(connection, each, since, until, (first, last)),
        )
        for each in known
    ]


def _uptime(
    connection: Connection, station: Station, since: datetime, until: datetime, seqs: tuple[int, int]
) -> float:
    """From its first to its last event of the link in the period, and how it stood when that began."""
    columns = events.c
    links = (
        select(columns.at, columns.kind)
        .where(_LINKS, columns.station_id == station.id)
        .with_hint(events, "INDEXED BY events_of_links", "sqlite")
    )
    before = connection.execute(
        links.where(columns.seq < seqs[0]).order_by(columns.seq.desc()).limit(1)
    ).first()
    begin = max(since, station.created_at)
    if begin >= until:
        return 0.0
    there = begin if before is not None and before.kind == "StationConnected" else None
    connected_s = 0.0
    for at, kind in connection.execute(
        links.where(columns.seq >= seqs[0], columns.seq < seqs[1]).order_by(columns.seq)
    ):
        if kind == "StationConnected":
            there = there or max(at, begin)
        elif there is not None:
            connected_s += (at - there).total_seconds()
            there = None
    if there is not None:
        connected_s += (until - there).total_seconds()
    return min(max(connected_s / (until - begin).total_seconds(), 0.0), 1.0)
