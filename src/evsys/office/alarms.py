"""Alarms: what people should look at, until they have or it has passed.

They come from the log of events, from the clock, and from what the office sees of the server itself: the
disk and the database. What becomes of a signal is decided in `core.alarms`; here it is read, written down and
told. Before an alarm is raised for what should have happened and has not, the database is asked whether that
is still so.
"""

import asyncio
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from uuid import uuid4

import structlog
from msgspec import Struct
from msgspec.structs import replace

from evsys.core import alarms as core
from evsys.core.alarms import DEFAULTS, WANTS, Known, Rule, Step
from evsys.core.errors import (
    AlreadyExists,
    BadCommand,
    EvsysError,
    NotFound,
    StaleVersion,
    StationUnknown,
)
from evsys.core.events import (
    AlarmAcknowledged,
    AlarmCleared,
    AlarmRuleChanged,
    ConnectorStatusChanged,
    LoggedEvent,
    StationRemoved,
)
from evsys.core.ports import Clock
from evsys.core.records import Alarm, AlarmKind, AlarmRule, AlarmWatch
from evsys.core.signals import HEARD, Signal, signals
from evsys.core.work import Work
from evsys.office.consumers import Consumers
from evsys.office.status import GatewayAway, Status
from evsys.office.writing import Books
from evsys.store.views import alarms, stations
from evsys.store.views.alarms import Key, Metering
from evsys.store.views.reader import Reader

GRACE_S: Final = 60.0
"""So long after the office has begun to look, nothing runs out: stations come back after a restart, and what
they say is heard first."""
LOOK_EVERY_S: Final = 1.0
LOOKED_AT: Final = 200
"""Watches looked at in one read; the others come with the next."""
SERVER_EVERY_S: Final = 30.0
"""How often the disk and the database are looked at."""
MAX_TRIES: Final = 5
"""How often a step is taken again because somebody was faster."""
MAX_RULES: Final = 5000
"""Rules of people: they are held in memory."""

_Stepping = Callable[[Key, Known], Step]
log = structlog.get_logger()


class RuleView(Struct, frozen=True, kw_only=True):
    """The rule that holds for a kind, everywhere or at a station."""

    kind: AlarmKind
    station_id: str = ""
    rule: Rule
    set_here: AlarmRule | None = None
    """What people set at exactly this place."""


class Alarms:
    """The alarms of a running office."""

    def __init__(
        self,
        books: Books,
        reader: Reader,
        clock: Clock,
        status: Status,
        folder: Path,
        rules: Mapping[AlarmKind, Rule] = DEFAULTS,
    ) -> None:
        """`folder`: whose disk is looked at; `rules`: those that hold where people want nothing else."""
        self._books = books
        self._reader = reader
        self._clock = clock
        self._status = status
        self._folder = folder
        self._base = rules
        self._rules: dict[tuple[AlarmKind, str], AlarmRule] = {}
        self._keys: set[Key] = set()
        """All of which anything is known, and perhaps more: the end of what is not among them is passed over
        without a read."""
        self._is_loaded = False
        self._begun = asyncio.Event()
        self._not_before = clock.now()
        self._failure = ""
        """Why the database last failed, as far as it was told."""

    def follow(self, consumers: Consumers) -> None:
        """Hear of what alarms are raised for."""
        consumers.add("alarms", (*HEARD, StationRemoved, AlarmRuleChanged), self.take, self._begin)

    def _begin(self) -> None:
        self._is_loaded = False
        self._begun.set()

    async def _load(self) -> None:
        if self._is_loaded:
            return
        self._keys = await self._reader.read(alarms.keys)
        await self._load_rules()
        self._not_before = self._clock.now() + timedelta(seconds=GRACE_S)
        self._is_loaded = True

    async def _load_rules(self) -> None:
        found = await self._reader.read(alarms.rules)
        self._rules = {(each.kind, each.station_id): each for each in found}

    # -- what happens

    async def take(self, logged: LoggedEvent) -> None:
        """What an event brings. One that comes twice is counted once. Raises StoreUnavailable, or
        StaleVersion where somebody was faster again and again."""
        await self._load()
        match logged.event:
            case StationRemoved(station_id=station_id):
                await self._forget(station_id)
            case AlarmRuleChanged(rule=rule):
                await self._load_rules()
                await self._look_again(rule)
            case event:
                off_s = 0
                if isinstance(event, ConnectorStatusChanged):
                    off_s = self._rule("clock_off", logged.station_id).threshold
                await self._hear(signals(event, logged.at, off_s), logged.at, logged.seq)

    async def _hear(self, heard: Sequence[Signal], at: datetime, seq: int) -> None:
        by_key = {key: signal for signal in heard for key in self._keys_of(signal)}

        def step(key: Key, known: Known) -> Step:
            rule, alarm_id = self._rule(key[1], key[0]), str(uuid4())
            return core.hear(known, by_key[key], rule, at, seq, alarm_id, self._not_before)

        await self._take_steps(by_key, step)

    def _keys_of(self, signal: Signal) -> list[Key]:
        """What a signal is of; nothing where it is the end of what is not known."""
        key: Key = (signal.station_id, signal.kind, signal.name)
        if signal.sort != "ends":
            return [key]
        if signal.name == "*":
            return [each for each in self._keys if each[:2] == key[:2]]
        return [key] if key in self._keys else []

    def _rule(self, kind: AlarmKind, station_id: str) -> Rule:
        everywhere, here = self._rules.get((kind, "")), self._rules.get((kind, station_id))
        return core.wanted(self._base[kind], everywhere, here)

    async def _forget(self, station_id: str) -> None:
        now = self._clock.now()
        of_station = [key for key in self._keys if key[0] == station_id]
        await self._take_steps(of_station, lambda _key, known: core.ended(known, now))

    async def _look_again(self, rule: AlarmRule) -> None:
        """A rule has changed: what is watched by it has another time now."""
        now = self._clock.now()
        of_rule = [key for key in self._keys if key[1] == rule.kind and rule.station_id in ("", key[0])]

        def step(key: Key, known: Known) -> Step:
            if known.watch is None:
                return Step(known)
            watch = replace(known.watch, due_at=now, version=known.watch.version + 1)
            return Step(replace(known, watch=watch))

        for first in range(0, len(of_rule), LOOKED_AT):
            await self._take_steps(of_rule[first : first + LOOKED_AT], step)

    async def _take_steps(self, keys: Sequence[Key] | Mapping[Key, Signal], step: _Stepping) -> None:
        """Take a step with each, in one commit; anew where somebody was faster."""
        for _ in range(MAX_TRIES if keys else 0):
            found = await self._reader.read(partial(alarms.known, keys=list(keys)))
            work = Work(self._clock.now())
            for key, known in found.items():
                taken = step(key, known)
                _write(work, known, taken)
                if taken.known != Known():
                    self._keys.add(key)
                else:
                    self._keys.discard(key)
            if not work or not await self._books.write(work):
                return
        if keys:
            raise StaleVersion("the alarm was changed by somebody else")

    # -- what time brings

    async def run(self) -> None:
        """Look at what is due, and at the server itself, until cancelled."""
        await self._begun.wait()
        server_s = 0.0
        while True:
            try:
                await self._load()
                await self.look()
                if self._clock.monotonic() >= server_s:
                    server_s = self._clock.monotonic() + SERVER_EVERY_S
                    await self.look_at_server()
            except EvsysError as error:
                log.warning("alarms are not looked after", reason=str(error))
            except Exception:
                # The border of one look: a fault of ours must not end the others.
                log.exception("alarms were not looked after by a fault of ours")
            await asyncio.sleep(LOOK_EVERY_S)

    async def look(self) -> None:
        """Once: see what is due."""
        now = self._clock.now()
        for watch in await self._reader.read(partial(alarms.due, now=now, limit=LOOKED_AT)):
            rule = self._rule(watch.kind, watch.station_id)
            stepping = await self._found(watch, rule, now)
            await self._take_steps([(watch.station_id, watch.kind, watch.name)], stepping)

    async def _found(self, watch: AlarmWatch, rule: Rule, now: datetime) -> _Stepping:
        """What to do with what is due, after a look at how things are."""
        alarm_id = str(uuid4())

        def look(_key: Key, known: Known) -> Step:
            return core.look(known, rule, now, alarm_id, self._not_before)

        def over(_key: Key, known: Known) -> Step:
            return core.ended(known, now)

        def unheard(_key: Key, known: Known) -> Step:
            return core.unheard(known, rule, now, self._not_before)

        if not watch.holds:
            return look
        if watch.kind == "station_offline":
            query = partial(alarms.presence, station_id=watch.station_id)
            presence = await self._reader.read(query)
            if presence is None or not presence.enabled:
                return over
            return unheard if presence.connected else look
        if watch.kind not in core.CHECKED:
            return look
        seen = partial(alarms.metering, station_id=watch.station_id, transaction_id=watch.name)
        metering = await self._reader.read(seen)
        if metering is None or (watch.kind == "no_energy" and metering.has_energy):
            return over
        until = _fine_until(watch, rule, metering, now)
        is_away = not metering.connected

        def wait(key: Key, known: Known) -> Step:
            if until is None or (is_away and known.alarm is not None):
                return look(key, known)
            return core.put_off(known, until, now)

        return wait

    async def look_at_server(self) -> None:
        """The disk and the database."""
        usage = await asyncio.to_thread(shutil.disk_usage, self._folder)
        free = usage.free * 100 // usage.total
        is_low = free < self._rule("disk_space", "").threshold
        disk = Signal(
            station_id="",
            kind="disk_space",
            sort="holds" if is_low else "ends",
            severity="critical",
            detail=f"{free} % are free",
            facts={"free_percent": free, "free_bytes": usage.free, "total_bytes": usage.total},
        )
        now = self._clock.now()
        await self._hear([disk], now, 0)
        failure = self._books.failure or await self._gateway_failure()
        if failure and failure != self._failure:
            failed = Signal(
                station_id="",
                kind="database",
                sort="happens",
                severity="critical",
                detail=failure,
                facts={"reason": failure},
            )
            await self._hear([failed], now, 0)
        self._failure = failure

    async def _gateway_failure(self) -> str:
        try:
            return (await self._status.gateway()).store_failure
        except GatewayAway:
            return ""

    # -- what people do

    async def find(self, alarm_id: str) -> Alarm:
        """An alarm by its id. Raises NotFound."""
        alarm = await self._reader.read(partial(alarms.alarm, alarm_id=alarm_id))
        if alarm is None:
            raise NotFound(f"no alarm {alarm_id}")
        return alarm

    async def acknowledge(self, alarm_id: str, by: str, note: str = "") -> Alarm:
        """Somebody has seen an alarm. Raises NotFound, AlreadyExists where somebody had before or it is over,
        or StaleVersion."""
        alarm = await self.find(alarm_id)
        if alarm.acknowledged_at is not None:
            raise AlreadyExists(f"{alarm.acknowledged_by} has acknowledged it already")
        if alarm.cleared_at is not None:
            raise AlreadyExists("it is over")
        now = self._clock.now()
        seen = replace(core.acknowledged(alarm, now, by, note), version=alarm.version + 1)
        work = Work(now, alarm.station_id)
        work.change(seen)
        work.tell(AlarmAcknowledged(alarm=seen, by=by))
        if seen.cleared_at is not None:
            work.tell(AlarmCleared(alarm=seen, by=by))
        await self._write(work)
        return seen

    async def clear(self, alarm_id: str, by: str, note: str = "") -> Alarm:
        """Somebody says that it is over: if it still holds, it is raised again only when it has ended and
        begun anew. Raises NotFound, AlreadyExists where it is over, or StaleVersion."""
        alarm = await self.find(alarm_id)
        if alarm.cleared_at is not None:
            raise AlreadyExists("it is over")
        now = self._clock.now()
        over = replace(core.cleared(alarm, now, by, note), version=alarm.version + 1)
        work = Work(now, alarm.station_id)
        work.change(over)
        key: Key = (alarm.station_id, alarm.kind, alarm.name)
        known = (await self._reader.read(partial(alarms.known, keys=[key])))[key]
        if known.watch is not None:
            muted = core.muted(known.watch)
            if muted is None:
                work.remove(known.watch)
            else:
                work.change(muted)
        work.tell(AlarmCleared(alarm=over, by=by))
        await self._write(work)
        return over

    async def rules(self, station_id: str = "") -> list[RuleView]:
        """The rules that hold, everywhere or at a station."""
        found = {(each.kind, each.station_id): each for each in await self._reader.read(alarms.rules)}
        return [
            RuleView(
                kind=kind,
                station_id=station_id,
                rule=core.wanted(base, found.get((kind, "")), found.get((kind, station_id))),
                set_here=found.get((kind, station_id)),
            )
            for kind, base in self._base.items()
        ]

    async def put_rule(self, rule: AlarmRule, by: str) -> RuleView:
        """People want this of a kind of alarm; a rule without members is taken away. Raises StationUnknown,
        BadCommand, or StaleVersion where somebody was faster."""
        query = partial(stations.station, station_id=rule.station_id)
        if rule.station_id and await self._reader.read(query) is None:
            raise StationUnknown(f"no station {rule.station_id}")
        rules = await self._reader.read(alarms.rules)
        present = next(
            (each for each in rules if (each.kind, each.station_id) == (rule.kind, rule.station_id)), None
        )
        if present is None and len(rules) >= MAX_RULES:
            raise BadCommand(f"more than {MAX_RULES} rules")
        work = Work(self._clock.now(), rule.station_id)
        if all(getattr(rule, name) is None for name in WANTS):
            if present is not None:
                work.remove(present)
        elif present is None:
            work.add(rule)
        else:
            work.change(replace(rule, version=present.version + 1))
        if work:
            work.tell(AlarmRuleChanged(rule=rule, by=by))
            await self._write(work)
        return next(each for each in await self.rules(rule.station_id) if each.kind == rule.kind)

    async def _write(self, work: Work) -> None:
        if await self._books.write(work):
            raise StaleVersion("it has just changed: look at it anew")


def _write(work: Work, known: Known, taken: Step) -> None:
    """What a step changes."""
    watch, alarm = taken.known.watch, taken.known.alarm
    if watch is None and known.watch is not None:
        work.remove(known.watch)
    elif watch is not None and known.watch is None:
        work.add(watch)
    elif watch is not None and watch != known.watch:
        work.change(watch)
    if alarm is not None and known.alarm is None:
        work.add(alarm)
    elif alarm is not None and alarm != known.alarm:
        work.change(alarm)
    for event in taken.told:
        work.tell(event)


def _fine_until(watch: AlarmWatch, rule: Rule, metering: Metering, now: datetime) -> datetime | None:
    """Until when nothing is wrong with a session; None where something is."""
    wait = timedelta(seconds=max(rule.after_s, 1))
    if not metering.connected:
        return now + wait
    if watch.kind == "no_energy":
        return None
    if metering.last_at is None:
        return now + wait  # a station that sends no values at all is not silent
    return metering.last_at + wait if metering.last_at + wait > now else None
