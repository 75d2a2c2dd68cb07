"""The local lists of stations: how they are, and sent again."""

from litestar import get, post
from litestar.params import FromPath

from evsys.api.access import needs
from evsys.api.desk import Desk, Limit
from evsys.api.problems import documented
from evsys.office.local_lists import LocalListView
from evsys.store.views.paging import DEFAULT_PAGE


@get(
    "/stations/{station_id:str}/local-list",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["stations"],
)
async def get_local_list(
    office: Desk, station_id: FromPath[str], limit: Limit = DEFAULT_PAGE
) -> LocalListView:
    """What should be on the local list of a station, the most important first; what it was sent, and how that
    went."""
    return await office.local_lists.view(station_id, limit)


@post(
    "/stations/{station_id:str}/local-list/sync",
    status_code=202,
    guards=[needs("station.command")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["stations"],
)
async def sync_local_list(
    office: Desk, station_id: FromPath[str], limit: Limit = DEFAULT_PAGE
) -> LocalListView:
    """Ask the station again what it can, and send it its whole list, as soon as it is there. 409 where its
    list is not kept."""
    await office.local_lists.sync(station_id)
    return await office.local_lists.view(station_id, limit)
