"""The configuration of stations is kept as templates want it, by itself.

Where a template fits a station, its configuration is read after each boot, once it has settled, when a
template changed, when somebody else has set a key, and once a day. What differs is set where the template
says so, key by key, and read again. What the station said to a key is kept: a refusal holds for this value
and this firmware, anything else for an hour, so that a station that accepts what it does not do, or restarts
because of it, is not written to without end. A value that was seen to be in place and has changed since is
set again at once, a few times an hour. A station whose model profile says that its configuration is not to be
written unasked is only shown.
"""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Final

import structlog

from evsys.core.commands import RawCall, SetVariable, SetVariables
from evsys.core.errors import CallFailed, EvsysError, StationOffline, StoreUnavailable
from evsys.core.events import (
    CommandSent,
    ConfigurationTemplateChanged,
    ConfigurationTemplateRemoved,
    LoggedEvent,
    StationBooted,
    StationConnected,
)
from evsys.core.ports import Clock
from evsys.core.records import ConfigurationTemplate, ConfigurationVerdict
from evsys.core.work import Work
from evsys.core.workarounds import Models, together
from evsys.office.commands import Commands
from evsys.office.configuration import ANSWER_WITHIN_S, Configuration, Configurations
from evsys.office.consumers import Consumers
from evsys.office.patience import Lately
from evsys.office.queue import settled
from evsys.office.rounds import Rounds
from evsys.office.templates import WantedKey, read_at, wanted_of
from evsys.office.writing import Books
from evsys.store.views import configuration
from evsys.store.views.configuration import Configured
from evsys.store.views.queue import Waited
from evsys.store.views.reader import Reader

BY: Final = "configuration-templates"
"""Who asks for these commands, in their records."""
CONSUMER: Final = "configuration_upkeep"
LOOK_EVERY_S: Final = 1.0
AGAIN_AFTER: Final = timedelta(hours=1)
"""When a key may be set again to which the station did not say no."""
AT_ONCE: Final = 3
"""How often within that time a key is set that was in place and is not any more."""
READ_AFTER: Final = timedelta(days=1)
"""A configuration that was read longer ago is read again: a station may be changed on its own panel."""
LOOK_AT_ALL_S: Final = 3600.0
REFUSALS: Final = frozenset(("Rejected", "NotSupported", "NotImplemented"))

log = structlog.get_logger()


class Upkeep:
    """Keeps the configuration of all stations."""

    def __init__(
        self,
        books: Books,
        reader: Reader,
        clock: Clock,
        sender: Commands,
        configurations: Configurations,
        models: Models,
    ) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._sender = sender
        self._configurations = configurations
        self._models = models
        self._all_due = True
        """Whether every connected station is to be looked at, as at the start of the process."""
        self._rounds = Rounds(clock)
        self._doubtful: set[str] = set()
        """Stations whose configuration somebody else has set: what was read of it holds no longer."""
        self._in_place: Lately[tuple[str, str]] = Lately(AGAIN_AFTER)
        """How often a key of a station was set and then seen to be in place."""
        configurations.was_read = self._was_read

    def follow(self, consumers: Consumers) -> None:
        """Hear of stations that are back, and of templates."""
        templates = (ConfigurationTemplateChanged, ConfigurationTemplateRemoved)
        kinds = (StationBooted, StationConnected, CommandSent, *templates)
        consumers.add(CONSUMER, kinds, self._take, self._look_at_all)

    async def run(self) -> None:
        """Keep the configurations, until cancelled."""
        last_s = self._clock.monotonic()
        async with asyncio.TaskGroup() as working:
            while True:
                if self._clock.monotonic() - last_s >= LOOK_AT_ALL_S:
                    last_s = self._clock.monotonic()
                    self._look_at_all()
                try:
                    await self._look(working)
                except StoreUnavailable as error:
                    log.warning("configurations cannot be looked after", reason=str(error))
                await asyncio.sleep(LOOK_EVERY_S)

    def _look_at_all(self) -> None:
        self._all_due = True

    async def _take(self, event: LoggedEvent) -> None:
        """Nothing of it needs to be remembered: at the start of the process all are looked at."""
        if isinstance(event.event, CommandSent):
            if not _sets_configuration(event.event):
                return
            self._doubtful.add(event.station_id)
        if event.station_id:
            self._rounds.put_afresh(event.station_id)
        else:
            self._look_at_all()

    def _was_read(self, station_id: str) -> None:
        """Somebody has read a configuration: it may have been found to drift."""
        if not self._rounds.under_way(station_id):
            self._rounds.put([station_id])

    async def _look(self, working: asyncio.TaskGroup) -> None:
        """Begin with the stations that need something and can be asked now."""
        all_due, self._all_due = self._all_due, False  # what is heard of from here on is for the next look
        if not all_due and not self._rounds:
            return
        looked_at: list[str] = []
        try:
            templates = await self._reader.read(configuration.templates)
            if not templates:
                self._rounds.clear()
                return
            if all_due:
                self._rounds.put(await self._reader.read(configuration.connected))
            looked_at = self._rounds.next()
            found = await self._reader.read(partial(configuration.configured, ids=looked_at))
        except StoreUnavailable:
            self._all_due = self._all_due or all_due
            self._rounds.put(looked_at)
            raise
        for each in found:
            self._begin(each, templates, working)

    def _begin(
        self, found: Configured, templates: list[ConfigurationTemplate], working: asyncio.TaskGroup
    ) -> None:
        """See to a station where that is needed. One that has not settled is looked at again, one that is
        away when it is back."""
        status = found.status
        if status is None or not status.connected or not self._needs(found, templates):
            return
        ready = settled(Waited(status, found.last_event_at), self._clock.now())
        if not ready:
            self._rounds.put([found.station.id])
        elif self._rounds.begin(found.station.id):
            working.create_task(self._keep(found.station.id, templates))

    def _needs(self, found: Configured, templates: list[ConfigurationTemplate]) -> bool:
        wanted = wanted_of(found, templates)
        if not wanted:
            return False
        read, booted = read_at(found.kept), found.status.booted_at if found.status is not None else None
        is_stale = (
            found.station.id in self._doubtful
            or read is None
            or (booted is not None and booted > read)
            or self._clock.now() - read >= READ_AFTER
        )
        return is_stale or bool(self._to_repair(found, wanted))

    def _to_repair(self, found: Configured, wanted: list[WantedKey]) -> list[WantedKey]:
        """The keys that are to be set now."""
        status = found.status
        if status is None:
            return []
        profile = self._models.profile(
            found.station.model_profile, status.vendor, status.model, status.firmware_version
        )
        if together(found.station.workarounds, profile).keep_configuration:
            return []
        held = {each.key.lower() for each in found.verdicts if self._holds(each, status.firmware_version)}
        return [
            each
            for each in wanted
            if each.drifts
            and each.repair
            and not each.readonly
            and (each.verdict is None or each.key.lower() not in held)
        ]

    def _holds(self, verdict: ConfigurationVerdict, firmware_version: str) -> bool:
        if verdict.status in REFUSALS:
            return verdict.firmware_version == firmware_version
        now = self._clock.now()
        lately = self._in_place.count((verdict.station_id, verdict.key.lower()), now)
        return verdict.at > now - AGAIN_AFTER and not 0 < lately <= AT_ONCE

    async def _keep(self, station_id: str, templates: list[ConfigurationTemplate]) -> None:
        """Read the configuration, set what differs, and read it again."""
        try:
            self._doubtful.discard(station_id)
            await self._configurations.read(station_id, BY)
            (found,) = await self._reader.read(partial(configuration.configured, ids=[station_id]))
            repairs = self._to_repair(found, wanted_of(found, templates))
            for each in repairs:
                await self._repair(found, each)
            if repairs:
                view = await self._configurations.read(station_id, BY)
                self._note(station_id, repairs, view)
            self._rounds.succeeded(station_id)
        except StationOffline:
            pass  # it is looked at when it is back
        except Exception as error:
            if not isinstance(error, EvsysError):
                log.exception("a fault of ours", station=station_id)
            log.warning("a configuration could not be kept", station=station_id, reason=str(error))
            self._doubtful.add(station_id)
            self._rounds.failed(station_id)
        finally:
            self._rounds.done(station_id)

    def _note(self, station_id: str, repairs: list[WantedKey], view: Configuration) -> None:
        """Remember which keys are in place after they were set."""
        now = self._clock.now()
        drifting = {each.key.lower() for each in view.wanted if each.drifts}
        for each in repairs:
            if each.key.lower() not in drifting:
                self._in_place.note((station_id, each.key.lower()), now)

    async def _repair(self, found: Configured, wanted: WantedKey) -> None:
        """Set a key, and keep what the station said to it."""
        command = SetVariables(variables=(SetVariable(name=wanted.key, value=wanted.value),))
        try:
            outcome = await self._sender.send(found.station.id, command, BY, ANSWER_WITHIN_S)
            said = outcome.status
        except CallFailed as error:
            said = error.code
        now = self._clock.now()
        work = Work(now)
        work.save(
            ConfigurationVerdict(
                station_id=found.station.id,
                key=wanted.key,
                value=wanted.value,
                status=said,
                firmware_version=found.status.firmware_version if found.status is not None else "",
                at=now,
            )
        )
        await self._books.write(work)


def _sets_configuration(command: CommandSent) -> bool:
    """Whether somebody else has a station change its configuration."""
    if command.by == BY:
        return False
    raw = command.type == RawCall.__name__ and b'"ChangeConfiguration"' in bytes(command.request)
    return raw or command.type == SetVariables.__name__
