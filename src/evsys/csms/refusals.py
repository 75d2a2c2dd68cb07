"""Refusals: connections that were refused, as events: each station and reason once in a while, with how often
it was.

A refused station tries again all day, and a stranger tries every name; both are known with a few rows.
"""

from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec import Struct

from evsys.core.events import ConnectionRefused, RefusalReason
from evsys.core.ports import Clock, Store
from evsys.core.work import Committed, Settlement, Work

TELL_EVERY_S: Final = 600.0
"""How often the same refusal of the same station is told."""
MAX_PAIRS: Final = 5000
"""Stations and reasons remembered. There are a few of known stations; beyond, new ones are told no more until
old ones have been silent for `TELL_EVERY_S`."""
MAX_AT_ONCE: Final = 50
"""Told in one tick: after a change that shuts a whole network out, it takes a while."""
MAX_DETAIL: Final = 200

Pair = tuple[str, RefusalReason]


class _Refused(Struct):
    """One station and reason."""

    address: str = ""
    detail: str = ""
    times: int = 0
    """Not told yet."""
    told_at: float = float("-inf")


class Refusals:
    """The refusals of one node. `committed` hears of the sequence number of an event."""

    def __init__(self, store: Store, clock: Clock, committed: Callable[[int], None]) -> None:
        self._store = store
        self._clock = clock
        self._committed = committed
        self._pairs: dict[Pair, _Refused] = {}
        self._untold: set[Pair] = set()

    def refused(self, station_id: str, address: str, reason: RefusalReason, detail: str) -> None:
        """A connection was refused. `station_id` is empty where it is not known."""
        pair = (station_id, reason)
        entry = self._pairs.get(pair)
        if entry is None:
            if len(self._pairs) >= MAX_PAIRS:
                return
            entry = self._pairs[pair] = _Refused()
        entry.times += 1
        entry.address, entry.detail = address, detail[:MAX_DETAIL]
        self._untold.add(pair)

    def tick(self) -> None:
        """Tell what is due."""
        if not self._untold:
            return
        now = self._clock.monotonic()
        due = [pair for pair in self._untold if now - self._pairs[pair].told_at >= TELL_EVERY_S]
        for pair in due[:MAX_AT_ONCE]:
            self._tell(pair, now)
        if len(self._pairs) >= MAX_PAIRS:
            self._forget(now)

    def _tell(self, pair: Pair, now: float) -> None:
        entry, (station_id, reason) = self._pairs[pair], pair
        work = Work(self._clock.now(), station_id)
        work.tell(
            ConnectionRefused(
                station_id=station_id,
                reason=reason,
                address=entry.address,
                detail=entry.detail,
                times=entry.times,
            )
        )
        self._untold.discard(pair)
        entry.told_at = now
        told, entry.times = entry.times, 0
        self._store.submit(work, partial(self._settled, pair, told))

    def _settled(self, pair: Pair, told: int, settlement: Settlement) -> None:
        if isinstance(settlement, Committed):
            self._committed(settlement.last_seq)
        elif (entry := self._pairs.get(pair)) is not None:
            entry.times += told
            entry.told_at = float("-inf")
            self._untold.add(pair)

    def _forget(self, now: float) -> None:
        for pair, entry in list(self._pairs.items()):
            if pair not in self._untold and now - entry.told_at >= TELL_EVERY_S:
                del self._pairs[pair]
