"""Reads of how stations prove who they are. Digests of their keys leave here for the office alone."""

from sqlalchemy import Connection, select

from evsys.core.credentials import Credentials
from evsys.core.records import StationKey, StationProof, StationSecurity
from evsys.store.schema import station_keys, station_proofs, station_security
from evsys.store.views.reader import records, select_record


def credentials(connection: Connection, station_id: str) -> Credentials:
    """All of one station; version 0 where people said nothing of it. Indexes: the primary keys."""
    security = records(
        connection,
        StationSecurity,
        select_record(StationSecurity).where(station_security.c.station_id == station_id),
    )
    keys = records(
        connection, StationKey, select_record(StationKey).where(station_keys.c.station_id == station_id)
    )
    proofs = records(
        connection, StationProof, select_record(StationProof).where(station_proofs.c.station_id == station_id)
    )
    return Credentials(
        security=security[0] if security else StationSecurity(station_id=station_id, version=0),
        keys=tuple(keys),
        proof=proofs[0] if proofs else None,
    )


def station_named(connection: Connection, certificate_name: str) -> str | None:
    """The station that is called so in its certificate: few have a name of their own, and they are looked
    through."""
    columns = station_security.c
    query = select(columns.station_id).where(columns.certificate_name == certificate_name).limit(1)
    found = connection.execute(query).first()
    return str(found[0]) if found is not None else None
