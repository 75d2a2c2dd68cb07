"""Energy: what a session has taken, from registers that restart, stick and jump (OCPP 1.6 §4.8, §4.10).

A register only rises; a fall to near zero is a restart (per session or per boot, depending on the meter), any
other fall is noise and changes nothing. Energy is the sum over all restarts and never negative. Where a start
gave no usable register, energy counts from the first reading.
"""

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from evsys.core.records import MeterValue, Transaction

RESTART_BELOW: Final = 0.5
"""A register that falls below this share of its last reading has restarted; a smaller fall is noise."""
RESTART_FALL_WH: Final = 50
"""A fall by less than this is noise whatever its share: meters are off by a few Wh."""
RESTARTED_WH: Final = 500_000
"""A register that has just restarted shows less than this: ten minutes of the strongest charger there is.
Above, a fall is the end of a spike."""
NO_METER_START: Final = "no_meter_start"
"""The flag of a transaction whose start gave no register."""
_EVER: Final = datetime.min.replace(tzinfo=UTC)


class Reading(Struct, frozen=True, gc=False):
    """The newest energy register reading of a transaction. `at` is the station's time, `received_at` is when
    anything of the transaction was last heard."""

    at: datetime
    received_at: datetime
    energy_wh: float
    carried_wh: float = 0.0
    """Energy of the registers before the last restart; negative where energy counts from the first
    reading."""


def first_reading(transaction: Transaction) -> Reading | None:
    """The reading that a start gives; None where its register is unknown."""
    if not _measured(transaction):
        return None
    # The time of a clock that was wrong says nothing about which value is newer.
    at = _EVER if "clock" in transaction.flags else transaction.started_at
    return Reading(at, transaction.start_received_at, float(transaction.meter_start_wh))


def advance(transaction: Transaction, last: Reading | None, value: MeterValue) -> Reading | None:
    """The reading after a value of the transaction. Values out of order, from before the start (repeats of
    what was recorded then) and noise only say that it lives."""
    energy_wh = value.energy_wh
    counts = energy_wh is not None and (value.at > transaction.started_at or "clock" in transaction.flags)
    if last is None:
        if energy_wh is None or not counts:
            return None
        return Reading(value.at, value.received_at, energy_wh, transaction.meter_start_wh - energy_wh)
    at = last.at
    if energy_wh is not None and counts and value.at >= last.at:
        if energy_wh >= last.energy_wh:
            return Reading(value.at, value.received_at, energy_wh, last.carried_wh)
        if value.at > last.at and is_restart(last.energy_wh, energy_wh):
            return Reading(value.at, value.received_at, energy_wh, last.carried_wh + last.energy_wh)
        at = value.at  # noise is a reading too: repeated after an older one that came late, it is no restart
    return Reading(at, value.received_at, last.energy_wh, last.carried_wh)


def is_restart(before_wh: float, after_wh: float) -> bool:
    """Whether a fall of the register is a restart near zero and not a glitch."""
    return (
        after_wh < before_wh * RESTART_BELOW
        and before_wh - after_wh > RESTART_FALL_WH
        and 0 <= after_wh < RESTARTED_WH
    )


def energy_wh(
    transaction: Transaction, reading: Reading | None, meter_stop_wh: int | None
) -> tuple[int, bool]:
    """The energy of a session in Wh over all restarts of the register, never negative, and whether the stop's
    own register was fit for it."""
    last = reading or first_reading(transaction)
    if last is None:
        return 0, False
    by_readings = max(0, round(last.carried_wh + last.energy_wh - transaction.meter_start_wh))
    if meter_stop_wh is None or meter_stop_wh < 0:
        return by_readings, False
    carried = last.carried_wh
    if is_restart(last.energy_wh, meter_stop_wh):
        carried += last.energy_wh
    energy = round(carried + meter_stop_wh - transaction.meter_start_wh)
    return (energy, True) if energy >= 0 else (by_readings, False)


def restarted(transaction: Transaction, reading: Reading | None, meter_stop_wh: int) -> bool:
    """Whether the register restarted between start and stop."""
    last = reading or first_reading(transaction)
    return last is not None and (last.carried_wh > 0 or is_restart(last.energy_wh, meter_stop_wh))


def _measured(transaction: Transaction) -> bool:
    return transaction.meter_start_wh >= 0 and NO_METER_START not in transaction.flags
