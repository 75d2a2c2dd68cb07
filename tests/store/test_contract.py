"""What every store promises to the turns (`core.ports.Store`), held against each of them."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from evsys.core.events import (
    ConnectorStatusChanged,
    ServerStarted,
    StationRegistered,
    TokenRegistered,
    TransactionStarted,
)
from evsys.core.facts import NumbersFact, StartFact, TokenFact, TransactionFact
from evsys.core.records import Quarantined, Record, Token
from evsys.core.station import Station
from evsys.core.work import Committed, Conflict, Failed, Fenced, Work
from kit.clock import NOON
from kit.samples import (
    connector,
    meter_value,
    one_of_each,
    quarantined,
    station,
    status,
    token,
    transaction,
)
from kit.stores import Harness


def adding(*records: Record, fence: int | None = None) -> Work:
    work = Work(NOON, "CP-1", fence)
    for record in records:
        work.add(record)
    return work


def saving(*records: Record, fence: int | None = None) -> Work:
    work = Work(NOON, "CP-1", fence)
    for record in records:
        work.save(record)
    return work


async def test_works_are_settled_in_the_order_of_submission(harness: Harness) -> None:
    works = [Work(NOON, f"CP-{n}") for n in range(50)]
    for n, work in enumerate(works):
        for _ in range(n % 3):
            work.tell(ConnectorStatusChanged(connector=connector()))
    outcomes = await harness.settle(works)
    seq = 0
    for work, outcome in zip(works, outcomes, strict=True):
        seq += len(work.events)
        assert outcome == Committed(seq if work.events else 0)
    assert await harness.store.last_seq() == seq


async def test_an_empty_work_is_settled_too(harness: Harness) -> None:
    assert await harness.settle([Work(NOON)]) == [Committed(0)]


async def test_every_record_is_added_found_and_removed(harness: Harness) -> None:
    for record in one_of_each():
        assert await harness.settle([adding(record)]) == [Committed(0)]
    taken = await harness.settle([adding(record) for record in one_of_each()])
    assert taken == [Conflict(record) for record in one_of_each()]


async def test_a_conflict_returns_the_row_that_is_there_and_writes_nothing_of_its_work(
    harness: Harness,
) -> None:
    there = transaction(1)
    await harness.settle([adding(there)])
    again = replace(transaction(2), start_key=there.start_key)
    work = Work(NOON, "CP-1")
    work.save(connector(status="Charging"))
    work.add(again)
    work.tell(TransactionStarted(transaction=again))
    others = [saving(connector(f"CP-{n}")) for n in range(2, 12)]
    outcomes = await harness.settle([*others[:5], work, *others[5:]])
    assert outcomes == [Committed(0)] * 5 + [Conflict(there)] + [Committed(0)] * 5
    assert await harness.store.last_seq() == 0
    await harness.settle([adding(station())])
    loaded = await harness.load("CP-1")
    assert isinstance(loaded, Station)
    assert loaded.connectors == {}


async def test_of_two_starts_in_one_batch_the_second_meets_the_first(harness: Harness) -> None:
    first = transaction(1)
    second = replace(transaction(2, evse_id=2), start_key=first.start_key)
    assert await harness.settle([adding(first), adding(second)]) == [Committed(0), Conflict(first)]


async def test_an_evse_holds_one_open_transaction(harness: Harness) -> None:
    running = transaction(1)
    await harness.settle([adding(running)])
    assert await harness.settle([adding(transaction(2))]) == [Conflict(running)]
    other_evse, ended = transaction(3, evse_id=2), replace(transaction(4), ended_at=NOON, ended_by="station")
    assert await harness.settle([adding(other_evse), adding(ended)]) == [Committed(0)] * 2
    superseding = Work(NOON, "CP-1")
    superseding.save(replace(running, ended_at=NOON, ended_by="superseded"))
    superseding.add(transaction(5))
    assert await harness.settle([superseding]) == [Committed(0)]
    reopened = replace(running, ended_at=None)
    assert await harness.settle([saving(reopened)]) == [Conflict(transaction(5))]


async def test_a_station_that_names_no_evse_may_run_several(harness: Harness) -> None:
    both = [adding(transaction(n, evse_id=0)) for n in (1, 2)]
    assert await harness.settle(both) == [Committed(0), Committed(0)]


async def test_changes_of_one_batch_are_applied_in_order(harness: Harness) -> None:
    works = [adding(token())]
    for version in range(2, 30):
        work = Work(NOON)
        work.change(replace(token(version=version), label=f"v{version}"))
        works.append(work)
    assert await harness.settle(works) == [Committed(0)] * len(works)
    found = await harness.fetch(TokenFact("ABCD"))
    assert isinstance(found, Token)
    assert (found.version, found.label) == (29, "v29")


async def test_a_stale_edit_conflicts_with_the_version_that_is_there(harness: Harness) -> None:
    work, unknown = Work(NOON), Work(NOON)
    work.change(token(version=2))
    unknown.change(token("NOBODY", version=2))
    await harness.settle([adding(token(version=5))])
    assert await harness.settle([work, unknown]) == [Conflict(token(version=5)), Conflict(None)]


async def test_removing_and_adding_again_in_one_batch(harness: Harness) -> None:
    await harness.settle([adding(token())])
    removing = Work(NOON)
    removing.remove(token())
    outcomes = await harness.settle([removing, adding(token(version=7)), removing])
    assert outcomes == [Committed(0)] * 3
    assert await harness.fetch(TokenFact("ABCD")) is None


async def test_a_repeat_adds_no_row_before_and_after_a_restart(harness: Harness) -> None:
    await harness.settle([adding(station()), adding(transaction(1))])
    for _ in range(2):
        repeats = [Work(NOON, "CP-1") for _ in range(3)]
        for n, work in enumerate(repeats):
            work.add_once(meter_value(1))
            work.add_once(replace(meter_value(1), received_at=NOON + timedelta(hours=1)))
            work.add_once(replace(meter_value(2 + n), energy_wh=2000.0 + n))
            work.add_once(quarantined())
        assert await harness.settle(repeats) == [Committed(0)] * 3
        assert harness.count("meter_values") == 4
        await harness.reopen()


async def test_an_older_owner_of_a_station_writes_nothing(harness: Harness) -> None:
    await harness.settle([saving(status(epoch=5)), saving(status("CP-2", epoch=1))])
    older, owner, unknown = Work(NOON, "CP-1", 4), Work(NOON, "CP-1", 5), Work(NOON, "CP-3", 1)
    for work in (older, owner, unknown):
        work.add_once(meter_value(work.fence or 0, work.station_id))
        work.tell(ConnectorStatusChanged(connector=connector(work.station_id)))
    assert await harness.settle([owner, older, unknown]) == [Committed(1), Fenced(), Committed(2)]
    assert harness.count("meter_values") == 2
    await harness.reopen()
    assert await harness.settle([older]) == [Fenced()]


async def test_a_claim_fences_what_comes_after_it_in_the_same_batch_and_not_what_came_before(
    harness: Harness,
) -> None:
    await harness.settle([saving(status(epoch=1))])
    before = saving(connector(status="Charging"), fence=1)
    claim = saving(status(epoch=2), fence=2)
    after = saving(connector(status="Faulted"), fence=1)
    neighbours = [saving(connector(f"CP-{n}")) for n in range(2, 7)]
    outcomes = await harness.settle([before, *neighbours, claim, after])
    assert outcomes == [Committed(0)] * 7 + [Fenced()]
    await harness.settle([adding(station())])
    loaded = await harness.load("CP-1")
    assert isinstance(loaded, Station)
    assert loaded.connectors[1, 1].status == "Charging"
    assert loaded.status.epoch == 2


async def test_a_claim_fences_an_owner_that_has_written_before(harness: Harness) -> None:
    await harness.settle([saving(status(epoch=1))])
    assert await harness.settle([saving(connector(), fence=1)]) == [Committed(0)]
    await harness.settle([saving(status(epoch=2), fence=2)])
    assert await harness.settle([saving(connector(), fence=1)]) == [Fenced()]


async def test_a_claim_that_is_refused_fences_nobody(harness: Harness) -> None:
    await harness.settle([saving(status(epoch=1)), adding(token())])
    claim = saving(status(epoch=2))
    claim.add(token())
    assert await harness.settle([claim]) == [Conflict(token())]
    assert await harness.settle([saving(connector(), fence=1)]) == [Committed(0)]


@pytest.mark.parametrize(
    "bad",
    [quarantined(number=2**63), quarantined(number=2**200), replace(quarantined(), reason="half \ud800")],
    ids=["too large for SQLite", "too large for the frame", "half of a surrogate pair"],
)
async def test_a_value_that_no_row_can_say_fails_its_work_alone(harness: Harness, bad: Quarantined) -> None:
    works = [saving(connector(f"CP-{n}")) for n in range(9)]
    works[4].add(bad)
    works[4].tell(ServerStarted(version="1", stations=0))
    works[6].tell(ServerStarted(version="1", stations=0))
    outcomes = await harness.settle(works)
    assert isinstance(outcomes[4], Failed)
    assert outcomes[:4] + outcomes[5:] == [Committed(0)] * 5 + [Committed(1)] + [Committed(0)] * 2
    assert harness.count("connector_status") == 8


async def test_numbers_are_never_given_twice(harness: Harness) -> None:
    given: set[int] = set()
    for _ in range(3):
        for _ in range(2):
            block = await harness.fetch(NumbersFact())
            assert isinstance(block, range)
            assert block.start > 0
            assert given.isdisjoint(block)
            given |= set(block)
        await harness.reopen()


async def test_facts_are_found_by_their_keys(harness: Harness) -> None:
    there = transaction(7)
    assert await harness.fetch(TokenFact("ABCD")) is None
    await harness.settle([adding(there, token())])
    assert await harness.fetch(TokenFact("ABCD")) == token()
    assert await harness.fetch(TransactionFact("CP-1", 7)) == there
    assert await harness.fetch(TransactionFact("CP-2", 7)) is None
    assert await harness.fetch(StartFact("key-7")) == there
    assert await harness.fetch(StartFact("key-8")) is None


async def test_a_station_that_is_not_registered_is_none(harness: Harness) -> None:
    await harness.settle([saving(status())])
    assert await harness.load("CP-1") is None


async def test_open_uses_are_the_accepted_open_transactions_of_each_token(harness: Harness) -> None:
    await harness.settle(
        [
            adding(transaction(1)),
            adding(transaction(2, "CP-2")),
            adding(replace(transaction(3, "CP-3"), authorization="Blocked")),
            adding(replace(transaction(4), ended_at=NOON)),
            adding(replace(transaction(5, "CP-5"), id_token="", id_token_canonical="")),
            saving(replace(status(), station_id="CP-6", connected=True)),
            saving(replace(status(), station_id="CP-7", connected=False)),
        ]
    )
    assert await harness.store.open_uses() == {"ABCD": frozenset(("1", "2"))}
    assert await harness.store.stations_to_look_after() == ["CP-1", "CP-2", "CP-3", "CP-5", "CP-6"]


async def test_events_of_people_are_followed_by_their_seq(harness: Harness) -> None:
    assert await harness.store.last_seq() == 0
    work = Work(NOON, "CP-1")
    work.add(station())
    work.tell(ConnectorStatusChanged(connector=connector()))
    work.tell(StationRegistered(station=station(), by="ops"))
    work.tell(TransactionStarted(transaction=transaction()))
    work.tell(TokenRegistered(token=token()))
    assert await harness.settle([work]) == [Committed(4)]
    found = await harness.store.people_events(0)
    assert [(each.seq, each.station_id, type(each.event)) for each in found] == [
        (2, "CP-1", StationRegistered),
        (4, "CP-1", TokenRegistered),
    ]
    assert found[0].event == StationRegistered(station=station(), by="ops")
    assert found[0].at == NOON
    assert [each.seq for each in await harness.store.people_events(2)] == [4]
    assert [each.seq for each in await harness.store.people_events(0, limit=1)] == [2]
    assert await harness.store.stations() == [station()]
