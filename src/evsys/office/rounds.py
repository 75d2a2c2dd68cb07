"""Rounds: which stations somebody looks at next, of all that may need something."""

from collections.abc import Iterable
from typing import Final

from evsys.core.ports import Clock
from evsys.office.patience import Patience

STATIONS_AT_ONCE: Final = 20
"""Stations that are dealt with at the same time: after an outage of the network all are back at once."""
LOOKED_AT: Final = 200
"""Stations looked at in one read; the next look takes others."""


class Rounds:
    """The stations that are due, each once and in this order; those being dealt with are not looked at, and
    those that failed not before their time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[str, None] = {}
        self._busy: set[str] = set()
        self._patience: dict[str, Patience] = {}

    def __bool__(self) -> bool:
        """Whether any is due."""
        return bool(self._due)

    def clear(self) -> None:
        """None is due."""
        self._due.clear()

    def put(self, station_ids: Iterable[str]) -> None:
        """These are due."""
        self._due.update(dict.fromkeys(station_ids))

    def put_afresh(self, station_id: str) -> None:
        """Something has changed for a station, so that it is due, whatever failed before."""
        self._patience.pop(station_id, None)
        self._due[station_id] = None

    def next(self) -> list[str]:
        """The stations to be looked at now, which are due no longer."""
        if len(self._busy) >= STATIONS_AT_ONCE:
            return []
        now_s = self._clock.monotonic()
        waiting = [each for each in self._due if each not in self._busy and self._may_try(each, now_s)]
        for station_id in waiting[:LOOKED_AT]:
            del self._due[station_id]
        return waiting[:LOOKED_AT]

    def begin(self, station_id: str) -> bool:
        """Whether it may be dealt with now; else it is due again."""
        if station_id in self._busy or len(self._busy) >= STATIONS_AT_ONCE:
            self._due[station_id] = None
            return False
        self._busy.add(station_id)
        return True

    def under_way(self, station_id: str) -> bool:
        """Whether it is being dealt with."""
        return station_id in self._busy

    def done(self, station_id: str) -> None:
        """It has what it needs, or is away."""
        self._busy.discard(station_id)

    def succeeded(self, station_id: str) -> None:
        """What failed before does not count any more."""
        self._patience.pop(station_id, None)

    def failed(self, station_id: str) -> None:
        """It is due again, later each time."""
        self._patience.setdefault(station_id, Patience()).fail(self._clock.monotonic())
        self._due[station_id] = None

    def _may_try(self, station_id: str, now_s: float) -> bool:
        patience = self._patience.get(station_id)
        return patience is None or patience.at_s <= now_s
