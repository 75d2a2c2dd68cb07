"""Digests: what a subscription's stations did in a day, a week or a month, told in the morning after it."""

from datetime import date, datetime, time, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from evsys.core.records import DigestPeriod, Subscription
from evsys.store.views import digests
from evsys.store.views.digests import Digest, StationDigest
from evsys.store.views.reader import Reader

HOUR: Final = 7
"""When it is told, by the subscription's clock: who reads it is awake."""
PAGE: Final = 200
"""Stations in one read."""
MAX_STATIONS: Final = 10_000


def period(kind: DigestPeriod, time_zone: str, now: datetime) -> tuple[datetime, datetime]:
    """The last period whose digest is due by `now`: from midnight to midnight, where it is told. A week
    begins on Monday."""
    zone = ZoneInfo(time_zone)
    day = (now.astimezone(zone) - timedelta(hours=HOUR)).date()
    match kind:
        case "monthly":
            end = day.replace(day=1)
            begin = (end - timedelta(days=1)).replace(day=1)
        case "weekly":
            end = day - timedelta(days=day.weekday())
            begin = end - timedelta(days=7)
        case _:
            end, begin = day, day - timedelta(days=1)
    return _midnight(begin, zone, now), _midnight(end, zone, now)


def _midnight(day: date, zone: ZoneInfo, now: datetime) -> datetime:
    return datetime.combine(day, time(), zone).astimezone(now.tzinfo)


async def digest_of(reader: Reader, subscription: Subscription, since: datetime, until: datetime) -> Digest:
    """What the stations of a subscription did. Raises StoreUnavailable."""
    found: list[StationDigest] = []
    after = ""
    while len(found) < MAX_STATIONS:
        scope = partial(
            digests.stations_in_scope,
            station_ids=subscription.station_ids,
            location_ids=subscription.location_ids,
            after=after,
            limit=PAGE,
        )
        known = await reader.read(scope)
        if not known:
            break
        after = known[-1].id
        found += await reader.read(partial(digests.digests, known=known, since=since, until=until))
    found.sort(key=lambda each: (-each.energy_wh, -each.sessions, each.station_id))
    return Digest(since=since, until=until, stations=tuple(found))
