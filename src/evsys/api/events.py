"""The log of events: read in pages, and followed as a stream (server-sent events)."""

from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final, get_args

from litestar import get
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Desk, Limit
from evsys.api.problems import documented
from evsys.api.strict import WITHIN_S, StrictRequest
from evsys.core.events import Event, LoggedEvent
from evsys.office.access import Person
from evsys.store.views import events
from evsys.store.views.events import EventFilter
from evsys.store.views.paging import DEFAULT_PAGE

HEARTBEAT_S: Final = 15.0
"""A silent stream says at least so often that it lives: proxies cut what is silent for a minute."""
MAX_SEQ: Final = 2**62
LOOKS: Final = 20
"""So often the log is looked into for one page: where a filter fits seldom, a hundred thousand events are
passed over, and the page goes on from there."""

Seq = Annotated[int, QueryParameter(ge=0, le=MAX_SEQ, description="The number of the last event seen.")]
MaybeSeq = Annotated[
    int | None, QueryParameter(ge=0, le=MAX_SEQ, description="As Last-Event-ID; from now on without both.")
]
Kind = Annotated[str, QueryParameter(max_length=50, description="Only events of this kind.")]

KINDS: Final = frozenset(kind.__name__ for kind in get_args(Event))


class EventList(Struct, frozen=True, kw_only=True):
    items: list[LoggedEvent]
    next: int
    """The `after` to go on with, where there may be more and when more has happened."""


@get(
    "/events",
    guards=[needs("event.read")],
    responses=documented(400, 401, 403, 503),
    tags=["events"],
    opt={CONFINES: True},
)
async def list_events(
    office: Desk,
    request: StrictRequest,
    after: Seq = 0,
    station: FromQuery[str] = "",
    kind: Kind = "",
    limit: Limit = DEFAULT_PAGE,
) -> EventList:
    """What has happened, in order: events above `after` that meet every condition given. Go on with
    `after=next`; a page whose `next` is what was asked is the end for now."""
    which = _which(request.auth, station, kind)
    items: list[LoggedEvent] = []
    following = after
    for _ in range(LOOKS):
        query = partial(events.events_after, after=following, which=which, limit=limit - len(items))
        before, (found, following) = following, await office.reader.read(query)
        items += found
        if len(items) == limit or following == before:
            break
    return EventList(items=items, next=following)


@get(
    "/events/stream",
    guards=[needs("event.read")],
    responses=documented(400, 401, 403, 503),
    media_type="text/event-stream",
    tags=["events"],
    opt={CONFINES: True, WITHIN_S: None},
)
async def stream_events(
    office: Desk,
    request: StrictRequest,
    after: MaybeSeq = None,
    station: FromQuery[str] = "",
    kind: Kind = "",
) -> Stream:
    """What happens, as server-sent events: `id` is the event's number, so that a reader goes on where it was
    (Last-Event-ID). The latest meter samples come as messages named `samples`, without an id, where no kind
    is asked for. A reader that is too slow is cut off, and may come back."""
    if office.feed.full:
        raise HTTPException("too many read along already", status_code=503)
    told = office.feed.read(_last_id(request, after), _which(request.auth, station, kind), HEARTBEAT_S)
    return Stream(_messages(told), media_type="text/event-stream")


async def _messages(told: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield b"retry: 2000\n\n"
    async for text in told:
        yield text


def _last_id(request: StrictRequest, after: int | None) -> int | None:
    given = request.headers.get("last-event-id")
    if given is None:
        return after
    if not given.isascii() or not given.isdigit() or len(given) > 18:
        raise ValidationException("Last-Event-ID: must be the number of an event")
    return int(given)


def _which(person: Person, station: str, kind: str) -> EventFilter:
    if kind and kind not in KINDS:
        raise ValidationException(f"kind: {kind} is none")
    return EventFilter(
        station_id=station,
        kinds=(kind,) if kind else (),
        hidden=person.hidden_kinds(),
        within=person.location_ids,
    )
