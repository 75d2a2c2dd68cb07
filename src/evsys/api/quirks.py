"""How a station leaves the standard, and how one gets along with it."""

from datetime import datetime
from functools import partial

from litestar import get
from litestar.params import FromPath
from msgspec import Struct

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Desk
from evsys.api.problems import documented
from evsys.core.errors import StationUnknown
from evsys.core.quirks import KINDS
from evsys.core.records import StationQuirk, StationStatus
from evsys.core.workarounds import ModelProfile, Workarounds, together
from evsys.store.views import quirks, stations


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
    profile: ModelProfile | None
    """The model profile that holds for it."""
    workarounds: Workarounds
    """What is done differently for it: what people set, else what the profile has."""


class ProfileList(Struct, frozen=True, kw_only=True):
    items: list[ModelProfile]


@get(
    "/stations/{station_id:str}/quirks",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["stations"],
)
async def list_quirks(office: Desk, station_id: FromPath[str]) -> StationQuirks:
    """How a station leaves the standard, what it does most first, and what is done differently for it. What
    it did is there some seconds later."""
    station = await office.reader.read(partial(stations.station, station_id=station_id))
    if station is None:
        raise StationUnknown(f"no station {station_id}")
    found = await office.reader.read(partial(quirks.quirks_of, station_id=station_id))
    said = station.status or StationStatus(station_id=station_id)
    profile = office.models.profile(station.model_profile, said.vendor, said.model, said.firmware_version)
    return StationQuirks(
        items=[_shown(each) for each in found],
        profile=profile,
        workarounds=together(station.workarounds, profile),
    )


@get(
    "/model-profiles",
    guards=[needs("station.read")],
    responses=documented(400, 401, 403, 503),
    tags=["stations"],
    opt={CONFINES: True},
)
async def list_model_profiles(office: Desk) -> ProfileList:
    """The model profiles that are known; of several that fit a station the first one counts."""
    return ProfileList(items=list(office.models.profiles))


def _shown(each: StationQuirk) -> Quirk:
    return Quirk(
        kind=each.kind,
        text=KINDS.get(each.kind, ""),
        count=each.count,
        first_seen_at=each.first_seen_at,
        last_seen_at=each.last_seen_at,
        example=each.example,
    )
