"""Campaigns: one kind of job for many stations, a few at a time, that stops itself when it goes wrong.

All its jobs are made with it and wait; which may begin is seen by `office.dispatch`. A station that is not
connected holds up nobody: its job waits until it is there. What is under way when a campaign is paused,
stopped or cancelled goes on to its end, for a station cannot be told to leave an update half done.
"""

from collections.abc import Mapping
from functools import partial
from typing import Final
from uuid import uuid4

from msgspec import Struct
from msgspec.structs import asdict, replace

from evsys.core import jobs as rules
from evsys.core.errors import AlreadyExists, BadCommand, NotFound, StaleVersion
from evsys.core.events import CampaignChanged, JobChanged
from evsys.core.ports import Clock
from evsys.core.records import Campaign, JobState, TransferSecret
from evsys.core.work import Work
from evsys.office.jobs import Jobs, Order, draft
from evsys.office.writing import Books
from evsys.store.views import jobs
from evsys.store.views.reader import Reader, record_by_id

MAX_STATIONS: Final = 5000
"""Stations of one campaign: its jobs are made in one commit."""


class Stations(Struct, frozen=True, kw_only=True):
    """Which stations: these, or all that meet every condition given."""

    ids: tuple[str, ...] = ()
    vendor: str = ""
    model: str = ""
    location_id: str = ""


class CampaignView(Campaign, frozen=True, kw_only=True):
    """A campaign and how far it has come."""

    counts: Mapping[JobState, int]
    """How many of its jobs are in each state; states without any are left out."""


class Campaigns:
    """The campaigns of a running office. All methods raise StoreUnavailable where the database cannot."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, jobs_: Jobs) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._jobs = jobs_

    async def create(
        self,
        name: str,
        order: Order,
        which: Stations,
        concurrency: int,
        stop_after_failures: int | None,
        by: str,
    ) -> CampaignView:
        """Make a campaign; it begins at once. Raises BadCommand for stations that are not known or none at
        all, and what `Jobs.order` raises."""
        ids = await self._stations(which)
        image, now = await self._jobs.image_of(order), self._clock.now()
        vias = await self._jobs.vias(ids, order.via)
        campaign = Campaign(
            id=str(uuid4()),
            name=name,
            kind=order.kind,
            file_id=image.id if image else None,
            stations=len(ids),
            concurrency=concurrency,
            stop_after_failures=stop_after_failures,
            created_by=by,
            created_at=now,
        )
        work = Work(now)
        work.add(campaign)
        work.tell(CampaignChanged(campaign=campaign, by=by))
        for station_id, via in vias.items():
            job = draft(station_id, order, image, via, by, now, campaign.id)
            work.add(job)
            work.tell(JobChanged(job=job, by=by))
        await self._books.write(work)
        self._jobs.stirred.set()
        return _view(campaign, {"waiting": len(ids)})

    async def find(self, campaign_id: str) -> CampaignView:
        """A campaign by its id. Raises NotFound."""
        found = await self._reader.read(partial(record_by_id, kind=Campaign, record_id=campaign_id))
        if found is None:
            raise NotFound(f"no campaign {campaign_id}")
        return (await self.views([found]))[0]

    async def views(self, found: list[Campaign]) -> list[CampaignView]:
        """Campaigns with how far they have come."""
        query = partial(jobs.counts_of, campaign_ids=[each.id for each in found])
        counts = await self._reader.read(query)
        return [_view(each, counts.get(each.id, {})) for each in found]

    async def pause(self, campaign_id: str, by: str) -> CampaignView:
        """No further job begins. Raises NotFound, or AlreadyExists where it does not run."""
        campaign = await self.find(campaign_id)
        if campaign.state != "running":
            raise AlreadyExists(f"the campaign {campaign_id} does not run: it is {campaign.state}")
        return await self._change(_next(campaign, state="paused"), by)

    async def resume(self, campaign_id: str, by: str) -> CampaignView:
        """Jobs begin again; the failures until now are forgiven. Raises NotFound, or AlreadyExists where it
        neither pauses nor has stopped itself."""
        campaign = await self.find(campaign_id)
        if campaign.state not in ("paused", "stopped"):
            raise AlreadyExists(f"the campaign {campaign_id} cannot be resumed: it is {campaign.state}")
        forgiven = campaign.counts.get("failed", 0)
        return await self._change(_next(campaign, state="running", reason="", forgiven=forgiven), by)

    async def cancel(self, campaign_id: str, by: str) -> CampaignView:
        """Its jobs that have not begun are cancelled. Raises NotFound, or AlreadyExists where it is over."""
        campaign = await self.find(campaign_id)
        if campaign.finished_at is not None:
            raise AlreadyExists(f"the campaign {campaign_id} is over already: it is {campaign.state}")
        now = self._clock.now()
        work = Work(now)
        for job in await self._reader.read(partial(jobs.waiting_of, campaign_id=campaign_id)):
            if cancelled := rules.cancel(job, now):
                work.change(cancelled)
                work.remove(TransferSecret(job_id=job.id, digest=""))
                work.tell(JobChanged(job=cancelled, by=by))
        return await self._change(_next(campaign, state="cancelled", finished_at=now), by, work)

    async def judge(self) -> None:
        """See which campaigns are done, and which are to stop because too much has failed."""
        found = await self._reader.read(jobs.unfinished_campaigns)
        for view in await self.views(found) if found else ():
            judged = rules.judge(_record(view), view.counts, self._clock.now())
            if judged is not None:
                work = Work(self._clock.now())
                work.change(judged)
                work.tell(CampaignChanged(campaign=judged))
                await self._books.write(work)  # who was faster is seen the next time

    async def _stations(self, which: Stations) -> list[str]:
        """The ids of the stations that are meant, each once. Raises BadCommand."""
        if which.ids:
            ids = list(dict.fromkeys(which.ids))
            if unknown := await self._reader.read(partial(jobs.unknown_stations, station_ids=ids)):
                raise BadCommand(f"stations: no station {unknown[0]}")
            return ids
        query = partial(
            jobs.station_ids_like,
            limit=MAX_STATIONS + 1,
            vendor=which.vendor,
            model=which.model,
            location_id=which.location_id,
        )
        ids = await self._reader.read(query)
        if not ids:
            raise BadCommand("stations: there is none like this")
        if len(ids) > MAX_STATIONS:
            raise BadCommand(f"stations: more than {MAX_STATIONS}; make several campaigns")
        return ids

    async def _change(self, campaign: Campaign, by: str, work: Work | None = None) -> CampaignView:
        work = work or Work(self._clock.now())
        work.change(campaign)
        work.tell(CampaignChanged(campaign=campaign, by=by))
        if await self._books.write(work):
            raise StaleVersion(f"the campaign {campaign.id} or one of its jobs has just moved: try again")
        self._jobs.stirred.set()
        return await self.find(campaign.id)


def _next(view: CampaignView, **members: object) -> Campaign:
    """The next version of a campaign."""
    return replace(_record(view), version=view.version + 1, **members)


def _record(view: CampaignView) -> Campaign:
    return Campaign(**{name: getattr(view, name) for name in Campaign.__struct_fields__})


def _view(campaign: Campaign, counts: Mapping[JobState, int]) -> CampaignView:
    return CampaignView(**asdict(campaign), counts=counts)
