"""The wire log: what was said between a station and the server, frame by frame."""

from typing import Annotated, Literal

from litestar import get
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.problems import documented
from evsys.api.strict import moment
from evsys.core.errors import NotFound
from evsys.office.wirelog import EPOCH, WireFilter, WireMessage
from evsys.store.cells import microseconds
from evsys.store.cells import moment as moment_of
from evsys.store.views.paging import DEFAULT_PAGE, from_cursor, to_cursor


class MessageList(Struct, frozen=True, kw_only=True):
    items: list[WireMessage]
    next: str | None = None
    dropped: int
    """Pieces of the log, of any station, that could not be kept since the start of the server."""


@get(
    "/stations/{station_id:str}/messages",
    guards=[needs("message.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["stations"],
)
async def list_messages(
    office: Desk,
    station_id: FromPath[str],
    since: Annotated[
        str | None, QueryParameter(name="from", description="At or after; RFC 3339 with an offset.")
    ] = None,
    until: Annotated[
        str | None, QueryParameter(name="to", description="Before; RFC 3339 with an offset.")
    ] = None,
    direction: FromQuery[Literal["in", "out"] | None] = None,
    action: Annotated[
        str, QueryParameter(max_length=100, description="Of CALLs, and of their answers.")
    ] = "",
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> MessageList:
    """The frames from (`in`) and to (`out`) a station, newest first, secrets masked: all that meet every
    condition given. A page may hold fewer than asked although there are more: go on where `next` is not
    null."""
    if office.wire is None:
        raise NotFound("no wire log is kept (wire_log.enabled)")
    await office.stations.find(station_id)
    before, of = moment("to", until), f"messages {station_id} {direction} {action} {since} {until}"
    if cursor:
        before = moment_of(int(from_cursor(of, cursor, [int])[0]))
    which = WireFilter(
        since=moment("from", since) or EPOCH, before=before, direction=direction, action=action
    )
    items, following = await office.wire.messages(station_id, which, limit)
    place = None if following is None else to_cursor(of, (microseconds(following),))
    return MessageList(items=items, next=place, dropped=office.wire.dropped)
