"""The configuration of stations: as they last told it, and read again."""

from typing import Final

from litestar import get, post
from litestar.params import FromPath

from evsys.api.access import needs
from evsys.api.desk import Desk
from evsys.api.problems import documented
from evsys.api.strict import WITHIN_S, StrictRequest
from evsys.office.configuration import READ_WITHIN_S, Configuration

MARGIN_S: Final = 10
"""What a request may take beside the station's time."""


@get(
    "/stations/{station_id:str}/configuration",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["stations"],
)
async def get_configuration(office: Desk, station_id: FromPath[str]) -> Configuration:
    """The configuration of a station as it was last read, and when that was. Values of secrets are null."""
    return await office.configurations.view(station_id)


@post(
    "/stations/{station_id:str}/configuration/read",
    status_code=200,
    guards=[needs("station.command")],
    responses=documented(400, 401, 403, 404, 409, 422, 429, 502, 503, 504),
    tags=["stations"],
    opt={WITHIN_S: READ_WITHIN_S + MARGIN_S},
)
async def read_configuration(
    office: Desk, station_id: FromPath[str], request: StrictRequest
) -> Configuration:
    """Read the configuration from the station, which must be connected, and keep it."""
    return await office.configurations.read(station_id, request.auth.name)
