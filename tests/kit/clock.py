"""A clock that tests step by hand."""

from datetime import UTC, datetime, timedelta

NOON = datetime(2026, 6, 1, 12, 0, 0, tzinfo=UTC)


class SteppedClock:
    """Stands still until it is stepped. `jump` moves the wall clock alone, as an NTP correction does."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 1000.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def microseconds(self) -> int:
        return round(self._now.timestamp() * 1_000_000)

    def step(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
