"""The charging profiles of stations are kept as people want them, by themselves.

When a profile is assigned, changed or unassigned, or a station comes back, what the station was told is
compared with what is wanted, and the difference is sent once the station has settled. After a boot all of it
is sent again: stations lose their profiles, whatever the standard says.

What somebody clears or replaces at the station by a command of their own is sent again as well, three times
an hour at most.

A TxProfile goes with its transaction: the station forgets it by itself, and is told so only where somebody
else ended the transaction.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Final

import structlog
from msgspec.structs import replace

from evsys.core.errors import (
    EvsysError,
    StationOffline,
    StoreUnavailable,
)
from evsys.core.events import (
    ChargingProfileAssigned,
    ChargingProfileChanged,
    ChargingProfileUnassigned,
    CommandSent,
    LoggedEvent,
    StationBooted,
    StationChanged,
    StationConnected,
    StationRemoved,
    TransactionEnded,
)
from evsys.core.ports import Clock
from evsys.core.records import ProfileAssignment, Transaction
from evsys.core.work import Work
from evsys.core.workarounds import Models
from evsys.office.charging_profiles import ChargingProfiles
from evsys.office.commands import Commands
from evsys.office.consumers import Consumers
from evsys.office.patience import Lately
from evsys.office.profile_displacing import displaced
from evsys.office.profile_telling import BY, ProfileTelling
from evsys.office.queue import settled
from evsys.office.rounds import Rounds
from evsys.office.writing import Books
from evsys.store.views import charging_profiles
from evsys.store.views.charging_profiles import Charged
from evsys.store.views.queue import Waited
from evsys.store.views.reader import Reader, record_by_id

CONSUMER: Final = "charging_profiles"
LOOK_EVERY_S: Final = 1.0
"""What changes within this time is one look."""
AGAIN_AFTER: Final = timedelta(hours=1)
AT_ONCE: Final = 3
"""How often within that time profiles are sent again that somebody else has taken away."""
DISPLACED: Final = "Displaced"
"""The status of a profile that somebody else goes on taking away."""

log = structlog.get_logger()


class ProfileKeeping:
    """Keeps the charging profiles of all stations."""

    def __init__(
        self,
        books: Books,
        reader: Reader,
        clock: Clock,
        sender: Commands,
        profiles: ChargingProfiles,
        models: Models,
    ) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._profiles = profiles
        self._telling = ProfileTelling(books, reader, clock, sender, models)
        self._all_due = True
        """Whether all stations with profiles are to be looked at, as at the start of the process."""
        self._concerned: set[str] = set()
        """Stations at which a profile is wanted or may be; maybe some that were."""
        self._rounds = Rounds(clock)
        self._displacements: Lately[str] = Lately(AGAIN_AFTER)
        """How often others took profiles away from a station."""

    @property
    def told(self) -> Mapping[str, int]:
        """What came of the profiles told to stations, by state, since the start of the process."""
        return self._telling.told

    def follow(self, consumers: Consumers) -> None:
        """Hear of what is wanted, and of stations that are back."""
        kinds = (
            ChargingProfileAssigned,
            ChargingProfileUnassigned,
            ChargingProfileChanged,
            StationConnected,
            StationBooted,
            StationChanged,
            StationRemoved,
            TransactionEnded,
            CommandSent,
        )
        consumers.add(CONSUMER, kinds, self._take, self._look_at_all)

    async def sync(self, station_id: str) -> None:
        """Ask a station for its limits and send it all its profiles again as soon as it is there, whatever is
        known of it. Raises StationUnknown."""
        found = await self._profiles.charged(station_id)
        now = self._clock.now()
        work = Work(now)
        if found.limits is not None:
            work.remove(found.limits)
        for each in found.installed.values():
            work.save(replace(each, state="UNKNOWN", status="", detail="to be sent again", at=now))
        if work:
            await self._books.write(work)
        self._concerned.add(station_id)
        self._rounds.put_afresh(station_id)

    async def run(self) -> None:
        """Keep the profiles, until cancelled."""
        async with asyncio.TaskGroup() as working:
            while True:
                try:
                    await self._look(working)
                except StoreUnavailable as error:
                    log.warning("charging profiles cannot be looked after", reason=str(error))
                await asyncio.sleep(LOOK_EVERY_S)

    def _look_at_all(self) -> None:
        self._all_due = True

    async def _take(self, event: LoggedEvent) -> None:
        """Nothing of it needs to be remembered: at the start of the process all are looked at."""
        match event.event:
            case StationRemoved(station_id=station_id):
                await self._forget(station_id)
            case ChargingProfileChanged(profile=profile):
                query = partial(charging_profiles.concerned_by, profile_id=profile.id)
                for station_id in await self._reader.read(query):
                    self._rounds.put_afresh(station_id)
            case ChargingProfileAssigned() | ChargingProfileUnassigned():
                self._concerned.add(event.station_id)
                self._rounds.put_afresh(event.station_id)
            case CommandSent(by=by) as command:
                if by != BY and event.station_id in self._concerned:
                    await self._displaced(command)
            case _ if event.station_id in self._concerned:
                self._rounds.put_afresh(event.station_id)
            case _:
                pass

    async def _displaced(self, command: CommandSent) -> None:
        """Somebody else has taken profiles away: they are sent again, a few times. Who goes on taking them
        away has them away, until the station boots or something else is wanted."""
        station_id, now = command.station_id, self._clock.now()
        query = partial(charging_profiles.installed_at, station_id=station_id)
        gone = displaced(command, await self._reader.read(query))
        if not gone:
            return
        lately = self._displacements.count(station_id, now)
        self._displacements.note(station_id, now)
        why = f"{command.by or 'somebody'} has taken it away with a command of their own ({command.type})"
        work = Work(now)
        for each in gone:
            if lately < AT_ONCE:
                work.save(replace(each, state="UNKNOWN", status="", detail=why, at=now))
            else:
                work.save(
                    replace(each, state="REFUSED", status=DISPLACED, detail=f"{why}, repeatedly", at=now)
                )
        await self._books.write(work)
        self._rounds.put_afresh(station_id)

    async def _forget(self, station_id: str) -> None:
        """What was wanted of a station that was removed is not meant for a later one of its id."""
        query = partial(charging_profiles.traces_of, station_id=station_id)
        work = Work(self._clock.now())
        for record in await self._reader.read(query):
            work.remove(record)
        if work:
            await self._books.write(work)
        self._concerned.discard(station_id)
        self._displacements.forget(station_id)

    # -- which stations need something ---

    async def _look(self, working: asyncio.TaskGroup) -> None:
        """Begin with the stations that need something and can be told now."""
        all_due, self._all_due = self._all_due, False  # what is heard of from here on is for the next look
        looked_at: list[str] = []
        try:
            if all_due:
                self._concerned.update(await self._reader.read(charging_profiles.concerned))
                self._rounds.put(self._concerned)
            looked_at = self._rounds.next()
            if not looked_at:
                return
            found = await self._reader.read(partial(charging_profiles.charged, ids=looked_at))
        except StoreUnavailable:
            self._all_due = self._all_due or all_due
            self._rounds.put(looked_at)
            raise
        for each in found:
            self._begin(each, working)

    def _begin(self, found: Charged, working: asyncio.TaskGroup) -> None:
        """See to a station where that is needed. One that has not settled is looked at again, one that is
        away when it is back."""
        station_id = found.station.id
        if not _over(found):
            if found.status is None or not found.status.connected or not self._telling.needs(found):
                return
            if not self._is_ready(found):
                self._rounds.put([station_id])
                return
        if self._rounds.begin(station_id):
            working.create_task(self._keep(station_id))

    def _is_ready(self, found: Charged) -> bool:
        status = found.status
        return (
            status is not None
            and status.connected
            and settled(Waited(status, found.last_event_at), self._clock.now())
        )

    # -- one station ---

    async def _keep(self, station_id: str) -> None:
        """End what is over, clear what is not wanted any more, and send what is."""
        try:
            found = await self._profiles.charged(station_id)
            if over := _over(found):
                for each in over:
                    await self._end(found, each)
                found = await self._profiles.charged(station_id)
            if self._is_ready(found) and self._telling.needs(found):
                await self._telling.bring(found)
            elif self._telling.needs(found):
                self._rounds.put([station_id])
            self._rounds.succeeded(station_id)
        except StationOffline:
            pass  # it is looked at when it is back
        except Exception as error:
            if not isinstance(error, EvsysError):
                log.exception("a fault of ours", station=station_id)
            log.warning("charging profiles could not be sent", station=station_id, reason=str(error))
            self._rounds.failed(station_id)
        finally:
            self._rounds.done(station_id)

    async def _end(self, found: Charged, assignment: ProfileAssignment) -> None:
        """The transaction of a profile has ended, and a station that ended it has forgotten the profile."""
        query = partial(record_by_id, kind=Transaction, record_id=assignment.transaction_id or "")
        ended = await self._reader.read(query)
        await self._profiles.end(assignment, "")
        there = found.installed.get(assignment.profile_id)
        if there is not None and (ended is None or ended.ended_by == "station"):
            await self._telling.cleared(there)


def _over(found: Charged) -> list[ProfileAssignment]:
    """What was for transactions that have ended."""
    return [
        each
        for each in found.assignments
        if each.transaction_id is not None and each.transaction_id not in found.open_transactions
    ]
