"""Reads of the certificates of stations."""

from datetime import datetime

from sqlalchemy import Connection, select

from evsys.core.records import StationCertificate
from evsys.store.schema import station_certificates
from evsys.store.views.reader import records, select_record

MAX_OF_STATION = 100
"""Certificates of one station that are looked at, the newest first: one that renews every day, for months."""


def certificate(connection: Connection, serial: str) -> StationCertificate | None:
    """A certificate by its serial number. Index: the primary key."""
    query = select_record(StationCertificate).where(station_certificates.c.serial == serial)
    found = records(connection, StationCertificate, query)
    return found[0] if found else None


def of_station(connection: Connection, station_id: str) -> list[StationCertificate]:
    """The certificates of a station, the newest first. Index: certificates_by_station."""
    columns = station_certificates.c
    query = (
        select_record(StationCertificate)
        .where(columns.station_id == station_id)
        .order_by(columns.issued_at.desc(), columns.serial)
        .limit(MAX_OF_STATION)
    )
    return records(connection, StationCertificate, query)


def of_request(connection: Connection, station_id: str, digest: str) -> StationCertificate | None:
    """What was last signed of a station's CSR. Index: certificates_by_station."""
    same = [each for each in of_station(connection, station_id) if each.request_digest == digest]
    return same[0] if same else None


def ending(connection: Connection, now: datetime, limit: int) -> list[StationCertificate]:
    """Certificates that are in force and to be renewed, those that end first, where the station was given no
    newer one. Indexes: certificates_to_renew, certificates_by_station."""
    columns = station_certificates.c
    newer = station_certificates.alias("newer")
    replaced = (
        select(newer.c.serial)
        .where(
            newer.c.station_id == columns.station_id,
            newer.c.issued_at > columns.issued_at,
            newer.c.accepted_at.is_not(None),
            newer.c.revoked_at.is_(None),
        )
        .exists()
    )
    query = (
        select_record(StationCertificate)
        .where(
            columns.revoked_at.is_(None),
            columns.renew_at <= now,
            columns.valid_until > now,
            columns.accepted_at.is_not(None),
            ~replaced,
        )
        .order_by(columns.renew_at)
        .limit(limit)
        .with_hint(station_certificates, "INDEXED BY certificates_to_renew", "sqlite")
    )
    return records(connection, StationCertificate, query)
