"""Rounds: which stations are looked at next."""

from evsys.office.patience import FIRST_RETRY_S
from evsys.office.rounds import LOOKED_AT, STATIONS_AT_ONCE, Rounds
from kit.clock import SteppedClock


def test_stations_come_once_in_their_order_and_so_many_in_one_look() -> None:
    rounds = Rounds(SteppedClock())
    rounds.put(["B", "A", "B"])
    assert (rounds.next(), bool(rounds), rounds.next()) == (["B", "A"], False, [])
    many = [f"CP{number}" for number in range(LOOKED_AT + 1)]
    rounds.put(many)
    assert (rounds.next(), rounds.next()) == (many[:LOOKED_AT], many[LOOKED_AT:])
    rounds.put(many)
    rounds.clear()
    assert rounds.next() == []


def test_one_that_is_being_dealt_with_is_looked_at_when_that_is_done() -> None:
    rounds = Rounds(SteppedClock())
    assert (rounds.begin("A"), rounds.under_way("A"), rounds.under_way("B")) == (True, True, False)
    rounds.put(["A", "B"])
    assert rounds.next() == ["B"]
    assert not rounds.begin("A"), "not twice at the same time"
    rounds.done("A")
    assert rounds.next() == ["A"]


def test_no_more_are_dealt_with_at_once_than_may_be() -> None:
    rounds = Rounds(SteppedClock())
    assert all(rounds.begin(f"CP{number}") for number in range(STATIONS_AT_ONCE))
    assert not rounds.begin("late")
    assert rounds.next() == [], "nobody is looked at in vain"
    rounds.done("CP0")
    assert rounds.next() == ["late"], "it has not been forgotten"


def test_one_that_failed_is_due_again_later_each_time_unless_something_has_changed() -> None:
    clock = SteppedClock()
    rounds = Rounds(clock)
    rounds.failed("A")
    assert rounds.next() == []
    clock.step(FIRST_RETRY_S)
    assert rounds.next() == ["A"]
    rounds.failed("A")
    clock.step(FIRST_RETRY_S)
    assert rounds.next() == [], "twice as long"
    rounds.put_afresh("A")
    assert rounds.next() == ["A"]
    rounds.failed("A")
    clock.step(FIRST_RETRY_S)
    assert rounds.next() == ["A"], "what failed before counts no more"
    rounds.failed("A")
    rounds.succeeded("A")
    assert rounds.next() == ["A"]
