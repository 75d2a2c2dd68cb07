"""How many connections, and how fast."""

from evsys.gateway.admission import CROWDED_PAUSE_S, MAX_PENDING, Admission, capacity


def admitted(admission: Admission, begin: float, seconds: float) -> int:
    """How many sockets are let in while more always wait."""
    now, count = begin, 0
    while now < begin + seconds:
        wait_s = admission.wait_s(now)
        if wait_s:
            now += wait_s
        elif admission.lets_in():
            admission.decided()
            count += 1
    return count


def test_a_storm_is_let_in_at_a_steady_rate_after_a_burst() -> None:
    admission = Admission(100_000, now=0.0, rate=500, burst=100)
    assert 595 <= admitted(admission, 0.0, 1.0) <= 605
    assert 495 <= admitted(admission, 1.0, 1.0) <= 505


def test_a_quiet_hour_saves_no_more_than_a_burst() -> None:
    admission = Admission(100_000, now=0.0, rate=500, burst=100)
    admitted(admission, 0.0, 1.0)
    assert admitted(admission, 3600.0, 0.01) <= 106


def test_with_too_many_handshakes_under_way_the_others_wait() -> None:
    admission = Admission(100_000, now=0.0, rate=1e9, burst=1e9)
    for _ in range(MAX_PENDING):
        assert admission.wait_s(0.0) == 0
        admission.lets_in()
    assert admission.wait_s(0.0) == CROWDED_PAUSE_S
    admission.decided()
    assert admission.wait_s(0.0) == 0


def test_one_connection_too_many_has_no_room_until_another_ends() -> None:
    admission = Admission(2, now=0.0)
    assert admission.lets_in()
    assert admission.lets_in()
    assert not admission.lets_in()
    assert (admission.live, admission.pending) == (2, 2)
    admission.ended()
    assert admission.lets_in()


def test_what_has_no_room_costs_as_much_of_the_rate_as_what_has() -> None:
    admission = Admission(0, now=0.0, rate=10, burst=1)
    assert not admission.lets_in()
    assert admission.wait_s(0.0) > 0


def test_descriptors_are_left_for_all_that_is_not_a_station() -> None:
    assert capacity(1024) < 1024
    assert capacity(10) == 1
