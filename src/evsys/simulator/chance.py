"""What is left to chance: drawn from the seed, whatever the clock and the central system do.

Who comes to a connector for the nth time depends on the seed, the station, the connector and n alone. So two
runs of one seed have the same drivers with the same cars, although the times of a network never repeat.
"""

from random import Random
from typing import Final
from zlib import crc32

from msgspec import Struct

from evsys.simulator.battery import Battery

Span = tuple[float, float]

IDLE_S: Final = (20.0, 240.0)
"""How long a connector is free between two drivers (all these are simulated seconds)."""
FIRST_IDLE_S: Final = (1.0, 20.0)
"""The same before the first one: whoever watches wants to see something."""
PLUGGED_S: Final = (2.0, 8.0)
"""Between plugging in and holding the card to the reader."""
STAY_S: Final = (1200.0, 7200.0)
"""How long a driver stays at most, full or not."""
FULL_STAY_S: Final = (60.0, 600.0)
"""How long a full car stays."""
UNPLUG_S: Final = (5.0, 20.0)
"""Between the end of a session and the empty place."""
PULLS_THE_PLUG: Final = 0.3
"""The share of drivers who end a session at the car instead of with their card."""
REGULARS: Final = 4
"""Drivers of each connector, where no tokens are given: their own, so that nobody charges twice at once."""


class Visit(Struct, frozen=True, gc=False):
    """One driver's visit, planned."""

    idle_s: float
    token: str
    capacity_wh: float
    max_w: float
    phases: int
    soc_percent: float
    plugged_s: float
    stay_s: float
    full_stay_s: float
    unplug_s: float
    pulls_the_plug: bool

    def car(self) -> Battery:
        """The car as it arrives."""
        return Battery(self.capacity_wh, self.max_w, self.phases, self.soc_percent)


def visit(seed: int, station: str, connector: int, nth: int, tokens: tuple[str, ...], most_w: float) -> Visit:
    """The nth visit (from 0) to a connector that gives at most `most_w`."""
    chance = Random(f"{seed}/{station}/{connector}/{nth}")
    phases = chance.choice((1, 3, 3))
    regular = chance.randrange(REGULARS)
    return Visit(
        idle_s=chance.uniform(*(IDLE_S if nth else FIRST_IDLE_S)),
        token=chance.choice(tokens) if tokens else card(f"{station}/{connector}/{regular}"),
        capacity_wh=chance.choice((38_000, 52_000, 64_000, 77_000)),
        max_w=min(most_w, chance.choice((3_680, 7_360)) if phases == 1 else chance.choice((11_040, 22_080))),
        phases=phases,
        soc_percent=chance.uniform(25, 92),
        plugged_s=chance.uniform(*PLUGGED_S),
        stay_s=chance.uniform(*STAY_S),
        full_stay_s=chance.uniform(*FULL_STAY_S),
        unplug_s=chance.uniform(*UNPLUG_S),
        pulls_the_plug=chance.random() < PULLS_THE_PLUG,
    )


def card(owner: str) -> str:
    """The number of somebody's card, as a reader gives it: eight hexadecimal digits."""
    return f"{crc32(owner.encode()):08X}"


class Dice:
    """A row of chances of its own. It keeps no state but a count: a `Random` holds 2.5 KiB."""

    __slots__ = ("_count", "_seed")

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._count = 0

    def between(self, span: Span) -> float:
        self._count += 1
        return Random(f"{self._seed}/{self._count}").uniform(*span)
