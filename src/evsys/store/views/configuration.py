"""Reads of the configuration of stations."""

from sqlalchemy import Connection

from evsys.core.records import ConfigurationKey
from evsys.store.schema import configuration_keys
from evsys.store.views.reader import records, select_record


def configuration_of(connection: Connection, station_id: str) -> list[ConfigurationKey]:
    """The configuration keys of a station by name; the office keeps no more than it takes. Index: the primary
    key."""
    columns = configuration_keys.c
    query = select_record(ConfigurationKey).where(columns.station_id == station_id)
    return records(connection, ConfigurationKey, query.order_by(columns.key))
