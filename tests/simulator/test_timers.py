"""The times of a charge point."""

from datetime import datetime, timedelta

from evsys.simulator.timers import Timers
from kit.clock import NOON


def test_actions_come_in_the_order_of_their_times_and_once() -> None:
    timers, done = Timers(speed=1), list[str]()

    def note(name: str) -> None:
        timers.after(NOON, name, len(name), lambda now: done.append(name))

    for name in ("ccc", "a", "bb"):
        note(name)
    assert timers.next_at == NOON + timedelta(seconds=1)
    timers.fire(NOON + timedelta(seconds=2))
    timers.fire(NOON + timedelta(seconds=2))
    assert done == ["a", "bb"]
    timers.fire(NOON + timedelta(seconds=9))
    assert done == ["a", "bb", "ccc"]
    assert timers.next_at is None


def test_a_name_has_one_time_and_may_lose_it() -> None:
    timers, done = Timers(speed=1), list[int]()
    timers.after(NOON, "x", 1, lambda now: done.append(1))
    timers.after(NOON, "x", 5, lambda now: done.append(2))
    timers.fire(NOON + timedelta(seconds=2))
    assert done == []
    timers.cancel("x")
    timers.cancel("never there")
    timers.fire(NOON + timedelta(seconds=9))
    assert done == []


def test_an_action_that_sets_its_name_anew_is_not_done_before_its_new_time() -> None:
    timers, done = Timers(speed=1), list[datetime]()

    def again(now: datetime) -> None:
        done.append(now)
        timers.after(now, "x", 10, again)

    def other(now: datetime) -> None:
        timers.after(now, "x", 10, again)

    timers.at(NOON, "first", other)
    timers.at(NOON + timedelta(seconds=1), "x", again)
    timers.fire(NOON + timedelta(seconds=5))
    assert done == []
    timers.fire(NOON + timedelta(seconds=15))
    assert done == [NOON + timedelta(seconds=15)]


def test_simulated_time_passes_faster_and_real_time_does_not() -> None:
    timers = Timers(speed=60)
    timers.after(NOON, "car", 60, lambda now: None)
    assert timers.next_at == NOON + timedelta(seconds=1)
    timers.cancel("car")
    timers.later(NOON, "link", 60, lambda now: None)
    assert timers.next_at == NOON + timedelta(seconds=60)
