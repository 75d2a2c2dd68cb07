"""Stations: registered, read, changed and removed; and what came of unknown ones."""

from functools import partial
from typing import Annotated, Literal

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import UNSET, Meta, Struct, UnsetType

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id, MaybeVersion, Members, ShortText, Version
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.errors import NotAllowed, StationUnknown
from evsys.core.records import ConnectorStatus, Knock, Quarantined, Registration, Station
from evsys.core.workarounds import Workarounds
from evsys.store.views import quarantine, stations
from evsys.store.views.paging import DEFAULT_PAGE
from evsys.store.views.stations import StationView


class StationMembers(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people say of a station."""

    title: ShortText | UnsetType = UNSET
    location_id: Id | UnsetType | None = UNSET
    enabled: bool | UnsetType = UNSET
    registration: Registration | UnsetType = UNSET
    conformance: Literal["lenient", "strict"] | UnsetType = UNSET
    ping: bool | UnsetType = UNSET
    assume_protocol: Literal["", "ocpp1.6"] | UnsetType = UNSET
    assert_measurands: bool | UnsetType = UNSET
    poll_meter_values: bool | UnsetType = UNSET
    sweep: bool | UnsetType = UNSET
    local_list: bool | UnsetType | None = UNSET
    call_timeout_s: Annotated[int, Meta(ge=1, le=600)] | UnsetType | None = UNSET
    model_profile: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET
    workarounds: Workarounds | UnsetType = UNSET


class NewStation(StationMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A station to register. Its id is the last part of the URL that it connects to."""

    id: Id


class StationChange(StationMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a station, made from this version of it."""

    version: Version


class StationList(Struct, frozen=True, kw_only=True):
    items: list[StationView]
    next: str | None = None


class QuarantineList(Struct, frozen=True, kw_only=True):
    items: list[Quarantined]
    next: str | None = None


class ConnectorList(Struct, frozen=True, kw_only=True):
    items: list[ConnectorStatus]


class KnockList(Struct, frozen=True, kw_only=True):
    items: list[Knock]
    next: str | None = None


@get(
    "/stations",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 503),
    tags=["stations"],
    opt={CONFINES: True},
)
async def list_stations(
    office: Desk,
    request: StrictRequest,
    search: Annotated[str, QueryParameter(max_length=255, description="What the id or title holds.")] = "",
    connected: FromQuery[bool | None] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> StationList:
    """Stations in the order of their ids, each with its status, connectors and open transactions."""
    items, following = await office.reader.read(
        partial(
            stations.stations_page,
            limit=limit,
            cursor=cursor,
            search=search,
            connected=connected,
            within=request.auth.location_ids,
        )
    )
    return StationList(items=items, next=following)


@get(
    "/stations/{station_id:str}",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["stations"],
)
async def get_station(office: Desk, station_id: FromPath[str]) -> StationView:
    """A station with its status, connectors and open transactions."""
    found = await office.reader.read(partial(stations.station, station_id=station_id))
    if found is None:
        raise StationUnknown(f"no station {station_id}")
    return found


@get(
    "/stations/{station_id:str}/connectors",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["stations"],
)
async def list_connectors(office: Desk, station_id: FromPath[str]) -> ConnectorList:
    """The connectors of a station with what it last said of each; EVSE 0 is the station as a whole."""
    await office.stations.find(station_id)
    found = await office.reader.read(partial(stations.connectors_of, ids=[station_id]))
    return ConnectorList(items=found.get(station_id, []))


@post(
    "/stations",
    guards=[needs("station.edit")],
    responses=documented(400, 401, 403, 409, 413, 503),
    tags=["stations"],
)
async def create_station(office: Desk, data: JSONBody[NewStation], request: StrictRequest) -> Station:
    """Register a station. It may connect within a second."""
    return await office.stations.create(data.id, data.given(), request.auth.name)


@patch(
    "/stations/{station_id:str}",
    guards=[needs("station.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["stations"],
)
async def change_station(
    office: Desk, station_id: FromPath[str], data: JSONBody[StationChange], request: StrictRequest
) -> Station:
    """Change what is given of a station. A disabled one may deliver what it has, and nobody may charge there.
    409 where the version is not the present one."""
    if request.auth.bound and data.location_id not in (UNSET, *request.auth.location_ids):
        raise NotAllowed(f"location_id: one of {', '.join(request.auth.location_ids)}")
    return await office.stations.change(station_id, data.version, data.given(), request.auth.name)


@delete(
    "/stations/{station_id:str}",
    guards=[needs("station.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["stations"],
)
async def remove_station(
    office: Desk, station_id: FromPath[str], request: StrictRequest, version: MaybeVersion = None
) -> None:
    """Remove a station: it is disconnected and no longer let in. Its transactions stay. 409 while one
    runs, and where a version is given that is not the present one."""
    await office.stations.remove(station_id, version, request.auth.name)


@post(
    "/knocks/{station_id:str}/admit",
    guards=[needs("station.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["stations"],
)
async def admit_knock(office: Desk, station_id: FromPath[str], request: StrictRequest) -> Station:
    """Register a station that knocked: it is let in when it tries again."""
    return await office.stations.admit(station_id, request.auth.name)


@get(
    "/quarantine",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 503),
    tags=["stations"],
    opt={CONFINES: True},
)
async def list_quarantine(
    office: Desk,
    request: StrictRequest,
    station: FromQuery[str] = "",
    resolved: FromQuery[bool | None] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> QuarantineList:
    """Messages of stations that could not be attached to a session when they came, by station, in the order
    they came."""
    items, following = await office.reader.read(
        partial(
            quarantine.quarantine_page,
            station_id=station,
            resolved=resolved,
            limit=limit,
            cursor=cursor,
            within=request.auth.location_ids,
        )
    )
    return QuarantineList(items=items, next=following)


@get("/knocks", guards=[needs("station.read")], responses=documented(400, 401, 403, 503), tags=["stations"])
async def list_knocks(office: Desk, limit: Limit = DEFAULT_PAGE, cursor: Cursor = "") -> KnockList:
    """Unknown stations that tried to connect and were refused, the latest first."""
    items, following = await office.reader.read(partial(quarantine.knocks_page, limit=limit, cursor=cursor))
    return KnockList(items=items, next=following)
