"""Charging profiles as people want them: the library, and at which stations its profiles are wanted.

A profile goes to stations under its own id. A station knows a profile by its id alone and has one of a slot
(EVSE, purpose, stack level), so a profile is assigned to a station once, and to a free slot. While it is
assigned anywhere it keeps its purpose and its stack level, and stays; all else of it may change, and the
change is sent to all that have it. What stations make of it is `office.profile_keeping`'s.
"""

import asyncio
from datetime import datetime
from functools import partial
from typing import Final
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from evsys.core.commands import ChargingSchedule
from evsys.core.errors import AlreadyExists, BadCommand, EvsysError, InUse, NotFound, StationUnknown
from evsys.core.events import (
    ChargingProfileAssigned,
    ChargingProfileChanged,
    ChargingProfileRemoved,
    ChargingProfileUnassigned,
)
from evsys.core.ports import Clock
from evsys.core.records import (
    ChargingLimits,
    CompositeSchedule,
    InstalledProfile,
    LibraryProfile,
    ProfileAssignment,
    Transaction,
)
from evsys.core.smart_charging import PHASES, VOLTAGE_V, fault
from evsys.core.work import Work
from evsys.office.moments import in_utc
from evsys.office.people import People, RecordId, Rules
from evsys.office.writing import Books
from evsys.store.views import charging_profiles
from evsys.store.views.charging_profiles import Charged
from evsys.store.views.reader import Reader, record_by_id

MAX_PROFILES: Final = 1000
"""In the library."""
MAX_ASSIGNMENTS: Final = 50
"""At a station: most take ten or twenty profiles."""
FIRST_ID: Final = 100
"""Of a profile to which nobody gives one: the low ones are left to commands that people send by hand."""
HIGHEST_ID: Final = 2**31 - 1


class ProfileView(Struct, frozen=True, kw_only=True):
    """A profile at a station: what is wanted, and what the station has."""

    profile_id: int
    profile: LibraryProfile | None
    """Null where it is not wanted there any more."""
    assignment: ProfileAssignment | None
    installed: InstalledProfile | None
    """Null where the station was told nothing of it."""
    in_force: bool
    """Whether the station has accepted it as it is wanted now."""


class StationProfiles(Struct, frozen=True, kw_only=True):
    """The charging profiles of a station."""

    station_id: str
    limits: ChargingLimits | None
    """Null where it was never asked."""
    items: list[ProfileView]
    composite_schedules: list[CompositeSchedule]


class Library(People[LibraryProfile]):
    """The library. `assigning` is held while what depends on assignments is looked at and written."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, assigning: asyncio.Lock) -> None:
        super().__init__(books, reader, clock, _PROFILE)
        self._assigning = assigning

    async def make(self, profile_id: int | None, members: dict[str, object], by: str) -> LibraryProfile:
        """Make a profile; without an id it gets a new one. Raises as `create`."""
        async with self._assigning:
            if profile_id is None:
                highest = await self._reader.read(charging_profiles.highest_id)
                profile_id = max(highest + 1, FIRST_ID)
                if profile_id > HIGHEST_ID:
                    raise BadCommand("id: the ids have run out; give one that is free")
            return await self.create(profile_id, _in_utc(members), by)

    async def change(
        self, record_id: RecordId, version: int, members: dict[str, object], by: str, work: Work | None = None
    ) -> LibraryProfile:
        async with self._assigning:
            return await super().change(record_id, version, _in_utc(members), by, work)

    async def remove(
        self, record_id: RecordId, version: int | None, by: str, work: Work | None = None
    ) -> None:
        async with self._assigning:
            await super().remove(record_id, version, by, work)


class ChargingProfiles:
    """The profiles that are wanted at stations, and the library. All methods raise StoreUnavailable where the
    database cannot."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._assigning = asyncio.Lock()
        self.library = Library(books, reader, clock, self._assigning)

    async def view(self, station_id: str) -> StationProfiles:
        """What is wanted at a station, and what it has. Raises StationUnknown."""
        found = await self.charged(station_id)
        wanted = {each.profile_id: each for each in found.assignments}
        ids = sorted(wanted.keys() | found.installed.keys())
        return StationProfiles(
            station_id=station_id,
            limits=found.limits,
            items=[_view(found, each, wanted.get(each)) for each in ids],
            composite_schedules=found.composites,
        )

    async def charged(self, station_id: str) -> Charged:
        """All that the profiles of a station depend on. Raises StationUnknown."""
        found = await self._reader.read(partial(charging_profiles.charged, ids=[station_id]))
        if not found:
            raise StationUnknown(f"no station {station_id}")
        return found[0]

    async def assign(
        self,
        station_id: str,
        profile_id: int,
        by: str,
        evse_id: int | None = None,
        transaction_id: str | None = None,
        phases: int = PHASES,
        voltage_v: int = VOLTAGE_V,
    ) -> ProfileAssignment:
        """Want a profile at a station: of the whole station or an EVSE, or a TxProfile for a running
        transaction. Raises StationUnknown, NotFound, BadCommand, AlreadyExists or InUse."""
        async with self._assigning:
            profile = await self.library.find(profile_id)
            found = await self.charged(station_id)
            assignment = ProfileAssignment(
                id=str(uuid4()),
                station_id=station_id,
                profile_id=profile_id,
                evse_id=await self._place(profile, station_id, evse_id, transaction_id),
                transaction_id=transaction_id,
                purpose=profile.purpose,
                stack_level=profile.stack_level,
                phases=phases,
                voltage_v=voltage_v,
                assigned_by=by,
                assigned_at=self._clock.now(),
            )
            if obstacle := _obstacle(assignment, found.assignments):
                raise obstacle
            work = Work(self._clock.now())
            work.add(assignment)
            work.tell(ChargingProfileAssigned(assignment=assignment))
            if await self._books.write(work):
                raise AlreadyExists(f"{station_id} has just been given another profile: look again")
        return assignment

    async def unassign(self, station_id: str, profile_id: int, by: str) -> None:
        """Want a profile at a station no more; it is cleared there as soon as the station is there. Raises
        StationUnknown, or NotFound where it is not wanted there."""
        async with self._assigning:
            found = await self.charged(station_id)
            for each in found.assignments:
                if each.profile_id == profile_id:
                    return await self.end(each, by)
        raise NotFound(f"the charging profile {profile_id} is not assigned to {station_id}")

    async def end(self, assignment: ProfileAssignment, by: str) -> None:
        """An assignment is over."""
        work = Work(self._clock.now())
        work.remove(assignment)
        work.tell(ChargingProfileUnassigned(assignment=assignment, by=by))
        await self._books.write(work)

    async def _place(
        self, profile: LibraryProfile, station_id: str, evse_id: int | None, transaction_id: str | None
    ) -> int:
        """The EVSE for which a profile would be. Raises BadCommand, or InUse for a transaction that has
        ended."""
        if profile.purpose == "TxProfile":
            if not transaction_id:
                raise BadCommand("transaction_id: a TxProfile is for a running transaction: say which")
            query = partial(record_by_id, kind=Transaction, record_id=transaction_id)
            running = await self._reader.read(query)
            if running is None or running.station_id != station_id:
                raise BadCommand(f"transaction_id: no transaction {transaction_id} on {station_id}")
            if running.ended_at is not None:
                raise InUse(f"the transaction {transaction_id} has ended")
            if evse_id not in (None, running.evse_id):
                raise BadCommand(f"evse_id: the transaction is on EVSE {running.evse_id}")
            return running.evse_id
        if transaction_id is not None:
            raise BadCommand(f"transaction_id: is for a TxProfile, and this is a {profile.purpose}")
        if profile.purpose == "ChargingStationMaxProfile" and evse_id:
            raise BadCommand("evse_id: a ChargingStationMaxProfile is for the whole station, 0")
        return evse_id or 0


def is_of(
    profile: LibraryProfile | None, wanted: ProfileAssignment | None, installed: InstalledProfile | None
) -> bool:
    """Whether what a station was told, or could not be told, is what is wanted now."""
    if profile is None or wanted is None or installed is None:
        return False
    return installed.assignment_id == wanted.id and installed.profile_version == profile.version


def _view(found: Charged, profile_id: int, wanted: ProfileAssignment | None) -> ProfileView:
    profile, installed = found.profiles.get(profile_id), found.installed.get(profile_id)
    return ProfileView(
        profile_id=profile_id,
        profile=profile,
        assignment=wanted,
        installed=installed,
        in_force=is_of(profile, wanted, installed)
        and installed is not None
        and installed.state == "INSTALLED",
    )


def _obstacle(new: ProfileAssignment, there: list[ProfileAssignment]) -> EvsysError | None:
    for each in there:
        if each.profile_id == new.profile_id:
            return AlreadyExists(
                f"{new.station_id} has the profile {new.profile_id} on EVSE {each.evse_id} already: a "
                "station knows a profile by its id, so make another one of the same content"
            )
        if (each.evse_id, each.purpose, each.stack_level) == (new.evse_id, new.purpose, new.stack_level):
            return AlreadyExists(
                f"the profile {each.profile_id} is the {new.purpose} of stack level {new.stack_level} on "
                f"EVSE {new.evse_id} of {new.station_id}: unassign it first, or take another stack level"
            )
    if len(there) >= MAX_ASSIGNMENTS:
        return InUse(f"{new.station_id} has {MAX_ASSIGNMENTS} profiles already: unassign one first")
    return None


def _in_utc(members: dict[str, object]) -> dict[str, object]:
    """Members with their moments in UTC. Raises BadCommand for one without a time zone."""
    changed = dict(members)
    for name in ("valid_from", "valid_to"):
        given = members.get(name)
        if isinstance(given, datetime):
            changed[name] = in_utc(name, given)
    schedule = members.get("schedule")
    if isinstance(schedule, ChargingSchedule) and schedule.start_schedule is not None:
        if schedule.start_schedule.tzinfo is None:
            raise BadCommand("start_schedule: needs a time zone: write one such as 2026-06-01T00:00:00Z")
        changed["schedule"] = replace(
            schedule, start_schedule=in_utc("start_schedule", schedule.start_schedule)
        )
    return changed


def _may_be(connection: Connection, profile: LibraryProfile) -> EvsysError | None:
    if wrong := fault(profile):
        return BadCommand(wrong)
    used = charging_profiles.a_use(connection, profile.id)
    if used is not None and (used.purpose, used.stack_level) != (profile.purpose, profile.stack_level):
        return InUse(
            f"the profile {profile.id} is assigned to {used.station_id}, so it keeps its purpose and stack "
            "level: unassign it first, or make another one"
        )
    if record_by_id(connection, LibraryProfile, profile.id) is not None:
        return None
    if (trace := charging_profiles.a_trace(connection, profile.id)) is not None:
        return InUse(f"{trace.station_id} may still have an older profile {profile.id}: take another id")
    if charging_profiles.count_profiles(connection) >= MAX_PROFILES:
        return InUse(f"there are {MAX_PROFILES} charging profiles already: remove some first")
    return None


def _may_go(connection: Connection, profile: LibraryProfile) -> EvsysError | None:
    if (used := charging_profiles.a_use(connection, profile.id)) is not None:
        return InUse(f"the profile {profile.id} is assigned to {used.station_id}: unassign it first")
    return None


_PROFILE: Final = Rules(
    LibraryProfile,
    made=lambda profile, by: ChargingProfileChanged(profile=profile, by=by),
    changed=lambda profile, by: ChargingProfileChanged(profile=profile, by=by),
    removed=lambda profile, by: ChargingProfileRemoved(profile_id=profile.id, by=by),
    may_be=_may_be,
    may_go=_may_go,
    noun="charging profile",
)
