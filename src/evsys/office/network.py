"""The network as people describe it: stations, the locations where they stand, and the users of tokens."""

from collections.abc import Collection
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from evsys.core.errors import BadCommand, EvsysError, InUse, NotAllowed, NotFound
from evsys.core.events import (
    LocationChanged,
    LocationRemoved,
    StationChanged,
    StationRegistered,
    StationRemoved,
    UserChanged,
    UserRemoved,
)
from evsys.core.ports import Clock
from evsys.core.records import Location, Station, User
from evsys.core.work import Work
from evsys.core.workarounds import NO_PROFILE, Models, fault
from evsys.office.access import FROM, Person
from evsys.office.keys import end_key
from evsys.office.people import People, RecordId, Rules
from evsys.office.writing import Books
from evsys.store.views import network, people, quarantine, stations
from evsys.store.views.reader import Reader, record_by_id


class Stations(People[Station]):
    """The stations. A change reaches the gateway within a second; a removed one is disconnected."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, models: Models) -> None:
        """`models` are the profiles that a station's may be one of."""
        super().__init__(books, reader, clock, _station_rules(models))

    async def admit(self, station_id: str, by: str) -> Station:
        """Register a station that knocked. Raises NotFound where none of this id did, or AlreadyExists."""
        knock = await self._reader.read(partial(quarantine.knock, station_id=station_id))
        if knock is None:
            raise NotFound(f"no station {station_id} has knocked")
        work = Work(self._clock.now())
        work.remove(knock)
        return await self.create(station_id, {}, by, work)


class Locations(People[Location]):
    """The places with stations."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        super().__init__(books, reader, clock, _LOCATION)


OF_ACCESS: Final = frozenset(("role", "location_ids", "enabled"))
"""The members of a user that say what they may do."""


class Users(People[User]):
    """Who owns id tokens, and who works here."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        super().__init__(books, reader, clock, _USER)

    async def may_be_edited(self, user_id: str, members: Collection[str], person: Person) -> None:
        """Raises NotAllowed where a person may not change these members of a user: what somebody may do is
        not said by everybody who may keep the book of drivers, nor may they touch those who work here, whose
        e-mail address opens the door."""
        if person.may("access.edit"):
            return
        if not OF_ACCESS.isdisjoint(members):
            raise NotAllowed(f"the role {person.role} may not say what others may do")
        user = await self._reader.read(partial(record_by_id, kind=User, record_id=user_id))
        if user is not None and user.role != "driver":
            raise NotAllowed(f"the role {person.role} may not change who works here")

    async def remove(
        self, record_id: RecordId, version: int | None, by: str, work: Work | None = None
    ) -> None:
        """Remove a user with all that they sign in with, and end their keys."""
        now = self._clock.now()
        work = work or Work(now)
        owned = await self._reader.read(partial(people.belongings, user_id=str(record_id)))
        for each in (owned.login, *owned.sessions, *owned.links):
            if each is not None:
                work.remove(each)
        for key in owned.keys:
            end_key(work, key, by)
        await super().remove(record_id, version, by, work)


def _station_may_be(models: Models, connection: Connection, station: Station) -> EvsysError | None:
    profile = station.model_profile
    if profile not in ("", NO_PROFILE) and models.named(profile) is None:
        return BadCommand(f"model_profile: no model profile {profile}")
    if wrong := fault(station.workarounds):
        return BadCommand(f"workarounds: {wrong}")
    place = station.location_id
    if place is not None and record_by_id(connection, Location, place) is None:
        return BadCommand(f"location_id: no location {place}")
    return None


def _station_may_go(connection: Connection, station: Station) -> EvsysError | None:
    """Nobody could end its sessions any more."""
    if running := stations.open_transactions_of(connection, [station.id]):
        return InUse(f"the transaction {running[station.id][0].id} runs on {station.id}: end it first")
    return None


def _location_may_be(connection: Connection, location: Location) -> EvsysError | None:
    try:
        ZoneInfo(location.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return BadCommand("time_zone: not a time zone; write one such as Europe/Madrid")
    return None


def _location_may_go(connection: Connection, location: Location) -> EvsysError | None:
    if (station_id := network.station_at(connection, location.id)) is not None:
        return InUse(f"the station {station_id} is at {location.id}: move it away first")
    return None


def _user_may_be(connection: Connection, user: User) -> EvsysError | None:
    for each in user.location_ids:
        if record_by_id(connection, Location, each) is None:
            return BadCommand(f"location_ids: no location {each}")
    if user.location_ids and user.role == "admin":
        return BadCommand("location_ids: an administrator sees all")
    if (user.role == "admin" and user.enabled) or not _is_only_admin(connection, user.id):
        return None
    return InUse(f"{user.id} is the only administrator: make another one first")


def _is_only_admin(connection: Connection, user_id: str) -> bool:
    known = record_by_id(connection, User, user_id)
    is_admin = known is not None and known.role == "admin" and known.enabled
    return is_admin and not people.another_admin(connection, user_id)


def _user_may_go(connection: Connection, user: User) -> EvsysError | None:
    if _is_only_admin(connection, user.id):
        return InUse(f"{user.id} is the only administrator: make another one first")
    if (token_id := network.token_of(connection, user.id)) is not None:
        return InUse(f"the token {token_id} belongs to {user.id}: remove it or give it away first")
    return None


def _station_rules(models: Models) -> Rules[Station]:
    return Rules(
        Station,
        made=lambda station, by: StationRegistered(station=station, by=by),
        changed=lambda station, by: StationChanged(station=station, by=by),
        removed=lambda station, by: StationRemoved(station_id=station.id, by=by),
        may_be=partial(_station_may_be, models),
        may_go=_station_may_go,
    )


_LOCATION = Rules(
    Location,
    made=lambda location, by: LocationChanged(location=location, by=by),
    changed=lambda location, by: LocationChanged(location=location, by=by),
    removed=lambda location, by: LocationRemoved(location_id=location.id, by=by),
    may_be=_location_may_be,
    may_go=_location_may_go,
)
_USER = Rules(
    User,
    made=lambda user, by: UserChanged(user=user, by=by, address=FROM.get()),
    changed=lambda user, by: UserChanged(user=user, by=by, address=FROM.get()),
    removed=lambda user, by: UserRemoved(user_id=user.id, by=by, address=FROM.get()),
    may_be=_user_may_be,
    may_go=_user_may_go,
)
