"""How a station leaves the standard, and how one gets along with it."""

from datetime import datetime
from functools import partial

from litestar import get
from litestar.params import FromPath
from msgspec import Struct

from evsys.api.access import needs
from evsys.api.desk import Desk
from evsys.api.problems import documented
from evsys.core.quirks import KINDS
from evsys.core.records import StationQuirk
from evsys.store.views import quirks


class Quirk(Struct, frozen=True, kw_only=True):
    """One way in which a station leaves the standard, and how often it did."""

    kind: str
    text: str
    """What that means."""
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    example: str
    """What it sent the last time: the beginning, secrets masked."""


class StationQuirks(Struct, frozen=True, kw_only=True):
    items: list[Quirk]


@get(
    "/stations/{station_id:str}/quirks",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["stations"],
)
async def list_quirks(office: Desk, station_id: FromPath[str]) -> StationQuirks:
    """How a station leaves the standard, what it does most first. What it did is there some seconds later."""
    await office.stations.find(station_id)
    found = await office.reader.read(partial(quirks.quirks_of, station_id=station_id))
    return StationQuirks(items=[_shown(each) for each in found])


def _shown(each: StationQuirk) -> Quirk:
    return Quirk(
        kind=each.kind,
        text=KINDS.get(each.kind, ""),
        count=each.count,
        first_seen_at=each.first_seen_at,
        last_seen_at=each.last_seen_at,
        example=each.example,
    )
