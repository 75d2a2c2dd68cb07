"""Writing of the people's records: a Work that is committed or refused with an error that says why."""

from typing import Final, Protocol

from evsys.core.errors import StoreUnavailable
from evsys.core.ports import EVENTS, Bus, Clock
from evsys.core.work import Committed, Conflict, Failed, Fenced, Settlement, Unknown, Work

FAILURE_COUNTS_S: Final = 60.0
"""People may not write again for hours: a failure of theirs speaks for a minute, then the gateway's alone."""


class Committer(Protocol):
    """What the office asks of the store: `store.sqlite.SqliteStore` is one."""

    async def commit(self, work: Work) -> Settlement:
        """Commit a Work and say what came of it."""


class Books:
    """Where the office writes. Who follows the log of events is woken after each commit that told some."""

    def __init__(self, store: Committer, bus: Bus, clock: Clock) -> None:
        self._store = store
        self._bus = bus
        self._clock = clock
        self._failure = ""
        self._failed_at = 0.0

    @property
    def failure(self) -> str:
        """Why the last commit failed; empty where it did not, or so long ago that it says nothing of now."""
        lately = self._clock.monotonic() - self._failed_at < FAILURE_COUNTS_S
        return self._failure if lately else ""

    async def write(self, work: Work) -> Conflict | None:
        """Commit. None: it is durable; the Conflict: somebody was faster, nothing was written. Raises
        StoreUnavailable."""
        match await self._store.commit(work):
            case Committed(last_seq=seq):
                self._failure = ""
                if seq:
                    self._bus.publish(EVENTS, b"%d" % seq)
                return None
            case Conflict() as conflict:
                return conflict
            case Failed(reason=reason):
                self._failed(reason)
                raise StoreUnavailable(f"the database did not take the change: {reason}")
            case Unknown(reason=reason):
                self._failed(reason)
                raise StoreUnavailable(f"whether the database took the change is not known: {reason}")
            case Fenced():
                raise StoreUnavailable("the change is of an older owner")

    def _failed(self, reason: str) -> None:
        self._failure = reason
        self._failed_at = self._clock.monotonic()
