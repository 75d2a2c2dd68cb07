"""When something is tried again: later each time."""

import random
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

FIRST_RETRY_S: Final = 30.0
LONGEST_RETRY_S: Final = 3600.0

K = TypeVar("K")


def later_s(tries: int, first_s: float, longest_s: float) -> float:
    """How long to wait after so many tries that failed: longer each time, and never quite the same, or those
    that failed together would come back together."""
    return min(first_s * 2.0 ** min(max(tries, 1) - 1, 30), longest_s) * random.uniform(0.5, 1.0)


class Patience:
    """When a station is tried again that did not take what it was sent."""

    def __init__(self) -> None:
        self.tries = 0
        self.at_s = 0.0

    def fail(self, now_s: float) -> None:
        self.at_s = now_s + min(FIRST_RETRY_S * 2**self.tries, LONGEST_RETRY_S)
        self.tries += 1


class Lately(Generic[K]):
    """How often something has happened within a while."""

    def __init__(self, within: timedelta) -> None:
        self._within = within
        self._moments: dict[K, list[datetime]] = {}

    def count(self, key: K, now: datetime) -> int:
        since = now - self._within
        return sum(at > since for at in self._moments.get(key, ()))

    def note(self, key: K, now: datetime) -> None:
        """It has happened once more."""
        since = now - self._within
        self._moments[key] = [*(at for at in self._moments.get(key, ()) if at > since), now]

    def forget(self, key: K) -> None:
        self._moments.pop(key, None)
