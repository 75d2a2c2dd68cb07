"""Consumers of the log: every event of their kinds, in order, at least once, whatever dies meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import TypeVar

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from evsys.core.errors import AlreadyExists, StoreUnavailable
from evsys.core.events import (
    EventSetAside,
    LoggedEvent,
    StationBooted,
    TokenChanged,
    TokenRegistered,
    TokenRemoved,
)
from evsys.core.records import ConsumerCursor, DeferredEvent
from evsys.core.work import Committed, Work
from evsys.office import consumers as rules
from evsys.office.consumers import (
    LEASE_S,
    MAX_FAULTS,
    MAX_TRIES,
    RENEW_EVERY_S,
    Consumers,
    Take,
    delivery_key,
)
from evsys.office.writing import Books
from evsys.store.views import events
from evsys.store.views.events import EventFilter
from evsys.store.views.reader import Reader
from kit.office import RunningOffice
from kit.waiting import until

T = TypeVar("T")
TOKENS = (TokenRegistered, TokenChanged, TokenRemoved)


def consumers_of(office: RunningOffice, holder: str = "office", reader: Reader | None = None) -> Consumers:
    books = Books(office.store, office.bus, office.clock)
    return Consumers(books, reader or office.reader, office.bus, office.clock, holder, first_retry_s=0.001)


@asynccontextmanager
async def running(office: RunningOffice, consumers: Consumers, *names: str) -> AsyncIterator[None]:
    """The consumers have their place in the log when the block begins, or wait for it."""
    task = asyncio.create_task(consumers.run())
    await until(lambda: all(cursor(office, name) is not None for name in names))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def following(
    office: RunningOffice, take: Take, holder: str = "office", one_by_one: bool = False
) -> AsyncIterator[None]:
    """A consumer of tokens' events."""
    consumers = consumers_of(office, holder)
    consumers.add("test", TOKENS, take, one_by_one=one_by_one)
    async with running(office, consumers, "test"):
        yield


@asynccontextmanager
async def following_boots(office: RunningOffice, take: Take, one_by_one: bool = False) -> AsyncIterator[None]:
    """A consumer of stations' boots."""
    consumers = consumers_of(office)
    consumers.add("test", (StationBooted,), take, one_by_one=one_by_one)
    async with running(office, consumers, "test"):
        yield


class CountingReader(Reader):
    """A Reader that counts what it reads."""

    reads = 0

    async def read(self, query: Callable[[Connection], T]) -> T:
        self.reads += 1
        return await super().read(query)


async def boot(office: RunningOffice, *stations: str) -> None:
    """Boots of stations are told, one after the other."""
    for station_id in stations:
        work = Work(office.clock.now(), station_id)
        work.tell(StationBooted(station_id=station_id, status="Accepted", vendor="v", model="m"))
        assert await Books(office.store, office.bus, office.clock).write(work) is None


def deferred(office: RunningOffice) -> list[DeferredEvent]:
    return office.reader.read_here(lambda connection: events.deferred(connection, "test"))


def told(office: RunningOffice) -> list[EventSetAside]:
    which = EventFilter(kinds=("EventSetAside",))
    page, _ = office.reader.read_here(lambda connection: events.events_after(connection, 0, which, 100))
    return [each.event for each in page if isinstance(each.event, EventSetAside)]


def cursor(office: RunningOffice, name: str = "test") -> ConsumerCursor | None:
    return office.reader.read_here(lambda connection: events.cursor(connection, name))


def found(office: RunningOffice) -> ConsumerCursor:
    there = cursor(office)
    assert there is not None
    return there


async def register(office: RunningOffice, *ids: str) -> None:
    for id in ids:
        await office.office.tokens.create(id, {}, "ann")


def id_of(event: LoggedEvent) -> str:
    assert isinstance(event.event, TokenRegistered)
    return event.event.token.id


async def test_a_new_consumer_hears_of_its_kinds_from_now_on_in_order(office: RunningOffice) -> None:
    heard: list[str] = []

    async def take(event: LoggedEvent) -> None:
        heard.append(id_of(event))

    await register(office, "OLD")
    async with following(office, take):
        await office.office.users.create("ann", {}, "ann")
        await register(office, *(f"T{number}" for number in range(20)))
        await until(lambda: len(heard) == 20)
    assert heard == [f"T{number}" for number in range(20)]


async def test_it_goes_on_where_it_was_when_the_office_starts_again(office: RunningOffice) -> None:
    heard: list[str] = []

    async def take(event: LoggedEvent) -> None:
        heard.append(id_of(event))

    async with following(office, take):
        await register(office, "A")
        last = await office.reader.read(events.last_seq)
        await until(lambda: found(office).seq == last)
    await register(office, "B", "C")
    async with following(office, take):
        await until(lambda: heard == ["A", "B", "C"])


async def test_an_office_that_dies_at_work_does_it_again(office: RunningOffice) -> None:
    heard: list[str] = []
    stuck = asyncio.Event()

    async def die(event: LoggedEvent) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async def take(event: LoggedEvent) -> None:
        heard.append(id_of(event))

    async with following(office, die):
        await register(office, "A")
        await stuck.wait()
    async with following(office, take):
        await until(lambda: heard == ["A"])


async def test_what_cannot_be_taken_yet_keeps_its_place(office: RunningOffice) -> None:
    heard: list[str] = []
    refusals = iter(range(MAX_FAULTS + 2))

    async def take(event: LoggedEvent) -> None:
        if id_of(event) == "A" and next(refusals, None) is not None:
            raise StoreUnavailable("not now")
        heard.append(id_of(event))

    async with following(office, take):
        await register(office, "A", "B")
        await until(lambda: heard == ["A", "B"])


async def test_a_fault_of_ours_costs_one_event(office: RunningOffice) -> None:
    heard: list[str] = []
    tries: list[str] = []

    async def take(event: LoggedEvent) -> None:
        if id_of(event) == "A":
            tries.append("A")
            raise ValueError("a bug")
        heard.append(id_of(event))

    async with following(office, take):
        await register(office, "A", "B")
        await until(lambda: heard == ["B"])
    assert len(tries) == MAX_FAULTS


async def test_another_office_waits_until_the_lease_has_run_out(office: RunningOffice) -> None:
    first: list[str] = []
    second: list[str] = []

    async def take(event: LoggedEvent) -> None:
        first.append(id_of(event))

    async def take_over(event: LoggedEvent) -> None:
        second.append(id_of(event))

    async with following(office, take, "one"), following(office, take_over, "two"):
        await register(office, "A")
        await until(lambda: first == ["A"])
        assert second == []
    async with following(office, take_over, "two"):
        await register(office, "B")
        office.clock.step(LEASE_S + 1)
        await until(lambda: second == ["B"])
    assert first == ["A"]


async def test_the_lease_is_renewed_while_nothing_happens(office: RunningOffice) -> None:
    async def take(event: LoggedEvent) -> None:
        raise AssertionError

    async with following(office, take):
        before = found(office)
        office.clock.step(RENEW_EVERY_S)
        office.bus.publish("events", b"1")
        await until(lambda: found(office).held_until > before.held_until)


async def test_who_has_lost_the_lease_writes_no_cursor_and_takes_nothing_more(office: RunningOffice) -> None:
    heard: list[tuple[str, str]] = []
    """Each event with whose the lease was."""
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def take(event: LoggedEvent) -> None:
        heard.append((id_of(event), found(office).holder))
        taken.set()
        await go_on.wait()

    async with following(office, take):
        await register(office, "A")
        await taken.wait()
        mine = found(office)
        theirs = replace(mine, seq=mine.seq + 1, holder="two", version=mine.version + 1)
        work = Work(office.clock.now())
        work.change(theirs)
        assert isinstance(await office.store.commit(work), Committed)
        await register(office, "B")
        go_on.set()
        await asyncio.sleep(0.2)
        assert found(office) == theirs
        office.clock.step(LEASE_S + 1)
        await until(lambda: len(heard) == 2)
    assert heard == [("A", "office"), ("B", "office")]


async def test_what_a_paused_holder_wakes_up_to_is_another_s(office: RunningOffice) -> None:
    """It was stopped for longer than its lease lasts: it offers nothing before it has looked whose the lease
    is."""
    first: list[str] = []
    second: list[str] = []
    taking, go_on = asyncio.Event(), asyncio.Event()

    async def take(event: LoggedEvent) -> None:
        first.append(id_of(event))
        taking.set()
        await go_on.wait()

    async def take_over(event: LoggedEvent) -> None:
        second.append(id_of(event))

    async with following(office, take, "one"):
        await register(office, "A", "B", "C")
        await taking.wait()
        office.clock.step(LEASE_S + 1)
        async with following(office, take_over, "two"):
            await until(lambda: second == ["A", "B", "C"])
            there = found(office).seq
            go_on.set()
            await register(office, "D")
            await until(lambda: len(second) == 4)
            assert found(office).holder == "two"
            assert found(office).seq >= there
    assert first == ["A"]


async def test_of_two_offices_one_takes_each_event_and_the_other_goes_on_when_it_is_gone(
    office: RunningOffice,
) -> None:
    heard: dict[str, list[str]] = {"one": [], "two": []}

    def taking(holder: str) -> Take:
        async def take(event: LoggedEvent) -> None:
            heard[holder].append(id_of(event))

        return take

    async with following(office, taking("two"), "two"), following(office, taking("one"), "one"):
        await register(office, *(f"T{number}" for number in range(50)))
        await until(lambda: len(heard["one"]) + len(heard["two"]) == 50)
        assert heard == {"one": [], "two": [f"T{number}" for number in range(50)]}
    async with following(office, taking("one"), "one"):
        await register(office, "AFTER")
        office.clock.step(LEASE_S - 1)
        await asyncio.sleep(0.1)
        assert heard["one"] == []
        office.clock.step(2)
        await until(lambda: heard["one"] == ["AFTER"])


async def test_a_station_whose_event_is_refused_waits_and_the_others_go_on(office: RunningOffice) -> None:
    heard: list[tuple[str, int]] = []
    is_open = False

    async def take(event: LoggedEvent) -> None:
        if event.station_id == "BAD" and not is_open:
            raise AlreadyExists("not now")
        heard.append((event.station_id, event.seq))

    async with following_boots(office, take):
        await boot(office, "BAD", "A", "BAD", "B", "BAD")
        await until(lambda: [station for station, _ in heard] == ["A", "B"])
        await until(lambda: len(deferred(office)) == 3)
        is_open = True
        await until(lambda: deferred(office) == [])
    bad = [seq for station, seq in heard if station == "BAD"]
    assert len(bad) == 3
    assert bad == sorted(bad)


async def test_what_is_deferred_is_not_forgotten_by_a_restart(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "LONGEST_RETRY_S", 0.01)
    monkeypatch.setattr(rules, "MAX_TRIES", 10_000)
    heard: list[str] = []

    async def refuse(event: LoggedEvent) -> None:
        if event.station_id == "BAD":
            raise AlreadyExists("not now")

    async def take(event: LoggedEvent) -> None:
        heard.append(event.station_id)

    async with following_boots(office, refuse):
        await boot(office, "BAD", "BAD", "A")
        last = await office.reader.read(events.last_seq)
        await until(lambda: found(office).seq == last)
        await until(lambda: deferred(office)[0].tries > 2)
    assert [(each.station_id, each.tries > 0) for each in deferred(office)] == [("BAD", True), ("BAD", False)]
    async with following_boots(office, take):
        await until(lambda: heard == ["BAD", "BAD"])
        await until(lambda: deferred(office) == [])
    assert told(office) == []


async def test_what_is_refused_too_often_is_set_aside_and_told(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "LONGEST_RETRY_S", 0.01)
    tries, heard = count(1), list[int]()

    async def take(event: LoggedEvent) -> None:
        if not heard and next(tries) <= MAX_TRIES:
            raise AlreadyExists("never")
        heard.append(event.seq)

    async with following_boots(office, take):
        await boot(office, "BAD", "BAD")
        await until(lambda: len(heard) == 1)
        await until(lambda: deferred(office) == [])
    assert told(office) == [
        EventSetAside(
            consumer="test",
            seq=heard[0] - 1,
            event_kind="StationBooted",
            station_id="BAD",
            tries=MAX_TRIES,
            reason="never",
        )
    ]


async def test_a_consumer_that_sets_aside_what_is_set_aside_does_not_do_so_for_ever(
    office: RunningOffice,
) -> None:
    async def take(event: LoggedEvent) -> None:
        raise ValueError("a bug")

    consumers = consumers_of(office)
    consumers.add("test", (StationBooted, EventSetAside), take)
    async with running(office, consumers, "test"):
        await boot(office, "A")
        await until(lambda: len(told(office)) == 1)
        end = await office.reader.read(events.last_seq)
        await until(lambda: found(office).seq >= end and deferred(office) == [])
    assert [each.event_kind for each in told(office)] == ["StationBooted"]


async def test_one_that_hangs_is_refused_in_time(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "TAKE_S", 0.05)
    heard: list[str] = []

    async def take(event: LoggedEvent) -> None:
        if not heard and event.station_id == "BAD":
            heard.append("hangs")
            await asyncio.Event().wait()
        heard.append(event.station_id)

    async with following_boots(office, take):
        await boot(office, "BAD", "A")
        await until(lambda: heard == ["hangs", "A", "BAD"])


async def test_one_that_is_far_behind_reads_on_its_own_and_catches_up(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "MAX_WAITING", 10)
    monkeypatch.setattr(rules, "PAGE", 7)
    slow, quick = list[str](), list[str]()
    taken, go_on = asyncio.Event(), asyncio.Event()

    async def crawl(event: LoggedEvent) -> None:
        taken.set()
        await go_on.wait()
        slow.append(event.station_id)

    async def take(event: LoggedEvent) -> None:
        quick.append(event.station_id)

    stations = [f"CP{number}" for number in range(60)]
    consumers = consumers_of(office)
    consumers.add("test", (StationBooted,), crawl)
    consumers.add("quick", (StationBooted,), take)
    async with running(office, consumers, "test", "quick"):
        await boot(office, *stations[:3])
        await taken.wait()
        await boot(office, *stations[3:50])
        await until(lambda: quick == stations[:50])
        assert slow == []
        go_on.set()
        await until(lambda: slow == stations[:50])
        await boot(office, *stations[50:])
        await until(lambda: slow == quick == stations)


async def test_the_log_is_read_once_for_all_consumers(office: RunningOffice) -> None:
    reader = CountingReader(office.path)
    consumers, heard = consumers_of(office, reader=reader), list[str]()

    async def take(event: LoggedEvent) -> None:
        heard.append(event.station_id)

    names = [f"c{number}" for number in range(20)]
    for name in names:
        consumers.add(name, (StationBooted,), take)
    async with running(office, consumers, *names):
        await boot(office, "FIRST")
        await until(lambda: len(heard) == 20)
        before = reader.reads
        await boot(office, *(f"CP{number}" for number in range(100)))
        await until(lambda: len(heard) == 20 * 101)
        assert reader.reads - before < 20
    reader.close()


async def test_a_crash_repeats_one_event_of_a_consumer_that_goes_one_by_one(office: RunningOffice) -> None:
    heard: list[str] = []
    stuck = asyncio.Event()

    async def die(event: LoggedEvent) -> None:
        heard.append(delivery_key("test", event.seq))
        if event.station_id == "CP7":
            stuck.set()
            await asyncio.Event().wait()

    async def take(event: LoggedEvent) -> None:
        heard.append(delivery_key("test", event.seq))

    async with following_boots(office, die, one_by_one=True):
        await boot(office, *(f"CP{number}" for number in range(10)))
        await stuck.wait()
    async with following_boots(office, take, one_by_one=True):
        await until(lambda: len(set(heard)) == 10)
    assert len(heard) == 11
    assert heard[7] == heard[8]


async def test_one_of_no_kinds_hears_of_all(office: RunningOffice) -> None:
    heard: list[str] = []

    async def take(event: LoggedEvent) -> None:
        heard.append(type(event.event).__name__)

    consumers = consumers_of(office)
    consumers.add("test", (), take)
    async with running(office, consumers, "test"):
        await register(office, "A")
        await boot(office, "CP1")
        await until(lambda: heard == ["TokenRegistered", "StationBooted"])
