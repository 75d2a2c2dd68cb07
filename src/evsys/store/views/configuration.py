"""Reads of the configuration of stations, as it is and as it is wanted."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, func, select

from evsys.core.records import (
    ConfigurationKey,
    ConfigurationTemplate,
    ConfigurationVerdict,
    Station,
    StationStatus,
)
from evsys.store.schema import (
    configuration_keys,
    configuration_templates,
    configuration_verdicts,
    station_status,
    stations,
)
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.queue import last_event_at
from evsys.store.views.reader import records, select_record

TEMPLATES: Final = "configuration templates"


class Configured(Struct, frozen=True):
    """A station with all that its configuration depends on."""

    station: Station
    status: StationStatus | None
    last_event_at: datetime | None
    kept: list[ConfigurationKey]
    verdicts: list[ConfigurationVerdict]


def configuration_of(connection: Connection, station_id: str) -> list[ConfigurationKey]:
    """The configuration keys of a station by name; the office keeps no more than it takes. Index: the primary
    key."""
    columns = configuration_keys.c
    query = select_record(ConfigurationKey).where(columns.station_id == station_id)
    return records(connection, ConfigurationKey, query.order_by(columns.key))


def verdicts_of(connection: Connection, station_id: str) -> list[ConfigurationVerdict]:
    """What a station said to what it was to repair. Index: the primary key."""
    query = select_record(ConfigurationVerdict).where(configuration_verdicts.c.station_id == station_id)
    return records(connection, ConfigurationVerdict, query)


def configured(connection: Connection, ids: Sequence[str]) -> list[Configured]:
    """Stations by their ids. Indexes: the primary keys, events_by_station."""
    found = records(connection, Station, select_record(Station).where(stations.c.id.in_(ids)))
    there = select_record(StationStatus).where(station_status.c.station_id.in_(ids))
    status = {each.station_id: each for each in records(connection, StationStatus, there)}
    return [
        Configured(
            each,
            status.get(each.id),
            last_event_at(connection, each.id),
            configuration_of(connection, each.id),
            verdicts_of(connection, each.id),
        )
        for each in found
    ]


def templates(connection: Connection) -> list[ConfigurationTemplate]:
    """All templates in the order of their ids; the office makes no more than it takes. Index: the primary
    key."""
    query = select_record(ConfigurationTemplate).order_by(configuration_templates.c.id)
    return records(connection, ConfigurationTemplate, query)


def count_templates(connection: Connection) -> int:
    """How many templates there are. A scan of few."""
    query = select(func.count()).select_from(configuration_templates)
    return int(connection.execute(query).scalar_one())


def templates_page(
    connection: Connection, limit: int, cursor: str = ""
) -> tuple[list[ConfigurationTemplate], str | None]:
    """Templates in the order of their ids. Index: the primary key."""
    ids = configuration_templates.c.id
    query = select_record(ConfigurationTemplate).order_by(ids).limit(limit + 1)
    if cursor:
        query = query.where(ids > from_cursor(TEMPLATES, cursor, [str])[0])
    found = records(connection, ConfigurationTemplate, query)
    return cut(found, limit, TEMPLATES, lambda each: (each.id,))


def connected(connection: Connection) -> list[str]:
    """The connected stations. A scan of a row per station."""
    query = select(station_status.c.station_id).where(station_status.c.connected)
    return [row[0] for row in connection.execute(query)]
