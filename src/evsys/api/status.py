"""The state of the server, for whoever has a key."""

from functools import partial
from importlib.metadata import version

from litestar import get
from msgspec import Struct

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Desk
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.office.status import GatewayAway
from evsys.store.views import reach, stations


class ServerStatus(Struct, frozen=True, kw_only=True):
    version: str
    ready: bool
    reasons: list[str]
    """Why it is not ready."""
    stations: int
    connected: int
    """Stations that are connected now."""
    open_transactions: int
    last_event: int
    """The number of the newest event."""


@get(
    "/status",
    guards=[needs("status.read")],
    responses=documented(400, 401, 403, 503),
    tags=["status"],
    opt={CONFINES: True},
)
async def get_status(office: Desk, request: StrictRequest) -> ServerStatus:
    """The state of the server; counts are of what the asker sees."""
    within = request.auth.location_ids
    troubles = await office.status.troubles()
    counts = await office.reader.read(partial(stations.counts, within=within))
    try:
        there = set((await office.status.gateway()).connected)
        if within:
            there &= await office.reader.read(partial(reach.stations_at, within=within))
        connected = len(there)
    except GatewayAway:
        connected = 0
    return ServerStatus(
        version=version("evsys"),
        ready=not troubles,
        reasons=troubles,
        stations=counts.stations,
        connected=connected,
        open_transactions=counts.open_transactions,
        last_event=counts.last_event,
    )
