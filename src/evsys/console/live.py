"""What happens, as server-sent events: a page hears which of its rows have changed, and asks for them again.

The stream is the one of the API, of what its reader sees. It ends when their session does, within a quarter
of a minute.
"""

from collections.abc import AsyncIterator
from typing import Annotated, Final

from litestar import get
from litestar.exceptions import HTTPException, ValidationException
from litestar.params import FromQuery, QueryParameter
from litestar.response import Stream

from evsys.console.desk import Desk
from evsys.console.visitors import Asked, Visitor, may
from evsys.office.access import signed_in
from evsys.office.office import Office
from evsys.store.views.events import EventFilter

WITHIN_S: Final = "within_s"
HEARTBEAT_S: Final = 15.0
MAX_DIGITS: Final = 18
AfterQuery = Annotated[int | None, QueryParameter(ge=0, le=2**62)]


@get("/live", guards=[may("event.read")], media_type="text/event-stream", opt={WITHIN_S: None})
async def stream(
    request: Asked, office: Desk, after: AfterQuery = None, station: FromQuery[str] = ""
) -> Stream:
    """Events above `after`, or above Last-Event-ID when a browser comes back."""
    if office.feed.full:
        raise HTTPException("too many read along already", status_code=503)
    visitor = request.user
    assert visitor.person is not None  # the guard has seen to it
    given = request.headers.get("last-event-id", "")
    if given and not (given.isascii() and given.isdigit() and len(given) <= MAX_DIGITS):
        raise ValidationException("Last-Event-ID: must be the number of an event")
    which = EventFilter(
        station_id=station,
        hidden=visitor.person.hidden_kinds(),
        within=visitor.person.location_ids,
    )
    told = office.feed.read(int(given) if given else after, which, HEARTBEAT_S)
    return Stream(_while_signed_in(office, visitor, told), media_type="text/event-stream")


async def _while_signed_in(
    office: Office, visitor: Visitor, told: AsyncIterator[bytes]
) -> AsyncIterator[bytes]:
    looked_at = office.clock.monotonic()
    yield b"retry: 2000\n\n"
    async for text in told:
        yield text
        if office.clock.monotonic() - looked_at >= HEARTBEAT_S:
            looked_at = office.clock.monotonic()
            found = await office.sign_in.who(visitor.secret)
            if found is None or signed_in(found.user) != visitor.person:
                return
