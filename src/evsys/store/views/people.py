"""Reads of people who sign in. Digests and hashes leave here for the office alone."""

from datetime import datetime
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, exists, select, text

from evsys.core.records import ApiKey, User, UserLink, UserLogin, UserSession
from evsys.store.schema import api_keys, user_links, user_logins, user_sessions, users
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import record_by_id, records, select_record

MAX_SESSIONS: Final = 100
"""Sessions of one person that are looked at, and what is swept at once."""
_STAFF: Final = text("role <> 'driver'")
"""As the partial index says it."""


class Identity(Struct, frozen=True):
    """Somebody, and what they prove themselves with."""

    user: User
    login: UserLogin | None


class SignedInAs(Struct, frozen=True):
    """A session and whose it is."""

    session: UserSession
    user: User


class Belongings(Struct, frozen=True):
    """What goes when somebody goes."""

    login: UserLogin | None
    sessions: list[UserSession]
    links: list[UserLink]
    keys: list[ApiKey]


def identity(connection: Connection, user_id: str) -> Identity | None:
    """Somebody by their id. Indexes: the primary keys."""
    user = record_by_id(connection, User, user_id)
    return None if user is None else Identity(user, login(connection, user_id))


def login(connection: Connection, user_id: str) -> UserLogin | None:
    """What somebody proves themselves with. Index: the primary key."""
    found = records(connection, UserLogin, select_record(UserLogin).where(user_logins.c.user_id == user_id))
    return found[0] if found else None


def session(connection: Connection, digest: str) -> SignedInAs | None:
    """The session whose secret has this digest. Indexes: the primary keys."""
    query = select_record(UserSession).where(user_sessions.c.digest == digest)
    found = records(connection, UserSession, query)
    user = record_by_id(connection, User, found[0].user_id) if found else None
    return None if user is None else SignedInAs(found[0], user)


def sessions_of(connection: Connection, user_id: str) -> list[UserSession]:
    """Where somebody is signed in, newest first. Index: sessions_by_user."""
    columns = user_sessions.c
    query = select_record(UserSession).where(columns.user_id == user_id)
    return records(connection, UserSession, query.order_by(columns.created_at.desc()).limit(MAX_SESSIONS))


def sessions_over(connection: Connection, now: datetime) -> list[UserSession]:
    """Sessions that are over, some of them. Index: sessions_by_end."""
    query = select_record(UserSession).where(user_sessions.c.expires_at <= now)
    return records(connection, UserSession, query.limit(MAX_SESSIONS))


def link(connection: Connection, digest: str) -> tuple[UserLink, User] | None:
    """The link whose secret has this digest, and whose it is. Indexes: the primary keys."""
    found = records(connection, UserLink, select_record(UserLink).where(user_links.c.digest == digest))
    user = record_by_id(connection, User, found[0].user_id) if found else None
    return None if user is None else (found[0], user)


def links_of(connection: Connection, user_id: str) -> list[UserLink]:
    """The links that somebody was given. Index: links_by_user."""
    query = select_record(UserLink).where(user_links.c.user_id == user_id)
    return records(connection, UserLink, query.limit(MAX_SESSIONS))


def belongings(connection: Connection, user_id: str) -> Belongings:
    """What goes when somebody goes. Indexes: the primary key, sessions_by_user, links_by_user; the keys, of
    which there are few, are looked through."""
    return Belongings(
        login(connection, user_id),
        sessions_of(connection, user_id),
        links_of(connection, user_id),
        keys_of(connection, user_id),
    )


def keys_of(connection: Connection, user_id: str) -> list[ApiKey]:
    """Somebody's keys that were not revoked. The keys, of which there are few, are looked through."""
    query = select_record(ApiKey).where(api_keys.c.user_id == user_id, api_keys.c.revoked_at.is_(None))
    return records(connection, ApiKey, query.order_by(api_keys.c.created_at))


def another_admin(connection: Connection, user_id: str) -> bool:
    """Whether somebody else is an administrator. Index: users_staff."""
    query = select(users.c.id).where(_STAFF, users.c.role == "admin", users.c.enabled, users.c.id != user_id)
    return (
        connection.execute(query.limit(1).with_hint(users, "INDEXED BY users_staff", "sqlite")).first()
        is not None
    )


def anybody_can_sign_in(connection: Connection) -> bool:
    """Whether an administrator has a password. Indexes: users_staff, the primary key."""
    has_password = exists().where(user_logins.c.user_id == users.c.id, user_logins.c.password != "")
    query = select(users.c.id).where(_STAFF, users.c.role == "admin", users.c.enabled, has_password)
    return (
        connection.execute(query.limit(1).with_hint(users, "INDEXED BY users_staff", "sqlite")).first()
        is not None
    )


def people_page(
    connection: Connection, limit: int, cursor: str = "", search: str = "", staff: bool = False
) -> tuple[list[User], str | None]:
    """People in the order of their ids: those whose id, name or e-mail address holds `search`; only those who
    work here. Indexes: the primary key, where what is searched for is looked for in row after row;
    users_staff."""
    of = f"people {staff} {search}"
    columns = users.c
    query = select_record(User).order_by(columns.id).limit(limit + 1)
    if staff:
        query = query.where(_STAFF).with_hint(users, "INDEXED BY users_staff", "sqlite")
    if search:
        held = [each.icontains(search, autoescape=True) for each in (columns.id, columns.name, columns.email)]
        query = query.where(held[0] | held[1] | held[2])
    if cursor:
        query = query.where(columns.id > from_cursor(of, cursor, [str])[0])
    return cut(records(connection, User, query), limit, of, lambda each: (each.id,))
