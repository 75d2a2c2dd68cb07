"""Polling: meter values are asked for while a session runs, on stations that do not send them by themselves.

Switched on per station (`poll_meter_values`). A connector whose values come anyway is left alone, and one
that has not answered yet is not asked again. Connector 0 is never asked: several stations answer for all
connectors, or not at all.
"""

from collections.abc import Iterable
from functools import partial

from evsys.core.commands import Outcome, TriggerMessage
from evsys.core.errors import EvsysError
from evsys.core.ports import Clock
from evsys.csms.calls import perform
from evsys.csms.turns import Running


class Poller:
    """Asks for meter values every `interval_s`; 0: never."""

    def __init__(self, clock: Clock, interval_s: float) -> None:
        self._clock = clock
        self._interval_s = interval_s
        self._next = clock.monotonic() + interval_s
        self._asked: set[tuple[str, int]] = set()
        """Station and EVSE of the questions that are open."""

    def tick(self, stations: Iterable[Running]) -> None:
        monotonic = self._clock.monotonic()
        if not self._interval_s or monotonic < self._next:
            return
        self._next = monotonic + self._interval_s
        for running in stations:
            state = running.state
            if running.claimed and state is not None and state.settings.poll_meter_values:
                self._poll(running)

    def _poll(self, running: Running) -> None:
        state, now = running.state, self._clock.now()
        if state is None or state.status.registration not in (None, "Accepted"):
            return
        for transaction in state.open_transactions():
            reading, place = state.readings.get(transaction.id), (running.id, transaction.evse_id)
            heard = reading.received_at if reading is not None else transaction.start_received_at
            if transaction.evse_id < 1 or place in self._asked:
                continue
            if (now - heard).total_seconds() < self._interval_s:
                continue
            self._asked.add(place)
            question = TriggerMessage(message="MeterValues", evse_id=transaction.evse_id)
            perform(running, question, partial(self._answered, place))

    def _answered(self, place: tuple[str, int], answer: Outcome | EvsysError) -> None:
        """Accepted or not: values that come are meter values as any other."""
        self._asked.discard(place)
