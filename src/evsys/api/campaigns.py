"""Campaigns: firmware for many stations, or diagnostics from them, a few at a time."""

from functools import partial
from typing import Annotated, Final

from litestar import get, post
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.jobs import DiagnosticsOrder, FirmwareOrder, firmware_order, upload_order
from evsys.api.members import Id, ShortText
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.errors import BadCommand
from evsys.office.campaigns import MAX_STATIONS, CampaignView, Stations
from evsys.store.views import jobs
from evsys.store.views.paging import DEFAULT_PAGE

MAX_CONCURRENCY: Final = 1000
CHANGED: Final = documented(400, 401, 403, 404, 409, 503)


class StationFilter(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which stations: those named, or else all that meet every condition given. Not both."""

    ids: Annotated[tuple[Id, ...], Meta(max_length=MAX_STATIONS)] = ()
    vendor: ShortText = ""
    model: ShortText = ""
    location_id: ShortText = ""


class NewCampaign(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A campaign to make: what is wanted, one of `firmware` and `diagnostics`, and of which stations."""

    name: ShortText = ""
    firmware: FirmwareOrder | None = None
    diagnostics: DiagnosticsOrder | None = None
    stations: StationFilter
    concurrency: Annotated[int, Meta(ge=1, le=MAX_CONCURRENCY)] = 10
    """How many jobs may be under way at once."""
    stop_after_failures: Annotated[int, Meta(ge=1, le=MAX_STATIONS)] | None = 3
    """At this failure no further job begins; null: never."""


class CampaignList(Struct, frozen=True, kw_only=True):
    items: list[CampaignView]
    next: str | None = None


@post(
    "/campaigns",
    guards=[needs("job.edit")],
    responses=documented(400, 401, 403, 404, 413, 422, 503),
    tags=["campaigns"],
)
async def create_campaign(office: Desk, data: JSONBody[NewCampaign], request: StrictRequest) -> CampaignView:
    """Make a campaign and begin it. Stations that are not connected hold up nobody: their jobs wait."""
    if data.firmware is not None and data.diagnostics is None:
        order = firmware_order(data.firmware)
    elif data.diagnostics is not None and data.firmware is None:
        order = upload_order(data.diagnostics)
    else:
        raise BadCommand("body: one of firmware and diagnostics must be given")
    which = data.stations
    stations = Stations(ids=which.ids, vendor=which.vendor, model=which.model, location_id=which.location_id)
    if bool(which.ids) == bool(which.vendor or which.model or which.location_id):
        raise BadCommand("stations: either ids or conditions must be given")
    return await office.campaigns.create(
        data.name, order, stations, data.concurrency, data.stop_after_failures, request.auth.name
    )


@get("/campaigns", guards=[needs("job.read")], responses=documented(400, 401, 403, 503), tags=["campaigns"])
async def list_campaigns(office: Desk, limit: Limit = DEFAULT_PAGE, cursor: Cursor = "") -> CampaignList:
    """Campaigns, newest first."""
    query = partial(jobs.campaigns_page, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    return CampaignList(items=await office.campaigns.views(items), next=following)


@get(
    "/campaigns/{campaign_id:str}",
    guards=[needs("job.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["campaigns"],
)
async def get_campaign(office: Desk, campaign_id: FromPath[str]) -> CampaignView:
    """A campaign and how far it has come; its jobs are at `/jobs?campaign=ID`."""
    return await office.campaigns.find(campaign_id)


@post(
    "/campaigns/{campaign_id:str}/pause",
    status_code=200,
    guards=[needs("job.edit")],
    responses=CHANGED,
    tags=["campaigns"],
)
async def pause_campaign(office: Desk, campaign_id: FromPath[str], request: StrictRequest) -> CampaignView:
    """Begin no further job. 409: it does not run."""
    return await office.campaigns.pause(campaign_id, request.auth.name)


@post(
    "/campaigns/{campaign_id:str}/resume",
    status_code=200,
    guards=[needs("job.edit")],
    responses=CHANGED,
    tags=["campaigns"],
)
async def resume_campaign(office: Desk, campaign_id: FromPath[str], request: StrictRequest) -> CampaignView:
    """Go on after a pause, or after it has stopped itself: the failures until now are forgiven. 409: it
    neither pauses nor has stopped."""
    return await office.campaigns.resume(campaign_id, request.auth.name)


@post(
    "/campaigns/{campaign_id:str}/cancel",
    status_code=200,
    guards=[needs("job.edit")],
    responses=CHANGED,
    tags=["campaigns"],
)
async def cancel_campaign(office: Desk, campaign_id: FromPath[str], request: StrictRequest) -> CampaignView:
    """Cancel the jobs that have not begun; those under way go on to their end. 409: it is over."""
    return await office.campaigns.cancel(campaign_id, request.auth.name)
