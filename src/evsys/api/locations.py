"""Locations: the places where stations stand."""

from functools import partial
from typing import Annotated

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id, MaybeVersion, Members, ShortText, Version
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.errors import NotFound
from evsys.core.records import Location
from evsys.store.views import network
from evsys.store.views.paging import DEFAULT_PAGE


class LocationMembers(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people say of a location. The time zone is an IANA name."""

    name: ShortText | UnsetType = UNSET
    address: ShortText | UnsetType = UNSET
    latitude: Annotated[float, Meta(ge=-90, le=90)] | UnsetType | None = UNSET
    longitude: Annotated[float, Meta(ge=-180, le=180)] | UnsetType | None = UNSET
    time_zone: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET


class NewLocation(LocationMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A location to make."""

    id: Id


class LocationChange(LocationMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a location, made from this version of it."""

    version: Version


class LocationList(Struct, frozen=True, kw_only=True):
    items: list[Location]
    next: str | None = None


@get(
    "/locations",
    guards=[needs("location.read")],
    responses=documented(400, 401, 403, 503),
    tags=["locations"],
    opt={CONFINES: True},
)
async def list_locations(
    office: Desk, request: StrictRequest, limit: Limit = DEFAULT_PAGE, cursor: Cursor = ""
) -> LocationList:
    """Locations in the order of their ids."""
    query = partial(network.locations_page, limit=limit, cursor=cursor, within=request.auth.location_ids)
    items, following = await office.reader.read(query)
    return LocationList(items=items, next=following)


@get(
    "/locations/{location_id:str}",
    guards=[needs("location.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["locations"],
    opt={CONFINES: True},
)
async def get_location(office: Desk, request: StrictRequest, location_id: FromPath[str]) -> Location:
    """A location by its id."""
    if request.auth.bound and location_id not in request.auth.location_ids:
        raise NotFound(f"no location {location_id}")
    return await office.locations.find(location_id)


@post(
    "/locations",
    guards=[needs("location.edit")],
    responses=documented(400, 401, 403, 409, 413, 503),
    tags=["locations"],
)
async def create_location(office: Desk, data: JSONBody[NewLocation], request: StrictRequest) -> Location:
    """Make a location."""
    return await office.locations.create(data.id, data.given(), request.auth.name)


@patch(
    "/locations/{location_id:str}",
    guards=[needs("location.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["locations"],
)
async def change_location(
    office: Desk, location_id: FromPath[str], data: JSONBody[LocationChange], request: StrictRequest
) -> Location:
    """Change what is given of a location. 409 where the version is not the present one."""
    return await office.locations.change(location_id, data.version, data.given(), request.auth.name)


@delete(
    "/locations/{location_id:str}",
    guards=[needs("location.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["locations"],
)
async def remove_location(
    office: Desk, location_id: FromPath[str], request: StrictRequest, version: MaybeVersion = None
) -> None:
    """Remove a location. 409 while stations are there, and where a version is given that is not the present
    one."""
    await office.locations.remove(location_id, version, request.auth.name)
