"""One station: its connectors and what runs there, its commands, messages, quirks and configuration."""

from datetime import datetime
from functools import partial
from typing import Annotated, Final, Literal

import msgspec
from litestar import Response, get, post
from litestar.exceptions import NotFoundException, ValidationException
from litestar.params import FromPath, FromQuery, QueryParameter

from evsys.console.desk import Cursor, Desk, Search
from evsys.console.forms import command_of, forms
from evsys.console.rendering import page
from evsys.console.stations import person_of
from evsys.console.telling import Told, outcome
from evsys.console.texts import marked as _
from evsys.console.visitors import Asked, form_of, may
from evsys.core.errors import EvsysError, StationUnknown
from evsys.core.quirks import KINDS
from evsys.core.records import StationStatus
from evsys.core.workarounds import together
from evsys.office.office import Office
from evsys.office.wirelog import WireFilter, WireMessage
from evsys.store.cells import microseconds, moment
from evsys.store.views import commands, quirks, stations
from evsys.store.views.events import last_seq
from evsys.store.views.overview import latest_samples
from evsys.store.views.stations import StationView

ANSWER_WITHIN_S: Final = 30.0
SHOWN_COMMANDS: Final = 20
MESSAGES: Final = 100
MAX_FILE: Final = 500
"""Messages in the file that is downloaded."""
Direction = Literal["", "in", "out"]
Before = Annotated[int | None, QueryParameter(ge=0, le=2**62)]


async def _station(office: Office, station_id: str) -> StationView:
    found = await office.reader.read(partial(stations.station, station_id=station_id))
    if found is None:
        raise StationUnknown(f"no station {station_id}")
    return found


@get("/stations/{station_id:str}", guards=[may("station.read")])
async def station_page(request: Asked, office: Desk, station_id: FromPath[str]) -> Response[bytes]:
    """The connectors, and what runs there."""
    return await _shown(request, office, station_id, "station.html")


@get("/stations/{station_id:str}/connectors", guards=[may("station.read")])
async def connectors(request: Asked, office: Desk, station_id: FromPath[str]) -> Response[bytes]:
    """What changes on that page."""
    return await _shown(request, office, station_id, "station_connectors.html")


async def _shown(request: Asked, office: Office, station_id: str, template: str) -> Response[bytes]:
    seq = await office.reader.read(last_seq)
    found = await _station(office, station_id)
    running = [each.id for each in found.open_transactions]
    samples = await office.reader.read(partial(latest_samples, transaction_ids=running))
    of_evse = {each.evse_id: each for each in found.open_transactions}
    return page(
        request, template, station=found, samples=samples, running=of_evse, seq=seq, now=office.clock.now()
    )


@get("/stations/{station_id:str}/commands", guards=[may("station.command")])
async def commands_page(
    request: Asked, office: Desk, station_id: FromPath[str], type: Search = "Reset", cursor: Cursor = ""
) -> Response[bytes]:
    """The form of a command, and what was sent."""
    found = await _station(office, station_id)
    if type not in forms():
        raise NotFoundException
    sent, following = await office.reader.read(
        partial(commands.commands_page, station_id=station_id, limit=SHOWN_COMMANDS, cursor=cursor)
    )
    return page(
        request,
        "station_commands.html",
        station=found,
        forms=forms(),
        form=forms()[type],
        sent=[(each, outcome(each)) for each in sent],
        next=following,
    )


@post("/stations/{station_id:str}/commands", guards=[may("station.command")], status_code=200)
async def send(request: Asked, office: Desk, station_id: FromPath[str]) -> Response[bytes]:
    """Send a command and say what came of it, where it was asked for."""
    person, given = person_of(request), await form_of(request)
    name, detail = given.get("type", ""), ""
    try:
        record = await office.commands.perform(station_id, command_of(given), person.name, ANSWER_WITHIN_S)
        result = outcome(record)
        if record.detail is not None:
            detail = msgspec.json.format(bytes(record.detail)).decode()
    except EvsysError as error:
        result = Told(_("Failed: %(error)s"), {"error": str(error)}, "bad")
    return page(request, "command_outcome.html", result=result, name=name, detail=detail)


@get("/stations/{station_id:str}/messages", guards=[may("message.read")])
async def messages_page(
    request: Asked,
    office: Desk,
    station_id: FromPath[str],
    direction: FromQuery[Direction] = "",
    action: Search = "",
    before: Before = None,
) -> Response[bytes]:
    """What was said between the station and the server, newest first."""
    found = await _station(office, station_id)
    kept, following = await _messages(office, station_id, direction, action, before, MESSAGES)
    return page(
        request,
        "station_messages.html",
        station=found,
        messages=[(each, _pretty(each)) for each in kept],
        next=None if following is None else microseconds(following),
        direction=direction,
        action=action,
        is_kept=office.wire is not None,
    )


@get("/stations/{station_id:str}/messages.jsonl", guards=[may("message.read")])
async def messages_file(
    office: Desk, station_id: FromPath[str], direction: FromQuery[Direction] = "", action: Search = ""
) -> Response[bytes]:
    """The newest of them as a file: one JSON object a line."""
    kept, _following = await _messages(office, station_id, direction, action, None, MAX_FILE)
    lines = b"".join(msgspec.json.encode(each) + b"\n" for each in kept)
    headers = {"Content-Disposition": 'attachment; filename="messages.jsonl"'}
    return Response(lines, media_type="application/x-ndjson", headers=headers)


async def _messages(
    office: Office, station_id: str, direction: Direction, action: str, before: int | None, limit: int
) -> tuple[list[WireMessage], datetime | None]:
    if office.wire is None:
        return [], None
    try:
        until = None if before is None else moment(before)
    except OverflowError:
        raise ValidationException("before: no such moment") from None
    which = WireFilter(before=until, direction=direction or None, action=action)
    return await office.wire.messages(station_id, which, limit)


def _pretty(message: WireMessage) -> str:
    """A frame with a line for each member, where it is JSON."""
    try:
        return msgspec.json.format(message.frame.encode()).decode()
    except (msgspec.DecodeError, ValueError):
        return message.frame


@get("/stations/{station_id:str}/quirks", guards=[may("station.read")])
async def quirks_page(request: Asked, office: Desk, station_id: FromPath[str]) -> Response[bytes]:
    """How the station leaves the standard, and what is done about it."""
    found = await _station(office, station_id)
    seen = await office.reader.read(partial(quirks.quirks_of, station_id=station_id))
    said = found.status or StationStatus(station_id=station_id)
    profile = office.models.profile(found.model_profile, said.vendor, said.model, said.firmware_version)
    done = msgspec.to_builtins(together(found.workarounds, profile))
    return page(
        request,
        "station_quirks.html",
        station=found,
        quirks=[(each, KINDS.get(each.kind, "")) for each in seen],
        profile=profile,
        workarounds={name: value for name, value in done.items() if value},
    )


@get("/stations/{station_id:str}/configuration", guards=[may("station.read")])
async def configuration_page(request: Asked, office: Desk, station_id: FromPath[str]) -> Response[bytes]:
    """The configuration as it was last read."""
    return await _configuration(request, office, station_id)


@post("/stations/{station_id:str}/configuration", guards=[may("station.command")], status_code=200)
async def read_configuration(request: Asked, office: Desk, station_id: FromPath[str]) -> Response[bytes]:
    """Read it from the station now."""
    try:
        await office.configurations.read(station_id, person_of(request).name)
    except EvsysError as error:
        return await _configuration(request, office, station_id, str(error))
    return await _configuration(request, office, station_id)


async def _configuration(request: Asked, office: Office, station_id: str, fault: str = "") -> Response[bytes]:
    found = await _station(office, station_id)
    kept = await office.configurations.view(station_id)
    return page(request, "station_configuration.html", station=found, configuration=kept, fault=fault)
