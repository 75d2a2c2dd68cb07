"""Starts, stops and what goes wrong between them."""

from datetime import UTC, datetime, timedelta

import pytest

from evsys.core.authorization import Verdict
from evsys.core.availability import report
from evsys.core.events import TransactionCorrected, TransactionEnded, TransactionStarted
from evsys.core.facts import Policy
from evsys.core.meter_values import identity, owner, record
from evsys.core.provisioning import Boot, boot
from evsys.core.records import MeterValue, Quarantined, Transaction
from evsys.core.transactions import MAX_OPEN, Start, Stop, abandoned, close, start, stop, stopped
from kit.clock import NOON
from kit.desk import Desk, Disk

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def begin(
    desk: Desk,
    evse_id: int = 1,
    token: str | None = "CARD",
    meter: int | None = 1000,
    when: datetime | None = NOON,
) -> tuple[Transaction, Verdict]:
    reported = Start(
        evse_id=evse_id,
        connector_id=1 if evse_id else 0,
        id_token=token,
        meter_start_wh=meter,
        reported_at=when,
    )
    return desk.turn(lambda turn: start(turn, reported))


def end(
    desk: Desk,
    number: int,
    meter: int | None = 5000,
    when: datetime | None = None,
    token: str | None = None,
    reason: str = "",
    values: tuple[MeterValue, ...] = (),
) -> Verdict | None:
    when = when or desk.clock.now()
    reported = Stop(number=number, meter_stop_wh=meter, reported_at=when, id_token=token, reason=reason)
    return desk.turn(lambda turn: stop(turn, reported, stopped(turn, reported), values))


def measure(
    desk: Desk, energy: float | None, minutes: float, evse_id: int = 1, number: int | None = None
) -> None:
    def decide(turn):  # type: ignore[no-untyped-def]
        found = owner(turn, evse_id, number)
        record(turn, number, found, [value(found, energy, minutes, evse_id, number, turn.now)])

    desk.turn(decide)


def value(
    transaction: Transaction | None,
    energy: float | None,
    minutes: float,
    evse_id: int = 1,
    number: int | None = None,
    received_at: datetime = NOON,
) -> MeterValue:
    return MeterValue(
        digest=identity(evse_id, number, f"{energy}".encode()),
        station_id="CP1",
        evse_id=evse_id,
        transaction_id=transaction.id if transaction else "",
        at=at(minutes),
        reported_at=at(minutes),
        received_at=received_at,
        energy_wh=energy,
    )


def stored(desk: Desk, transaction: Transaction) -> Transaction:
    return next(each for each in desk.disk.transactions() if each.id == transaction.id)


def status(desk: Desk, word: str, evse_id: int = 1) -> None:
    desk.turn(lambda turn: report(turn, evse_id, 1, word))


@pytest.fixture
def desk() -> Desk:
    return Desk()


# -- starts ---


def test_a_start_opens_a_transaction_with_the_stations_own_words(desk):
    transaction, verdict = begin(desk, token="card", when=at(-1))
    assert verdict.status == "Accepted"
    assert stored(desk, transaction) == transaction
    assert (transaction.id_token, transaction.id_token_canonical) == ("card", "CARD")
    assert (transaction.started_at, transaction.start_received_at) == (at(-1), NOON)
    assert transaction.number is not None
    assert transaction.number > 0
    assert transaction.flags == ()
    assert desk.events[-1] == TransactionStarted(transaction=transaction)


def test_a_retried_start_gets_the_same_transaction_and_changes_nothing(desk):
    first, _ = begin(desk)
    events = len(desk.events)
    desk.clock.step(90)
    again, verdict = begin(desk)
    assert again.id == first.id
    assert verdict.status == "Accepted"
    assert len(desk.disk.transactions()) == 1
    assert len(desk.events) == events


def test_a_retried_start_is_known_after_a_restart_and_after_its_end(desk):
    first, _ = begin(desk)
    end(desk, first.number)
    for minutes in range(1, 12):
        other, _ = begin(desk, evse_id=2, when=at(minutes), meter=minutes)
        desk.clock.step(60)
        end(desk, other.number)
    desk.restart()
    assert first.id not in desk.station.transactions
    again, _ = begin(desk)
    assert again.id == first.id


@pytest.mark.parametrize(
    "difference",
    [{"evse_id": 2}, {"token": "OTHER"}, {"meter": 1001}, {"when": at(1)}],
    ids=["connector", "token", "meter", "time"],
)
def test_a_start_that_differs_is_another_one(desk, difference):
    first, _ = begin(desk)
    second, _ = begin(desk, **difference)
    assert second.id != first.id


def test_a_token_is_the_same_in_any_case(desk):
    assert begin(desk, token="card")[0].id == begin(desk, token="CARD")[0].id


@pytest.mark.parametrize("when", [None, EPOCH, datetime(2099, 1, 1, tzinfo=UTC)])
def test_a_start_without_a_usable_time_is_a_repeat_while_it_is_open(desk, when):
    first, _ = begin(desk, when=when)
    assert first.flags == ("clock",)
    assert first.started_at == NOON
    desk.clock.step(7200)
    desk.restart()
    assert begin(desk, when=when)[0].id == first.id


def test_a_start_without_a_usable_time_is_a_repeat_within_15_minutes_of_its_receipt(desk):
    first, _ = begin(desk, when=None)
    end(desk, first.number)
    desk.clock.step(14 * 60)
    assert begin(desk, when=None)[0].id == first.id
    desk.clock.step(2 * 60)
    assert begin(desk, when=None)[0].id != first.id


def test_after_a_boot_a_start_without_a_usable_time_is_a_new_one(desk):
    first, _ = begin(desk, when=None)
    end(desk, first.number)
    desk.clock.step(60)
    desk.turn(lambda turn: boot(turn, Boot(vendor="V", model="M")))
    desk.clock.step(60)
    assert begin(desk, when=None)[0].id != first.id


def test_a_refused_start_is_stored_because_energy_may_flow():
    desk = Desk(Policy())
    transaction, verdict = begin(desk, token="NOBODY")
    assert verdict.status == "Invalid"
    assert stored(desk, transaction).authorization == "Invalid"
    end(desk, transaction.number, 1500)
    assert stored(desk, transaction).energy_wh == 500


def test_what_is_wrong_with_a_start_is_flagged(desk):
    transaction, _ = begin(desk, evse_id=0, token=None, meter=None, when=None)
    assert transaction.flags == ("clock", "no_connector", "no_token", "no_meter_start")
    assert begin(desk, meter=-5)[0].flags == ("negative_meter",)


def test_a_start_supersedes_the_one_that_runs_on_its_evse(desk):
    first, _ = begin(desk)
    measure(desk, 3000, 5)
    desk.clock.step(600)
    second, _ = begin(desk, when=at(10), meter=3500)
    ended = stored(desk, first)
    assert (ended.ended_by, ended.energy_wh, ended.meter_stop_wh, ended.ended_at) == (
        "superseded",
        2000,
        3000,
        at(5),
    )
    assert desk.station.open_on(1) == second


def test_an_older_start_that_comes_late_does_not_displace_the_running_one(desk):
    running, _ = begin(desk, when=at(0))
    late, verdict = begin(desk, when=at(-60), meter=100)
    assert verdict.status == "Accepted"
    assert desk.station.open_on(1) == running
    assert (late.ended_by, late.energy_wh) == ("superseded", 0)
    end(desk, late.number, 900, at(-30))
    assert stored(desk, late).energy_wh == 800
    assert stored(desk, late).ended_by == "station"
    assert isinstance(desk.events[-1], TransactionCorrected)


def test_values_of_a_late_start_count_for_it(desk):
    begin(desk, when=at(0))
    late, _ = begin(desk, when=at(-60), meter=100)
    measure(desk, 700, -40, number=late.number)
    assert stored(desk, late).energy_wh == 600
    desk.restart()
    measure(desk, 800, -35, number=late.number)
    assert stored(desk, late).energy_wh == 700


def test_a_station_that_invents_evses_cannot_open_transactions_without_end(desk):
    for evse_id in range(1, MAX_OPEN + 5):
        begin(desk, evse_id=evse_id)
    assert len(desk.station.open_transactions()) == MAX_OPEN
    assert desk.station.open_on(1) is None


# -- concurrent use ---


def test_a_token_that_is_in_use_elsewhere_is_concurrent(desk):
    desk.token("CARD")
    begin(desk, evse_id=1)
    second, verdict = begin(desk, evse_id=2)
    assert verdict.status == "ConcurrentTx"
    assert second.number is not None


def test_concurrent_tx_is_not_said_to_ones_own_retry_or_because_of_a_zombie(desk):
    desk.token("CARD")
    begin(desk)
    assert begin(desk)[1].status == "Accepted"
    desk.clock.step(3600)
    assert begin(desk, when=at(60))[1].status == "Accepted"


def test_a_token_may_be_used_as_often_as_it_may(desk):
    desk.token("CARD", max_concurrent=2)
    assert [begin(desk, evse_id=each)[1].status for each in (1, 2, 3)] == [
        "Accepted",
        "Accepted",
        "ConcurrentTx",
    ]


def test_a_token_is_in_use_at_all_stations():
    disk = Disk()
    here, there = Desk(disk=disk, id="CP1"), Desk(disk=disk, id="CP2")
    here.token("CARD")
    begin(here)
    assert begin(there)[1].status == "ConcurrentTx"


# -- stops ---


def test_a_stop_ends_its_transaction(desk):
    transaction, _ = begin(desk)
    desk.clock.step(3600)
    verdict = end(desk, transaction.number, 4200, at(59), token="CARD", reason="Local")
    ended = stored(desk, transaction)
    assert verdict is not None
    assert verdict.status == "Accepted"
    assert (ended.energy_wh, ended.ended_at, ended.end_received_at) == (3200, at(59), at(60))
    assert (ended.stop_reason, ended.stop_id_token, ended.ended_by) == ("Local", "CARD", "station")
    assert desk.events[-1] == TransactionEnded(transaction=ended)


def test_a_retried_stop_is_not_counted_twice_and_the_first_one_wins(desk):
    transaction, _ = begin(desk)
    end(desk, transaction.number, 4200)
    events = len(desk.events)
    desk.restart()
    end(desk, transaction.number, 9999)
    assert stored(desk, transaction).energy_wh == 3200
    assert len(desk.events) == events


def test_a_stop_by_a_blocked_token_stops_all_the_same(desk):
    desk.token("BAD", blocked=True)
    transaction, _ = begin(desk)
    verdict = end(desk, transaction.number, 4200, token="bad")
    assert verdict is not None
    assert verdict.status == "Blocked"
    assert stored(desk, transaction).ended_by == "station"


@pytest.mark.parametrize("number", [0, -1])
def test_a_stop_without_a_number_finds_the_one_session_that_fits(desk, number):
    other, _ = begin(desk, evse_id=2, token="OTHER")
    transaction, _ = begin(desk)
    end(desk, number, 4200, at(30), token="card")
    assert stored(desk, transaction).energy_wh == 3200
    assert stored(desk, other).ended_at is None


def test_a_stop_without_a_number_that_fits_two_sessions_is_held(desk):
    begin(desk, evse_id=1)
    begin(desk, evse_id=2)
    end(desk, -1, 4200, at(30))
    assert len(desk.disk.quarantine()) == 1
    assert len(desk.station.open_transactions()) == 2


def test_a_repeated_stop_without_a_number_does_not_end_the_next_session(desk):
    first, _ = begin(desk)
    desk.clock.step(1800)
    end(desk, -1, 4200, at(30), token="CARD")
    second, _ = begin(desk, when=at(31), meter=4200)
    end(desk, -1, 4200, at(30), token="CARD")
    assert stored(desk, first).ended_by == "station"
    assert stored(desk, second).ended_at is None
    assert desk.disk.quarantine() == []


def test_a_repeated_stop_without_number_and_time_does_not_end_the_next_session(desk):
    begin(desk)
    desk.clock.step(1800)
    end(desk, -1, 4200, EPOCH, token="CARD")
    second, _ = begin(desk, when=at(31), meter=4200)
    desk.clock.step(60)
    end(desk, -1, 4200, EPOCH, token="CARD")
    assert stored(desk, second).ended_at is None
    desk.clock.step(3600)
    end(desk, -1, 4200, EPOCH, token="CARD")
    assert stored(desk, second).ended_at is not None


def test_a_stop_that_cannot_be_the_sessions_is_held(desk):
    begin(desk, meter=100_000)
    end(desk, -1, 90_000, at(30))  # below its register, and no restart
    end(desk, -1, 100_500, at(-30))  # before it began
    end(desk, -1, 100_500, at(30), token="OTHER")
    assert len(desk.disk.quarantine()) == 3
    assert len(desk.station.open_transactions()) == 1


def test_a_stop_for_an_unknown_session_is_acknowledged_and_held_once(desk):
    for _ in range(2):
        assert end(desk, 999_999, 5, at(0)) is None
        desk.restart()
    (held,) = desk.disk.quarantine()
    assert (held.kind, held.number, held.resolved_at) == ("stop", 999_999, None)
    assert len(desk.events) == 1


def test_a_stop_that_names_another_stations_session_does_not_end_it():
    disk = Disk()
    here, there = Desk(disk=disk, id="CP1"), Desk(disk=disk, id="CP2")
    transaction, _ = begin(here)
    end(there, transaction.number, 4200)
    assert stored(here, transaction).ended_at is None
    assert len(disk.quarantine()) == 1


def test_a_stop_that_came_before_its_start_finds_it(desk):
    desk.clock.step(3600)
    end(desk, -1, 4200, at(30), token="CARD", values=(value(None, 4100, 29, 0, -1),))
    assert {each.kind for each in desk.disk.quarantine()} == {"stop", "meter_values"}
    desk.restart()
    transaction, _ = begin(desk)
    ended = stored(desk, transaction)
    assert (ended.energy_wh, ended.ended_by) == (3200, "station")
    assert all(each.transaction_id == ended.id and each.resolved_at for each in desk.disk.quarantine())
    (found,) = desk.disk.meter_values()
    assert (found.transaction_id, found.evse_id) == (ended.id, 1)
    assert desk.station.quarantine == {}


def test_a_value_that_was_held_is_known_when_it_is_repeated(desk):
    desk.clock.step(3600)
    values = (value(None, 4100, 29, 0, -1),)
    end(desk, -1, 4200, at(30), token="CARD", values=values)
    transaction, _ = begin(desk)
    again = (value(transaction, 4100, 29, 1, -1),)
    end(desk, -1, 4200, at(30), token="CARD", values=again)
    assert len(desk.disk.meter_values()) == 1


def test_a_held_stop_is_not_given_to_a_start_that_times_do_not_prove(desk):
    desk.clock.step(3600)
    end(desk, -1, 4200, EPOCH, token="CARD")
    end(desk, -1, 4300, at(-30), token="CARD")
    end(desk, 4711, 4400, at(30), token="CARD")
    transaction, _ = begin(desk)
    assert stored(desk, transaction).ended_at is None
    assert len(desk.station.quarantine) == 3


def test_what_came_with_an_orphan_stop_stays_held_when_its_time_is_not_the_sessions(desk):
    end(desk, -1, 4200, at(-30), token="CARD", values=(value(None, 4100, -31, 0, -1),))
    begin(desk)
    assert len(desk.station.quarantine) == 2


def test_an_old_transaction_is_fetched_for_its_late_stop(desk):
    transaction, _ = begin(desk)
    for minutes in range(1, 12):
        begin(desk, when=at(minutes), meter=minutes)
    assert transaction.id not in desk.station.transactions
    end(desk, transaction.number, 4200, at(1))
    assert stored(desk, transaction).energy_wh == 3200
    assert stored(desk, transaction).ended_by == "station"


def test_a_stop_with_a_broken_clock_is_flagged(desk):
    first, _ = begin(desk)
    desk.clock.step(60)
    end(desk, first.number, 1200, EPOCH)
    assert stored(desk, first).flags == ("clock",)
    assert stored(desk, first).ended_at == at(1)
    second, _ = begin(desk, when=at(5))
    end(desk, second.number, 1200, at(4))
    assert stored(desk, second).flags == ("clock",)
    assert stored(desk, second).ended_at == at(5)


# -- sweep and operator ---


def test_an_abandoned_transaction_is_ended_with_its_last_reading(desk):
    transaction, _ = begin(desk)
    measure(desk, 3000, 5)
    status(desk, "Available")
    desk.clock.step(desk.policy.abandoned_after_s)
    (found,) = abandoned(desk.station, desk.clock.now(), desk.policy)
    desk.turn(lambda turn: close(turn.work, turn.station, found, turn.now, "sweep"))
    swept = stored(desk, transaction)
    assert (swept.ended_by, swept.energy_wh, swept.ended_at) == ("sweep", 2000, at(5))
    desk.turn(lambda turn: close(turn.work, turn.station, swept, turn.now, "operator"))
    assert stored(desk, transaction).ended_by == "sweep"


@pytest.mark.parametrize("word", ["Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Faulted"])
def test_nothing_is_abandoned_while_a_car_may_be_connected(desk, word):
    begin(desk)
    status(desk, word)
    desk.clock.step(10 * desk.policy.abandoned_after_s)
    assert abandoned(desk.station, desk.clock.now(), desk.policy) == []


def test_nothing_is_abandoned_by_a_boot_or_without_a_status(desk):
    begin(desk)
    desk.clock.step(10 * desk.policy.abandoned_after_s)
    desk.turn(lambda turn: boot(turn, Boot(vendor="V", model="M")))
    assert abandoned(desk.station, desk.clock.now(), desk.policy) == []


@pytest.mark.parametrize("energy", [None, 3000, 900])
def test_a_transaction_that_is_heard_of_is_not_abandoned(desk, energy):
    begin(desk)
    measure(desk, 2000, 1)
    status(desk, "Available")
    desk.clock.step(desk.policy.abandoned_after_s - 1)
    measure(desk, energy, 19)
    desk.clock.step(desk.policy.abandoned_after_s - 1)
    assert abandoned(desk.station, desk.clock.now(), desk.policy) == []
    desk.clock.step(1)
    assert len(abandoned(desk.station, desk.clock.now(), desk.policy)) == 1


def test_a_late_stop_replaces_a_synthetic_end(desk):
    transaction, _ = begin(desk)
    desk.turn(lambda turn: close(turn.work, turn.station, transaction, turn.now, "sweep"))
    assert stored(desk, transaction).energy_wh == 0
    desk.restart()
    end(desk, transaction.number, 4200, at(20))
    ended = stored(desk, transaction)
    assert (ended.ended_by, ended.energy_wh) == ("station", 3200)
    assert isinstance(desk.events[-1], TransactionCorrected)


# -- energy ---


def test_a_register_that_restarts_at_zero_is_carried(desk):
    transaction, _ = begin(desk, meter=10_000)
    measure(desk, 12_000, 1)
    measure(desk, 100, 2)
    desk.restart()
    measure(desk, 500, 3)
    end(desk, transaction.number, 700)
    assert stored(desk, transaction).energy_wh == 2700
    assert stored(desk, transaction).flags == ("register_restart",)


def test_a_register_that_restarts_per_session_is_relative(desk):
    transaction, _ = begin(desk, meter=10_000)
    end(desk, transaction.number, 700)
    assert stored(desk, transaction).energy_wh == 700
    assert stored(desk, transaction).flags == ("register_restart",)


@pytest.mark.parametrize(("meter", "energy"), [(-1, 2000), (9_500, 2000), (None, 2000), (11_999, 1999)])
def test_a_stop_that_is_minus_one_below_the_start_or_a_watt_hour_off_never_makes_energy_negative(
    desk, meter, energy
):
    transaction, _ = begin(desk, meter=10_000)
    measure(desk, 12_000, 1)
    end(desk, transaction.number, meter)
    assert stored(desk, transaction).energy_wh == energy


@pytest.mark.parametrize(
    ("meter", "flag"), [(-1, "negative_meter"), (9_500, "negative_meter"), (None, "no_meter_stop")]
)
def test_a_stop_without_a_fit_register_is_flagged(desk, meter, flag):
    transaction, _ = begin(desk, meter=10_000)
    end(desk, transaction.number, meter)
    assert stored(desk, transaction).flags == (flag,)
    assert stored(desk, transaction).energy_wh == 0


def test_a_stop_with_values_alone_has_their_energy(desk):
    transaction, _ = begin(desk)
    end(desk, transaction.number, None, values=(value(transaction, 2500, 5),))
    assert stored(desk, transaction).energy_wh == 1500
    assert len(desk.disk.meter_values()) == 1


@pytest.mark.parametrize("meter", [None, -1])
def test_without_a_register_at_the_start_energy_counts_from_the_first_reading(desk, meter):
    transaction, _ = begin(desk, meter=meter)
    measure(desk, 5_000_000, 1)
    measure(desk, 5_002_000, 2)
    end(desk, transaction.number, 5_003_000)
    assert stored(desk, transaction).energy_wh == 3000
    assert "register_restart" not in stored(desk, transaction).flags


def test_without_any_register_before_the_stop_there_is_no_energy_to_bill(desk):
    transaction, _ = begin(desk, meter=None)
    end(desk, transaction.number, 5_003_000)
    assert stored(desk, transaction).energy_wh == 0
    assert stored(desk, transaction).flags == ("no_meter_start", "no_readings")


def test_a_spike_is_not_a_restart(desk):
    transaction, _ = begin(desk, meter=5_000_000)
    measure(desk, 99_999_999, 1)
    measure(desk, 5_000_100, 2)
    end(desk, transaction.number, 5_000_200)
    assert stored(desk, transaction).energy_wh == 200


def test_values_out_of_order_do_not_restart_a_register(desk):
    transaction, _ = begin(desk, meter=0)
    measure(desk, 9_000, 10)
    measure(desk, 100, 1)
    end(desk, transaction.number, 9_100)
    assert stored(desk, transaction).energy_wh == 9_100


def test_the_values_of_a_session_whose_start_had_no_clock_count_although_the_clock_is_behind(desk):
    transaction, _ = begin(desk, when=None)
    measure(desk, 3000, -300)
    desk.turn(lambda turn: close(turn.work, turn.station, transaction, turn.now, "operator"))
    assert stored(desk, transaction).energy_wh == 2000


def test_held_payloads_are_readable_json_for_people(desk):
    end(desk, 999_999, 5, at(0), reason="Local")
    (held,) = desk.disk.quarantine()
    assert isinstance(held, Quarantined)
    assert b'"meter_stop_wh":5' in bytes(held.payload)


def test_a_stop_that_names_its_session_takes_the_place_of_one_that_only_seemed_to_fit(desk: Desk) -> None:
    running, _ = begin(desk)
    # The start of another session of the same card was lost; its stop names none and seems to fit this one.
    end(desk, -1, meter=3000, when=at(5), token="CARD")
    (presumed,) = desk.disk.transactions()
    assert (presumed.ended_by, "unnamed_stop" in presumed.flags) == ("station", True)
    assert running.number is not None
    end(desk, running.number, meter=9000, when=at(60), token="CARD")
    (ended,) = desk.disk.transactions()
    assert (ended.meter_stop_wh, ended.energy_wh, ended.ended_at) == (9000, 8000, at(60))
    assert "unnamed_stop" not in ended.flags
    (held,) = desk.disk.quarantine()
    assert (held.kind, held.resolved_at) == ("stop", None)
    end(desk, running.number, meter=9000, when=at(60), token="CARD")
    assert desk.disk.transactions() == [ended]
