"""POST /api as EVSYS has it: one envelope, one command, the station's answer as it came.

Errors are answered as EVSYS answers them, with 200 and a status member, for its users look there; 204 says
that the station did not answer in time. Where EVSYS said nothing (a CALLERROR, a broken link) the reason is
given.
"""

from functools import partial
from typing import Final

import msgspec
from litestar import Response, post
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody
from msgspec import Raw

from evsys.api.access import admit, key_holder_or_local
from evsys.api.desk import Desk
from evsys.api.features import Envelope, InvalidRequest, call_of
from evsys.api.problems import Asked, documented
from evsys.api.strict import Connection, StrictRequest, no_unknown_query
from evsys.core.errors import BadAnswer, EvsysError, NoAnswer, StationOffline, StationUnknown
from evsys.office.access import Person
from evsys.office.office import Office
from evsys.office.status import GatewayAway
from evsys.store.views import reach

ANSWER_WITHIN_S: Final = 10.0
"""How long EVSYS waits for a station's answer."""
JSON: Final = "application/json; charset=utf-8"
TEXT: Final = "text/plain"
"""What EVSYS calls its own errors and GetServerStatus: it lets the content type be guessed."""


async def _key_or_local(connection: Connection, _handler: BaseRouteHandler) -> None:
    connection.scope["auth"] = admit(await key_holder_or_local(connection), "status.read")


def _unreadable(_request: Asked, _error: ValidationException) -> Response[bytes]:
    return Response(b"", status_code=400, media_type=TEXT)


@post(
    "/api",
    status_code=200,
    guards=[_key_or_local, no_unknown_query],
    exception_handlers={ValidationException: _unreadable},
    responses={
        204: ResponseSpec(None, description="The station did not answer in time", generate_examples=False),
        400: ResponseSpec(None, description="Not an envelope", generate_examples=False),
        **documented(401, 403, 413, 503),
    },
    tags=["EVSYS"],
)
async def post_command(
    office: Desk, data: JSONBody[Envelope], request: StrictRequest
) -> Response[bytes | None]:
    """Send a command to a station and wait for its answer, as EVSYS does; GetServerStatus tells who is
    connected."""
    if data.feature_name == "GetServerStatus":
        return await _server_status(office, request.auth)
    try:
        call = call_of(data)
    except InvalidRequest as error:
        return _failed(str(error))
    person = admit(request.auth, "station.command")
    try:
        await office.reach.check(person, data.station_id)
        outcome = await office.commands.send(data.station_id, call, person.name, ANSWER_WITHIN_S)
    except (StationOffline, StationUnknown):
        return _failed(f"{data.station_id} is not available")
    except NoAnswer:
        return Response(None, status_code=204)
    except BadAnswer as error:
        return _failed(f"{error}: {error.payload}")
    except EvsysError as error:
        return _failed(str(error))
    return Response(_sorted(outcome.detail), media_type=JSON)


async def _server_status(office: Office, person: Person) -> Response[bytes | None]:
    try:
        status = await office.status.gateway()
    except GatewayAway as away:
        return _failed(str(away))
    there = status.connected
    if person.bound:
        seen = await office.reader.read(partial(reach.stations_at, within=person.location_ids))
        there = tuple(each for each in there if each in seen)
    answer = {"connected_clients": ",".join(there), "total_clients": len(there)}
    return Response(msgspec.json.encode(answer), media_type=TEXT)


def _failed(text: str) -> Response[bytes | None]:
    return Response(msgspec.json.encode({"status": "error", "error": text}), media_type=TEXT)


def _sorted(answer: Raw | None) -> bytes:
    """The station's answer with the members of its objects in order."""
    if answer is None:
        return b"{}"
    return msgspec.json.encode(msgspec.json.decode(answer), order="sorted")
