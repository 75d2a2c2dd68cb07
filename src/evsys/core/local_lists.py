"""The local list of a station: what should be on it, and what must be said to get it there (OCPP 1.6 §3.5,
§5.15).

Whoever may charge at a station is on its list, with the group and the time limit. Who may not, although the
token is registered for there, is on it as well, with the reason: a station prefers its list to its cache, so
that a blocked card is refused offline too. A token that is bound to other stations is not on it, nor one that
is too long for the station's version of OCPP.

Where a list has no room for all, those that may charge come first, and of these the ones that are bound to
the station; then the newest. An old card that nobody uses any more gives way first.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from hashlib import blake2b

import msgspec
from msgspec import Struct

from evsys.core.commands import LocalListEntry
from evsys.core.records import Token

Entries = Mapping[str, LocalListEntry]
"""By id token."""


class Update(Struct, frozen=True):
    """What one SendLocalList says."""

    full: bool
    entries: tuple[LocalListEntry, ...]


def wanted(
    tokens: Iterable[Token], station_id: str, now: datetime, max_length: int, max_characters: int
) -> Entries:
    """What should be on the list of a station, the most important first."""
    fitting = [
        each
        for each in tokens
        if len(each.id) <= max_characters and (not each.station_ids or station_id in each.station_ids)
    ]
    fitting.sort(key=lambda each: each.created_at, reverse=True)
    fitting.sort(key=lambda each: (not _may_charge(each, now), not each.station_ids))
    return {each.id: _entry(each, now, max_characters) for each in fitting[:max_length]}


def updates(have: Entries | None, want: Entries, chunk: int) -> list[Update]:
    """What is to be said, in this order, to a station whose list is `have` (None: nobody knows), at most
    `chunk` entries at once: the differences where they are fewer than all, else all of it."""
    if have is not None:
        changed = [entry for name, entry in want.items() if have.get(name) != entry]
        changed += [LocalListEntry(id_token=name) for name in have if name not in want]
        if len(changed) < max(len(want), 1):
            return [Update(full=False, entries=each) for each in _cut(changed, chunk)]
    first, *others = _cut(list(want.values()), chunk) or [()]
    return [Update(full=True, entries=first), *(Update(full=False, entries=each) for each in others)]


def digest(entries: Entries) -> str:
    """What says whether two lists hold the same, whatever their order."""
    ordered = [entries[name] for name in sorted(entries)]
    return blake2b(msgspec.json.encode(ordered), digest_size=16).hexdigest()


def next_expiry(tokens: Iterable[Token], now: datetime) -> datetime | None:
    """When the next token expires, and lists change by time alone."""
    coming = (each.expires_at for each in tokens if each.expires_at is not None and each.expires_at > now)
    return min(coming, default=None)


def _may_charge(token: Token, now: datetime) -> bool:
    return not token.blocked and (token.expires_at is None or token.expires_at > now)


def _entry(token: Token, now: datetime, max_characters: int) -> LocalListEntry:
    if token.blocked:
        return LocalListEntry(id_token=token.id, status="Blocked")
    if not _may_charge(token, now):
        return LocalListEntry(id_token=token.id, status="Expired")
    parent = token.parent if len(token.parent) <= max_characters else ""
    return LocalListEntry(
        id_token=token.id, status="Accepted", expires_at=token.expires_at, parent=parent or None
    )


def _cut(entries: list[LocalListEntry], chunk: int) -> list[tuple[LocalListEntry, ...]]:
    return [tuple(entries[first : first + chunk]) for first in range(0, len(entries), chunk)]
