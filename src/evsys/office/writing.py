"""Writing of the people's records: a Work that is committed or refused with an error that says why."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from typing import Final, Protocol

from msgspec import Raw
from msgspec.structs import replace

from evsys.core.errors import OutcomeUnknown, StoreUnavailable
from evsys.core.events import PEOPLE
from evsys.core.ports import EVENTS, GATEWAY_REFRESH, Bus, BusTimeout, Clock, NobodyThere
from evsys.core.records import KeyedRequest
from evsys.core.work import Committed, Conflict, Failed, Fenced, Settlement, Unknown, Work

REFRESHED_WITHIN_S: Final = 2.0
"""How long people wait until the gateway holds to what they changed."""
FAILURE_COUNTS_S: Final = 60.0
"""People may not write again for hours: a failure of theirs speaks for a minute, then the gateway's alone."""


class Committer(Protocol):
    """What the office asks of the store: `store.sqlite.SqliteStore` is one."""

    async def commit(self, work: Work) -> Settlement:
        """Commit a Work and say what came of it."""


class Once:
    """A request with an Idempotency-Key that is being done. Every Work that is written for it says so in the
    same commit: what was done is never done again, wherever the server stops."""

    def __init__(
        self, record: KeyedRequest, status: int, answer_of: Callable[[Work], Raw | None] = lambda work: None
    ) -> None:
        """`record` is what is reserved; `status` what the request is answered with when it goes well, and
        `answer_of` with which content, where a Work tells that already."""
        self.record = record
        self._task = asyncio.current_task()
        self._status = status
        self._answer_of = answer_of

    @property
    def here(self) -> bool:
        """Whether it is being done in this task: what a request leaves behind to be done is no part of it."""
        return asyncio.current_task() is self._task

    def mark(self, work: Work) -> KeyedRequest:
        """Add to a Work that it does the request; what is then recorded of it."""
        done = replace(
            self.record,
            status=self._status,
            answer=self._answer_of(work),
            version=self.record.version + 1,
        )
        work.change(done)
        return done


ONCE: Final[ContextVar[Once | None]] = ContextVar("once", default=None)
"""The request with an Idempotency-Key that is being done here, if it is one."""


class Books:
    """Where the office writes. Who follows the log of events is woken after each commit that told some. What
    people change holds for stations when it is acknowledged, a password that is needed from now on above all,
    unless the gateway is away or busy: then a moment later."""

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
        once = ONCE.get()
        marked = once.mark(work) if once is not None and once.here else None
        match await self._store.commit(work):
            case Committed(last_seq=seq):
                self._failure = ""
                if once is not None and marked is not None:
                    once.record = marked
                if seq:
                    self._bus.publish(EVENTS, b"%d" % seq)
                if any(isinstance(event, PEOPLE) for event in work.events):
                    with suppress(NobodyThere, BusTimeout):
                        await self._bus.request(GATEWAY_REFRESH, b"", REFRESHED_WITHIN_S)
                return None
            case Conflict() as conflict:
                return conflict
            case Failed(reason=reason):
                self._failed(reason)
                raise StoreUnavailable(f"the database did not take the change: {reason}")
            case Unknown(reason=reason):
                self._failed(reason)
                raise OutcomeUnknown(f"whether the database took the change is not known: {reason}")
            case Fenced():
                raise StoreUnavailable("the change is of an older owner")

    def _failed(self, reason: str) -> None:
        self._failure = reason
        self._failed_at = self._clock.monotonic()
