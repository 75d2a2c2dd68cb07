"""A car's battery, and how fast it takes energy."""

from typing import Final

FULL_PERCENT: Final = 99.5
TAPER_FROM_PERCENT: Final = 88.0
"""From here on the power that a car takes falls, in a line, to `LEAST_SHARE` of it where it is full."""
LEAST_SHARE: Final = 0.1
LEAST_CURRENT_A: Final = 6.0
"""Offered less than this, a car does not charge at all (IEC 61851)."""
VOLTAGE_V: Final = 230.0


class Battery:
    """A battery of `capacity_wh` that takes at most `max_w` over one phase or three."""

    __slots__ = ("capacity_wh", "max_w", "phases", "stored_wh")

    def __init__(self, capacity_wh: float, max_w: float, phases: int, soc_percent: float) -> None:
        self.capacity_wh = capacity_wh
        self.max_w = max_w
        self.phases = phases
        self.stored_wh = capacity_wh * soc_percent / 100

    @property
    def soc_percent(self) -> float:
        """The state of charge."""
        return 100 * self.stored_wh / self.capacity_wh

    @property
    def full(self) -> bool:
        return self.soc_percent >= FULL_PERCENT

    def power_w(self, offered_w: float) -> float:
        """What it takes now of what is offered; nothing below the least current of a car."""
        if self.full or offered_w < LEAST_CURRENT_A * VOLTAGE_V * self.phases:
            return 0.0
        over = max(0.0, self.soc_percent - TAPER_FROM_PERCENT) / (FULL_PERCENT - TAPER_FROM_PERCENT)
        return min(offered_w, self.max_w * (1 - over * (1 - LEAST_SHARE)))

    def take(self, power_w: float, seconds: float) -> float:
        """Charge with this power for a while; the energy in Wh that went in."""
        energy_wh = min(power_w * seconds / 3600, self.capacity_wh - self.stored_wh)
        self.stored_wh += energy_wh
        return energy_wh
