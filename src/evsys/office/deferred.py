"""The events that a consumer of the log has passed and not taken yet, as `office.consumers` keeps them."""

from collections import deque
from collections.abc import Iterable
from math import inf
from typing import Final, Literal

from msgspec.structs import replace

from evsys.core.events import EventSetAside, LoggedEvent
from evsys.core.records import DeferredEvent
from evsys.core.work import Work

MAX_DEFERRED: Final = 5000
"""Events that are deferred for one consumer; with so many it takes no new ones until some are settled."""


class Deferred:
    """The events that a consumer has passed and not taken yet, by station, in order."""

    def __init__(self, consumer: str) -> None:
        self._consumer = consumer
        self._rows: dict[str, deque[DeferredEvent]] = {}
        self._due_s: dict[str, float] = {}
        self._number = 0
        self._changed: list[tuple[Literal["save", "remove"], DeferredEvent]] = []
        self._told: list[EventSetAside] = []

    def fill(self, rows: Iterable[DeferredEvent]) -> None:
        """Begin with what the database holds; all of it is due."""
        self._rows.clear()
        self._due_s.clear()
        self._changed.clear()
        self._told.clear()
        self._number = 0
        for row in rows:
            self._append(row, 0.0)

    def write_into(self, work: Work) -> None:
        """What has changed since the last time."""
        for verb, row in self._changed:
            (work.save if verb == "save" else work.remove)(row)
        for event in self._told:
            work.tell(event)
        self._changed.clear()
        self._told.clear()

    @property
    def is_changed(self) -> bool:
        """Whether there is something to write down."""
        return bool(self._changed)

    @property
    def has_room(self) -> bool:
        return self._number < MAX_DEFERRED

    def holds(self, station_id: str) -> bool:
        return station_id in self._rows

    def due(self, now_s: float) -> list[str]:
        """The stations whose events are to be offered again."""
        return [station_id for station_id, due_s in self._due_s.items() if due_s <= now_s]

    def due_s(self) -> float:
        """When the next one is due."""
        return min(self._due_s.values(), default=inf)

    def of(self, station_id: str) -> list[DeferredEvent]:
        return list(self._rows[station_id])

    def add(self, event: LoggedEvent, tries: int, reason: str, due_s: float) -> None:
        """Defer an event: it was refused, or is of a station with others that were."""
        row = DeferredEvent(
            consumer=self._consumer, seq=event.seq, station_id=event.station_id, tries=tries, reason=reason
        )
        self._changed.append(("save", row))
        self._append(row, due_s)

    def refuse(self, head: DeferredEvent, reason: str, due_s: float) -> None:
        """The first of a station was refused once more."""
        row = replace(head, tries=head.tries + 1, reason=reason)
        self._rows[head.station_id][0] = row
        self._due_s[head.station_id] = due_s
        self._changed.append(("save", row))

    def settle(self, head: DeferredEvent, told: EventSetAside | None = None) -> None:
        """The first of a station was taken, or is given up: then that is told."""
        rows = self._rows[head.station_id]
        rows.popleft()
        self._number -= 1
        if not rows:
            del self._rows[head.station_id], self._due_s[head.station_id]
        self._changed.append(("remove", head))
        if told is not None:
            self._told.append(told)

    def _append(self, row: DeferredEvent, due_s: float) -> None:
        self._rows.setdefault(row.station_id, deque()).append(row)
        self._due_s.setdefault(row.station_id, due_s)
        self._number += 1
