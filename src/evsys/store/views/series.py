"""Reads for the series that EVSYS gave to Prometheus."""

from datetime import datetime
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, and_, func, select

from evsys.core.events import Event, LoggedEvent
from evsys.store.schema import connector_status, events, meter_values, station_status, stations, transactions

EVENTS_AT_ONCE: Final = 10_000
"""Rows of the log looked at by one read: some tens of milliseconds."""

_decode_event: Final = msgspec.json.Decoder(Event).decode


class Power(Struct, frozen=True):
    """The latest readings of a running transaction."""

    station_id: str
    evse_id: int
    at: datetime | None
    power_w: float | None
    energy_wh: float | None
    previous_at: datetime | None
    previous_wh: float | None

    @property
    def kw(self) -> float:
        """The reported power, else what follows from the last two energy readings."""
        if self.power_w is not None:
            return self.power_w / 1000
        if self.at is None or self.previous_at is None or self.energy_wh is None or self.previous_wh is None:
            return 0.0
        seconds, wh = (self.at - self.previous_at).total_seconds(), self.energy_wh - self.previous_wh
        return 3.6 * wh / seconds if seconds > 0 and wh > 0 else 0.0


class Now(Struct, frozen=True):
    """What the rows say is now."""

    locations: dict[str, str]
    connected: list[str]
    running: list[Power]
    connectors: list[tuple[str, int]]


def now(connection: Connection) -> Now:
    """All that is now, of one moment."""
    return Now(
        locations_of_stations(connection),
        connected_stations(connection),
        power_of_open_transactions(connection),
        connectors(connection),
    )


def locations_of_stations(connection: Connection) -> dict[str, str]:
    """The location of each station, empty where it has none. A scan of a table of people's size."""
    query = select(stations.c.id, stations.c.location_id)
    return {row[0]: row[1] or "" for row in connection.execute(query)}


def connected_stations(connection: Connection) -> list[str]:
    """Ids of the stations that are connected, of those that were removed none. A scan of a row per
    station."""
    query = (
        select(station_status.c.station_id)
        .join(stations, stations.c.id == station_status.c.station_id)
        .where(station_status.c.connected)
    )
    return [row[0] for row in connection.execute(query)]


def connectors(connection: Connection) -> list[tuple[str, int]]:
    """Station and EVSE of all connectors ever reported. A scan of a row per connector."""
    query = select(connector_status.c.station_id, connector_status.c.evse_id).where(
        connector_status.c.evse_id > 0
    )
    return [(row[0], row[1]) for row in connection.execute(query)]


def power_of_open_transactions(connection: Connection) -> list[Power]:
    """The latest two meter values of each running transaction. Indexes: transactions_open,
    meter_values_by_transaction."""
    last, previous = meter_values.alias("last"), meter_values.alias("previous")
    of_it = meter_values.c.transaction_id == transactions.c.id
    newest = select(func.max(meter_values.c.id)).where(of_it).correlate(transactions).scalar_subquery()
    before = (
        select(func.max(meter_values.c.id))
        .where(and_(of_it, meter_values.c.id < last.c.id))
        .correlate(transactions, last)
        .scalar_subquery()
    )
    query = (
        select(
            transactions.c.station_id,
            transactions.c.evse_id,
            last.c.at,
            last.c.power_w,
            last.c.energy_wh,
            previous.c.at,
            previous.c.energy_wh,
        )
        .select_from(
            transactions.outerjoin(last, last.c.id == newest).outerjoin(previous, previous.c.id == before)
        )
        .where(transactions.c.ended_at.is_(None))
        .with_hint(transactions, "INDEXED BY transactions_open", "sqlite")
    )
    return [Power(*row) for row in connection.execute(query)]


def last_seq(connection: Connection) -> int:
    """The number of the newest event, 0 without any. Index: the primary key."""
    return int(connection.execute(select(func.coalesce(func.max(events.c.seq), 0))).scalar_one())


def seq_before(connection: Connection, moment: datetime) -> int:
    """The number of the last event before a moment, found by halving: the log is in the order of time."""
    low, high = 0, last_seq(connection)
    while low < high:
        middle = (low + high + 1) // 2
        query = select(events.c.at).where(events.c.seq >= middle).order_by(events.c.seq).limit(1)
        at = connection.execute(query).scalar()
        if at is not None and at < moment:
            low = middle
        else:
            high = middle - 1
    return low


def events_between(
    connection: Connection, after: int, last: int, kinds: tuple[str, ...]
) -> list[LoggedEvent]:
    """Events of some kinds with numbers above `after` up to `last`, in order. Index: the primary key."""
    query = (
        select(events.c.seq, events.c.at, events.c.station_id, events.c.transaction_id, events.c.payload)
        .where(events.c.seq > after, events.c.seq <= last, events.c.kind.in_(kinds))
        .order_by(events.c.seq)
    )
    return [
        LoggedEvent(seq=seq, at=at, station_id=station, transaction_id=of, event=_decode_event(payload))
        for seq, at, station, of, payload in connection.execute(query)
    ]
