"""Charging profiles: the library, and the stations at which its profiles are wanted."""

from functools import partial
from typing import Annotated

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody, PathParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import MaybeVersion, Members, Moment, Version, Words
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.commands import ChargingKind, ChargingPurpose, ChargingSchedule, EvseId, Recurrency
from evsys.core.records import LibraryProfile, ProfileAssignment
from evsys.core.smart_charging import PHASES, VOLTAGE_V
from evsys.office.charging_profiles import HIGHEST_ID, StationProfiles
from evsys.store.views import charging_profiles
from evsys.store.views.paging import DEFAULT_PAGE

ProfileId = Annotated[int, Meta(ge=1, le=HIGHEST_ID)]
IdInPath = Annotated[int, PathParameter(ge=1, le=HIGHEST_ID)]
ProfileName = Annotated[str, Meta(min_length=1, max_length=255)]
StackLevel = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class ProfileMembers(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people say of a charging profile. Limits are exact: write them as numbers or as text."""

    name: ProfileName | UnsetType = UNSET
    description: Words | UnsetType = UNSET
    purpose: ChargingPurpose | UnsetType = UNSET
    kind: ChargingKind | UnsetType = UNSET
    recurrency_kind: Recurrency | UnsetType | None = UNSET
    stack_level: StackLevel | UnsetType = UNSET
    valid_from: Moment | UnsetType | None = UNSET
    valid_to: Moment | UnsetType | None = UNSET
    schedule: ChargingSchedule | UnsetType = UNSET


class NewProfile(ProfileMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A charging profile to make; without an id it gets one."""

    id: ProfileId | None = None
    name: ProfileName
    purpose: ChargingPurpose
    kind: ChargingKind
    schedule: ChargingSchedule


class ProfileChange(ProfileMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a charging profile, made from this version of it."""

    version: Version


class ProfileList(Struct, frozen=True, kw_only=True):
    items: list[LibraryProfile]
    next: str | None = None


class NewAssignment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A charging profile that is wanted at a station."""

    profile_id: ProfileId
    evse_id: EvseId | None = None
    """0, or none: the whole station. A TxProfile is for the EVSE of its transaction."""
    transaction_id: Annotated[str, Meta(min_length=1, max_length=255)] | None = None
    """TxProfile: the running transaction that it is for."""
    phases: Annotated[int, Meta(ge=1, le=3, description="What A and W are converted with.")] = PHASES
    voltage_v: Annotated[int, Meta(ge=50, le=1000, description="Of a phase.")] = VOLTAGE_V


class AssignmentList(Struct, frozen=True, kw_only=True):
    items: list[ProfileAssignment]
    next: str | None = None


@get(
    "/charging-profiles",
    guards=[needs("profile.read")],
    responses=documented(400, 401, 403, 503),
    tags=["charging profiles"],
)
async def list_profiles(office: Desk, limit: Limit = DEFAULT_PAGE, cursor: Cursor = "") -> ProfileList:
    """The library of charging profiles in the order of their ids."""
    query = partial(charging_profiles.library_page, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    return ProfileList(items=items, next=following)


@get(
    "/charging-profiles/{profile_id:int}",
    guards=[needs("profile.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["charging profiles"],
)
async def get_profile(office: Desk, profile_id: IdInPath) -> LibraryProfile:
    """A charging profile of the library by its id."""
    return await office.charging_profiles.library.find(profile_id)


@get(
    "/charging-profiles/{profile_id:int}/assignments",
    guards=[needs("profile.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["charging profiles"],
)
async def list_assignments(
    office: Desk, profile_id: IdInPath, limit: Limit = DEFAULT_PAGE, cursor: Cursor = ""
) -> AssignmentList:
    """Where a charging profile is wanted."""
    await office.charging_profiles.library.find(profile_id)
    query = partial(charging_profiles.uses_page, profile_id=profile_id, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    return AssignmentList(items=items, next=following)


@post(
    "/charging-profiles",
    guards=[needs("profile.edit")],
    responses=documented(400, 401, 403, 409, 413, 503),
    tags=["charging profiles"],
)
async def create_profile(office: Desk, data: JSONBody[NewProfile], request: StrictRequest) -> LibraryProfile:
    """Make a charging profile. Its id is the chargingProfileId that stations are told."""
    return await office.charging_profiles.library.make(data.id, data.given(), request.auth.name)


@patch(
    "/charging-profiles/{profile_id:int}",
    guards=[needs("profile.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["charging profiles"],
)
async def change_profile(
    office: Desk, profile_id: IdInPath, data: JSONBody[ProfileChange], request: StrictRequest
) -> LibraryProfile:
    """Change what is given of a charging profile; the stations that have it are sent it again. 409 where the
    version is not the present one, or for its purpose and stack level while it is assigned."""
    return await office.charging_profiles.library.change(
        profile_id, data.version, data.given(), request.auth.name
    )


@delete(
    "/charging-profiles/{profile_id:int}",
    guards=[needs("profile.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["charging profiles"],
)
async def remove_profile(
    office: Desk, profile_id: IdInPath, request: StrictRequest, version: MaybeVersion = None
) -> None:
    """Remove a charging profile. 409 while it is assigned to a station, or where a version is given that is
    not the present one."""
    await office.charging_profiles.library.remove(profile_id, version, request.auth.name)


@get(
    "/stations/{station_id:str}/charging-profiles",
    guards=[needs("profile.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["charging profiles"],
)
async def get_station_profiles(office: Desk, station_id: FromPath[str]) -> StationProfiles:
    """The charging profiles of a station: those that are wanted, what it was sent and answered, what it
    takes, and the limits that followed when it was last asked."""
    return await office.charging_profiles.view(station_id)


@post(
    "/stations/{station_id:str}/charging-profiles",
    guards=[needs("profile.assign")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["charging profiles"],
)
async def assign_profile(
    office: Desk, station_id: FromPath[str], data: JSONBody[NewAssignment], request: StrictRequest
) -> ProfileAssignment:
    """Want a charging profile at a station; it is sent as soon as the station is there. 409 where the station
    has the profile already, or another one of the same EVSE, purpose and stack level, or where the
    transaction has ended."""
    return await office.charging_profiles.assign(
        station_id,
        data.profile_id,
        request.auth.name,
        data.evse_id,
        data.transaction_id,
        data.phases,
        data.voltage_v,
    )


@delete(
    "/stations/{station_id:str}/charging-profiles/{profile_id:int}",
    guards=[needs("profile.assign")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["charging profiles"],
)
async def unassign_profile(
    office: Desk, station_id: FromPath[str], profile_id: IdInPath, request: StrictRequest
) -> None:
    """Want a charging profile at a station no more; it is cleared as soon as the station is there."""
    await office.charging_profiles.unassign(station_id, profile_id, request.auth.name)


@post(
    "/stations/{station_id:str}/charging-profiles/sync",
    status_code=202,
    guards=[needs("profile.assign")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["charging profiles"],
)
async def sync_profiles(office: Desk, station_id: FromPath[str]) -> StationProfiles:
    """Ask the station again what it takes, and send it all its charging profiles again, as soon as it is
    there."""
    await office.profile_keeping.sync(station_id)
    return await office.charging_profiles.view(station_id)
