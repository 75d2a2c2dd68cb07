"""The bench checks itself: figures that do not count are said to be void, and a lost row ends the run."""

import os

import msgspec
import pytest
from bench import notify, pages, processes
from bench.client import Done
from bench.durable import BUSY_SHARE, Load, Pair, check, judge
from bench.pages import LISTS_PER_S, Round, Used
from bench.people import Got
from bench.script import STEPS

TOLD = dict.fromkeys(STEPS, 5)


def loaded(us_per_call: float, busy: float = 1.0, refused: int = 0) -> Load:
    """A second of load at so many microseconds of server CPU per CALL."""
    return Load(
        calls=int(busy * 1e6 / us_per_call),
        refused=refused,
        wall_s=1.0,
        server_cpu_s=busy,
        others_s=0.0,
        client_cpu_s=0.5,
        p50_ms=1.0,
        p99_ms=2.0,
    )


def test_the_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    pairs = [Pair(loaded(10), loaded(20)), Pair(loaded(20), loaded(50)), Pair(loaded(10), loaded(100))]
    found = judge(pairs, TOLD)
    assert found.durable_ratio == pytest.approx(0.4, rel=0.01)
    assert (found.void, found.rounds, found.tried) == ("", 3, 3)


def test_a_round_counts_only_where_both_servers_used_up_their_core() -> None:
    good = Pair(loaded(10), loaded(20))
    slow_client = Pair(loaded(10, busy=0.9), loaded(100))
    found = judge([good, slow_client, good, good, slow_client], TOLD)
    assert found.durable_ratio == pytest.approx(0.5)
    assert (found.void, found.rounds, found.tried) == ("", 3, 5)
    assert Pair(loaded(10, busy=BUSY_SHARE), loaded(20, busy=BUSY_SHARE)).counts


def test_a_run_with_too_few_rounds_that_count_is_void() -> None:
    good = Pair(loaded(10), loaded(20))
    idle = Pair(loaded(10), loaded(20, busy=0.9))
    found = judge([good, idle, good, idle, idle], TOLD)
    assert found.void.startswith("2 of 5 rounds count; the core of EVSYS was 90% busy, 95% are asked for")
    assert "the core of the echo was 60% busy" in judge([Pair(loaded(10, busy=0.6), loaded(20))], TOLD).void
    assert judge([good], TOLD).void == ""


def test_a_round_that_others_disturbed_counts_only_where_they_took_little() -> None:
    """The core is used up either way, and what others use is not the server's."""
    little = msgspec.structs.replace(loaded(20, busy=0.8), others_s=0.2)
    much = msgspec.structs.replace(loaded(20, busy=0.7), others_s=0.3)
    assert judge([Pair(loaded(10), little)], TOLD).void == ""
    assert judge([Pair(loaded(10), little)], TOLD).durable_ratio == pytest.approx(0.5)
    assert "other programs took 30%, 25% are allowed" in judge([Pair(much, much)], TOLD).void


def test_a_run_with_refused_calls_is_void() -> None:
    assert "3 CALLs" in judge([Pair(loaded(10), loaded(20, refused=3))], TOLD).void


def test_a_lost_or_doubled_message_ends_the_run() -> None:
    before = dict.fromkeys("STMN", 10)
    check(before, dict.fromkeys("STMN", 15), TOLD)
    with pytest.raises(RuntimeError, match="M: 5 acknowledged, 4 stored"):
        check(before, dict.fromkeys("STMN", 15) | {"M": 14}, TOLD)
    with pytest.raises(RuntimeError, match="T: 5 acknowledged, 6 stored"):
        check(before, dict.fromkeys("STMN", 15) | {"T": 16}, TOLD)


def test_the_pages_ratio_compares_the_medians_of_both_sides() -> None:
    found = pages.judge([paced(1, 2.2), paced(40, 4), paced(2, 2.4)], 1.0)
    assert (found.p99_ratio, found.p99_ms, found.p99_with_people_ms, found.void) == (1.2, 2, 2.4, "")


def test_what_other_programs_took_is_what_is_neither_the_servers_nor_the_generators() -> None:
    cores = os.cpu_count() or 1
    before = Used(at_s=10.0, all_s=100.0, ours_s=40.0)
    assert Used(at_s=12.0, all_s=100.0 + cores, ours_s=40.0).others_share(before) == pytest.approx(0.5)
    assert Used(at_s=12.0, all_s=100.0 + cores, ours_s=40.0 + cores).others_share(before) == 0
    assert processes.core_busy_s(0) > 0


@pytest.mark.parametrize(
    ("got", "reason"),
    [
        ({"lists": 1}, "people got 1 lists, and 0 failed"),
        ({"failed_lists": 2}, "2 failed"),
        ({"cut_streams": 7}, "7 streams of events were cut"),
        ({"events": (0, 0)}, "a reader got 0 events"),
        ({"events": (80, 100)}, "a reader got 80 events, another 100"),
    ],
)
def test_pages_that_people_did_not_get_make_the_run_void(got: dict[str, object], reason: str) -> None:
    taken = paced(1, 1)
    served = msgspec.convert(msgspec.to_builtins(taken.got) | got, Got)
    assert reason in pages.judge([msgspec.structs.replace(taken, got=served)], 1.0).void


def test_pages_that_other_programs_disturbed_are_void() -> None:
    shares = (0.0, 0.3, 0.9)
    rounds = [msgspec.structs.replace(paced(1, 1), others_share=share) for share in shares]
    assert pages.judge(rounds, 1.0).void == "other programs took 30% of the machine, 25% are allowed"
    assert pages.judge(rounds[:1], 1.0).void == ""


def test_a_rate_that_was_not_reached_makes_the_run_void() -> None:
    late = msgspec.structs.replace(paced(1, 1), together=Done(calls=500, skipped=6, wall_s=1.0, p99_ms=1.0))
    assert "6 CALLs were due before" in pages.judge([late], 1.0).void
    refused = msgspec.structs.replace(paced(1, 1), alone=Done(calls=500, refused=1, wall_s=1.0, p99_ms=1.0))
    assert "1 CALLs were not answered" in pages.judge([refused], 1.0).void


def paced(alone_ms: float, together_ms: float) -> Round:
    """A round in which people got what they asked for."""
    alone, together = (Done(calls=500, wall_s=1.0, p99_ms=each) for each in (alone_ms, together_ms))
    return Round(alone, together, Got(lists=LISTS_PER_S, events=(100, 100)))


def test_channels_that_were_told_nothing_show_nothing() -> None:
    good = notify.Round(Done(calls=100, p99_ms=2.0), Done(calls=100, p99_ms=3.0), 0.0)
    found = notify.judge([good], messages=10)
    assert (found.p99_ratio, found.void) == (1.5, "")
    assert notify.judge([good], messages=0).void == "no message was made"
    skipping = notify.Round(good.alone, Done(calls=100, skipped=2, p99_ms=3.0), 0.0)
    assert "CALLs were due" in notify.judge([skipping], 10).void
    disturbed = notify.Round(good.alone, good.together, pages.MOST_TAKEN + 0.01)
    assert "other programs" in notify.judge([disturbed], 10).void
