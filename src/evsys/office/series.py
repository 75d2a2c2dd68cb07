"""The series that EVSYS gave to Prometheus, computed when they are asked for.

What is now is read from the rows. What was today (UTC), and since this process started, is counted from the
log of events, read on from where the last scrape ended. A station without a location has an empty label.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from evsys.core.events import ConnectorStatusChanged, LoggedEvent, TransactionEnded
from evsys.core.ports import Clock
from evsys.metrics import Sample
from evsys.store.views import series
from evsys.store.views.reader import Reader
from evsys.store.views.series import EVENTS_AT_ONCE, Now

COUNTED: Final = (ConnectorStatusChanged.__name__, TransactionEnded.__name__)
MAX_SERIES: Final = 20_000
"""Different labels counted of one series; a station may make up error codes for ever."""

Fault = tuple[str, str]
"""Station and its own error code."""


class _Today:
    """What is counted of one day."""

    def __init__(self, day: datetime) -> None:
        self.day = day
        self.errors: Counter[Fault] = Counter()
        self.transactions: Counter[str] = Counter()
        self.energy_wh: Counter[str] = Counter()


class EvsysSeries:
    """One per process; scrapes take turns."""

    def __init__(self, reader: Reader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock
        self._turn = asyncio.Lock()
        self._today: _Today | None = None
        self._seq = 0
        self._started_at = clock.now()
        self._vendor_errors: Counter[Fault] = Counter()
        self._energy_wh: Counter[str] = Counter()

    async def samples(self) -> list[Sample]:
        """All series as they are now. Raises StoreUnavailable."""
        async with self._turn:
            if self._today is None:
                await self._look_back()
            await self._follow()
            now = await self._reader.read(series.now)
            return [*_of_now(now), *self._counted(now.locations)]

    async def _look_back(self) -> None:
        """To the beginning of this day or the start of the process, whichever was earlier."""
        since = min(_midnight(self._clock.now()), self._started_at)
        self._seq = await self._reader.read(partial(series.seq_before, moment=since))
        self._today = _Today(_midnight(since))

    async def _follow(self) -> None:
        last = await self._reader.read(series.last_seq)
        while self._seq < last:
            until = min(last, self._seq + EVENTS_AT_ONCE)
            query = partial(series.events_between, after=self._seq, last=until, kinds=COUNTED)
            for event in await self._reader.read(query):
                self._count(event)
            self._seq = until
        midnight = _midnight(self._clock.now())
        if self._today is None or self._today.day < midnight:
            self._today = _Today(midnight)

    def _count(self, logged: LoggedEvent) -> None:
        today = self._today
        if today is None or logged.at >= _next_day(today.day):
            today = self._today = _Today(_midnight(logged.at))
        since_start, station = logged.at >= self._started_at, logged.station_id
        match logged.event:
            case ConnectorStatusChanged(connector=connector) if connector.error_code != "NoError":
                fault = (station, connector.vendor_error_code)
                _add(today.errors, fault)
                if since_start and connector.vendor_error_code:
                    _add(self._vendor_errors, fault)
            case TransactionEnded(transaction=transaction):
                energy_wh = transaction.energy_wh or 0
                _add(today.transactions, station)
                _add(today.energy_wh, station, energy_wh)
                if since_start:
                    _add(self._energy_wh, station, energy_wh)
            case _:
                pass

    def _counted(self, locations: dict[str, str]) -> list[Sample]:
        today = self._today
        assert today is not None
        samples = []
        for name, faults in (
            ("ocpp_vendor_error_count", self._vendor_errors),
            ("ocpp_errors_today", today.errors),
        ):
            for (station, code), count in faults.items():
                labels = {"location": locations.get(station, ""), "code": code, "charge_point_id": station}
                samples.append(Sample(name, labels, count))
        for name, amounts in (
            ("ocpp_transaction_count", today.transactions),
            ("ocpp_consumed_power", today.energy_wh),
            ("ocpp_consumed_today", self._energy_wh),
        ):
            for station, amount in amounts.items():
                labels = {"location": locations.get(station, ""), "charge_point_id": station}
                samples.append(Sample(name, labels, amount))
        return samples


def _of_now(now: Now) -> list[Sample]:
    """A location and a connector where nothing is have a zero, so that no old value stays."""
    none = Counter(dict.fromkeys([*now.locations.values(), ""], 0))
    connected, running = none.copy(), none.copy()
    connected.update(now.locations.get(station, "") for station in now.connected)
    running.update(now.locations.get(power.station_id, "") for power in now.running)
    samples = [Sample("server_connections_active", {"location": key}, n) for key, n in connected.items()]
    samples += [Sample("server_transactions_active", {"location": key}, n) for key, n in running.items()]
    power_kw = dict.fromkeys(now.connectors, 0.0)
    power_kw |= {(power.station_id, power.evse_id): power.kw for power in now.running}
    for (station, evse_id), kw in power_kw.items():
        labels = {
            "location": now.locations.get(station, ""),
            "charge_point_id": station,
            "connector_id": str(evse_id),
        }
        samples.append(Sample("ocpp_current_power_rate", labels, kw))
    return samples


def _add(counter: Counter[Fault] | Counter[str], key: Fault | str, amount: int = 1) -> None:
    if key in counter or len(counter) < MAX_SERIES:
        counter[key] += amount  # type: ignore[index]  # callers pair a counter with its own kind of key


def _midnight(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _next_day(day: datetime) -> datetime:
    return day + timedelta(days=1)
