"""A station's state from its rows, as it was in memory when they were committed.

The rows are adopted through `core.station` in the order in which they were written, so that what follows from
them (the last reading of each session over all restarts of the register) comes out as it did then.
"""

import sqlite3
from typing import Final

from evsys.core import records
from evsys.core.records import (
    ConnectorStatus,
    MeterValue,
    Quarantined,
    Reservation,
    StationStatus,
    Transaction,
)
from evsys.core.station import MAX_QUARANTINE, RECENT_TRANSACTIONS, Station
from evsys.store.cells import moment
from evsys.store.reading import many, one, select_sql

_SETTINGS: Final = f"{select_sql(records.Station)} WHERE id = ?"
_STATUS: Final = f"{select_sql(StationStatus)} WHERE station_id = ?"
_CONNECTORS: Final = f"{select_sql(ConnectorStatus)} WHERE station_id = ?"
_OPEN: Final = f"{select_sql(Transaction)} WHERE station_id = ? AND ended_at IS NULL"
_RECENT: Final = f"""{select_sql(Transaction)}
    WHERE station_id = ? AND end_received_at IS NOT NULL
    ORDER BY end_received_at DESC LIMIT {RECENT_TRANSACTIONS}"""
_QUARANTINE: Final = f"""{select_sql(Quarantined)}
    WHERE station_id = ? AND resolved_at IS NULL ORDER BY received_at LIMIT {MAX_QUARANTINE}"""
_RESERVATIONS: Final = f"{select_sql(Reservation)} WHERE station_id = ? AND ended_at IS NULL"
_READINGS: Final = """
    SELECT digest, evse_id, at, reported_at, received_at, energy_wh FROM meter_values
    WHERE transaction_id = ? ORDER BY id"""


def load(connection: sqlite3.Connection, station_id: str) -> Station | None:
    """One station; None where it is not registered."""
    settings = one(connection, records.Station, _SETTINGS, station_id)
    if settings is None:
        return None
    status = one(connection, StationStatus, _STATUS, station_id) or StationStatus(station_id=station_id)
    station = Station(settings, status)
    for connector in many(connection, ConnectorStatus, _CONNECTORS, station_id):
        station.adopt(connector)
    transactions = many(connection, Transaction, _OPEN, station_id)
    transactions += many(connection, Transaction, _RECENT, station_id)
    # Memory has the open ones in the order they started, the others in the order they ended.
    for transaction in sorted(transactions, key=lambda each: each.end_received_at or each.start_received_at):
        station.adopt(transaction)
        if transaction.ended_by != "station":
            _adopt_readings(connection, station, transaction)
    for held in many(connection, Quarantined, _QUARANTINE, station_id):
        station.adopt(held)
    for reservation in many(connection, Reservation, _RESERVATIONS, station_id):
        station.adopt(reservation)
    return station


def _adopt_readings(connection: sqlite3.Connection, station: Station, transaction: Transaction) -> None:
    """The meter values of a transaction whose energy is still to be reckoned: what the station itself has
    ended, no reading changes any more."""
    for digest, evse_id, at, reported_at, received_at, energy_wh in connection.execute(
        _READINGS, (transaction.id,)
    ):
        station.adopt(
            MeterValue(
                digest=digest,
                station_id=station.id,
                evse_id=evse_id,
                transaction_id=transaction.id,
                at=moment(at),
                reported_at=moment(reported_at),
                received_at=moment(received_at),
                energy_wh=energy_wh,
            )
        )
