"""The bench checks itself: figures that do not count are said to be void, and a lost row ends the run."""

import pytest
from bench import durable
from bench.durable import Load, check, judge
from bench.stations import CYCLE, PLAN, Station, frame


def load(us_per_call: float, busy: float = 1.0, refused: int = 0) -> Load:
    """A second of load at so many microseconds of server CPU per CALL."""
    calls = int(busy * 1e6 / us_per_call)
    return Load(
        calls=calls,
        refused=refused,
        wall_s=1.0,
        server_cpu_s=busy,
        p50_ms=1.0,
        p99_ms=2.0,
        acknowledged=dict.fromkeys("SMHNT", calls // 5),
    )


def test_the_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    found = judge([(load(10), load(20)), (load(20), load(50)), (load(10), load(100))])
    assert found.durable_ratio == pytest.approx(0.4, rel=0.01)
    assert found.void == ""


def test_a_run_whose_server_was_not_the_limit_is_void() -> None:
    assert "90% busy" in judge([(load(10), load(20, busy=0.9))]).void
    assert judge([(load(10), load(20, busy=durable.BUSY_SHARE))]).void == ""


def test_a_run_with_refused_calls_is_void() -> None:
    assert "3 CALLs" in judge([(load(10), load(20, refused=3))]).void


def test_a_lost_or_doubled_message_ends_the_run() -> None:
    before = dict.fromkeys("STMN", 10)
    check(before, dict.fromkeys("STMN", 15), dict.fromkeys("SMHNT", 5))
    with pytest.raises(RuntimeError, match="M: 5 acknowledged, 4 stored"):
        check(before, dict.fromkeys("STMN", 15) | {"M": 14}, dict.fromkeys("SMHNT", 5))
    with pytest.raises(RuntimeError, match="T: 5 acknowledged, 6 stored"):
        check(before, dict.fromkeys("STMN", 15) | {"T": 16}, dict.fromkeys("SMHNT", 5))


def test_the_mix_is_what_it_is_said_to_be() -> None:
    shares = {step: PLAN.count(step) / CYCLE for step in "HNMST"}
    assert shares == {"H": 0.2, "N": 0.2, "M": 0.5, "S": 0.05, "T": 0.05}
    assert len(PLAN) == CYCLE


def test_no_two_frames_of_a_station_are_the_same() -> None:
    station = Station("CP1", None)  # type: ignore[arg-type]  # it is not connected
    frames = [station.next_call(b"2026-06-01T12:00:00.000000Z") for _ in range(10 * CYCLE)]
    assert len(set(frames)) == len(frames)
    assert all(frame(text).endswith(text) for text in frames)
