"""A Work: everything that one turn wants to change, durable as a whole or not at all.

A turn is exclusive to one station. Its decision fills a Work with records to write and events to tell; the
store commits it; only then does memory change, the reply go out and the event become known. An empty Work
commits nothing.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Literal

from msgspec import Struct

from evsys.core.events import Event
from evsys.core.facts import Facts
from evsys.core.records import Record
from evsys.core.station import Station

OpKind = Literal["save", "add", "add_once", "change", "remove"]


class Work(Struct, eq=False):
    """The changes of one turn.

    `ops` are applied in order. *save* writes a record whatever was there (its only writer is this station's
    turn); *add* inserts and conflicts with a record of the same unique key; *add_once* inserts unless the
    same identity is there already; *change* replaces version n-1 by version n and conflicts where another
    version is stored; *remove* deletes by key. `fence` is the station's epoch: an older owner writes nothing.
    """

    at: datetime
    station_id: str = ""
    fence: int | None = None
    ops: list[tuple[OpKind, Record]] = []
    events: list[Event] = []

    def save(self, record: Record) -> None:
        self.ops.append(("save", record))

    def add(self, record: Record) -> None:
        self.ops.append(("add", record))

    def add_once(self, record: Record) -> None:
        self.ops.append(("add_once", record))

    def change(self, record: Record) -> None:
        self.ops.append(("change", record))

    def remove(self, record: Record) -> None:
        self.ops.append(("remove", record))

    def tell(self, event: Event) -> None:
        self.events.append(event)

    def __bool__(self) -> bool:
        return bool(self.ops or self.events)


class Committed(Struct, frozen=True):
    """The Work is durable. `last_seq` is the sequence number of its last event, 0 without events."""

    last_seq: int = 0


class Conflict(Struct, frozen=True):
    """A unique key is taken by `record`, or the version to change is not there (`record` may be None)."""

    record: Record | None


class Fenced(Struct, frozen=True):
    """The station is owned by a newer epoch: nothing was written, the connection is to be closed."""


class Failed(Struct, frozen=True):
    """Nothing was written, for the reason given. Memory is as before; a retry is clean."""

    reason: str


class Unknown(Struct, frozen=True):
    """Whether it was written is not known: the station is stale, loaded from disk before its next turn."""

    reason: str


Settlement = Committed | Conflict | Fenced | Failed | Unknown
Settled = Callable[[Settlement], None]
"""Called once, from the loop of the process that submitted, in the order of submission."""


class Turn(Struct, eq=False):
    """What a decision sees and fills: the station's state, the facts, the moment, and its Work."""

    station: Station
    facts: Facts
    now: datetime
    work: Work
    quirks: list[str] = []
    """The ways in which this message leaves the standard (`core.quirks`)."""
