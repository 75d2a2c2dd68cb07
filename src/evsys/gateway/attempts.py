"""Attempts: whoever guesses passwords is slowed down (OCPP 2.x A00: brute force).

Failures are counted for each station and address together, and for each address alone, in windows of a
minute; beyond the limit an attempt is refused unread. A neighbour behind the same address is let in all the
same until that address has failed for many stations; a station's own name in a stranger's mouth never locks
it out. Keys are so long that this bounds only the noise, and the cost.
"""

from collections import Counter
from typing import Final

WINDOW_S: Final = 60.0
FAILURES_OF_STATION: Final = 10
"""Of one station from one address in a window."""
FAILURES_OF_ADDRESS: Final = 200
"""Of all stations from one address: a site behind one router whose stations all have an old password."""
MAX_COUNTED: Final = 20_000
"""Counters kept in a window; beyond, nothing new is counted: whoever has so many addresses is not slowed."""


class Attempts:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self._failed: Counter[tuple[str, str]] = Counter()
        self._since = 0.0

    def too_many(self, now: float, station_id: str, address: str) -> bool:
        """Whether an attempt is refused unread."""
        self._renew(now)
        if not self._failed:
            return False
        return (
            self._failed[station_id, address] >= FAILURES_OF_STATION
            or self._failed["", address] >= FAILURES_OF_ADDRESS
        )

    def failed(self, now: float, station_id: str, address: str) -> None:
        """A password was wrong."""
        self._renew(now)
        for key in ((station_id, address), ("", address)):
            if key in self._failed or len(self._failed) < MAX_COUNTED:
                self._failed[key] += 1

    def _renew(self, now: float) -> None:
        if now - self._since >= WINDOW_S:
            self._since = now
            self._failed.clear()
