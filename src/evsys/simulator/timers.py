"""The times of one charge point: what it does by itself, and when.

Cars, drivers and their meters live in simulated time, which passes `speed` times as fast; the link (answers,
heartbeats, retries, reconnects) and whatever carries a date live in real time.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

Action = Callable[[datetime], None]
"""What is done at its time; it gets the time that it is."""


class Timers:
    """Named times. A name that is set again replaces its older time."""

    __slots__ = ("_due", "speed")

    def __init__(self, speed: float) -> None:
        self.speed = speed
        self._due: dict[str, tuple[datetime, Action]] = {}

    @property
    def next_at(self) -> datetime | None:
        """The earliest time; None without any."""
        return min((due for due, _ in self._due.values()), default=None)

    def after(self, now: datetime, name: str, simulated_s: float, action: Action) -> None:
        """Act after so many simulated seconds."""
        self._due[name] = (now + timedelta(seconds=simulated_s / self.speed), action)

    def later(self, now: datetime, name: str, seconds: float, action: Action) -> None:
        """Act after so many real seconds."""
        self._due[name] = (now + timedelta(seconds=seconds), action)

    def at(self, due: datetime, name: str, action: Action) -> None:
        self._due[name] = (due, action)

    def cancel(self, name: str) -> None:
        self._due.pop(name, None)

    def waits(self, name: str) -> bool:
        return name in self._due

    def fire(self, now: datetime) -> None:
        """Do what is due by now, in the order of its time; what that sets for a later time waits for it."""
        while self._due:
            name = min(self._due, key=lambda each: self._due[each][0])
            due, action = self._due[name]
            if due > now:
                return
            del self._due[name]
            action(now)
