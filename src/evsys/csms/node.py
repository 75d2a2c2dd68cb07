"""A node: the running stations of one process, and what they have in common.

The gateway gives it connections and calls `tick` once a second; the store settles its turns; the bus brings
it commands. All of that is driven by callbacks and deterministic: the simulation runs it on a stepped clock
without an event loop. Coroutines are only what waits for others: the answers on the bus, the registration of
a station, start and stop, and the follower of what people change.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from evsys.core import records
from evsys.core.credentials import NOTHING_PROVED, Proved
from evsys.core.errors import StationOffline
from evsys.core.events import (
    STOPPING,
    CertificateRevoked,
    Event,
    ReservationChanged,
    StationBooted,
    StationChanged,
    StationRegistered,
    StationRemoved,
    StationSecurityChanged,
    TokenChanged,
    TokenRegistered,
    TokenRemoved,
)
from evsys.core.facts import Policy
from evsys.core.ports import (
    EVENTS,
    GATEWAY_CLOSE,
    GATEWAY_REFRESH,
    GATEWAY_STATUS,
    GATEWAY_WIRE,
    SAMPLES,
    WIRE,
    Bus,
    Cancel,
    Clock,
    CloseReply,
    CloseRequest,
    CommandReply,
    CommandRequest,
    GatewayStatus,
    Index,
    LatestSample,
    Link,
    Store,
    station_subject,
)
from evsys.core.records import LastSeen
from evsys.core.transactions import close
from evsys.core.work import Committed, Conflict, Settlement, Turn, Work
from evsys.core.workarounds import Models
from evsys.csms.commands import RunningCommand, refusal
from evsys.csms.connection import Connection
from evsys.csms.facts import NodeFacts
from evsys.csms.knocks import Knocks
from evsys.csms.polling import Poller
from evsys.csms.provisioning import Metering, Provisioner
from evsys.csms.refusals import Refusals
from evsys.csms.shared import Shared
from evsys.csms.sweeper import SWEEP_EVERY_S, Sweeper
from evsys.csms.turns import CLOSE_GOING_AWAY, CLOSE_POLICY, Running
from evsys.csms.wirelog import WireLog
from evsys.ocpp.dialect import Dialect

LAST_SEEN_EVERY_S: Final = 5.0
"""How old last-seen on disk may be; each flush is a row per station that was heard of."""
LAST_SEEN_ROWS: Final = 500
"""Rows of one Work: a Work is a page of a batch, not the batch."""
PUBLISH_EVERY_S: Final = 0.05
"""Those who look into the log of events are told at most so often; the next tick tells of the last."""
SAMPLES_AT_ONCE: Final = 500
"""Meter samples in one message on the bus: about a hundred kilobytes."""
FOLLOW_EVERY_S: Final = 0.5
"""How often the log is asked for what people changed, where nobody says so: it is to take effect within a
second."""
PEOPLE_PAGE: Final = 1000
RECONNECT_WITHIN_S: Final = 60.0
"""How long stations have to come back after a restart, before those that do not are looked after: most do,
and their state is loaded then."""
STOP_WITHIN_S: Final = 3.0
"""How long a stop waits for commits in flight; the supervisor kills after five seconds."""

log = structlog.get_logger()


class NodeSettings(Struct, frozen=True, kw_only=True):
    """How this process deals with its stations."""

    call_timeout_s: float = 30.0
    measurands: tuple[str, ...] = ()
    sample_interval_s: int = 0
    poll_interval_s: float = 20.0
    models: Models = Models()
    """The model profiles that are known."""
    wire_log: bool = False
    """Whether frames are noted for the wire log."""


class Node:
    """The running stations by id."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        dialects: Mapping[str, Dialect],
        policy: Policy,
        settings: NodeSettings,
        clock: Clock,
        index: Index | None = None,
    ) -> None:
        """`index` hears of each station that people registered, changed or removed."""
        self.dialects = dialects
        self.facts = NodeFacts(store, policy)
        self.shared = Shared(store, self.facts, clock, settings.call_timeout_s, settings.models)
        self.shared.told = self._told
        self.stations: dict[str, Running] = {}
        self.knocks = Knocks(store, clock)
        self.refusals = Refusals(store, clock, self._logged)
        self._index = index
        if index is not None:
            self.shared.proved = index.prove
        self._store = store
        self._bus = bus
        self._clock = clock
        self._serving: dict[str, Cancel] = {}
        metering = Metering(measurands=settings.measurands, sample_interval_s=settings.sample_interval_s)
        self._provisioner = Provisioner(clock, metering)
        self._poller = Poller(clock, settings.poll_interval_s)
        self._sweeper = Sweeper(clock, policy)
        self._connections = 0
        self._left: list[str] = []
        """Stations of an earlier process whose state is loaded even if they do not come back."""
        self._left_until = 0.0
        self._next_flush = self._next_prune = 0.0
        self._seq = self._published_seq = self._followed_seq = 0
        self._published_at = 0.0
        self._wire: WireLog | None = None
        if settings.wire_log:
            self._wire = self.shared.wire = WireLog(clock, partial(bus.publish, WIRE))
        self._answering: list[Cancel] = []
        self._follower: asyncio.Task[None] | None = None
        self._refreshing = asyncio.Lock()

    # -- what the gateway calls ---

    def connect(
        self, station_id: str, protocol: str, address: str, link: Link, proved: Proved = NOTHING_PROVED
    ) -> Connection:
        """A new authenticated socket of a registered station; the newest wins. `protocol` is one of
        `dialects`. The state is loaded while its first frames wait."""
        self._connections += 1
        prefix = f"{int(self._clock.now().timestamp()):x}-{self._connections:x}-"
        running = self._running(station_id)
        dialect = self.dialects[protocol]
        connection = Connection(self.shared, running, dialect, address, link, prefix, proved)
        if station_id not in self._serving:
            self._serve(running)
        self._provisioner.connected(running, connection)
        running.connect(connection)
        return connection

    async def register(self, station_id: str, address: str) -> records.Station | None:
        """Register a station that is not known, durably (accept_unknown_chp). None where the database does
        not take it. One that is known by now is given as it is."""
        now = self._clock.now()
        station = records.Station(id=station_id, created_at=now)
        work = Work(now, station_id)
        work.add(station)
        work.tell(StationRegistered(station=station, by=station_id))
        settled: asyncio.Future[Settlement] = asyncio.get_running_loop().create_future()
        self._store.submit(
            work, lambda settlement: None if settled.done() else settled.set_result(settlement)
        )
        match await settled:
            case Committed():
                log.info("station registered", station=station_id, address=address)
                self._announce(station_id, station)
                return station
            case Conflict(record=records.Station() as known):
                self._announce(station_id, known)
                return known
            case _:
                return None

    def now(self) -> datetime:
        """The wall clock of the node."""
        return self._clock.now()

    def noticed(self, station_id: str, quirk: str, example: bytes) -> None:
        """A registered station left the standard before it said anything: in its handshake."""
        self.shared.quirks.note(station_id, quirk, example)

    def tick(self) -> None:
        """Once a second: time-outs, the initiative of the node, and what is stored in bulk."""
        monotonic = self._clock.monotonic()
        for running, deadline in list(self.shared.waiting.items()):
            if deadline <= monotonic:
                running.timed_out()
        for calls, deadline in list(self.shared.calling.items()):
            if deadline <= monotonic:
                calls.timed_out()
        for running in list(self.shared.held):
            running.nudge()
        if self._left and monotonic >= self._left_until:
            self._look_after_left()
        self.facts.top_up()
        self.knocks.flush()
        self.refusals.tick()
        self._provisioner.tick()
        self._poller.tick(self.stations.values())
        self._sweeper.tick(self.stations.values())
        self.shared.quirks.tick(monotonic)
        if monotonic >= self._next_flush:
            self._next_flush = monotonic + LAST_SEEN_EVERY_S
            self.flush_last_seen()
        if monotonic >= self._next_prune:
            self._next_prune = monotonic + SWEEP_EVERY_S
            self._prune()
        if self._seq > self._published_seq:
            self._publish(monotonic)
        if self.shared.samples:
            self._publish_samples()
        if self._wire is not None:
            self._wire.tick()

    # -- life ---

    async def start(self) -> None:
        """Take over what disk has, answer on the bus, and follow what people change. To be called before the
        first connection."""
        await self.take_over()
        self._answering.append(self._bus.serve(GATEWAY_STATUS, self._answer_status))
        self._answering.append(self._bus.serve(GATEWAY_CLOSE, self._answer_close))
        self._answering.append(self._bus.serve(GATEWAY_REFRESH, self._answer_refresh))
        if self._wire is not None:
            self._answering.append(self._bus.serve(GATEWAY_WIRE, partial(_answer_wire, self._wire)))
        self._follower = asyncio.create_task(self._follow())

    async def take_over(self) -> None:
        """What an earlier process left: open uses of tokens, stations to look after; and numbers to give."""
        self._followed_seq = await self._store.last_seq()
        self.facts.uses.fill(await self._store.open_uses())
        self._left = list(await self._store.stations_to_look_after())
        self._left_until = self._clock.monotonic() + RECONNECT_WITHIN_S
        self.facts.top_up()

    async def stop(self) -> None:
        """Let what is under way be committed and answered, close the connections (1001), record their end.
        What comes from now on is not heard: its station sends it again."""
        self.shared.stopping = True
        await self._settle()
        for running in list(self.stations.values()):
            if running.connection is not None:
                running.connection.close(CLOSE_GOING_AWAY, STOPPING)
        self.flush_last_seen()
        self.shared.quirks.flush()
        self.knocks.flush()
        await self._settle()
        if self._wire is not None:
            self._wire.flush()
        for cancel in (*self._answering, *self._serving.values()):
            cancel()
        self._serving.clear()
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    async def refresh(self) -> None:
        """Learn what people changed since the last time."""
        async with self._refreshing:
            await self._refresh()

    async def _refresh(self) -> None:
        newest = await self._store.last_seq()
        events = await self._store.people_events(self._followed_seq, PEOPLE_PAGE)
        for logged in events:
            self._heard_of_people(logged.event)
            if isinstance(logged.event, StationSecurityChanged) and self._index is not None:
                for credentials in await self._store.credentials(logged.event.station_id):
                    self._index.secure(credentials)
        if len(events) < PEOPLE_PAGE:
            self._followed_seq = max(newest, self._followed_seq)
        if events:
            self._followed_seq = max(events[-1].seq, self._followed_seq)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_EVERY_S)
            try:
                await self.refresh()
            except Exception:
                log.exception("the log of events cannot be read")

    async def _settle(self) -> None:
        """Wait until no turn is under way, within bounds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_WITHIN_S / 2):
                while not all(running.idle for running in self.stations.values()):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # at a stop alone: an event would cost every turn

    # -- commands ---

    def command(
        self, station_id: str, request: CommandRequest, replied: Callable[[CommandReply], None]
    ) -> None:
        """Send a command to a station of this node. `replied` hears what came of it, exactly once."""
        running = self.stations.get(station_id)
        if running is None or running.connection is None:
            replied(refusal(StationOffline(f"{station_id} is not connected")))
            return
        RunningCommand(running, request, replied).start()

    def _serve(self, running: Running) -> None:
        async def answer(payload: bytes) -> bytes:
            reply: asyncio.Future[CommandReply] = asyncio.get_running_loop().create_future()
            request = msgspec.json.decode(payload, type=CommandRequest)
            self.command(running.id, request, lambda said: None if reply.done() else reply.set_result(said))
            return msgspec.json.encode(await reply)

        self._serving[running.id] = self._bus.serve(station_subject(running.id), answer)

    async def _answer_refresh(self, _payload: bytes) -> bytes:
        await self.refresh()
        return b""

    async def _answer_close(self, payload: bytes) -> bytes:
        request = msgspec.json.decode(payload, type=CloseRequest)
        reply: asyncio.Future[CloseReply] = asyncio.get_running_loop().create_future()
        self.close_transaction(request, lambda said: None if reply.done() else reply.set_result(said))
        return msgspec.json.encode(await reply)

    def close_transaction(self, request: CloseRequest, replied: Callable[[CloseReply], None]) -> None:
        """End an open transaction without its station, in the station's turn, whether it is connected or not.
        `replied` hears what came of it, exactly once. A late stop of the station replaces this end."""
        found = False

        def decide(turn: Turn) -> None:
            nonlocal found
            transaction = turn.station.transactions.get(request.transaction_id)
            found = transaction is not None and transaction.ended_at is None
            if transaction is not None and found:
                close(turn.work, turn.station, transaction, turn.now, "operator", request.by)

        def done(settlement: Settlement) -> None:
            committed = isinstance(settlement, Committed)
            failure = "" if committed else getattr(settlement, "reason", type(settlement).__name__)
            replied(CloseReply(found=found, failure=failure))

        self._running(request.station_id).take(decide, done)

    async def _answer_status(self, payload: bytes) -> bytes:
        connected = sorted(each.id for each in self.stations.values() if each.connection is not None)
        status = GatewayStatus(connected=tuple(connected), store_failure=self.shared.failure)
        return msgspec.json.encode(status)

    # -- events ---

    def _told(self, running: Running, events: list[Event], seq: int) -> None:
        """Events of a turn are durable, and its reply has left."""
        for event in events:
            if isinstance(event, StationBooted):
                running.get_along()
                self._provisioner.booted(running, event.status == "Accepted")
        self._logged(seq)

    def _logged(self, seq: int) -> None:
        """An event of ours is in the log."""
        self._seq = max(self._seq, seq)
        monotonic = self._clock.monotonic()
        if monotonic - self._published_at >= PUBLISH_EVERY_S:
            self._publish(monotonic)

    def _publish(self, monotonic: float) -> None:
        self._published_at = monotonic
        self._published_seq = self._seq
        self._bus.publish(EVENTS, b"%d" % self._seq)

    def _publish_samples(self) -> None:
        """The last meter value of each EVSE since the last tick."""
        taken, self.shared.samples = list(self.shared.samples.values()), {}
        for first in range(0, len(taken), SAMPLES_AT_ONCE):
            page = [
                LatestSample(
                    station_id=value.station_id,
                    evse_id=value.evse_id,
                    transaction_id=value.transaction_id,
                    at=value.at,
                    energy_wh=value.energy_wh,
                    power_w=value.power_w,
                    current_a=value.current_a,
                    voltage_v=value.voltage_v,
                    soc_percent=value.soc_percent,
                )
                for value in taken[first : first + SAMPLES_AT_ONCE]
            ]
            self._bus.publish(SAMPLES, msgspec.json.encode(page))

    def _heard_of_people(self, event: Event) -> None:
        match event:
            case StationRegistered(station=station) | StationChanged(station=station):
                running = self.stations.get(station.id)
                if running is not None:
                    running.refresh(station)
                self._provisioner.changed(station.id)
                self._announce(station.id, station)
            case StationRemoved(station_id=station_id):
                self._provisioner.changed(station_id)
                self._announce(station_id, None)
                running = self.stations.get(station_id)
                if running is not None:
                    running.remove()
            case ReservationChanged(reservation=reservation):
                running = self.stations.get(reservation.station_id)
                if running is not None:
                    running.reserve(reservation)
            case CertificateRevoked(station_id=station_id, serial=serial):
                self._revoked(station_id, serial)
            case TokenRegistered(token=token) | TokenChanged(token=token):
                self.facts.forget(token.id)
            case TokenRemoved(token_id=token_id):
                self.facts.forget(token_id)
            case _:
                pass

    def _revoked(self, station_id: str, serial: str) -> None:
        """A certificate is refused from now on, and the link that it made is cut."""
        if self._index is not None:
            self._index.revoke(serial)
        running = self.stations.get(station_id)
        connection = running.connection if running is not None else None
        if connection is not None and connection.proved.certificate_serial == serial:
            connection.close(CLOSE_POLICY, "the certificate was revoked")

    def _announce(self, station_id: str, station: records.Station | None) -> None:
        if self._index is not None:
            self._index.put(station_id, station)

    # -- in bulk ---

    def flush_last_seen(self) -> None:
        """Store when stations were last heard of. What fails is stored with their next frame."""
        now, heard = self._clock.now(), [running.id for running in self.shared.heard]
        self.shared.heard.clear()
        for first in range(0, len(heard), LAST_SEEN_ROWS):
            work = Work(now)
            for station_id in heard[first : first + LAST_SEEN_ROWS]:
                work.save(LastSeen(station_id=station_id, at=now))
            self._store.submit(work, _unnoticed)

    # -- the stations in memory ---

    def _running(self, station_id: str) -> Running:
        running = self.stations.get(station_id)
        if running is None:
            running = self.stations[station_id] = Running(self.shared, station_id)
        return running

    def _look_after_left(self) -> None:
        left, self._left = self._left, []
        for station_id in left:
            if station_id not in self.stations:
                self._running(station_id).look_after()

    def _prune(self) -> None:
        """Let go of the stations that are not connected and have no session to look after."""
        for station_id, running in list(self.stations.items()):
            if running.connection is not None or not running.idle or running in self.shared.held:
                continue
            if running.state is not None and running.state.open_transactions():
                continue
            del self.stations[station_id]
            self.shared.quirks.forget(station_id)
            if self._wire is not None:
                self._wire.forget(station_id)
            cancel = self._serving.pop(station_id, None)
            if cancel is not None:
                cancel()


async def _answer_wire(wire: WireLog, payload: bytes) -> bytes:
    return wire.in_memory(payload.decode())


def _unnoticed(settlement: Settlement) -> None:
    """Nothing follows from it."""
