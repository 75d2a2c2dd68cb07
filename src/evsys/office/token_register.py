"""What should be on the local lists of all stations, as it follows from the tokens of one moment."""

from datetime import datetime, timedelta
from typing import Final

from msgspec import Struct

from evsys.core.local_lists import Entries, digest, next_expiry, wanted
from evsys.core.records import Token

READ_AGAIN_AFTER: Final = timedelta(minutes=10)
"""A change that was not heard of costs so much delay."""


class Wanted(Struct, frozen=True):
    """What should be on a list."""

    entries: Entries
    digest: str


class Register:
    """All tokens as they were at one moment, and the lists that follow from them."""

    def __init__(self, tokens: list[Token], now: datetime, changes: int) -> None:
        self.changes = changes
        """How many changes of tokens had been heard of before they were read."""
        self._now = now
        self._good_until = next_expiry(tokens, now)
        self._tokens = tokens
        self._bound = {station_id for each in tokens for station_id in each.station_ids}
        self._common: dict[tuple[int, int], Wanted] = {}

    def is_good(self, changes: int, now: datetime) -> bool:
        """Whether nothing has changed since: neither a token, nor whether one has expired."""
        if changes != self.changes or now >= self._now + READ_AGAIN_AFTER:
            return False
        return self._good_until is None or now < self._good_until

    def wanted(self, station_id: str, max_length: int, max_characters: int) -> Wanted:
        """What should be on the list of a station. Those to which no token is bound have the same."""
        key = (max_length, max_characters)
        if station_id not in self._bound and key in self._common:
            return self._common[key]
        entries = wanted(self._tokens, station_id, self._now, max_length, max_characters)
        found = Wanted(entries, digest(entries))
        if station_id not in self._bound:
            self._common[key] = found
        return found


NOTHING: Final = Wanted({}, digest({}))
