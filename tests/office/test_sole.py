"""What one office alone does: never two at once, and another goes on when one has died."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from evsys.office import sole
from evsys.office.leases import LEASE_S
from evsys.office.sole import Sole
from evsys.office.writing import Books
from kit.office import RunningOffice
from kit.waiting import until


class Work:
    """What is to be done, and how many do it now."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.begun = 0
        self.now = 0
        self._fault = fault

    async def do(self) -> None:
        self.begun += 1
        if self._fault is not None and self.begun == 1:
            raise self._fault
        self.now += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.now -= 1


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LOOK_S": 0.01, "RENEW_EVERY_S": 0.02, "FAULT_S": 0.01}.items():
        monkeypatch.setattr(sole, name, value)


@asynccontextmanager
async def office_called(office: RunningOffice, holder: str, work: Work) -> AsyncIterator[Callable[[], None]]:
    """An office of this name; what is handed out ends it as a crash would: it gives nothing back."""
    books = Books(office.store, office.bus, office.clock)
    one = Sole(books, office.reader, office.clock, "test", holder)
    running = asyncio.create_task(one.run(work.do))
    try:
        yield running.cancel
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_one_office_does_it_and_another_takes_over_when_it_has_died(office: RunningOffice) -> None:
    one, other = Work(), Work()
    async with office_called(office, "one", one) as die:
        await until(lambda: one.now == 1)
        async with office_called(office, "other", other):
            await asyncio.sleep(0.2)
            assert (one.now, other.begun) == (1, 0)
            die()
            await until(lambda: one.now == 0)
            await asyncio.sleep(0.2)
            assert other.begun == 0, "the lease is not over"
            office.clock.step(LEASE_S + 1)
            await until(lambda: other.now == 1)


async def test_an_office_that_slept_through_its_lease_stops(office: RunningOffice) -> None:
    one, other = Work(), Work()
    async with office_called(office, "one", one):
        await until(lambda: one.now == 1)
        office.clock.step(LEASE_S + 1)
        async with office_called(office, "other", other):
            await until(lambda: one.now + other.now == 1 and one.begun + other.begun >= 1)
            await asyncio.sleep(0.2)
            assert one.now + other.now == 1


async def test_the_same_office_goes_on_at_once_after_a_restart(office: RunningOffice) -> None:
    work = Work()
    async with office_called(office, "one", work):
        await until(lambda: work.now == 1)
    async with office_called(office, "one", work):
        await until(lambda: work.now == 1)
    assert work.begun == 2


async def test_a_fault_ends_it_for_a_while_only(office: RunningOffice) -> None:
    work = Work(fault=ValueError("ours"))
    async with office_called(office, "one", work):
        await until(lambda: work.now == 1)
    assert work.begun == 2
