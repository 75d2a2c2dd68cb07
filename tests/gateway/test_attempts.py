"""Whoever guesses passwords is slowed down."""

from evsys.gateway import attempts
from evsys.gateway.attempts import FAILURES_OF_ADDRESS, FAILURES_OF_STATION, WINDOW_S, Attempts


def fail(counted: Attempts, station: str, address: str, times: int, now: float = 1000.0) -> None:
    for _ in range(times):
        counted.failed(now, station, address)


def test_a_station_that_fails_again_and_again_is_refused_for_a_while() -> None:
    counted = Attempts()
    fail(counted, "CP1", "192.0.2.1", FAILURES_OF_STATION - 1)
    assert not counted.too_many(1000.0, "CP1", "192.0.2.1")
    fail(counted, "CP1", "192.0.2.1", 1)
    assert counted.too_many(1000.0 + WINDOW_S - 1, "CP1", "192.0.2.1")
    assert not counted.too_many(1000.0 + WINDOW_S, "CP1", "192.0.2.1")


def test_a_stranger_who_tries_its_name_does_not_lock_a_station_out() -> None:
    counted = Attempts()
    fail(counted, "CP1", "198.51.100.7", 1000)
    assert not counted.too_many(1000.0, "CP1", "192.0.2.1")


def test_a_neighbour_behind_the_same_router_is_let_in() -> None:
    counted = Attempts()
    fail(counted, "CP1", "192.0.2.1", FAILURES_OF_STATION)
    assert not counted.too_many(1000.0, "CP2", "192.0.2.1")


def test_an_address_that_tries_many_stations_is_refused_for_all() -> None:
    counted = Attempts()
    for number in range(FAILURES_OF_ADDRESS):
        fail(counted, f"CP{number}", "192.0.2.1", 1)
    assert counted.too_many(1000.0, "NEW", "192.0.2.1")


def test_counters_do_not_grow_without_end() -> None:
    counted = Attempts()
    for number in range(attempts.MAX_COUNTED):
        fail(counted, "CP1", f"2001:db8::{number:x}", 1)
    assert len(counted._failed) == attempts.MAX_COUNTED
