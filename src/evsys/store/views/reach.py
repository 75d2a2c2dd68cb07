"""Which stations stand at some locations: what somebody sees who is bound to them."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, select

from evsys.store.schema import stations


def standing_at(station: ColumnElement[str], within: Sequence[str]) -> ColumnElement[bool]:
    """The condition that a row is of a station at one of these locations. Index: the primary key of
    stations."""
    place = select(stations.c.location_id).where(stations.c.id == station).scalar_subquery()
    return place.in_(within)


def stands_at(connection: Connection, station_id: str, within: Sequence[str]) -> bool:
    """Whether a station is at one of these locations. Index: the primary key."""
    query = select(stations.c.id).where(stations.c.id == station_id, stations.c.location_id.in_(within))
    return connection.execute(query).first() is not None


def stations_at(connection: Connection, within: Sequence[str]) -> frozenset[str]:
    """The stations at these locations. Index: stations_by_location."""
    query = select(stations.c.id).where(stations.c.location_id.in_(within))
    return frozenset(str(found) for found in connection.execute(query).scalars())
