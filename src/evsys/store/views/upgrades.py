"""Reads of upgrades of stations' security profiles."""

from sqlalchemy import Connection

from evsys.core.records import SecurityUpgrade
from evsys.store.schema import security_upgrades
from evsys.store.views.reader import records, select_record

MAX_OF_STATION = 100
"""A station rises three times in its life; the rest are failures."""


def of_station(connection: Connection, station_id: str) -> list[SecurityUpgrade]:
    """The upgrades of a station, the newest first. Index: upgrades_by_station."""
    columns = security_upgrades.c
    query = (
        select_record(SecurityUpgrade)
        .where(columns.station_id == station_id)
        .order_by(columns.requested_at.desc(), columns.id)
        .limit(MAX_OF_STATION)
        .with_hint(security_upgrades, "INDEXED BY upgrades_by_station", "sqlite")
    )
    return records(connection, SecurityUpgrade, query)


def under_way(connection: Connection) -> list[SecurityUpgrade]:
    """All that have not ended. Index: upgrades_under_way."""
    query = (
        select_record(SecurityUpgrade)
        .where(security_upgrades.c.state.not_in(("done", "failed")))
        .order_by(security_upgrades.c.station_id)
    )
    return records(connection, SecurityUpgrade, query)
