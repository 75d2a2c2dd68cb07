"""The book of quirks: how often each station left the standard, and in which way (`core.quirks`).

Counted in memory, where a repair happens and nowhere else, and stored in bulk now and then; what a kill takes
is the counts of the last seconds, and no message. The first row of a kind is added: one that disk knows from
an earlier life of the process comes back as a conflict, and is counted on.
"""

from datetime import datetime
from functools import partial
from typing import Final

import structlog

from evsys.core.ports import Clock, Store
from evsys.core.quirks import KINDS
from evsys.core.records import StationQuirk
from evsys.core.work import Committed, Conflict, Settlement, Work
from evsys.csms.wirelog import masked
from evsys.log import escaped

FLUSH_EVERY_S: Final = 10.0
"""A station that needs a repair with every message costs a row in so long."""
FLUSH_ROWS: Final = 500
"""Rows of one Work: a Work is a page of a batch, not the batch."""
SEEN_BYTES: Final = 2048
"""What is kept of a message until it is stored: enough that a secret in it is known as one."""
EXAMPLE_CHARS: Final = 300
"""What is stored of it."""

log = structlog.get_logger()


class Entry:
    """The count of one kind of one station; with what disk has, once its row is `stored`."""

    __slots__ = ("adding", "count", "example", "first_at", "last_at", "said", "stored")

    def __init__(self, now: datetime) -> None:
        self.adding = False
        """Whether its first row is on its way."""
        self.count = 0
        self.said = 0
        """How often in this process, for the log."""
        self.first_at = self.last_at = now
        self.example = b""
        self.stored = False

    def record(self, station_id: str, kind: str) -> StationQuirk:
        text = escaped(masked(self.example).decode("utf-8", "replace"))
        return StationQuirk(
            station_id=station_id,
            kind=kind,
            count=self.count,
            first_seen_at=self.first_at,
            last_seen_at=self.last_at,
            example=text[:EXAMPLE_CHARS],
        )


class QuirkBook:
    """The quirks of the stations of a node."""

    def __init__(self, clock: Clock, store: Store) -> None:
        self._clock = clock
        self._store = store
        self._stations: dict[str, dict[str, Entry]] = {}
        self._changed: set[tuple[str, str]] = set()
        self._next_flush = 0.0

    def note(self, station_id: str, kind: str, example: bytes) -> None:
        """A station did so once more. Reported at 1, 10, 100 …, so that no station can fill the log."""
        if kind not in KINDS:
            log.error("a quirk without a meaning is not counted", kind=kind)
            return
        now = self._clock.now()
        entries = self._stations.setdefault(station_id, {})
        entry = entries.get(kind)
        if entry is None:
            entry = entries[kind] = Entry(now)
        entry.count += 1
        entry.said += 1
        entry.last_at = now
        entry.example = example[:SEEN_BYTES]
        self._changed.add((station_id, kind))
        if str(entry.said).strip("0") == "1":
            log.warning("a station left the standard", station=station_id, quirk=kind, times=entry.said)

    def counts(self, station_id: str) -> dict[str, int]:
        """How often since the start of the process, by kind."""
        return {kind: entry.said for kind, entry in self._stations.get(station_id, {}).items()}

    def forget(self, station_id: str) -> None:
        """Let go of a station that has left memory, unless something of it is yet to be stored."""
        entries = self._stations.get(station_id)
        if entries is None or any((station_id, kind) in self._changed for kind in entries):
            return
        if all(entry.stored for entry in entries.values()):
            del self._stations[station_id]

    def tick(self, monotonic: float) -> None:
        """Store what has gathered, when it is time."""
        if monotonic >= self._next_flush:
            self._next_flush = monotonic + FLUSH_EVERY_S
            self.flush()

    def flush(self) -> None:
        """Store what has changed: rows that disk has in bulk, new ones in Works of their own."""
        now = self._clock.now()
        changed = [key for key in self._changed if not self._entry(key).adding]
        self._changed.difference_update(changed)
        known = [key for key in changed if self._entry(key).stored]
        for first in range(0, len(known), FLUSH_ROWS):
            page = known[first : first + FLUSH_ROWS]
            work = Work(now)
            for key in page:
                work.save(self._entry(key).record(*key))
            self._store.submit(work, partial(self._saved, page))
        for key in changed:
            entry = self._entry(key)
            if not entry.stored:
                entry.adding = True
                work = Work(now)
                work.add(entry.record(*key))
                self._store.submit(work, partial(self._added, key))

    def _entry(self, key: tuple[str, str]) -> Entry:
        return self._stations[key[0]][key[1]]

    def _saved(self, page: list[tuple[str, str]], settlement: Settlement) -> None:
        if not isinstance(settlement, Committed):
            self._changed.update(key for key in page if key[0] in self._stations)

    def _added(self, key: tuple[str, str], settlement: Settlement) -> None:
        entry = self._entry(key)
        entry.adding = False
        match settlement:
            case Committed():
                entry.stored = True
            case Conflict(record=StationQuirk() as known) if not entry.stored:
                entry.count += known.count
                entry.first_at = known.first_seen_at
                entry.stored = True
                work = Work(self._clock.now())
                work.save(entry.record(*key))
                self._store.submit(work, partial(self._saved, [key]))
            case _:
                self._changed.add(key)
