"""Alarms: what people should look at, who has, what is over, and what becomes one."""

from functools import partial
from typing import Annotated, Literal

from litestar import get, post, put
from litestar.params import FromPath, FromQuery, JSONBody, QueryParameter
from msgspec import Meta, Struct
from msgspec.structs import asdict

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.alarms import MAX_MOMENTS
from evsys.core.records import Alarm, AlarmKind, AlarmRule, AlarmSeverity
from evsys.office.alarms import RuleView
from evsys.store.views import alarms
from evsys.store.views.alarms import AlarmFilter
from evsys.store.views.paging import DEFAULT_PAGE

State = Annotated[Literal["open", "raised", "acknowledged", "cleared"] | None, QueryParameter(name="state")]
Seconds = Annotated[int, Meta(ge=0, le=30 * 86_400)]


class AlarmList(Struct, frozen=True, kw_only=True):
    items: list[Alarm]
    next: str | None = None


class AlarmRuleList(Struct, frozen=True, kw_only=True):
    items: list[RuleView]


class AlarmNote(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to be remembered with it."""

    note: Annotated[str, Meta(max_length=1000)] = ""


class WantedRule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is wanted of a kind of alarm. What is left out is as the next wider rule says it."""

    enabled: bool | None = None
    severity: AlarmSeverity | None = None
    after_s: Seconds | None = None
    times: Annotated[int, Meta(ge=0, le=MAX_MOMENTS)] | None = None
    within_s: Seconds | None = None
    clears_after_s: Seconds | None = None
    repeat_s: Seconds | None = None
    threshold: Annotated[int, Meta(ge=1, le=86_400)] | None = None


@get(
    "/alarms",
    guards=[needs("alarm.read")],
    responses=documented(400, 401, 403, 503),
    tags=["alarms"],
    opt={CONFINES: True},
)
async def list_alarms(
    office: Desk,
    request: StrictRequest,
    station: FromQuery[str] = "",
    kind: FromQuery[AlarmKind | None] = None,
    severity: FromQuery[AlarmSeverity | None] = None,
    in_state: State = None,
    acknowledged: FromQuery[bool | None] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> AlarmList:
    """Alarms, the newest first. `open` are those that are not cleared, acknowledged or not."""
    which = AlarmFilter(
        station_id=station,
        kind=kind or "",
        severity=severity or "",
        acknowledged=acknowledged,
        state=in_state or "",
        within=request.auth.location_ids,
    )
    query = partial(alarms.alarms_page, limit=limit, cursor=cursor, which=which)
    items, following = await office.reader.read(query)
    return AlarmList(items=items, next=following)


@get(
    "/alarms/{alarm_id:str}",
    guards=[needs("alarm.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["alarms"],
    opt={CONFINES: True},
)
async def get_alarm(office: Desk, request: StrictRequest, alarm_id: FromPath[str]) -> Alarm:
    """An alarm."""
    found = await office.alarms.find(alarm_id)
    await office.reach.check(request.auth, found.station_id)
    return found


@post(
    "/alarms/{alarm_id:str}/acknowledge",
    guards=[needs("alarm.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    status_code=200,
    tags=["alarms"],
    opt={CONFINES: True},
)
async def acknowledge_alarm(
    office: Desk, alarm_id: FromPath[str], request: StrictRequest, data: JSONBody[AlarmNote | None] = None
) -> Alarm:
    """Say that an alarm was seen. What holds stays open until it ends; what only happened is over with it,
    and is raised anew if it happens again."""
    await office.reach.check(request.auth, (await office.alarms.find(alarm_id)).station_id)
    return await office.alarms.acknowledge(alarm_id, request.auth.name, data.note if data else "")


@post(
    "/alarms/{alarm_id:str}/clear",
    guards=[needs("alarm.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    status_code=200,
    tags=["alarms"],
    opt={CONFINES: True},
)
async def clear_alarm(
    office: Desk, alarm_id: FromPath[str], request: StrictRequest, data: JSONBody[AlarmNote | None] = None
) -> Alarm:
    """Say that what an alarm tells of is over. What holds all the same is raised again when it has ended and
    begun anew."""
    await office.reach.check(request.auth, (await office.alarms.find(alarm_id)).station_id)
    return await office.alarms.clear(alarm_id, request.auth.name, data.note if data else "")


@get("/alarm-rules", guards=[needs("alarm.read")], responses=documented(400, 401, 403, 503), tags=["alarms"])
async def list_alarm_rules(office: Desk, station: FromQuery[str] = "") -> AlarmRuleList:
    """What becomes an alarm, everywhere or at a station."""
    return AlarmRuleList(items=await office.alarms.rules(station))


@put(
    "/alarm-rules/{kind:str}",
    guards=[needs("alarm.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["alarms"],
)
async def put_alarm_rule(
    office: Desk,
    kind: FromPath[AlarmKind],
    data: JSONBody[WantedRule],
    request: StrictRequest,
    station: FromQuery[str] = "",
) -> RuleView:
    """Say what is wanted of a kind of alarm, everywhere or at a station, in place of what was said before;
    `{}` takes it back."""
    return await office.alarms.put_rule(
        AlarmRule(kind=kind, station_id=station, **asdict(data)), request.auth.name
    )
