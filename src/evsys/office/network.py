"""The network as people describe it: stations, the locations where they stand, and the users of tokens."""

from functools import partial
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from evsys.core.errors import BadCommand, EvsysError, InUse, NotFound
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
from evsys.office.people import People, Rules
from evsys.office.writing import Books
from evsys.store.views import network, quarantine, stations
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


class Users(People[User]):
    """Who owns id tokens."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        super().__init__(books, reader, clock, _USER)


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


def _user_may_go(connection: Connection, user: User) -> EvsysError | None:
    if (token_id := network.token_of(connection, user.id)) is not None:
        return InUse(f"the token {token_id} belongs to {user.id}: remove it or give it away first")
    return None


def _always(connection: Connection, record: object) -> None:
    """Nothing stands in the way."""


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
    made=lambda user, by: UserChanged(user=user, by=by),
    changed=lambda user, by: UserChanged(user=user, by=by),
    removed=lambda user, by: UserRemoved(user_id=user.id, by=by),
    may_be=_always,
    may_go=_user_may_go,
)
