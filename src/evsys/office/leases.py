"""Leases: which office does what one alone may do, however many there are, and until when.

A lease is saved only over the version that was read, so of two offices that reach for one at once one gets
it; and who was paused and does not know that it has run out changes nothing any more.
"""

from datetime import timedelta
from functools import partial
from typing import Final

from msgspec.structs import replace

from evsys.core.ports import Clock
from evsys.core.records import ConsumerCursor
from evsys.core.work import Work
from evsys.store.views import events
from evsys.store.views.reader import Reader

LEASE_S: Final = 30.0
"""How long an office that has died keeps others from taking over."""
RENEW_EVERY_S: Final = 10.0


async def lease_open_to(holder: str, reader: Reader, clock: Clock, name: str) -> ConsumerCursor | None:
    """The lease of this name as it is, where `holder` may take it: its version is 0 where there never was
    one. None where it is another office's. Raises StoreUnavailable."""
    now = clock.now()
    found = await reader.read(partial(events.cursor, name=name))
    if found is None:
        return ConsumerCursor(name=name, seq=0, holder=holder, held_until=now, version=0)
    return None if found.holder != holder and found.held_until > now else found


def hold(work: Work, lease: ConsumerCursor, holder: str) -> ConsumerCursor:
    """Have a Work take a lease, or renew it; what it is then. The Work conflicts where another was faster."""
    held_until = work.at + timedelta(seconds=LEASE_S)
    held = replace(lease, holder=holder, held_until=held_until, version=lease.version + 1)
    if lease.version:
        work.change(held)
    else:
        work.add(held)
    return held
