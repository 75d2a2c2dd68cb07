"""What came of a simulation: sums by station for people, every session for programs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from evsys.simulator.charge_point import ChargePoint
from evsys.simulator.session import Session

MOST_STATIONS: Final = 40
"""Stations with a line of their own; the others are in the sum."""


def sessions_of(points: list[ChargePoint]) -> list[Session]:
    """All sessions, station by station in the order of their starts."""
    return [session for point in points for session in point.cabinet.report]


def write(points: list[ChargePoint], path: Path) -> None:
    """All sessions as a JSON list, as the stations know them. Raises OSError."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(sessions_of(points))) + b"\n")


def summary(points: list[ChargePoint]) -> Iterator[str]:
    """The sums, line by line."""
    for point in points[:MOST_STATIONS]:
        own = point.cabinet.report
        running = [each for each in point.connectors if each.session is not None]
        energy_wh = sum(each.energy_wh for each in own) + sum(each.energy_wh for each in running)
        yield f"{point.name}: {len(own)} sessions, {len(running)} of them running, {energy_wh} Wh"
    if len(points) > MOST_STATIONS:
        yield f"and {len(points) - MOST_STATIONS} more stations"
    sessions = sessions_of(points)
    ended = [each for each in sessions if each.meter_stop_wh is not None]
    energy_wh = sum(each.energy_wh for each in ended)
    unheard = sum(not each.start_acknowledged for each in sessions)
    unheard += sum(not each.stop_acknowledged for each in ended)
    yield (
        f"{len(sessions)} sessions begun, {len(ended)} ended with {energy_wh} Wh; "
        f"{unheard} starts and stops not acknowledged"
    )
