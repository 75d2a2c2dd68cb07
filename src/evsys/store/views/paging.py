"""Pages: a list is read in pages of bounded size, each going on behind the last row of the one before.

A cursor holds the place of that row in the order of the list, and a check that it belongs to this list with
these filters. It stays good while rows come and go: what is there when the first page is read comes exactly
once.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2s
from typing import Final, TypeVar

import msgspec

from evsys.core.errors import EvsysError

MAX_PAGE: Final = 500
"""Rows of one page: some hundred kilobytes of JSON."""
DEFAULT_PAGE: Final = 100
MAX_CURSOR_CHARACTERS: Final = 1000
"""No place in a list takes more; station ids and tokens are far shorter."""
_CHECK_BYTES: Final = 8

Place = tuple[int | str, ...]
"""The ordering columns of a row, as the database has them."""
T = TypeVar("T")


class BadCursor(EvsysError):
    """The cursor is not of this list with these filters: start again without one. (REST 400)"""


def to_cursor(of: str, place: Place) -> str:
    """A cursor of the list `of` (its name and filters) that goes on behind `place`."""
    body = msgspec.msgpack.encode(place)
    return urlsafe_b64encode(_check(of, body) + body).decode().rstrip("=")


def from_cursor(of: str, cursor: str, kinds: Sequence[type[int] | type[str]]) -> Place:
    """The place that a cursor holds, whose members are of `kinds`. Raises BadCursor."""
    wrong = BadCursor("this cursor is not one of this list with these filters")
    if len(cursor) > MAX_CURSOR_CHARACTERS or not cursor.isascii():
        raise wrong
    try:
        whole = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        check, body = whole[:_CHECK_BYTES], whole[_CHECK_BYTES:]
        place = msgspec.msgpack.decode(body, type=tuple[int | str, ...])
    except (ValueError, msgspec.DecodeError):
        raise wrong from None
    if (
        to_cursor(of, place) != cursor
        or check != _check(of, body)
        or [type(each) for each in place] != list(kinds)
    ):
        raise wrong
    return place


def cut(rows: list[T], limit: int, of: str, place: Callable[[T], Place]) -> tuple[list[T], str | None]:
    """A page of at most `limit` rows out of the `limit + 1` that were read, and the cursor to the next page
    if there is one."""
    if len(rows) <= limit:
        return rows, None
    page = rows[:limit]
    return page, to_cursor(of, place(page[-1]))


def _check(of: str, body: bytes) -> bytes:
    return blake2s(of.encode() + b"\0" + body, digest_size=_CHECK_BYTES).digest()
