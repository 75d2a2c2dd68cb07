"""Registers that restart, stick and jump."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from evsys.core.energy import advance, energy_wh, first_reading, is_restart
from evsys.core.records import MeterValue, Transaction
from kit.clock import NOON


def transaction(meter_start_wh: int, flags: tuple[str, ...] = ()) -> Transaction:
    return Transaction(
        id="1",
        station_id="CP1",
        evse_id=1,
        connector_id=1,
        authorization="Accepted",
        started_at=NOON,
        start_received_at=NOON,
        meter_start_wh=meter_start_wh,
        flags=flags,
    )


def value(minute: int, energy: float | None) -> MeterValue:
    at = NOON + timedelta(minutes=minute)
    return MeterValue(
        digest=0,
        station_id="CP1",
        evse_id=1,
        transaction_id="1",
        at=at,
        reported_at=at,
        received_at=at,
        energy_wh=energy,
    )


def test_a_restart_is_a_fall_to_near_zero():
    assert is_restart(10_000, 0)
    assert is_restart(10_000, 4_999)
    assert not is_restart(10_000, 5_001)  # noise
    assert not is_restart(40, 0)  # off by a few watt-hours
    assert not is_restart(99_999_999, 5_000_000)  # the end of a spike
    assert not is_restart(10_000, -1)


def test_noise_that_is_repeated_after_an_older_value_is_no_restart():
    begun = transaction(10)
    reading = first_reading(begun)
    for each in (value(5, 0), value(4, 1000), value(5, 0)):
        reading = advance(begun, reading, each)
        assert reading is not None
    assert (reading.energy_wh, reading.carried_wh) == (10, 0)


def test_a_value_without_energy_says_only_that_the_session_lives():
    begun = transaction(100)
    reading = advance(begun, first_reading(begun), value(5, None))
    assert reading is not None
    assert (reading.energy_wh, reading.received_at) == (100.0, NOON + timedelta(minutes=5))
    unmeasured = transaction(0, ("no_meter_start",))
    assert advance(unmeasured, None, value(5, None)) is None


registers = st.floats(-1e6, 1e15, allow_nan=False)


@given(
    start=st.integers(-100, 2**53),
    flags=st.sampled_from([(), ("no_meter_start",), ("clock",)]),
    readings=st.lists(st.tuples(st.integers(-10, 60), st.none() | registers), max_size=12),
    stop=st.none() | st.integers(-(2**53), 2**53),
)
def test_energy_is_never_negative_whatever_the_registers_say(start, flags, readings, stop):
    begun = transaction(start, flags)
    reading = first_reading(begun)
    for minute, energy in readings:
        reading = advance(begun, reading, value(minute, energy))
    assert energy_wh(begun, reading, None)[0] >= 0
    assert energy_wh(begun, reading, stop)[0] >= 0


@given(st.lists(st.tuples(st.integers(0, 40_000), st.booleans()), min_size=1, max_size=12))
def test_energy_is_the_sum_over_all_restarts(steps):
    """A register that rises, or restarts and rises, gives exactly what was taken."""
    begun = transaction(1_000_000)
    reading = first_reading(begun)
    register, taken = 1_000_000, 0
    for minute, (rise, restarts) in enumerate(steps, start=1):
        if restarts and register > 2 * rise + 100:
            register = 0
        register += rise
        taken += rise
        reading = advance(begun, reading, value(minute, float(register)))
    assert energy_wh(begun, reading, register) == (taken, True)
