"""The state of the server, for whoever has a key."""

from importlib.metadata import version

from litestar import get
from msgspec import Struct

from evsys.api.access import needs
from evsys.api.desk import Desk
from evsys.api.problems import documented
from evsys.office.status import GatewayAway
from evsys.store.views import stations


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


@get("/status", guards=[needs("status.read")], responses=documented(400, 401, 403, 503), tags=["status"])
async def get_status(office: Desk) -> ServerStatus:
    """The state of the server."""
    troubles = await office.status.troubles()
    counts = await office.reader.read(stations.counts)
    try:
        connected = len((await office.status.gateway()).connected)
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
