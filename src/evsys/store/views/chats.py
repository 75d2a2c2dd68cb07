"""Reads of chats on Telegram, and of their invites."""

from sqlalchemy import Connection, func, select, tuple_

from evsys.core.records import ChatState, TelegramChat, TelegramInvite
from evsys.store.cells import microseconds, moment
from evsys.store.schema import columns_of, telegram_chats, telegram_invite_secrets, telegram_invites
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import records, select_record

MAX_INVITES = 200
"""Invites listed at most, the newest."""


def chat(connection: Connection, chat_id: str) -> TelegramChat | None:
    """A chat by its id. Index: the primary key."""
    found = records(
        connection, TelegramChat, select_record(TelegramChat).where(telegram_chats.c.id == chat_id)
    )
    return found[0] if found else None


def count(connection: Connection, state: ChatState) -> int:
    """How many chats are in a state. Index: telegram_chats_by_state."""
    query = select(func.count()).select_from(telegram_chats).where(telegram_chats.c.state == state)
    return int(connection.execute(query).scalar_one())


def chats_page(
    connection: Connection, limit: int, cursor: str = "", state: ChatState = "approved"
) -> tuple[list[TelegramChat], str | None]:
    """Chats in a state, the newest first. Index: telegram_chats_by_state."""
    of = f"chats {state}"
    columns = telegram_chats.c
    query = (
        select_record(TelegramChat)
        .where(columns.state == state)
        .order_by(columns.requested_at.desc(), columns.id.desc())
        .limit(limit + 1)
    )
    if cursor:
        at, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.requested_at, columns.id) < (moment(int(at)), last))
    found = records(connection, TelegramChat, query)
    return cut(found, limit, of, lambda each: (microseconds(each.requested_at), each.id))


def invites(connection: Connection) -> list[TelegramInvite]:
    """The newest invites. Index: telegram_invites_by_time."""
    columns = telegram_invites.c
    query = select_record(TelegramInvite).order_by(columns.created_at.desc(), columns.id.desc())
    return records(connection, TelegramInvite, query.limit(MAX_INVITES))


def invite_by_digest(connection: Connection, digest: str) -> TelegramInvite | None:
    """The invite whose code has this digest. Index: telegram_invite_secrets_digest."""
    query = (
        select(*columns_of(telegram_invites))
        .join(telegram_invite_secrets, telegram_invite_secrets.c.invite_id == telegram_invites.c.id)
        .where(telegram_invite_secrets.c.digest == digest)
    )
    row = connection.execute(query).first()
    return TelegramInvite(**dict(zip(TelegramInvite.__struct_fields__, row, strict=True))) if row else None
