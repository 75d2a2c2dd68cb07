"""What one office alone does, however many there are: such as holding the link to a broker, or asking for the
messages of a bot.

It does so under a lease in the database that it renews while it lives; another takes over when that has run
out. An office that cannot renew its lease stops in time, before another one begins.
"""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Final

import structlog

from evsys.core.errors import EvsysError
from evsys.core.ports import Clock
from evsys.core.records import ConsumerCursor
from evsys.core.work import Work
from evsys.office.leases import RENEW_EVERY_S, hold, lease_open_to
from evsys.office.writing import Books
from evsys.store.views.reader import Reader

LOOK_S: Final = 2.0
"""How often an office looks whether it may take over."""
FAULT_S: Final = 30.0
"""How long it rests after a fault of ours."""

log = structlog.get_logger()


class Sole:
    """One thing that one office does."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, name: str, holder: str = "office") -> None:
        """`name`: of the thing, as no consumer of events is called. `holder`: of this office, the same after
        each restart, and used by no other."""
        self._books = books
        self._reader = reader
        self._clock = clock
        self._name = name
        self._holder = holder

    async def run(self, work: Callable[[], Coroutine[None, None, None]]) -> None:
        """Do `work` while this office may, until cancelled. It is cancelled where the lease is lost, and
        begun again with the next one; a fault of ours ends it no longer than `FAULT_S`."""
        while True:
            try:
                held = await self._claim()
                if held is not None:
                    await self._while_held(held, work)
            except EvsysError as error:
                log.warning("a lease cannot be had", of=self._name, reason=str(error))
            except Exception:
                log.exception("what one office does has ended by a fault of ours", of=self._name)
                await asyncio.sleep(FAULT_S)
            await asyncio.sleep(LOOK_S)

    async def _claim(self) -> ConsumerCursor | None:
        """The lease, where it is this office's now; None where it is another's. Raises StoreUnavailable."""
        found = await lease_open_to(self._holder, self._reader, self._clock, self._name)
        return None if found is None else await self._renew(found)

    async def _renew(self, lease: ConsumerCursor) -> ConsumerCursor | None:
        work = Work(self._clock.now())
        renewed = hold(work, lease, self._holder)
        return None if await self._books.write(work) else renewed

    async def _while_held(
        self, lease: ConsumerCursor, work: Callable[[], Coroutine[None, None, None]]
    ) -> None:
        working = asyncio.create_task(work())
        try:
            held: ConsumerCursor | None = lease
            while held is not None:
                done, _ = await asyncio.wait((working,), timeout=RENEW_EVERY_S)
                if done:
                    return working.result()
                held = await self._renewed(held)
            log.warning("another office has taken over", of=self._name)
        finally:
            working.cancel()
            with suppress(asyncio.CancelledError):
                await working

    async def _renewed(self, lease: ConsumerCursor) -> ConsumerCursor | None:
        """The lease as it is now; None where it is lost, or about to run out unrenewed."""
        try:
            return await self._renew(lease)
        except EvsysError as error:
            left_s = (lease.held_until - self._clock.now()).total_seconds()
            log.warning("a lease cannot be renewed", of=self._name, left_s=round(left_s), reason=str(error))
            return lease if left_s > RENEW_EVERY_S else None
