"""Jobs: firmware to stations, diagnostics and logs from them, without anybody naming a URL.

How a job moves is decided in `core.jobs`; here it is written down, each step in a commit of its own, by
whichever of three learns of it: a person who asks or cancels, the log of events (what the station says of
itself), and the doors where files pass (what it really does). Two that meet at one job are told apart by its
version, and the later one looks again.

A station gets a secret for each attempt, in the URL that it is sent. The secret opens this one file, in this
one direction, for as long as the attempt lasts; only its hash is kept.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import replace

from evsys.core import jobs as rules
from evsys.core.errors import (
    AlreadyExists,
    BadCommand,
    NotConfigured,
    NotFound,
    StationUnknown,
    StoreUnavailable,
)
from evsys.core.events import (
    DiagnosticsStatusChanged,
    FileStored,
    FirmwareStatusChanged,
    JobChanged,
    LoggedEvent,
    StationBooted,
)
from evsys.core.ports import Clock
from evsys.core.records import Job, JobKind, StoredFile, TransferSecret
from evsys.core.work import Work
from evsys.office.files import Files, Part, shown
from evsys.office.keys import digest
from evsys.office.writing import Books
from evsys.store.views import jobs, stations
from evsys.store.views.reader import Reader, record_by_id

HEARD: Final = (FirmwareStatusChanged, DiagnosticsStatusChanged, StationBooted)
"""The events that move jobs."""
EXCHANGE: Final = "/exchange/"
"""What the path of every file's URL begins with; the secret follows."""
MAX_TRIES: Final = 10
"""How often a step is taken again because somebody was faster: a job has few that write it."""

Via = Literal["http", "ftp"]
Step = Callable[[Job], Job | None]


class Order(Struct, frozen=True, kw_only=True):
    """What is wanted of one station or many; the members are those of `Job`."""

    kind: JobKind
    file_id: str | None = None
    via: Via | None = None
    """None: whichever the station knows and is open here."""
    log: Literal["", "diagnostics", "security"] = ""
    from_at: datetime | None = None
    to_at: datetime | None = None
    begin_at: datetime | None = None
    phase_s: int | None = None
    retries: int = 0
    wait_s: int = rules.EXPIRES_S
    """How long it waits for its station."""


class Ticket(Struct, frozen=True, kw_only=True):
    """What a secret opens: the job, and the image to be fetched; without one, an upload is expected."""

    job: Job
    image: StoredFile | None = None


class Jobs:
    """The jobs of a running office. All coroutines raise StoreUnavailable where the database cannot."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, files: Files) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._files = files
        self.stirred = asyncio.Event()
        """Set whenever a job was made or has moved here, or a campaign has changed: others may begin."""

    # -- what people do

    async def order(self, station_id: str, order: Order, by: str) -> Job:
        """Make a job for a station; it begins when the station is there. Raises StationUnknown, NotFound,
        NotConfigured or BadCommand."""
        if await self._reader.read(partial(stations.station, station_id=station_id)) is None:
            raise StationUnknown(f"no station {station_id}")
        now = self._clock.now()
        image = await self.image_of(order)
        via = (await self.vias([station_id], order.via))[station_id]
        job = draft(station_id, order, image, via, by, now)
        work = Work(now)
        work.add(job)
        work.tell(JobChanged(job=job, by=by))
        await self._books.write(work)
        self.stirred.set()
        return job

    async def image_of(self, order: Order) -> StoredFile | None:
        """The image that an order names; None for one of another kind. Raises NotFound or BadCommand."""
        if order.kind != "firmware":
            return None
        file = await self._files.find(order.file_id or "")
        if file.kind != "firmware":
            raise BadCommand(f"file_id: {file.id} is no firmware image")
        return file

    async def vias(self, station_ids: Sequence[str], wanted: Via | None) -> dict[str, Via]:
        """How the file of each station is to go: as wanted, else as the station says it can. Raises
        NotConfigured."""
        settings = self._files.settings
        doors: dict[Via, str] = {"http": settings.http_url, "ftp": settings.ftp_url}
        open_ = [via for via, url in doors.items() if url]
        if not open_:
            raise NotConfigured("stations cannot reach files: set files.http.enabled or files.ftp.enabled")
        if wanted is not None:
            if wanted not in open_:
                raise NotConfigured(f"via: {wanted} is closed: set files.{wanted}.enabled")
            return dict.fromkeys(station_ids, wanted)
        told = await self._reader.read(partial(jobs.transfer_protocols, station_ids=station_ids))
        return {each: _suiting(told.get(each) or "", open_) for each in station_ids}

    async def find(self, job_id: str) -> Job:
        """A job by its id. Raises NotFound."""
        found = await self._reader.read(partial(record_by_id, kind=Job, record_id=job_id))
        if found is None:
            raise NotFound(f"no job {job_id}")
        return found

    async def cancel(self, job_id: str, by: str) -> Job:
        """Nobody wants it any more: what it opened is shut. Raises NotFound, or AlreadyExists where it is
        over."""
        now = self._clock.now()
        job, moved = await self.move(job_id, lambda job: rules.cancel(job, now), by)
        if not moved:
            raise AlreadyExists(f"the job {job_id} is over already: {job.state}")
        return job

    # -- what the log tells

    async def hear(self, event: LoggedEvent) -> None:
        """What a station says of itself moves its jobs of the kind."""
        now = self._clock.now()
        for job in await self._reader.read(partial(jobs.under_way, station_id=event.station_id)):
            step = _step(job, event, now)
            if step is not None:
                await self.move(job.id, step)

    # -- what passes the doors

    def ticket(self, secret: str) -> Ticket | None:
        """What a secret opens, None where it opens nothing. Waits for the database: call it from a
        thread."""
        job = self._reader.read_here(partial(jobs.job_of_secret, digest=digest(secret)))
        if job is None or job.state not in rules.UNDER_WAY:
            return None
        if job.kind != "firmware":
            return Ticket(job=job)
        find = partial(record_by_id, kind=StoredFile, record_id=job.file_id or "")
        image = self._reader.read_here(find)
        return Ticket(job=job, image=image) if image else None

    async def began(self, job: Job) -> None:
        """The station has begun to fetch or to deliver the file."""
        await self.move(job.id, _of_attempt(job, lambda now_: rules.began(now_, self._clock.now())))

    async def fetched(self, job: Job) -> None:
        """The station has fetched the whole image."""
        await self.move(job.id, _of_attempt(job, lambda now_: rules.fetched(now_, self._clock.now())))

    async def arrived(self, job: Job, part: Part, name: str) -> StoredFile:
        """A station's file has arrived whole: it is kept, and the job is done. Raises BadCommand where it is
        empty, AlreadyExists where the job is over or has its file already, NoRoom."""
        if not part.size_bytes:
            raise BadCommand("the file is empty")
        now = self._clock.now()
        file = StoredFile(
            id=part.id,
            kind=job.kind,
            name=shown(name) or f"{job.station_id}-{job.kind}",
            size_bytes=part.size_bytes,
            sha256=part.sha256,
            station_id=job.station_id,
            job_id=job.id,
            created_by=job.created_by,
            created_at=now,
        )
        await self._files.put(part)
        step = _of_attempt(job, lambda now_: rules.arrived(now_, file.id, now))
        _, moved = await self.move(job.id, step, file=file)
        if not moved:
            raise AlreadyExists("the job is over")
        return file

    # -- one step

    async def move(
        self, job_id: str, step: Step, by: str = "", file: StoredFile | None = None, secret: str = ""
    ) -> tuple[Job, bool]:
        """Take a step with a job as it is now, and with it keep a `file` or the hash of a new `secret`; a
        secret lasts as long as the attempt. The job as it is then, and whether it has moved. Raises
        NotFound."""
        for _ in range(MAX_TRIES):
            old = await self.find(job_id)
            new = step(old)
            if new is None:
                return old, False
            work = Work(self._clock.now())
            work.change(new)
            if secret:
                work.save(TransferSecret(job_id=job_id, digest=digest(secret)))
            elif new.state not in rules.UNDER_WAY:
                work.remove(TransferSecret(job_id=job_id, digest=""))
            if file is not None:
                work.add(file)
                work.tell(FileStored(file=file))
            work.tell(JobChanged(job=new, by=by))
            if not await self._books.write(work):
                self.stirred.set()
                return new, True
        raise StoreUnavailable(f"the job {job_id} is written by others all the time")


def draft(
    station_id: str,
    order: Order,
    image: StoredFile | None,
    via: Via,
    by: str,
    now: datetime,
    campaign_id: str | None = None,
) -> Job:
    """A job as it begins."""
    return Job(
        id=str(uuid4()),
        kind=order.kind,
        station_id=station_id,
        campaign_id=campaign_id,
        file_id=image.id if image else None,
        via=via,
        log=order.log,
        from_at=order.from_at,
        to_at=order.to_at,
        firmware_version=image.firmware_version if image else "",
        begin_at=order.begin_at,
        phase_s=order.phase_s,
        retries=order.retries,
        next_at=now,
        expires_at=now + timedelta(seconds=order.wait_s),
        created_by=by,
        created_at=now,
    )


def user_of(job: Job) -> str:
    """The user that a station logs in as, where the way needs one."""
    return f"job-{job.id[:8]}"


def _suiting(told: str, open_: list[Via]) -> Via:
    """The first open door that a station's list of protocols names (HTTPS is http, FTPS is ftp), or simply
    the first."""
    known = {word.strip().lower().rstrip("s") for word in told.split(",")}
    return next((via for via in open_ if via in known), open_[0])


def _step(job: Job, logged: LoggedEvent, now: datetime) -> Step | None:
    """What an event has to say to a job; None where it is of no concern to it."""
    event = logged.event

    def step(present: Job) -> Job | None:
        if logged.seq <= present.heard_seq:
            return None
        match event:
            case StationBooted():
                moved = rules.booted(present, event.firmware_version, now)
            case FirmwareStatusChanged() | DiagnosticsStatusChanged():
                if event.request_id not in (None, present.request_id):
                    return None
                moved = rules.took(present, event.status, now)
            case _:
                return None
        return moved and replace(moved, heard_seq=logged.seq)

    match event, job.kind:
        case FirmwareStatusChanged() | StationBooted(), "firmware":
            return step
        case DiagnosticsStatusChanged(request_id=None), "diagnostics":
            return step
        case DiagnosticsStatusChanged(request_id=int()), "log":
            return step
        case _:
            return None


def _of_attempt(job: Job, step: Step) -> Step:
    """The step, as long as the attempt that it belongs to lasts."""
    return lambda present: step(present) if is_same_attempt(job, present) else None


def is_same_attempt(job: Job, present: Job) -> bool:
    """Whether the attempt of `job` still lasts in the job as it is at present."""
    return present.attempts == job.attempts and present.state in rules.UNDER_WAY
