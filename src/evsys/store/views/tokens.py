"""Reads of id tokens."""

from sqlalchemy import Connection

from evsys.core.records import Token
from evsys.store.schema import tokens
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reader import records, select_record

LIST = "tokens"


def token(connection: Connection, token_id: str) -> Token | None:
    """A token by its canonical id."""
    found = records(connection, Token, select_record(Token).where(tokens.c.id == token_id))
    return found[0] if found else None


def tokens_page(
    connection: Connection, limit: int, cursor: str = "", user_id: str = ""
) -> tuple[list[Token], str | None]:
    """Tokens in the order of their ids: of a user, or all. Index: the primary key; a user's are looked for in
    row after row of it."""
    of = f"{LIST} {user_id}" if user_id else LIST
    query = select_record(Token).order_by(tokens.c.id).limit(limit + 1)
    if user_id:
        query = query.where(tokens.c.user_id == user_id)
    if cursor:
        query = query.where(tokens.c.id > from_cursor(of, cursor, [str])[0])
    return cut(records(connection, Token, query), limit, of, lambda each: (each.id,))
