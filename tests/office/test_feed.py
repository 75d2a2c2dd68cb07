"""The feed as its readers hear it: what is told is made into text once, and comes in few pieces."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import pytest

from evsys.core.events import TokenRegistered
from evsys.core.ports import EVENTS, SAMPLES, LatestSample
from evsys.core.work import Committed, Work
from evsys.office import feed
from evsys.store.views.events import EventFilter
from kit.central import token
from kit.office import RunningOffice
from kit.waiting import until

EVERYTHING = EventFilter()
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


async def tell(office: RunningOffice, count: int) -> None:
    """So many events in one commit."""
    work = Work(office.clock.now())
    for number in range(count):
        work.tell(TokenRegistered(token=token(f"T{number}")))
    assert isinstance(await office.store.commit(work), Committed)
    office.bus.publish(EVENTS, b"")


async def listening(
    office: RunningOffice, *which: EventFilter
) -> tuple[list[AsyncIterator[bytes]], list["asyncio.Task[bytes]"]]:
    """Readers that wait for what comes, and what each of them hears first."""
    streams = [office.office.feed.read(None, each, 30.0) for each in which]
    first = [asyncio.create_task(anext(stream)) for stream in streams]
    await until(lambda: len(office.office.feed._readers) == len(which))
    return streams, first


def sample(power_w: float, station_id: str = "CP1") -> LatestSample:
    return LatestSample(station_id=station_id, evse_id=1, at=NOON, power_w=power_w)


async def test_what_many_read_is_made_into_text_once_and_comes_as_one_piece(office: RunningOffice) -> None:
    hidden = EventFilter(hidden=("UserChanged",))
    _, first = await listening(office, EVERYTHING, hidden, hidden, EventFilter(station_id="CP1"))
    await tell(office, 50)
    alone, one, other = await asyncio.gather(*first[:3])
    assert one is other
    assert alone == one
    assert [text.count(b"id: ") for text in (alone, one)] == [50, 50]
    assert not first[3].done()
    first[3].cancel()


async def test_a_burst_of_pages_comes_to_a_reader_whole_and_in_order(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PAGE", 7)
    streams, first = await listening(office, EVERYTHING)
    await tell(office, 50)
    text = await first[0]
    while text.count(b"id: ") < 50:
        text += await anext(streams[0])
    numbers = [int(line[4:]) for line in text.splitlines() if line.startswith(b"id: ")]
    assert numbers == list(range(numbers[0], numbers[0] + 50))


async def test_of_samples_that_wait_only_the_latest_of_an_evse_is_told(office: RunningOffice) -> None:
    wanted = (EVERYTHING, EventFilter(station_id="CP2"), EventFilter(kinds=("TokenRegistered",)))
    _, first = await listening(office, *wanted)
    for samples in ([sample(1.0)], [sample(2.0), sample(3.0, "CP2")]):
        office.bus.publish(SAMPLES, msgspec.json.encode(samples))
    everything, of_one = await asyncio.gather(*first[:2])
    assert samples_in(everything) == [("CP1", 2.0), ("CP2", 3.0)]
    assert samples_in(of_one) == [("CP2", 3.0)]
    assert not first[2].done()
    first[2].cancel()


async def test_a_reader_that_is_too_slow_is_dropped_and_the_others_hear_on(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MAX_WAITING", 2)
    monkeypatch.setattr(feed, "EVERY_S", 0.0)
    (slow, quick), first = await listening(office, EVERYTHING, EVERYTHING)
    await tell(office, 1)
    await asyncio.gather(*first)
    for _ in range(3):
        await tell(office, 1)
        assert b"TokenRegistered" in await anext(quick)
    with pytest.raises(StopAsyncIteration):
        await anext(slow)
    await tell(office, 1)
    assert b"TokenRegistered" in await anext(quick)


def samples_in(text: bytes) -> list[tuple[str, float | None]]:
    told = msgspec.json.decode(text.partition(b"data: ")[2].strip(), type=list[LatestSample])
    return [(each.station_id, each.power_w) for each in told]
