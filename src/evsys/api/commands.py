"""Commands to stations: sent, waited for, and what is recorded of them."""

from functools import partial
from typing import Annotated, Final

from litestar import Response, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from msgspec import Raw, Struct

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.problems import documented
from evsys.api.strict import WITHIN_S, StrictRequest
from evsys.core.commands import NOTHING, AnyCommand, RawCall
from evsys.core.errors import StationUnknown
from evsys.core.records import CommandRecord
from evsys.store.views import commands, stations
from evsys.store.views.paging import DEFAULT_PAGE

MAX_WAIT_S: Final = 120
"""The longest wait for a station: some take a minute to look for their configuration."""
DEFAULT_WAIT_S: Final = 30
MARGIN_S: Final = 10
"""What a request may take beside the station's time."""
ERRORS: Final = documented(400, 401, 403, 404, 409, 413, 422, 429, 502, 503, 504)

Wait = Annotated[
    int,
    QueryParameter(ge=0, le=MAX_WAIT_S, description="Seconds that the station may take; 0: do not wait."),
]
RawWait = Annotated[
    int, QueryParameter(ge=1, le=MAX_WAIT_S, description="Seconds that the station may take.")
]


class CommandList(Struct, frozen=True, kw_only=True):
    items: list[CommandRecord]
    next: str | None = None


class RawAnswer(Struct, frozen=True, kw_only=True):
    payload: Raw
    """The payload of the station's CALLRESULT as sent."""


@post(
    "/stations/{station_id:str}/commands",
    status_code=200,
    guards=[needs("station.command")],
    responses={
        202: ResponseSpec(CommandRecord, description="Recorded and on its way", generate_examples=False),
        **ERRORS,
    },
    tags=["commands"],
    opt={WITHIN_S: MAX_WAIT_S + MARGIN_S},
)
async def send_command(
    office: Desk,
    station_id: FromPath[str],
    data: JSONBody[AnyCommand],
    request: StrictRequest,
    wait: Wait = DEFAULT_WAIT_S,
) -> Response[CommandRecord]:
    """Send a command and wait for what comes of it. 409: the station is not connected; 422: its version has
    no such command; 502: it answered with an error; 504: it did not answer in time, and nobody knows what it
    did."""
    by = request.auth.name
    if wait == 0:
        return Response(await office.commands.begin(station_id, data, by), status_code=202)
    return Response(await office.commands.perform(station_id, data, by, wait))


@post(
    "/stations/{station_id:str}/ocpp/{action:str}",
    status_code=200,
    guards=[needs("station.raw")],
    responses=ERRORS,
    tags=["commands"],
    opt={WITHIN_S: MAX_WAIT_S + MARGIN_S},
)
async def send_raw(
    office: Desk,
    station_id: FromPath[str],
    action: Annotated[str, PathParameter(min_length=1, max_length=100)],
    data: JSONBody[Raw],
    request: StrictRequest,
    wait: RawWait = DEFAULT_WAIT_S,
) -> RawAnswer:
    """Send any CALL with this payload, a JSON object: its members in this order, white space removed, nothing
    validated. 502: the station answered with a CALLERROR, whose code and description are in the problem."""
    command = RawCall(action=action, payload=data)
    outcome = await office.commands.send(station_id, command, request.auth.name, wait)
    return RawAnswer(payload=Raw(b"{}") if outcome.detail is NOTHING else outcome.detail)


@get(
    "/commands/{command_id:str}",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["commands"],
)
async def get_command(office: Desk, command_id: FromPath[str]) -> CommandRecord:
    """What is recorded of a command: who asked for what when, and what came of it. While it runs
    `finished_at` is null."""
    return await office.commands.find(command_id)


@get(
    "/stations/{station_id:str}/commands",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["commands"],
)
async def list_commands(
    office: Desk, station_id: FromPath[str], limit: Limit = DEFAULT_PAGE, cursor: Cursor = ""
) -> CommandList:
    """A station's commands, newest first."""
    query = partial(commands.commands_page, station_id=station_id, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    if not items and await office.reader.read(partial(stations.station, station_id=station_id)) is None:
        raise StationUnknown(f"no station {station_id}")
    return CommandList(items=items, next=following)
