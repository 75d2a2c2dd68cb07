"""Sessions: found, exported, and each with all that happened in it."""

import csv
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from io import StringIO
from typing import Annotated, Final, Literal, NamedTuple

from litestar import Response, get
from litestar.exceptions import ValidationException
from litestar.params import FromPath, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from evsys.console.desk import ROWS, Cursor, Desk, Search
from evsys.console.live import WITHIN_S
from evsys.console.rendering import page
from evsys.console.stations import person_of
from evsys.console.telling import Told, outcome, told, why_ended
from evsys.console.texts import marked as _
from evsys.console.visitors import Asked, may
from evsys.core.authorization import canonical
from evsys.core.errors import NotFound
from evsys.core.records import Transaction
from evsys.office.access import Person
from evsys.office.office import Office
from evsys.office.wirelog import WireFilter
from evsys.store.views import overview, transactions
from evsys.store.views.events import last_seq
from evsys.store.views.paging import MAX_PAGE
from evsys.store.views.transactions import Sample, TransactionFilter

MAX_EXPORTED: Final = 100_000
AROUND: Final = timedelta(minutes=1)
"""What happened so shortly before and after belongs to a session too."""
FRAMES: Final = 300
"""Frames shown of one session."""
HEAD: Final = (
    "id,number,station,connector,token,authorization,started_at,ended_at,meter_start_wh,meter_stop_wh,"
    "energy_wh,stop_reason,ended_by,flags\r\n"
)
DANGEROUS_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula."""

State = Literal["", "running", "ended"]
StateQuery = Annotated[State, QueryParameter(name="state")]


ORDER: Final = ("in", "command", "event", "out")
"""Of what happened at the same moment: what was said, what followed, what was answered."""


class Moment(NamedTuple):
    """Something that happened in a session."""

    at: datetime
    kind: Literal["event", "command", "in", "out"]
    told: Told
    detail: str = ""


class Point(Struct, frozen=True):
    """What was measured at one moment, for the chart."""

    at: float
    power_w: float | None
    energy_wh: float | None
    current_a: float | None
    soc_percent: float | None


@get("/sessions", guards=[may("transaction.read")])
async def sessions_page(
    request: Asked,
    office: Desk,
    station: Search = "",
    token: Search = "",
    shown: StateQuery = "",
    since: Search = "",
    until: Search = "",
    cursor: Cursor = "",
) -> Response[bytes]:
    """Sessions, newest start first: what is looked for stays in the address."""
    which = _which(person_of(request), station, token, shown, since, until)
    seq = await office.reader.read(last_seq)
    query = partial(transactions.transactions_page, which=which, limit=ROWS, cursor=cursor)
    found, following = await office.reader.read(query)
    return page(
        request,
        "sessions.html",
        sessions=[(each, why_ended(each)) for each in found],
        next=following,
        station=station,
        token=token,
        state=shown,
        since=since,
        until=until,
        seq=seq,
        now=office.clock.now(),
    )


@get("/sessions.csv", guards=[may("transaction.read")], opt={WITHIN_S: 600.0})
async def sessions_file(
    request: Asked,
    office: Desk,
    station: Search = "",
    token: Search = "",
    shown: StateQuery = "",
    since: Search = "",
    until: Search = "",
) -> Stream:
    """The same as a file for spreadsheets, all pages of it."""
    which = _which(person_of(request), station, token, shown, since, until)
    headers = {"Content-Disposition": 'attachment; filename="sessions.csv"'}
    return Stream(_exported(office, which), media_type="text/csv; charset=utf-8", headers=headers)


async def _exported(office: Office, which: TransactionFilter) -> AsyncIterator[str]:
    yield HEAD
    cursor, count = "", 0
    while count < MAX_EXPORTED:
        query = partial(transactions.transactions_page, which=which, limit=MAX_PAGE, cursor=cursor)
        found, following = await office.reader.read(query)
        if found:
            yield _lines(found)
        count += len(found)
        if following is None:
            return
        cursor = following


def _lines(found: list[Transaction]) -> str:
    out = StringIO()
    writer = csv.writer(out)
    for each in found:
        writer.writerow(
            _cell(value)
            for value in (
                each.id,
                each.number,
                each.station_id,
                each.evse_id,
                each.id_token,
                each.authorization,
                each.started_at.isoformat(),
                each.ended_at.isoformat() if each.ended_at else "",
                each.meter_start_wh,
                each.meter_stop_wh,
                each.energy_wh,
                each.stop_reason,
                each.ended_by or "",
                " ".join(each.flags),
            )
        )
    return out.getvalue()


def _cell(value: object) -> object:
    """A text that a spreadsheet does not take for a formula."""
    return f"'{value}" if isinstance(value, str) and value.startswith(DANGEROUS_STARTS) else value


def _which(
    person: Person, station: str, token: str, state: State, since: str, until: str
) -> TransactionFilter:
    last = _day("until", until)
    return TransactionFilter(
        station_id=station,
        token=canonical(token),
        open={"running": True, "ended": False}.get(state),
        since=_day("since", since),
        until=last + timedelta(days=1) if last else None,
        within=person.location_ids,
    )


def _day(name: str, text: str) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time(), UTC)
    except ValueError:
        raise ValidationException(f"{name}: a day is needed, such as 2026-06-01") from None


@get("/sessions/{session_id:str}", guards=[may("transaction.read")])
async def session_page(request: Asked, office: Desk, session_id: FromPath[str]) -> Response[bytes]:
    """A session: what was measured, and all that happened in order."""
    person = person_of(request)
    found = await office.reader.read(partial(transactions.transaction_view, transaction_id=session_id))
    if found is None:
        raise NotFound(f"no session {session_id}")
    await office.reach.check(person, found.station_id)
    moments = await _timeline(office, person, found)
    return page(
        request,
        "session.html",
        session=found,
        why=why_ended(found),
        moments=moments,
        points=[_point(each) for each in found.meter_values],
        now=office.clock.now(),
        seq=await office.reader.read(last_seq),
    )


def _point(sample: Sample) -> Point:
    return Point(
        sample.at.timestamp(), sample.power_w, sample.energy_wh, sample.current_a, sample.soc_percent
    )


async def _timeline(office: Office, person: Person, session: Transaction) -> list[Moment]:
    """Frames, commands and events of the station while the session ran, and shortly before and after."""
    began = session.start_received_at - AROUND
    ended = (session.end_received_at or session.ended_at or office.clock.now()) + AROUND
    place = session.station_id
    happened = await office.reader.read(
        partial(overview.events_of_session, station_id=place, began=began, ended=ended)
    )
    moments = [Moment(each.at, "event", told(each.event)) for each in happened if _is_told(each.event)]
    sent = await office.reader.read(
        partial(overview.commands_between, station_id=place, began=began, ended=ended)
    )
    moments += [
        Moment(each.requested_at, "command", Told(_("%(by)s asked: %(command)s"), _asked(each)))
        for each in sent
    ]
    moments += [Moment(each.finished_at, "command", outcome(each)) for each in sent if each.finished_at]
    if office.wire is not None and person.may("message.read"):
        which = WireFilter(since=began, before=ended)
        frames, _following = await office.wire.messages(place, which, FRAMES)
        moments += [
            Moment(
                each.at,
                each.direction,
                Told(_("%(action)s (%(kind)s)"), {"action": each.action or "–", "kind": each.kind}),
                each.frame,
            )
            for each in frames
        ]
    return sorted(moments, key=lambda each: (each.at, ORDER.index(each.kind)))


def _asked(command: object) -> dict[str, object]:
    return {"by": getattr(command, "requested_by", ""), "command": getattr(command, "type", "")}


def _is_told(event: object) -> bool:
    """Commands have lines of their own."""
    return type(event).__name__ not in ("CommandSent", "CommandFinished")
