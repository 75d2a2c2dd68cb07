"""The sweep of abandoned sessions: those that nobody will stop any more.

A session is closed when its connector reports Available and nothing was heard of it for as long as policy
says (`core.transactions.abandoned`); never by a boot, never while a car may be connected, and never because
of our own silence: time in which we were not listening, or in which the wall clock jumped, does not count. A
stop that comes late replaces the synthetic end. Stations that are not connected are swept as well.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import structlog

from evsys.core.facts import Policy
from evsys.core.ports import Clock
from evsys.core.transactions import abandoned, close
from evsys.core.work import Committed, Settlement, Turn
from evsys.csms.turns import Running

SWEEP_EVERY_S: Final = 60.0
JUMP_S: Final = 30.0
"""A wall clock that gains or loses so much on the monotonic one between two ticks was set by somebody."""

log = structlog.get_logger()


class Sweeper:
    """One sweep for all stations of a node."""

    def __init__(self, clock: Clock, policy: Policy) -> None:
        self._clock = clock
        self._policy = policy
        self._last: tuple[datetime, float] = (clock.now(), clock.monotonic())
        self._next = 0.0
        self._listen_until(clock.monotonic())

    def tick(self, stations: Iterable[Running]) -> None:
        """Close what is abandoned, each minute. Called more often, so that a jump of the clock is noticed."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        before, monotonic_before = self._last
        self._last = (now, monotonic)
        jump_s = (now - before).total_seconds() - (monotonic - monotonic_before)
        if abs(jump_s) > JUMP_S:
            log.warning(
                "the wall clock jumped: no session counts as abandoned for a while", seconds=round(jump_s)
            )
            self._listen_until(monotonic)
        if monotonic < self._next:
            return
        self._next = monotonic + SWEEP_EVERY_S
        for running in stations:
            state = running.state
            if state is None or not state.settings.sweep or not state.open_transactions():
                continue
            if abandoned(state, now, self._policy):
                running.take(self._sweep, _swept)

    def _listen_until(self, monotonic: float) -> None:
        self._next = monotonic + self._policy.abandoned_after_s

    def _sweep(self, turn: Turn) -> None:
        for transaction in abandoned(turn.station, turn.now, self._policy):
            log.info("an abandoned session is closed", station=turn.station.id, transaction=transaction.id)
            close(turn.work, turn.station, transaction, turn.now, "sweep")


def _swept(settlement: Settlement) -> None:
    if not isinstance(settlement, Committed):
        log.warning("an abandoned session could not be closed; the next sweep tries again")
