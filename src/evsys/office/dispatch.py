"""The dispatch: jobs that could begin are begun, those that last too long are ended, campaigns are judged.

It looks when a job or a campaign was made or has moved, when a station has come while there are jobs, and
every few seconds. All that it goes by is in the database, so it goes on after a restart where it was: an
attempt whose CALL was never sent, or whose answer was lost, ends by its time.
"""

import asyncio
import secrets
from functools import partial
from typing import Final
from urllib.parse import quote, urlsplit

import structlog

from evsys.core import jobs as rules
from evsys.core.commands import AnyCommand, GetDiagnostics, GetLog, Outcome, UpdateFirmware
from evsys.core.errors import (
    BadAnswer,
    BadCommand,
    CallFailed,
    ConnectionLost,
    EvsysError,
    NoAnswer,
    NotFound,
    NotSupportedByStation,
    StationOffline,
    StationUnknown,
    StoreUnavailable,
    TooManyCalls,
)
from evsys.core.events import CampaignChanged, JobChanged, LoggedEvent, StationConnected
from evsys.core.ports import Clock
from evsys.core.records import Job
from evsys.office.campaigns import Campaigns
from evsys.office.commands import Commands
from evsys.office.consumers import Consumers
from evsys.office.files import Files
from evsys.office.jobs import EXCHANGE, HEARD, Jobs, is_same_attempt, user_of
from evsys.office.waking import LOOK_S, woken
from evsys.store.views import events, jobs
from evsys.store.views.reader import Reader

EVERY_S: Final = 0.2
"""It looks at most so often."""
IDLE_LOOK_S: Final = 10.0
"""It looks so often where there is nothing to do: whatever brings some wakes it."""
MAX_ASKING: Final = 20
"""Stations that are being asked at once."""
ANSWER_S: Final = 60.0
"""How long a station may take to answer; some collect their diagnostics first."""
EXPIRED: Final = 200
"""Jobs that are ended in one look because they waited too long."""
SECRET_BYTES: Final = 16
UNKNOWN: Final = (NoAnswer, ConnectionLost, BadAnswer)
"""Whether the station has begun is not known: it will be seen."""
NOT_NOW: Final = (StationOffline, TooManyCalls, StoreUnavailable)
NEVER: Final = (NotSupportedByStation, StationUnknown, BadCommand)
NEVER_CODES: Final = ("NotImplemented", "NotSupported")
"""CALLERROR codes of a station that does not know what it is asked for."""

log = structlog.get_logger()


class Dispatch:
    """One per office; `run` it."""

    def __init__(
        self,
        jobs_: Jobs,
        campaigns: Campaigns,
        commands: Commands,
        reader: Reader,
        clock: Clock,
        files: Files,
    ) -> None:
        self._jobs = jobs_
        self._campaigns = campaigns
        self._commands = commands
        self._reader = reader
        self._clock = clock
        self._files = files
        self._settings = files.settings
        self._woken = jobs_.stirred
        self._has_jobs = True
        """Whether the last look saw jobs that are not over."""
        self._asking: set[asyncio.Task[None]] = set()

    def follow(self, consumers: Consumers) -> None:
        """Hear of what moves jobs, and of what lets them begin."""
        kinds = (*HEARD, StationConnected, JobChanged, CampaignChanged)
        consumers.add("jobs", kinds, self._hear, self._woken.set)

    async def _hear(self, event: LoggedEvent) -> None:
        match event.event:
            case JobChanged(job=job):
                if job.version == 1:  # another office may have made it
                    self._woken.set()
            case CampaignChanged():
                self._woken.set()
            case StationConnected():
                if self._has_jobs:
                    self._woken.set()
            case _:
                await self._jobs.hear(event)

    async def run(self) -> None:
        """Look after the jobs, until cancelled."""
        try:
            while True:
                self._woken.clear()
                try:
                    await self.look()
                except StoreUnavailable as error:
                    log.warning("jobs are not looked after", reason=str(error))
                except Exception:
                    # The border of one look: a fault of ours must not end the others.
                    log.exception("jobs were not looked after by a fault of ours")
                await woken(self._woken, LOOK_S if self._has_jobs else IDLE_LOOK_S)
                await asyncio.sleep(EVERY_S)
        finally:
            for task in self._asking:
                task.cancel()
            await asyncio.gather(*self._asking, return_exceptions=True)

    async def look(self) -> None:
        """Once: end what is late, judge the campaigns, begin what may begin."""
        now = self._clock.now()
        self._has_jobs = await self._reader.read(jobs.has_unfinished)
        if not self._has_jobs:
            return
        under_way = await self._reader.read(jobs.under_way)
        late = await self._reader.read(partial(jobs.expired, now=now, limit=EXPIRED))
        for job in (*under_way, *late):
            if rules.time_out(job, now) is not None:
                await self._jobs.move(job.id, lambda present: rules.time_out(present, now))
        await self._campaigns.judge()
        await self._begin_ready(under_way)

    async def _begin_ready(self, under_way: list[Job]) -> None:
        """`under_way` was read before the campaigns were judged: a place that has become free by a failure
        is filled after that failure has counted."""
        running = {each.id: each for each in await self._reader.read(jobs.unfinished_campaigns)}
        busy: dict[str | None, int] = {}
        for job in under_way:
            busy[job.campaign_id] = busy.get(job.campaign_id, 0) + 1
        full = [each.id for each in running.values() if busy.get(each.id, 0) >= each.concurrency]
        room = MAX_ASKING - len(self._asking)
        if room <= 0:
            return
        query = partial(jobs.ready, now=self._clock.now(), full=full, limit=room)
        begun: set[tuple[str, str]] = set()
        for job in await self._reader.read(query):
            campaign = running.get(job.campaign_id or "")
            if campaign is not None and busy.get(campaign.id, 0) >= campaign.concurrency:
                continue
            if (job.station_id, job.kind) in begun:
                continue
            begun.add((job.station_id, job.kind))
            busy[job.campaign_id] = busy.get(job.campaign_id, 0) + 1
            await self._begin(job)

    async def _begin(self, job: Job) -> None:
        """Write down that an attempt begins, with its secret; then ask the station, beside."""
        secret = secrets.token_hex(SECRET_BYTES)
        seq = await self._reader.read(events.last_seq)
        request_id = secrets.randbelow(2**31 - 1) + 1

        def step(present: Job) -> Job | None:
            if present.state != "waiting":
                return None
            return rules.request(present, self._clock.now(), seq, request_id)

        begun, moved = await self._jobs.move(job.id, step, secret=secret)
        if moved:
            task = asyncio.create_task(self._ask(begun, secret))
            self._asking.add(task)
            task.add_done_callback(self._asked)

    def _asked(self, task: "asyncio.Task[None]") -> None:
        self._asking.discard(task)
        self._woken.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a station was not asked by a fault of ours", exc_info=error)

    async def _ask(self, job: Job, secret: str) -> None:
        """Ask the station for the attempt that has begun, and write down what it answers."""
        try:
            command = await self._command(job, secret)
            outcome = await self._commands.send(job.station_id, command, f"job:{job.id}", ANSWER_S)
        except EvsysError as error:
            if not isinstance(error, UNKNOWN):
                await self._settle(job, error)
            return
        if not outcome.accepted:
            await self._settle(job, outcome)

    async def _settle(self, job: Job, result: EvsysError | Outcome) -> None:
        """The attempt has come to nothing."""
        now = self._clock.now()

        def step(present: Job) -> Job | None:
            if not is_same_attempt(job, present):
                return None
            match result:
                case Outcome(status=status):
                    return rules.fail(present, _refusal(job, status), now)
                case _ if isinstance(result, NOT_NOW):
                    return rules.never_asked(present, now)
                case CallFailed(code=code) if code in NEVER_CODES:
                    return rules.refused(present, str(result), now)
                case _ if isinstance(result, NEVER):
                    return rules.refused(present, str(result), now)
                case _:
                    return rules.fail(present, str(result), now)

        try:
            await self._jobs.move(job.id, step)
        except (StoreUnavailable, NotFound) as error:
            log.warning(
                "what became of a job is not written: its time ends it", job=job.id, reason=str(error)
            )

    async def _command(self, job: Job, secret: str) -> AnyCommand:
        """What to say to the station. The station asks again by our retries, not by its own: so an attempt
        ends with the first failure that it tells of. Raises NotFound, StoreUnavailable."""
        assert job.request_id is not None
        if job.kind == "diagnostics":
            return GetDiagnostics(
                location=self._location(job, secret), retries=0, start_at=job.from_at, stop_at=job.to_at
            )
        if job.kind == "log":
            return GetLog(
                log_type="SecurityLog" if job.log == "security" else "DiagnosticsLog",
                request_id=job.request_id,
                location=self._location(job, secret),
                retries=0,
                oldest_at=job.from_at,
                latest_at=job.to_at,
            )
        image = await self._files.find(job.file_id or "")
        return UpdateFirmware(
            request_id=job.request_id,
            location=self._location(job, secret, image.name),
            retrieve_at=job.begin_at or self._clock.now(),
            signing_certificate=image.signing_certificate or None,
            signature=image.signature or None,
            retries=0,
        )

    def _location(self, job: Job, secret: str, name: str = "") -> str:
        """The URL that the station is sent: a directory to put a file into, or the file to fetch."""
        if job.via == "http":
            return f"{self._settings.http_url}{EXCHANGE}{secret}/{quote(name)}"
        parts = urlsplit(self._settings.ftp_url)
        return f"{parts.scheme}://{user_of(job)}:{secret}@{parts.netloc}/{quote(name)}"


def _refusal(job: Job, status: str) -> str:
    if job.kind == "diagnostics" and not status:
        return "the station has nothing to upload"
    return f"the station answers {status or 'no'}"
