"""The mirror: what stations are now, held up to an MQTT broker as retained topics (`office.topics`).

It follows the log of events to hear which stations something happened to, reads these again, and puts what
their topics say now; meter samples are heard as they are measured. So it holds no truth of its own and
nothing of it need be durable: when it begins, all stations are read once.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Final, Protocol

import msgspec
import structlog
from msgspec import Struct
from msgspec.structs import asdict, replace
from sqlalchemy import Connection

from evsys.core.errors import StoreUnavailable
from evsys.core.events import (
    ConnectorStatusChanged,
    Event,
    StationBooted,
    StationChanged,
    StationConnected,
    StationDisconnected,
    StationRegistered,
    StationRemoved,
    TransactionCorrected,
    TransactionEnded,
    TransactionStarted,
)
from evsys.core.ports import EVENTS, SAMPLES, Bus, LatestSample
from evsys.core.records import Transaction
from evsys.office.topics import Commands, Names, Place, topics_of
from evsys.office.waking import woken
from evsys.store.views import events, series, stations, transactions
from evsys.store.views.events import EventFilter
from evsys.store.views.reader import Reader
from evsys.store.views.stations import StationView
from evsys.store.views.transactions import TransactionFilter

KINDS: Final[Sequence[type[Event]]] = (
    StationRegistered,
    StationChanged,
    StationRemoved,
    StationConnected,
    StationDisconnected,
    StationBooted,
    ConnectorStatusChanged,
    TransactionStarted,
    TransactionEnded,
    TransactionCorrected,
)
MAX_STATIONS: Final = 5_000
"""Stations that are mirrored: a hundred megabytes of memory. Further ones are left out."""
EVERY_S: Final = 0.5
"""Stations are read again at most so often."""
AT_ONCE: Final = 100
"""Stations read at once: some tens of milliseconds."""
PAGE: Final = 500
"""Events read at once."""
LAST: Final = 20
"""Transactions looked at for the last one of each EVSE."""
RETRY_S: Final = 5.0

log = structlog.get_logger()


class Link(Protocol):
    """The link to the broker (`bots.mqtt_link.MqttLink`)."""

    def put(self, topic: str, value: bytes) -> None: ...
    def remove(self, topic: str) -> None: ...
    async def run(self) -> None: ...


class _Known(Struct):
    """What is known of a station."""

    view: StationView
    places: dict[int, Place]
    topics: frozenset[str] = frozenset()

    def measured(self, evse_id: int, sample: LatestSample) -> None:
        """A sample came; what it does not say stays as it was, within a transaction."""
        place = self.places.get(evse_id, Place())
        before = place.sample
        if before is not None and before.transaction_id == sample.transaction_id:
            older, newer = sorted((before, sample), key=lambda each: each.at)
            known = {name: value for name, value in asdict(newer).items() if value is not None}
            sample = replace(older, **known)
        self.places[evse_id] = replace(place, sample=sample)


class Mirror:
    """See the module."""

    def __init__(self, reader: Reader, bus: Bus, link: Link, names: Names, commands: Commands) -> None:
        self._reader = reader
        self._bus = bus
        self._link = link
        self._names = names
        self._commands: Commands = commands
        self._known: dict[str, _Known] = {}
        self._samples: dict[tuple[str, int], LatestSample] = {}
        """What was measured since the mirror was last brought up to date."""
        self._seq = 0
        """Of the last event that was looked at."""
        self._woken = asyncio.Event()
        self._full = False

    async def run(self) -> None:
        """Keep the mirror up, until cancelled."""
        cancels = (
            self._bus.subscribe(EVENTS, lambda _subject, _payload: self._woken.set()),
            self._bus.subscribe(SAMPLES, self._sampled),
        )
        try:
            while not await self._done(self._read_everything):  # noqa: ASYNC110, nothing tells when it is back
                await asyncio.sleep(RETRY_S)
            # Not before all is known: what is not, is taken off the broker.
            async with asyncio.TaskGroup() as keeping:
                keeping.create_task(self._link.run())
                keeping.create_task(self._follow())
        finally:
            for cancel in cancels:
                cancel()

    async def _follow(self) -> None:
        while True:
            await woken(self._woken)
            self._woken.clear()
            await self._done(self._read_changed)
            self._take_samples()
            await asyncio.sleep(EVERY_S)

    async def _done(self, read: Callable[[], Awaitable[None]]) -> bool:
        try:
            await read()
        except StoreUnavailable as error:
            log.warning("what MQTT is to tell cannot be read", reason=str(error))
            return False
        return True

    def _sampled(self, _subject: str, payload: bytes) -> None:
        for sample in msgspec.json.decode(payload, type=list[LatestSample]):
            place = (sample.station_id, sample.evse_id)
            if place in self._samples or len(self._samples) < 2 * MAX_STATIONS:
                self._samples[place] = sample
        self._woken.set()

    async def _read_everything(self) -> None:
        self._seq = await self._reader.read(events.last_seq)
        measured = await self._reader.read(series.power_of_open_transactions)
        readings = {(each.station_id, each.evse_id): each for each in measured}
        cursor: str | None = ""
        found = set[str]()
        while cursor is not None:
            page, cursor = await self._reader.read(partial(_page, cursor=cursor))
            for station_id, known in page.items():
                found.add(station_id)
                for transaction in known.view.open_transactions:
                    reading = readings.get((station_id, transaction.evse_id))
                    if reading is not None and reading.at is not None:
                        known.measured(transaction.evse_id, _sample(transaction, reading, reading.at))
                self._learn(station_id, known)
        for station_id in self._known.keys() - found:
            self._learn(station_id, None)

    async def _read_changed(self) -> None:
        """Read those stations again that something happened to. What is read twice does no harm: so a failure
        on the way begins anew."""
        which = EventFilter(kinds=tuple(kind.__name__ for kind in KINDS))
        while True:
            query = partial(events.events_after, after=self._seq, which=which, limit=PAGE)
            page, following = await self._reader.read(query)
            changed = sorted({event.station_id for event in page})
            for first in range(0, len(changed), AT_ONCE):
                some = changed[first : first + AT_ONCE]
                found = await self._reader.read(partial(_read_stations, ids=some))
                for station_id in some:
                    self._learn(station_id, found.get(station_id))
            if following == self._seq:
                return
            self._seq = following

    def _take_samples(self) -> None:
        samples, self._samples = self._samples, {}
        for (station_id, evse_id), sample in samples.items():
            if (known := self._known.get(station_id)) is not None:
                known.measured(evse_id, sample)
        for station_id in {station_id for station_id, _ in samples}:
            self._show(station_id)

    def _learn(self, station_id: str, known: _Known | None) -> None:
        """A station was read; None: there is none of this id."""
        before = self._known.get(station_id)
        if known is None:
            if before is not None:
                del self._known[station_id]
                for topic in before.topics:
                    self._link.remove(topic)
            return
        if before is None and len(self._known) >= MAX_STATIONS:
            if not self._full:
                self._full = True
                log.warning("there are too many stations for MQTT: further ones are left out")
            return
        if before is not None:
            known.topics = before.topics
            for evse_id, place in before.places.items():
                if place.sample is not None:
                    known.measured(evse_id, place.sample)
        self._known[station_id] = known
        self._show(station_id)

    def _show(self, station_id: str) -> None:
        known = self._known.get(station_id)
        if known is None:
            return
        topics = topics_of(known.view, known.places, self._names, self._commands)
        for topic in known.topics - topics.keys():
            self._link.remove(topic)
        for topic, value in topics.items():
            self._link.put(topic, value)
        known.topics = frozenset(topics)


def _page(connection: Connection, cursor: str) -> tuple[dict[str, _Known], str | None]:
    views, following = stations.stations_page(connection, AT_ONCE, cursor)
    return {view.id: _known(connection, view) for view in views}, following


def _read_stations(connection: Connection, ids: Sequence[str]) -> dict[str, _Known]:
    views = (stations.station(connection, station_id) for station_id in ids)
    return {view.id: _known(connection, view) for view in views if view is not None}


def _known(connection: Connection, view: StationView) -> _Known:
    which = TransactionFilter(station_id=view.id)
    newest, _ = transactions.transactions_page(connection, which, LAST)
    last: dict[int, Transaction] = {}
    for transaction in newest:
        last.setdefault(transaction.evse_id, transaction)
    return _Known(view, {evse_id: Place(last=transaction) for evse_id, transaction in last.items()})


def _sample(transaction: Transaction, reading: series.Power, at: datetime) -> LatestSample:
    """What is stored of a running transaction, as it was measured."""
    return LatestSample(
        station_id=transaction.station_id,
        evse_id=transaction.evse_id,
        transaction_id=transaction.id,
        at=at,
        energy_wh=reading.energy_wh,
        power_w=reading.kw * 1000,
    )
