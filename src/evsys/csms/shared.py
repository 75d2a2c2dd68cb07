"""What the running stations of one node have in common."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog
from msgspec import Struct

from evsys.core.events import Event
from evsys.core.ports import Clock, Store
from evsys.core.records import MeterValue, StationProof
from evsys.core.work import Settlement, Turn
from evsys.core.workarounds import Models
from evsys.csms.facts import NodeFacts
from evsys.csms.quirks import QuirkBook

if TYPE_CHECKING:
    from evsys.csms.calls import Calls
    from evsys.csms.turns import Running
    from evsys.csms.wirelog import WireLog

REPORT_EVERY_S: Final = 10.0
"""A disk that is full for an hour is not told of ten thousand times."""

log = structlog.get_logger()


class Counts:
    """What happened since the start, for the metrics."""

    __slots__ = (
        "answered",
        "calls",
        "conflicts",
        "failed",
        "frames_in",
        "frames_out",
        "refused",
        "retaken",
    )

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        """CALLs of ours by outcome."""
        self.frames_in = 0
        self.frames_out = 0
        self.answered = 0
        self.refused = 0
        self.failed = 0
        self.retaken = 0
        self.conflicts = 0

    def call(self, outcome: str) -> None:
        self.calls[outcome] = self.calls.get(outcome, 0) + 1


class Shared:
    """What the running stations of one node have in common."""

    __slots__ = (
        "_report_at",
        "call_timeout_s",
        "calling",
        "clock",
        "counts",
        "facts",
        "failure",
        "heard",
        "held",
        "models",
        "proved",
        "quirks",
        "samples",
        "stopping",
        "store",
        "told",
        "waiting",
        "wire",
    )

    def __init__(
        self, store: Store, facts: NodeFacts, clock: Clock, call_timeout_s: float, models: Models
    ) -> None:
        self.store = store
        self.facts = facts
        self.clock = clock
        self.call_timeout_s = call_timeout_s
        """For each CALL to a station that has no time-out of its own."""
        self.models = models
        """What is known of models that need something to be done differently."""
        self.counts = Counts()
        self.stopping = False
        """Whether the process stops: nothing more is heard."""
        self.failure = ""
        """Why the last commit failed; empty when it did not."""
        self.waiting: dict[Running, float] = {}
        """Stations that wait for a fact or their state, with the monotonic time at which they give up."""
        self.held: set[Running] = set()
        """Stations whose last attempt to load or to write their link's state failed, for the next tick."""
        self.calling: dict[Calls, float] = {}
        """Connections with an open CALL of ours, with the monotonic time at which it is given up."""
        self.heard: set[Running] = set()
        """Stations that were heard of since last-seen was flushed."""
        self.quirks = QuirkBook(clock, store)
        """How often stations left the standard."""
        self.samples: dict[tuple[str, int], MeterValue] = {}
        """The last meter value of each EVSE since samples were published."""
        self.told: Callable[[Running, list[Event], int], None] = lambda running, events, seq: None
        """Called after the reply of a turn that told events."""
        self.proved: Callable[[StationProof], None] = lambda proof: None
        """Called with what a station proved when it connected, once that is recorded."""
        self._report_at = 0.0
        self.wire: WireLog | None = None
        """Where frames are noted; None: nowhere."""

    def fails(self, reason: str) -> None:
        """The database could not be written or read. Said at most once in `REPORT_EVERY_S`."""
        monotonic = self.clock.monotonic()
        if self._report_at <= monotonic:
            self._report_at = monotonic + REPORT_EVERY_S
            log.error("the database does not take or give what stations need", reason=reason)
        self.failure = reason

    def works(self) -> None:
        """The database has taken a commit again."""
        self.failure = ""
        log.info("the database takes what stations send again")


class Inner(Struct, frozen=True, eq=False):
    """A turn of the node's own. `done` hears how it settled, once."""

    decide: Callable[[Turn], None]
    done: Callable[[Settlement], None]
