"""Jobs: firmware to stations, diagnostics and logs from them. Nobody names a URL: the files are ours."""

from functools import partial
from typing import Annotated, Final, Literal, TypedDict

from litestar import get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id, Moment
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.jobs import EXPIRES_S
from evsys.core.records import Job
from evsys.office.jobs import Order, Via
from evsys.office.moments import in_utc
from evsys.store.views import jobs
from evsys.store.views.paging import DEFAULT_PAGE

MAX_PHASE_S: Final = 86_400
MAX_WAIT_S: Final = 90 * 86_400
MAX_RETRIES: Final = 10
ERRORS: Final = documented(400, 401, 403, 404, 413, 422, 503)


class JobMembers(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be said of every job."""

    via: Via | None = None
    """How the file goes; null: as the station says it can, over what is open here."""
    phase_s: Annotated[int, Meta(ge=10, le=MAX_PHASE_S)] | None = None
    """How long the station may stay in one state; null: a quarter of an hour to begin, an hour to transfer
    and an hour to install."""
    retries: Annotated[int, Meta(ge=0, le=MAX_RETRIES)] = 0
    """How often it is asked again where it failed."""
    wait_s: Annotated[int, Meta(ge=60, le=MAX_WAIT_S)] = EXPIRES_S
    """How long the job waits for its station."""


class FirmwareOrder(JobMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An image for a station to install. Where the image has a `firmware_version`, the job is done when the
    station boots with it."""

    file_id: Id
    begin_at: Moment | None = None
    """When the station may begin to fetch it; null: at once."""


class DiagnosticsOrder(JobMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Diagnostics for a station to upload, of the time from `from_at` to `to_at`."""

    from_at: Moment | None = None
    to_at: Moment | None = None


class LogOrder(JobMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A log for a station to upload, of the time from `from_at` to `to_at`."""

    log: Literal["diagnostics", "security"] = "security"
    from_at: Moment | None = None
    to_at: Moment | None = None


class JobList(Struct, frozen=True, kw_only=True):
    items: list[Job]
    next: str | None = None


def firmware_order(data: FirmwareOrder) -> Order:
    """What the office is asked for."""
    begin_at = data.begin_at and in_utc("begin_at", data.begin_at)
    return Order(kind="firmware", file_id=data.file_id, begin_at=begin_at, **_members(data))


def upload_order(data: DiagnosticsOrder | LogOrder) -> Order:
    """The same of what a station delivers."""
    from_at = data.from_at and in_utc("from_at", data.from_at)
    to_at = data.to_at and in_utc("to_at", data.to_at)
    if isinstance(data, LogOrder):
        return Order(kind="log", log=data.log, from_at=from_at, to_at=to_at, **_members(data))
    return Order(kind="diagnostics", from_at=from_at, to_at=to_at, **_members(data))


class _Members(TypedDict):
    via: Via | None
    phase_s: int | None
    retries: int
    wait_s: int


def _members(data: JobMembers) -> _Members:
    return {"via": data.via, "phase_s": data.phase_s, "retries": data.retries, "wait_s": data.wait_s}


@post(
    "/stations/{station_id:str}/firmware",
    guards=[needs("job.edit")],
    responses=ERRORS,
    tags=["jobs"],
)
async def update_firmware(
    office: Desk, station_id: FromPath[str], data: JSONBody[FirmwareOrder], request: StrictRequest
) -> Job:
    """Have a station install an image that was uploaded (`POST /files`). It is asked when it is connected,
    and fetches the image from here."""
    return await office.jobs.order(station_id, firmware_order(data), request.auth.name)


@post(
    "/stations/{station_id:str}/diagnostics",
    guards=[needs("job.edit")],
    responses=ERRORS,
    tags=["jobs"],
)
async def get_diagnostics(
    office: Desk, station_id: FromPath[str], data: JSONBody[DiagnosticsOrder], request: StrictRequest
) -> Job:
    """Have a station upload its diagnostics. It is asked when it is connected, and delivers them here; then
    `file_id` names them."""
    return await office.jobs.order(station_id, upload_order(data), request.auth.name)


@post(
    "/stations/{station_id:str}/logs",
    guards=[needs("job.edit")],
    responses=ERRORS,
    tags=["jobs"],
)
async def get_log(
    office: Desk, station_id: FromPath[str], data: JSONBody[LogOrder], request: StrictRequest
) -> Job:
    """Have a station upload its log (the security extension of OCPP 1.6). It is asked when it is connected,
    and delivers it here; then `file_id` names it."""
    return await office.jobs.order(station_id, upload_order(data), request.auth.name)


@get(
    "/jobs",
    guards=[needs("job.read")],
    responses=documented(400, 401, 403, 503),
    tags=["jobs"],
    opt={CONFINES: True},
)
async def list_jobs(
    office: Desk,
    request: StrictRequest,
    station: FromQuery[str | None] = None,
    campaign: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> JobList:
    """Jobs, newest first: all that meet every condition given."""
    query = partial(
        jobs.jobs_page,
        limit=limit,
        cursor=cursor,
        station_id=station,
        campaign_id=campaign,
        within=request.auth.location_ids,
    )
    items, following = await office.reader.read(query)
    return JobList(items=items, next=following)


@get(
    "/jobs/{job_id:str}",
    guards=[needs("job.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["jobs"],
    opt={CONFINES: True},
)
async def get_job(office: Desk, request: StrictRequest, job_id: FromPath[str]) -> Job:
    """A job by its id."""
    job = await office.jobs.find(job_id)
    await office.reach.check(request.auth, job.station_id)
    return job


@post(
    "/jobs/{job_id:str}/cancel",
    status_code=200,
    guards=[needs("job.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["jobs"],
    opt={CONFINES: True},
)
async def cancel_job(office: Desk, job_id: FromPath[str], request: StrictRequest) -> Job:
    """Cancel a job: the station finds its URL shut. What it has fetched already it may still install. 409:
    the job is over."""
    await office.reach.check(request.auth, (await office.jobs.find(job_id)).station_id)
    return await office.jobs.cancel(job_id, request.auth.name)
