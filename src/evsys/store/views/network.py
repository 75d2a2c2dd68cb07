"""Reads of locations and users, and of what belongs to them."""

from collections.abc import Sequence

from sqlalchemy import Connection, select

from evsys.core.records import Location, User
from evsys.store.schema import locations, stations, tokens, users
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import records, select_record

LOCATIONS = "locations"
USERS = "users"


def locations_page(
    connection: Connection, limit: int, cursor: str = "", within: Sequence[str] = ()
) -> tuple[list[Location], str | None]:
    """Locations in the order of their ids: all, or those of `within`. Index: the primary key."""
    query = select_record(Location).order_by(locations.c.id).limit(limit + 1)
    if within:
        query = query.where(locations.c.id.in_(within))
    if cursor:
        query = query.where(locations.c.id > from_cursor(LOCATIONS, cursor, [str])[0])
    return cut(records(connection, Location, query), limit, LOCATIONS, lambda each: (each.id,))


def users_page(connection: Connection, limit: int, cursor: str = "") -> tuple[list[User], str | None]:
    """Users in the order of their ids. Index: the primary key."""
    query = select_record(User).order_by(users.c.id).limit(limit + 1)
    if cursor:
        query = query.where(users.c.id > from_cursor(USERS, cursor, [str])[0])
    return cut(records(connection, User, query), limit, USERS, lambda each: (each.id,))


def station_at(connection: Connection, location_id: str) -> str | None:
    """A station of a location, if there is one. A scan of a table of people's size, at a removal alone."""
    query = select(stations.c.id).where(stations.c.location_id == location_id).limit(1)
    found = connection.execute(query).scalar()
    return None if found is None else str(found)


def token_of(connection: Connection, user_id: str) -> str | None:
    """A token of a user, if there is one. A scan of a table of people's size, at a removal alone."""
    query = select(tokens.c.id).where(tokens.c.user_id == user_id).limit(1)
    found = connection.execute(query).scalar()
    return None if found is None else str(found)
