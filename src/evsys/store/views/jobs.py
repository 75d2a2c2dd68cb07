"""Reads of jobs and campaigns."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import Connection, func, select, text, tuple_

from evsys.core.records import Campaign, Job, JobState
from evsys.store.cells import microseconds, moment
from evsys.store.schema import (
    campaigns,
    configuration_keys,
    jobs,
    station_status,
    stations,
    transfer_secrets,
)
from evsys.store.views.paging import cut, from_cursor
from evsys.store.views.reach import standing_at
from evsys.store.views.reader import RecordSelect, records, select_record

_WAITING = text("state = 'waiting'")
_UNDER_WAY = text("state IN ('requested', 'transferring', 'installing')")
"""As the partial indexes say it."""


def jobs_page(
    connection: Connection,
    limit: int,
    cursor: str = "",
    station_id: str | None = None,
    campaign_id: str | None = None,
    within: Sequence[str] = (),
) -> tuple[list[Job], str | None]:
    """Jobs, newest first: of a station, of a campaign, at some locations. Indexes:
    jobs_by_time, jobs_by_station, jobs_by_campaign."""
    of = f"jobs {station_id} {within} {campaign_id}"
    columns = jobs.c
    query = select_record(Job).order_by(columns.created_at.desc(), columns.id.desc()).limit(limit + 1)
    if station_id is not None:
        query = query.where(columns.station_id == station_id)
    if within:
        query = query.where(standing_at(columns.station_id, within))
    if campaign_id is not None:
        query = query.where(columns.campaign_id == campaign_id)
    if cursor:
        at, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.created_at, columns.id) < (moment(int(at)), last))
    page = records(connection, Job, query)
    return cut(page, limit, of, lambda each: (microseconds(each.created_at), each.id))


def under_way(connection: Connection, station_id: str | None = None) -> list[Job]:
    """The jobs under way, of one station or of all. Index: jobs_under_way."""
    query = _hinted(select_record(Job).where(_UNDER_WAY), "jobs_under_way")
    if station_id is not None:
        query = query.where(jobs.c.station_id == station_id)
    return records(connection, Job, query)


def ready(connection: Connection, now: datetime, full: Collection[str], limit: int) -> list[Job]:
    """The jobs that could begin now, the longest waiting first: their time has come, their station is there,
    none of the kind is under way on it, and their campaign, if they have one, runs and is not among `full`.
    Index: jobs_waiting."""
    columns = jobs.c
    busy = jobs.alias("busy")
    there = select(station_status.c.connected).where(station_status.c.station_id == columns.station_id)
    other = select(busy.c.id).where(
        busy.c.station_id == columns.station_id,
        busy.c.kind == columns.kind,
        text("busy.state IN ('requested', 'transferring', 'installing')"),
    )
    running = select(campaigns.c.id).where(
        campaigns.c.id == columns.campaign_id, campaigns.c.state == "running", campaigns.c.id.not_in(full)
    )
    query = (
        _hinted(select_record(Job).where(text("jobs.state = 'waiting'")), "jobs_waiting")
        .where(columns.next_at <= now, there.scalar_subquery())
        .where(columns.campaign_id.is_(None) | running.exists())
        .where(~other.exists())
        .order_by(columns.next_at, columns.id)
        .limit(limit)
    )
    return records(connection, Job, query)


def has_unfinished(connection: Connection) -> bool:
    """Whether there is a job or a campaign that is not over. Indexes: jobs_waiting, jobs_under_way,
    campaigns_unfinished."""
    wanted = (
        _hinted(select_record(Job).where(_WAITING), "jobs_waiting"),
        _hinted(select_record(Job).where(_UNDER_WAY), "jobs_under_way"),
        select_record(Campaign)
        .where(campaigns.c.finished_at.is_(None))
        .with_hint(campaigns, "INDEXED BY campaigns_unfinished", "sqlite"),
    )
    return any(connection.execute(query.limit(1)).first() is not None for query in wanted)


def expired(connection: Connection, now: datetime, limit: int) -> list[Job]:
    """Jobs that have waited too long. Index: jobs_waiting, which is walked."""
    query = _hinted(select_record(Job).where(_WAITING, jobs.c.expires_at <= now), "jobs_waiting")
    return records(connection, Job, query.limit(limit))


def waiting_of(connection: Connection, campaign_id: str) -> list[Job]:
    """The jobs of a campaign that have not begun. Index: jobs_by_campaign."""
    query = select_record(Job).where(jobs.c.campaign_id == campaign_id, jobs.c.state == "waiting")
    return records(connection, Job, _hinted(query, "jobs_by_campaign"))


def with_file(connection: Connection, file_id: str) -> str | None:
    """A job that is not over and needs a file, if there is one. Indexes: jobs_waiting, jobs_under_way, walked
    at a removal alone."""
    for state, index in ((_WAITING, "jobs_waiting"), (_UNDER_WAY, "jobs_under_way")):
        query = select(jobs.c.id).where(state, jobs.c.file_id == file_id).limit(1)
        found = connection.execute(query.with_hint(jobs, f"INDEXED BY {index}", "sqlite")).scalar()
        if found is not None:
            return str(found)
    return None


def job_of_secret(connection: Connection, digest: str) -> Job | None:
    """The job of a secret. Indexes: transfer_secrets_digest, the primary key."""
    owner = select(transfer_secrets.c.job_id).where(transfer_secrets.c.digest == digest)
    found = records(connection, Job, select_record(Job).where(jobs.c.id == owner.scalar_subquery()))
    return found[0] if found else None


def campaigns_page(connection: Connection, limit: int, cursor: str = "") -> tuple[list[Campaign], str | None]:
    """Campaigns, newest first. Index: campaigns_by_time."""
    columns = campaigns.c
    query = select_record(Campaign).order_by(columns.created_at.desc(), columns.id.desc()).limit(limit + 1)
    if cursor:
        at, last = from_cursor("campaigns", cursor, [int, str])
        query = query.where(tuple_(columns.created_at, columns.id) < (moment(int(at)), last))
    page = records(connection, Campaign, query)
    return cut(page, limit, "campaigns", lambda each: (microseconds(each.created_at), each.id))


def unfinished_campaigns(connection: Connection) -> list[Campaign]:
    """The campaigns to look after. Index: campaigns_unfinished."""
    query = (
        select_record(Campaign)
        .where(campaigns.c.finished_at.is_(None))
        .order_by(campaigns.c.created_at)
        .with_hint(campaigns, "INDEXED BY campaigns_unfinished", "sqlite")
    )
    return records(connection, Campaign, query)


def counts_of(connection: Connection, campaign_ids: Sequence[str]) -> dict[str, dict[JobState, int]]:
    """How many jobs of each state campaigns have. Index: jobs_by_campaign."""
    columns = jobs.c
    query = (
        select(columns.campaign_id, columns.state, func.count())
        .where(columns.campaign_id.in_(campaign_ids))
        .group_by(columns.campaign_id, columns.state)
        .with_hint(jobs, "INDEXED BY jobs_by_campaign", "sqlite")
    )
    counts: dict[str, dict[JobState, int]] = {}
    for campaign_id, state, number in connection.execute(query):
        counts.setdefault(campaign_id, {})[state] = number
    return counts


def station_ids_like(
    connection: Connection, limit: int, vendor: str = "", model: str = "", location_id: str = ""
) -> list[str]:
    """The stations of a vendor, a model, a location, in the order of their ids. The tables of stations are
    read, when a campaign is made."""
    query = select(stations.c.id).order_by(stations.c.id).limit(limit)
    if vendor or model:
        query = query.join(station_status, station_status.c.station_id == stations.c.id)
    if vendor:
        query = query.where(station_status.c.vendor == vendor)
    if model:
        query = query.where(station_status.c.model == model)
    if location_id:
        query = query.where(stations.c.location_id == location_id)
    return [str(found) for found in connection.execute(query).scalars()]


def unknown_stations(connection: Connection, station_ids: Sequence[str]) -> list[str]:
    """Which of these are not registered. Index: the primary key."""
    known = set(connection.execute(select(stations.c.id).where(stations.c.id.in_(station_ids))).scalars())
    return [each for each in station_ids if each not in known]


def transfer_protocols(connection: Connection, station_ids: Sequence[str]) -> dict[str, str | None]:
    """What stations last said of their SupportedFileTransferProtocols, those that did. Index: the primary
    key."""
    columns = configuration_keys.c
    query = select(columns.station_id, columns.value).where(
        columns.station_id.in_(station_ids), columns.key == "SupportedFileTransferProtocols"
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _hinted(query: RecordSelect, index: str) -> RecordSelect:
    return query.with_hint(jobs, f"INDEXED BY {index}", "sqlite")
