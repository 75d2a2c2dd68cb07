"""Consumers of the log: every event of their kinds, in order, at least once, whatever dies meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from msgspec.structs import replace

from evsys.core.errors import StoreUnavailable
from evsys.core.events import LoggedEvent, TokenChanged, TokenRegistered, TokenRemoved
from evsys.core.records import ConsumerCursor
from evsys.core.work import Committed, Work
from evsys.office.consumers import LEASE_S, MAX_FAULTS, RENEW_EVERY_S, Consumers, Take
from evsys.office.writing import Books
from evsys.store.views import events
from kit.office import RunningOffice
from kit.waiting import until

TOKENS = (TokenRegistered, TokenChanged, TokenRemoved)


@asynccontextmanager
async def following(
    office: RunningOffice, take: Take, holder: str = "office", name: str = "test"
) -> AsyncIterator[None]:
    """A consumer of tokens' events, which has its place in the log when the block begins, or waits for it."""
    books = Books(office.store, office.bus, office.clock)
    consumers = Consumers(books, office.reader, office.bus, office.clock, holder, first_retry_s=0.001)
    consumers.add(name, TOKENS, take)
    running = asyncio.create_task(consumers.run())
    await until(lambda: cursor(office, name) is not None)
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


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
