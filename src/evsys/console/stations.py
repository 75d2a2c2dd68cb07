"""The stations: found, filtered, and as they are now; and those that knocked."""

from functools import partial
from typing import Annotated, Literal

from litestar import Response, get, post
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect

from evsys.console.desk import ROWS, Cursor, Desk, Search
from evsys.console.rendering import page
from evsys.console.visitors import Asked, may
from evsys.core.records import Knock
from evsys.office.access import Person
from evsys.store.views import network, quarantine, stations
from evsys.store.views.events import last_seq
from evsys.store.views.overview import latest_samples
from evsys.store.views.paging import MAX_PAGE

State = Literal["", "connected", "away", "charging", "faulted"]
StateQuery = Annotated[State, QueryParameter(name="state")]
Ids = Annotated[list[str], QueryParameter(name="id", max_items=ROWS)]
SHOWN_KNOCKS = 20


def person_of(request: Asked) -> Person:
    """Who asks; the guard has seen to it that there is somebody."""
    person = request.user.person
    assert person is not None
    return person


@get("/stations", guards=[may("station.read")])
async def stations_page(
    request: Asked,
    office: Desk,
    search: Search = "",
    shown: StateQuery = "",
    location: Search = "",
    sort: FromQuery[Literal["", "down"]] = "",
    cursor: Cursor = "",
) -> Response[bytes]:
    """The stations of a page: what is looked for stays in the address."""
    person = person_of(request)
    seq = await office.reader.read(last_seq)
    found, following = await office.reader.read(
        partial(
            stations.stations_page,
            limit=ROWS,
            cursor=cursor,
            search=search,
            connected={"connected": True, "away": False}.get(shown),
            within=person.location_ids,
            state="charging" if shown == "charging" else "faulted" if shown == "faulted" else "",
            location_id=location,
            descending=sort == "down",
        )
    )
    places, _ = await office.reader.read(
        partial(network.locations_page, limit=MAX_PAGE, within=person.location_ids)
    )
    knocked: list[Knock] = []
    if not person.bound:
        knocked, _ = await office.reader.read(partial(quarantine.knocks_page, limit=SHOWN_KNOCKS))
    running = [each.id for station in found for each in station.open_transactions]
    samples = await office.reader.read(partial(latest_samples, transaction_ids=running))
    return page(
        request,
        "stations.html",
        stations=found,
        samples=samples,
        next=following,
        search=search,
        state=shown,
        location=location,
        sort=sort,
        locations=places,
        knocks=knocked,
        seq=seq,
    )


@get("/stations/rows", guards=[may("station.read")])
async def rows(request: Asked, office: Desk, ids: Ids) -> Response[bytes]:
    """Some rows of that table, as they are now."""
    person = person_of(request)
    found = await office.reader.read(
        partial(stations.stations_named, ids=ids[:ROWS], within=person.location_ids)
    )
    running = [each.id for station in found for each in station.open_transactions]
    samples = await office.reader.read(partial(latest_samples, transaction_ids=running))
    return page(request, "station_rows.html", stations=found, samples=samples)


@post("/knocks/{knock_id:str}/admit", guards=[may("station.edit")], status_code=303)
async def admit(request: Asked, office: Desk, knock_id: FromPath[str]) -> Redirect:
    """Let a station in that knocked, when it tries again."""
    person = person_of(request)
    if person.bound:
        raise PermissionDeniedException("a station that knocked is at no location yet")
    await office.stations.admit(knock_id, person.name)
    return Redirect("/stations", status_code=303)
