"""Commands to stations: sent, waited for, and what is recorded of them."""

from datetime import timedelta
from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Response, delete, get, post
from litestar.exceptions import ValidationException
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath, JSONBody, PathParameter, QueryParameter
from msgspec import Raw, Struct

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.documents import PATH
from evsys.api.problems import documented
from evsys.api.strict import WITHIN_S, StrictRequest
from evsys.core.commands import NOTHING, AnyCommand, RawCall
from evsys.core.errors import StationOffline, StationUnknown
from evsys.core.records import CommandRecord, QueuedCommand
from evsys.office.office import Office
from evsys.office.queue import as_command
from evsys.store.views import commands, queue, stations
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


DURATION: Final = r"^P([0-9]{1,3}D)?(T([0-9]{1,4}H)?([0-9]{1,5}M)?([0-9]{1,7}S)?)?$"
"""A duration of ISO 8601 without parts of different length."""
Queue = Annotated[
    str | None,
    QueryParameter(
        pattern=DURATION,
        description="Where the station is not connected, keep the command for so long (PT2H; at most P30D) "
        "and send it when the station is back.",
    ),
]


class CommandList(Struct, frozen=True, kw_only=True):
    items: list[CommandRecord]
    next: str | None = None


class QueueList(Struct, frozen=True, kw_only=True):
    items: list[QueuedCommand]
    next: str | None = None


class RawAnswer(Struct, frozen=True, kw_only=True):
    payload: Raw
    """The payload of the station's CALLRESULT as sent."""


@post(
    "/stations/{station_id:str}/commands",
    status_code=200,
    guards=[needs("station.command")],
    responses={
        202: ResponseSpec(
            CommandRecord, description="Recorded and on its way, or queued", generate_examples=False
        ),
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
    queue: Queue = None,
) -> Response[CommandRecord]:
    """Send a command and wait for what comes of it. 409: the station is not connected (with `queue`: the
    command waits for it, behind those that wait already, and 202 says so); 422: its version has no such
    command; 502: it answered with an error; 504: it did not answer in time, and nobody knows what it did."""
    by = request.auth.name
    if queue is not None:
        good_for = _duration(queue)
        if await office.queue.holds(station_id):
            return await _queued(office, station_id, data, by, good_for)
        try:
            return await _sent(office, station_id, data, by, wait)
        except StationOffline:
            return await _queued(office, station_id, data, by, good_for)
    return await _sent(office, station_id, data, by, wait)


async def _sent(
    office: Office, station_id: str, command: AnyCommand, by: str, wait: int
) -> Response[CommandRecord]:
    if wait == 0:
        return _begun(await office.commands.begin(station_id, command, by))
    return Response(await office.commands.perform(station_id, command, by, wait))


async def _queued(
    office: Office, station_id: str, command: AnyCommand, by: str, good_for: timedelta
) -> Response[CommandRecord]:
    queued = await office.queue.put(station_id, command, by, good_for)
    return _begun(as_command(queued))


def _begun(record: CommandRecord) -> Response[CommandRecord]:
    return Response(record, status_code=202, headers={"Location": f"{PATH}/commands/{record.id}"})


def _duration(text: str) -> timedelta:
    try:
        return msgspec.convert(text, timedelta)
    except msgspec.ValidationError:
        raise ValidationException(f"queue: {text} is no duration; write one such as PT2H") from None


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
    opt={CONFINES: True},
)
async def get_command(office: Desk, request: StrictRequest, command_id: FromPath[str]) -> CommandRecord:
    """What is recorded of a command: who asked for what when, and what came of it. While it runs
    `finished_at` is null; the `status` of one that waits for its station is Queued, of one that was never
    sent Expired, Cancelled or Failed, and Unknown where nobody knows whether it was."""
    found = await office.queue.find(command_id)
    await office.reach.check(request.auth, found.station_id)
    return found


@delete(
    "/commands/{command_id:str}",
    guards=[needs("station.command")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["commands"],
    opt={CONFINES: True},
)
async def cancel_command(office: Desk, command_id: FromPath[str], request: StrictRequest) -> None:
    """Take back a command that waits for its station. 409 where it waits no longer."""
    await office.reach.check(request.auth, (await office.queue.find(command_id)).station_id)
    await office.queue.cancel(command_id, request.auth.name)


@get(
    "/stations/{station_id:str}/queue",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["commands"],
)
async def list_queue(
    office: Desk, station_id: FromPath[str], limit: Limit = DEFAULT_PAGE, cursor: Cursor = ""
) -> QueueList:
    """The commands that were queued for a station, newest first: how long each is good for, and whether it
    was sent. What came of one that was sent is in the record of its id."""
    await office.stations.find(station_id)
    query = partial(queue.queue_page, station_id=station_id, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    return QueueList(items=items, next=following)


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
