"""A car's battery, and how fast it takes energy."""

from random import Random

FULL_PERCENT = 99.5
TAPER_FROM_PERCENT = 80.0
"""From here on the power that a car takes falls, in a line, to `LEAST_SHARE` of it."""
LEAST_SHARE = 0.05
LEAST_CURRENT_A = 6.0
"""Below this a car does not charge at all (IEC 61851)."""
VOLTAGE_V = 230.0


class Battery:
    """A battery of `capacity_wh` that takes at most `max_w`. One phase or three."""

    def __init__(self, capacity_wh: float, max_w: float, phases: int, soc_percent: float) -> None:
        self.capacity_wh = capacity_wh
        self.max_w = max_w
        self.phases = phases
        self.stored_wh = capacity_wh * soc_percent / 100

    @property
    def soc_percent(self) -> float:
        return 100 * self.stored_wh / self.capacity_wh

    @property
    def full(self) -> bool:
        return self.soc_percent >= FULL_PERCENT

    def power_w(self, offered_w: float) -> float:
        """What it takes now of what is offered; nothing below the least current of a car."""
        if self.full or offered_w < LEAST_CURRENT_A * VOLTAGE_V * self.phases:
            return 0.0
        over = (self.soc_percent - TAPER_FROM_PERCENT) / (100 - TAPER_FROM_PERCENT)
        share = 1.0 if over <= 0 else max(LEAST_SHARE, 1 - over)
        return min(offered_w, self.max_w * share)

    def charge(self, offered_w: float, seconds: float) -> float:
        """Charge for a short while; the energy in Wh that went in."""
        energy_wh = min(self.power_w(offered_w) * seconds / 3600, self.capacity_wh - self.stored_wh)
        self.stored_wh += energy_wh
        return energy_wh


def any_battery(chance: Random, max_w: float) -> Battery:
    """The next car that comes."""
    phases = chance.choice((1, 3, 3))
    return Battery(
        capacity_wh=chance.choice((38_000, 52_000, 64_000, 77_000)),
        max_w=min(max_w, chance.choice((3_680, 7_360)) if phases == 1 else chance.choice((11_040, 22_080))),
        phases=phases,
        soc_percent=chance.uniform(15, 70),
    )
