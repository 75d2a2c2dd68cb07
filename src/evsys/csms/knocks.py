"""Knocks: unknown stations that tried to connect, counted in memory and stored in bulk, over restarts."""

from functools import partial
from typing import Final

from msgspec.structs import replace

from evsys.core.ports import Clock, Store
from evsys.core.records import Knock
from evsys.core.work import Committed, Conflict, Settlement, Work

MAX_KNOCKS: Final = 1000
"""Unknown stations remembered; beyond, only these go on being counted (a scanner makes up names for ever)."""


class Knocks:
    """Those of one node."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[str, Knock] = {}
        self._changed: set[str] = set()
        self._stored: set[str] = set()

    def heard(self, station_id: str, address: str) -> None:
        """An unknown station was refused."""
        now = self._clock.now()
        known = self._known.get(station_id)
        if known is None and len(self._known) >= MAX_KNOCKS:
            return
        count, first = (known.count + 1, known.first_seen_at) if known else (1, now)
        self._known[station_id] = Knock(
            station_id=station_id, first_seen_at=first, last_seen_at=now, address=address, count=count
        )
        self._changed.add(station_id)

    def flush(self) -> None:
        """Store the knocks that came since the last time, each in a Work of its own: one that disk knows from
        an earlier life of the process comes back as a conflict, and is counted on."""
        for station_id in self._changed:
            knock = self._known[station_id]
            work = Work(self._clock.now())
            if station_id in self._stored:
                work.save(knock)
            else:
                work.add(knock)
            self._store.submit(work, partial(self._settled, knock))
        self._changed.clear()

    def _settled(self, knock: Knock, settlement: Settlement) -> None:
        match settlement:
            case Committed():
                self._stored.add(knock.station_id)
            case Conflict(record=Knock() as known) if knock.station_id not in self._stored:
                latest = self._known[knock.station_id]
                self._known[knock.station_id] = replace(
                    latest, first_seen_at=known.first_seen_at, count=known.count + latest.count
                )
                self._stored.add(knock.station_id)
                self._changed.add(knock.station_id)
            case _:
                self._changed.add(knock.station_id)
