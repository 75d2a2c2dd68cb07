"""Whom a charge point knows without asking: the local list and the cache (OCPP 1.6 §3.5)."""

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET

from evsys.ocpp.v16.messages import IdTagInfo, LocalAuthorization

MAX_LIST: Final = 1000
"""Entries of the local list (LocalAuthListMaxLength)."""
MAX_UPDATE: Final = 500
"""Entries of one SendLocalList (SendLocalListMaxLength)."""
MAX_CACHED: Final = 50


class Tokens:
    """The local list and the cache. Tokens are compared without regard to case."""

    __slots__ = ("_cache", "_list", "version")

    def __init__(self) -> None:
        self.version = 0
        """Of the local list; 0 while it is empty."""
        self._list: dict[str, IdTagInfo] | None = None
        self._cache: dict[str, IdTagInfo] | None = None

    def known(self, token: str, with_list: bool, with_cache: bool) -> IdTagInfo | None:
        """What is known of a token, by the list before the cache; None: nothing."""
        key = token.upper()
        found = self._list.get(key) if with_list and self._list else None
        return found if found or not with_cache or not self._cache else self._cache.get(key)

    def heard(self, token: str, info: IdTagInfo) -> None:
        """The central system said something of a token: the cache keeps it, the oldest give way."""
        if self._cache is None:
            self._cache = {}
        # ConcurrentTx says nothing of the token, only of this moment.
        if info.status != "ConcurrentTx":
            self._cache.pop(token.upper(), None)
            self._cache[token.upper()] = info
        while len(self._cache) > MAX_CACHED:
            del self._cache[next(iter(self._cache))]

    def forget(self) -> None:
        """Clear the cache."""
        self._cache = None

    def update(self, version: int, entries: list[LocalAuthorization], full: bool) -> bool:
        """Replace or amend the local list; whether it was done."""
        amended = {} if full else dict(self._list or {})
        if version < 1 or len(entries) > MAX_UPDATE or (full and not all(_with_status(entries))):
            return False
        for each in entries:
            if each.idTagInfo is UNSET:
                amended.pop(each.idTag.upper(), None)
            else:
                amended[each.idTag.upper()] = each.idTagInfo
        if len(amended) > MAX_LIST:
            return False
        self._list, self.version = amended, version if amended else 0
        return True


def _with_status(entries: list[LocalAuthorization]) -> Iterable[bool]:
    return (each.idTagInfo is not UNSET for each in entries)
