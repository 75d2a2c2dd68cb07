"""Stations, and what came of unknown ones: reads."""

from functools import partial

from litestar import get
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.problems import documented
from evsys.core.errors import StationUnknown
from evsys.core.records import Knock, Quarantined
from evsys.store.views import quarantine, stations
from evsys.store.views.paging import DEFAULT_PAGE
from evsys.store.views.stations import StationView


class StationList(Struct, frozen=True, kw_only=True):
    items: list[StationView]
    next: str | None = None


class QuarantineList(Struct, frozen=True, kw_only=True):
    items: list[Quarantined]
    next: str | None = None


class KnockList(Struct, frozen=True, kw_only=True):
    items: list[Knock]
    next: str | None = None


@get("/stations", guards=[needs("station.read")], responses=documented(400, 401, 403, 503), tags=["stations"])
async def list_stations(office: Desk, limit: Limit = DEFAULT_PAGE, cursor: Cursor = "") -> StationList:
    """Stations in the order of their ids, each with its status, connectors and open transactions."""
    items, following = await office.reader.read(partial(stations.stations_page, limit=limit, cursor=cursor))
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
    "/quarantine", guards=[needs("station.read")], responses=documented(400, 401, 403, 503), tags=["stations"]
)
async def list_quarantine(
    office: Desk,
    station: FromQuery[str] = "",
    resolved: FromQuery[bool | None] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> QuarantineList:
    """Messages of stations that could not be attached to a session when they came, by station, in the order
    they came."""
    items, following = await office.reader.read(
        partial(quarantine.quarantine_page, station_id=station, resolved=resolved, limit=limit, cursor=cursor)
    )
    return QuarantineList(items=items, next=following)


@get("/knocks", guards=[needs("station.read")], responses=documented(400, 401, 403, 503), tags=["stations"])
async def list_knocks(office: Desk, limit: Limit = DEFAULT_PAGE, cursor: Cursor = "") -> KnockList:
    """Unknown stations that tried to connect and were refused, the latest first."""
    items, following = await office.reader.read(partial(quarantine.knocks_page, limit=limit, cursor=cursor))
    return KnockList(items=items, next=following)
