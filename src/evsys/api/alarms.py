"""Alarms: what people should look at, and who has."""

from functools import partial

from litestar import get, post
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.records import Alarm
from evsys.store.views import alarms
from evsys.store.views.paging import DEFAULT_PAGE


class AlarmList(Struct, frozen=True, kw_only=True):
    items: list[Alarm]
    next: str | None = None


@get("/alarms", guards=[needs("alarm.read")], responses=documented(400, 401, 403, 503), tags=["alarms"])
async def list_alarms(
    office: Desk,
    station: FromQuery[str] = "",
    acknowledged: FromQuery[bool | None] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> AlarmList:
    """Alarms, the newest first. What happens again is counted in the one that nobody has acknowledged."""
    items, following = await office.reader.read(
        partial(alarms.alarms_page, limit=limit, cursor=cursor, station_id=station, acknowledged=acknowledged)
    )
    return AlarmList(items=items, next=following)


@post(
    "/alarms/{alarm_id:str}/acknowledge",
    guards=[needs("alarm.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    status_code=200,
    tags=["alarms"],
)
async def acknowledge_alarm(office: Desk, alarm_id: FromPath[str], request: StrictRequest) -> Alarm:
    """Say that an alarm was seen. If it happens again, it is raised anew."""
    return await office.alarms.acknowledge(alarm_id, request.auth.name)
