"""The log of events: what happened, who did it, from where, newest first."""

from functools import partial
from typing import Annotated, get_args

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter

from evsys.console.desk import ROWS, Desk, Search
from evsys.console.rendering import page
from evsys.console.telling import told
from evsys.console.visitors import Asked, may
from evsys.core.events import Event
from evsys.store.views import overview

KINDS = tuple(sorted(kind.__name__ for kind in get_args(Event)))
Before = Annotated[int | None, QueryParameter(ge=0, le=2**62)]


@get("/events", guards=[may("event.read")])
async def events_page(
    request: Asked, office: Desk, station: Search = "", kind: Search = "", before: Before = None
) -> Response[bytes]:
    """All that happened, with what was said of it."""
    person = request.user.person
    assert person is not None  # the guard has seen to it
    hidden = person.hidden_kinds()
    happened, following = await office.reader.read(
        partial(
            overview.last_events,
            hidden=hidden,
            within=person.location_ids,
            before=before,
            kinds=(kind,) if kind else (),
            limit=ROWS,
            station_id=station,
        )
    )
    lines = [
        (each, told(each.event), msgspec.json.format(msgspec.json.encode(each.event)).decode())
        for each in happened
    ]
    return page(
        request,
        "events.html",
        happened=lines,
        next=following,
        station=station,
        kind=kind,
        kinds=[each for each in KINDS if each not in hidden],
    )
