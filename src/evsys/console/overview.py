"""The first page: the network in numbers, and what happened last."""

from datetime import datetime
from functools import partial
from typing import Final

from litestar import Response, get

from evsys.console.desk import Desk
from evsys.console.rendering import page
from evsys.console.telling import told
from evsys.console.visitors import Asked, may
from evsys.office.access import Person
from evsys.office.office import Office
from evsys.store.views import overview
from evsys.store.views.overview import Figures

KEPT_S: Final = 1.0
"""Numbers are counted so often, however many look."""
MAX_KEPT: Final = 100


class _Kept:
    """What was counted last, by what one sees."""

    def __init__(self) -> None:
        self.of: dict[tuple[int, tuple[str, ...]], tuple[float, Figures]] = {}


_kept: Final = _Kept()


async def figures_of(office: Office, person: Person) -> Figures:
    """The network in numbers, as it was within a second."""
    key, now = (id(office), person.location_ids), office.clock.monotonic()
    known = _kept.of.get(key)
    if known is not None and now - known[0] < KEPT_S:
        return known[1]
    since = _midnight(office.clock.now())
    query = partial(overview.figures, since=since, within=person.location_ids)
    found = await office.reader.read(query)
    if len(_kept.of) >= MAX_KEPT:
        _kept.of.clear()
    _kept.of[key] = now, found
    return found


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


@get("/", guards=[may("station.read")])
async def overview_page(request: Asked, office: Desk) -> Response[bytes]:
    """The network in numbers, and what happened last."""
    return await _shown(request, office, "overview.html")


@get("/figures", guards=[may("station.read")])
async def figures(request: Asked, office: Desk) -> Response[bytes]:
    """What changes on that page."""
    return await _shown(request, office, "overview_parts.html")


async def _shown(request: Asked, office: Office, template: str) -> Response[bytes]:
    person = request.user.person
    assert person is not None  # the guard has seen to it
    found = await figures_of(office, person)
    happened, _ = await office.reader.read(
        partial(overview.last_events, hidden=person.hidden_kinds(), within=person.location_ids)
    )
    lines = [(each, told(each.event)) for each in happened]
    return page(request, template, figures=found, happened=lines, seq=found.last_seq)
