"""Reads of charging profiles: the library, where its profiles are wanted, and what stations have of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, TypeVar

from msgspec import Struct
from sqlalchemy import Connection, func, select, union

from evsys.core.records import (
    ChargingLimits,
    CompositeSchedule,
    ConfigurationKey,
    ConnectorStatus,
    InstalledProfile,
    LibraryProfile,
    ProfileAssignment,
    Record,
    Station,
    StationStatus,
)
from evsys.core.smart_charging import LIMIT_KEYS
from evsys.store.schema import (
    TABLES,
    configuration_keys,
    connector_status,
    installed_profiles,
    library_profiles,
    profile_assignments,
    station_status,
    stations,
)
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.queue import last_event_at
from evsys.store.views.reader import records, select_record
from evsys.store.views.stations import open_transactions_of

LIBRARY: Final = "charging profiles"
R = TypeVar("R", bound=Record)


class Charged(Struct, frozen=True):
    """A station with all that its charging profiles depend on."""

    station: Station
    status: StationStatus | None
    last_event_at: datetime | None
    assignments: list[ProfileAssignment]
    """In the order in which they were made."""
    profiles: dict[int, LibraryProfile]
    """The profiles that are wanted there."""
    installed: dict[int, InstalledProfile]
    limits: ChargingLimits | None
    configuration: dict[str, str | None]
    """Of its configuration, what says which profiles it takes."""
    configuration_at: datetime | None
    composites: list[CompositeSchedule]
    open_transactions: frozenset[str]
    evse_ids: tuple[int, ...]
    """Of the EVSEs that it told of."""


def charged(connection: Connection, ids: Sequence[str]) -> list[Charged]:
    """Stations by their ids. Indexes: the primary keys, profile_assignments_profile, transactions_open,
    events_by_station."""
    found = records(connection, Station, select_record(Station).where(stations.c.id.in_(ids)))
    there = select_record(StationStatus).where(station_status.c.station_id.in_(ids))
    status = {each.station_id: each for each in records(connection, StationStatus, there)}
    running = open_transactions_of(connection, ids)
    return [_charged(connection, each, status.get(each.id), running.get(each.id, ())) for each in found]


def _charged(
    connection: Connection, station: Station, status: StationStatus | None, running: Sequence[Record]
) -> Charged:
    assigned = _of(connection, ProfileAssignment, station.id)
    wanted = [each.profile_id for each in assigned]
    query = select_record(LibraryProfile).where(library_profiles.c.id.in_(wanted))
    limits = _of(connection, ChargingLimits, station.id)
    keys = configuration_keys.c
    known = select_record(ConfigurationKey).where(keys.station_id == station.id, keys.key.in_(LIMIT_KEYS))
    told = records(connection, ConfigurationKey, known)
    own = select_record(ConnectorStatus).where(connector_status.c.station_id == station.id)
    evse_ids = {each.evse_id for each in records(connection, ConnectorStatus, own)}
    return Charged(
        station=station,
        status=status,
        last_event_at=last_event_at(connection, station.id),
        assignments=sorted(assigned, key=lambda each: (each.assigned_at, each.profile_id)),
        profiles={each.id: each for each in records(connection, LibraryProfile, query)},
        installed={each.profile_id: each for each in _of(connection, InstalledProfile, station.id)},
        limits=limits[0] if limits else None,
        configuration={each.key: each.value for each in told},
        configuration_at=max((each.at for each in told), default=None),
        composites=sorted(_of(connection, CompositeSchedule, station.id), key=lambda each: each.evse_id),
        open_transactions=frozenset(str(getattr(each, "id", "")) for each in running),
        evse_ids=tuple(sorted(evse_ids - {0})),
    )


def _of(connection: Connection, kind: type[R], station_id: str) -> list[R]:
    """The records of a kind that a station has; a few at most."""
    return records(connection, kind, select_record(kind).where(TABLES[kind].c.station_id == station_id))


def concerned(connection: Connection) -> list[str]:
    """The stations at which a profile is wanted, or that may have one. Scans of a row per assignment."""
    query = union(select(profile_assignments.c.station_id), select(installed_profiles.c.station_id))
    return [row[0] for row in connection.execute(query)]


def concerned_by(connection: Connection, profile_id: int) -> list[str]:
    """The stations at which a profile is wanted. Index: profile_assignments_by_profile."""
    columns = profile_assignments.c
    query = select(columns.station_id).where(columns.profile_id == profile_id)
    return [row[0] for row in connection.execute(query)]


def installed_at(connection: Connection, station_id: str) -> list[InstalledProfile]:
    """What a station has accepted. Index: the primary key."""
    return [each for each in _of(connection, InstalledProfile, station_id) if each.state == "INSTALLED"]


def a_use(connection: Connection, profile_id: int) -> ProfileAssignment | None:
    """An assignment of a profile, if there is one. Index: profile_assignments_by_profile."""
    query = select_record(ProfileAssignment).where(profile_assignments.c.profile_id == profile_id).limit(1)
    found = records(connection, ProfileAssignment, query)
    return found[0] if found else None


def a_trace(connection: Connection, profile_id: int) -> InstalledProfile | None:
    """A station that may have a profile, if there is one. Index: installed_profiles_by_profile."""
    query = select_record(InstalledProfile).where(installed_profiles.c.profile_id == profile_id).limit(1)
    found = records(connection, InstalledProfile, query)
    return found[0] if found else None


def highest_id(connection: Connection) -> int:
    """The highest id that a profile has or may have at a station, 0 without any. Indexes: the primary key,
    installed_profiles_by_profile."""
    library = connection.execute(select(func.coalesce(func.max(library_profiles.c.id), 0))).scalar_one()
    there = connection.execute(select(func.coalesce(func.max(installed_profiles.c.profile_id), 0)))
    return max(int(library), int(there.scalar_one()))


def count_profiles(connection: Connection) -> int:
    """How many profiles the library has. A scan of few."""
    query = select(func.count()).select_from(library_profiles)
    return int(connection.execute(query).scalar_one())


def library_page(
    connection: Connection, limit: int, cursor: str = ""
) -> tuple[list[LibraryProfile], str | None]:
    """The library in the order of the ids. Index: the primary key."""
    ids = library_profiles.c.id
    query = select_record(LibraryProfile).order_by(ids).limit(limit + 1)
    if cursor:
        query = query.where(ids > from_cursor(LIBRARY, cursor, [int])[0])
    found = records(connection, LibraryProfile, query)
    return cut(found, limit, LIBRARY, lambda each: (each.id,))


def uses_page(
    connection: Connection, profile_id: int, limit: int, cursor: str = ""
) -> tuple[list[ProfileAssignment], str | None]:
    """Where a profile is wanted, in the order of the assignments' ids. Index:
    profile_assignments_by_profile."""
    of = f"charging profile {profile_id}"
    columns = profile_assignments.c
    query = select_record(ProfileAssignment).where(columns.profile_id == profile_id)
    if cursor:
        query = query.where(columns.id > from_cursor(of, cursor, [str])[0])
    found = records(connection, ProfileAssignment, query.order_by(columns.id).limit(limit + 1))
    return cut(found, limit, of, lambda each: (each.id,))


def traces_of(connection: Connection, station_id: str) -> list[Record]:
    """All that is kept of a station's charging profiles. Indexes: the primary keys,
    profile_assignments_profile."""
    kinds: tuple[type[Record], ...] = (
        ProfileAssignment,
        InstalledProfile,
        ChargingLimits,
        CompositeSchedule,
    )
    return [each for kind in kinds for each in _of(connection, kind, station_id)]
