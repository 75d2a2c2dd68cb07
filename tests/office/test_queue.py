"""Commands that wait for their station: in order, once, in time, over restarts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from msgspec.structs import replace

from evsys.core.commands import (
    ChangeAvailability,
    ClearCache,
    GetDiagnostics,
    Reset,
    SetVariable,
    SetVariables,
)
from evsys.core.errors import BadCommand, StaleVersion, StationUnknown, TooManyCalls
from evsys.core.records import QueuedCommand
from evsys.core.work import Committed, Work
from evsys.office.queue import LONGEST, MAX_WAITING, QUIET, SETTLED_AFTER, settled
from evsys.store.views import queue
from evsys.store.views.queue import Waited
from kit.central import station
from kit.clock import NOON
from kit.database import new_database
from kit.office import RunningOffice
from kit.samples import status
from kit.waiting import until

HOUR = timedelta(hours=1)
ACCEPTED = {"Reset": {"status": "Accepted"}, "ClearCache": {"status": "Accepted"}}


def entry(office: RunningOffice, queued: QueuedCommand) -> QueuedCommand:
    found = office.reader.read_here(partial(queue.queued_command, command_id=queued.id))
    assert found is not None
    return found


@asynccontextmanager
async def life(path: Path) -> AsyncIterator[RunningOffice]:
    """One life of all processes on a database."""
    running = RunningOffice(path)
    await running.start()
    try:
        yield running
    finally:
        await running.stop()


async def test_what_waits_is_sent_in_order_when_the_station_has_settled(office: RunningOffice) -> None:
    await office.put(station())
    put = office.office.queue.put
    first = await put("CP1", Reset(when="idle"), "ann", HOUR)
    second = await put("CP1", ClearCache(), "bob", HOUR)
    assert (await office.office.queue.find(first.id)).status == "Queued"
    charger = await office.station(ACCEPTED)
    await asyncio.sleep(1.1)  # it has been looked at meanwhile
    assert charger.calls == [], "it has said something just now"
    office.clock.step(QUIET.total_seconds())
    await until(lambda: entry(office, second).status == "Sent")
    assert [action for action, _ in charger.calls] == ["Reset", "ClearCache"]
    record = await office.office.queue.find(first.id)
    assert (record.requested_by, record.accepted, record.status) == ("ann", True, "Accepted")


async def test_it_survives_a_restart_and_is_sent_once(tmp_path: Path) -> None:
    path = new_database(tmp_path)
    async with life(path) as office:
        await office.put(station())
        queued = await office.office.queue.put("CP1", Reset(), "ann", HOUR)
    async with life(path) as office:
        charger = await office.station(ACCEPTED)
        office.clock.step(QUIET.total_seconds())
        await until(lambda: entry(office, queued).status == "Sent")
    assert len(charger.calls) == 1


async def test_an_office_that_died_while_it_sent_does_not_send_again(tmp_path: Path) -> None:
    """It had marked the command, and the gateway had sent it; what it could not do is write that down."""
    path = new_database(tmp_path)
    async with life(path) as office:
        await office.put(station())
        queued = await office.office.queue.put("CP1", Reset(), "ann", HOUR)
        charger = await office.station(ACCEPTED)
        office.clock.step(QUIET.total_seconds())
        await until(lambda: entry(office, queued).status == "Sent")
        work = Work(office.clock.now())
        sent = entry(office, queued)
        work.change(replace(sent, status="Sending", ended_at=None, version=sent.version + 1))
        assert isinstance(await office.store.commit(work), Committed)
    async with life(path) as office:
        again = await office.station(ACCEPTED)
        office.clock.step(QUIET.total_seconds())
        await until(lambda: entry(office, queued).status == "Sent")
    assert (len(charger.calls), again.calls) == (1, [])


async def test_of_one_that_a_silent_gateway_was_given_nobody_knows_whether_it_was_sent(
    office: RunningOffice,
) -> None:
    await office.put(station())
    put = office.office.queue.put
    for removed in (False, True):
        queued = await put("CP1", Reset(), "ann", timedelta(seconds=60))
        work = Work(office.clock.now())
        work.change(replace(queued, status="Sending", version=2))
        assert isinstance(await office.store.commit(work), Committed)
        if removed:
            await office.office.stations.remove("CP1", None, "ann")
        else:
            office.clock.step(61)
        await until(partial(is_unknown, office, queued))
        record = await office.office.queue.find(queued.id)
        assert (record.status, record.accepted) == ("Unknown", None)
        assert "not known" in record.error


def is_unknown(office: RunningOffice, queued: QueuedCommand) -> bool:
    return entry(office, queued).status == "Unknown"


async def test_one_whose_time_is_over_is_not_sent(office: RunningOffice) -> None:
    await office.put(station())
    queued = await office.office.queue.put("CP1", Reset(), "ann", timedelta(seconds=60))
    office.clock.step(61)
    await until(lambda: entry(office, queued).status == "Expired")
    record = await office.office.queue.find(queued.id)
    assert (record.status, record.finished_at) == ("Expired", office.clock.now())
    charger = await office.station(ACCEPTED)
    last = await office.office.queue.put("CP1", ClearCache(), "ann", HOUR)
    office.clock.step(QUIET.total_seconds())
    await until(lambda: entry(office, last).status == "Sent")
    assert [action for action, _ in charger.calls] == ["ClearCache"]


async def test_one_that_is_taken_back_is_not_sent(office: RunningOffice) -> None:
    await office.put(station())
    queued = await office.office.queue.put("CP1", Reset(), "ann", HOUR)
    last = await office.office.queue.put("CP1", ClearCache(), "ann", HOUR)
    await office.office.queue.cancel(queued.id, "bob")
    assert entry(office, queued).status == "Cancelled"
    charger = await office.station(ACCEPTED)
    office.clock.step(QUIET.total_seconds())
    await until(lambda: entry(office, last).status == "Sent")
    assert [action for action, _ in charger.calls] == ["ClearCache"]
    for sent in (queued, last):
        with pytest.raises(StaleVersion):
            await office.office.queue.cancel(sent.id, "bob")


async def test_one_that_the_station_refuses_does_not_keep_the_others(office: RunningOffice) -> None:
    await office.put(station())
    put = office.office.queue.put
    refused = await put("CP1", Reset(), "ann", HOUR)
    failed = await put("CP1", ChangeAvailability(operative=True), "ann", HOUR)
    last = await put("CP1", ClearCache(), "ann", HOUR)
    answers = ACCEPTED | {"Reset": {"status": "Rejected"}}
    await office.station({**answers, "ChangeAvailability": ("NotSupported", "no")})
    office.clock.step(QUIET.total_seconds())
    await until(lambda: entry(office, last).status == "Sent")
    assert (await office.office.queue.find(refused.id)).accepted is False
    assert (await office.office.queue.find(failed.id)).error.startswith("CallFailed")


async def test_a_station_that_is_gone_again_is_sent_the_rest_when_it_is_back(office: RunningOffice) -> None:
    await office.put(station())
    queued = await office.office.queue.put("CP1", Reset(), "ann", HOUR)
    charger = await office.station({})
    office.clock.step(QUIET.total_seconds())
    assert charger.connection is not None
    connection = charger.connection
    await until(lambda: charger.calls != [])
    last = await office.office.queue.put("CP1", ClearCache(), "ann", HOUR)
    connection.lost("gone")
    await until(lambda: entry(office, queued).status == "Sent")
    assert (await office.office.queue.find(queued.id)).error.startswith("ConnectionLost")
    again = await office.station(ACCEPTED)
    office.clock.step(QUIET.total_seconds())
    await until(lambda: entry(office, last).status == "Sent")
    assert [action for action, _ in again.calls] == ["ClearCache"]


async def test_what_waits_for_a_station_that_is_removed_is_not_meant_for_a_later_one(
    office: RunningOffice,
) -> None:
    await office.put(station(), station("CP2"))
    gone = await office.office.queue.put("CP1", Reset(), "ann", HOUR)
    other = await office.office.queue.put("CP2", Reset(), "ann", HOUR)
    await office.office.stations.remove("CP1", None, "ann")
    await until(lambda: entry(office, gone).status == "Cancelled")
    assert entry(office, other).status == "Queued"


async def test_only_so_many_wait_for_a_station(office: RunningOffice) -> None:
    await office.put(station(), station("CP2"))
    for _ in range(MAX_WAITING):
        await office.office.queue.put("CP1", Reset(), "ann", HOUR)
    with pytest.raises(TooManyCalls):
        await office.office.queue.put("CP1", Reset(), "ann", HOUR)
    await office.office.queue.put("CP2", Reset(), "ann", HOUR)


async def test_what_cannot_be_queued(office: RunningOffice) -> None:
    await office.put(station())
    put = office.office.queue.put
    for good_for in (timedelta(0), LONGEST + timedelta(seconds=1)):
        with pytest.raises(BadCommand):
            await put("CP1", Reset(), "ann", good_for)
    secret = SetVariables(variables=(SetVariable(name="AuthorizationKey", value="0123456789abcdef"),))
    urls = [GetDiagnostics(location=f"ftp://me:{each}@host/dir") for each in ("secret", "sec/ret")]
    for command in (secret, *urls):
        with pytest.raises(BadCommand, match="secret"):
            await put("CP1", command, "ann", HOUR)
    await put("CP1", GetDiagnostics(location="ftp://host/@dir"), "ann", HOUR)
    with pytest.raises(StationUnknown):
        await put("CP9", Reset(), "ann", HOUR)


BACK = replace(status(), connected_at=NOON, booted_at=NOON, registration="Accepted")


@pytest.mark.parametrize(
    ("waited", "after", "whether"),
    [
        (Waited(BACK, NOON), QUIET, True),
        (Waited(BACK, NOON + timedelta(seconds=1)), QUIET, False),
        (Waited(replace(BACK, booted_at=NOON - HOUR), NOON), QUIET, False),
        (Waited(replace(BACK, booted_at=NOON - HOUR), NOON + SETTLED_AFTER), SETTLED_AFTER, True),
        (Waited(replace(BACK, registration=None, booted_at=None), NOON), SETTLED_AFTER, True),
        (Waited(replace(BACK, registration="Pending"), NOON), SETTLED_AFTER, False),
        (Waited(replace(BACK, registration="Rejected"), NOON), SETTLED_AFTER, False),
    ],
)
def test_when_a_station_has_settled(waited: Waited, after: timedelta, whether: bool) -> None:
    assert settled(waited, NOON + after) is whether
