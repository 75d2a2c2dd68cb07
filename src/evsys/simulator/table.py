"""What a fleet does, live: a table on a terminal, a line now and then elsewhere."""

import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rich.live import Live
from rich.table import Table as RichTable

if TYPE_CHECKING:
    from evsys.simulator.fleet import Fleet

LINE_EVERY_S: Final = 5.0
MOST_ROWS: Final = 40
"""Charge points shown one by one; the others are counted."""


class Table:
    """Shows a fleet. `say` gets the plain lines."""

    def __init__(self, fleet: "Fleet", say: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._say = say
        self._said_at = 0.0
        self._live = Live(refresh_per_second=4) if sys.stdout.isatty() else None
        if self._live is not None:
            self._live.start()

    def show(self) -> None:
        if self._live is not None:
            self._live.update(self._table())
        elif time.monotonic() - self._said_at >= LINE_EVERY_S:
            self._said_at = time.monotonic()
            self._say(self._line())

    def close(self) -> None:
        if self._live is not None:
            self._live.update(self._table())
            self._live.stop()

    def _line(self) -> str:
        points = self._fleet.points
        connectors = [connector for point in points for connector in point.connectors]
        power_w = sum(connector.power_w for connector in connectors)
        line = (
            f"{sum(map(self._fleet.connected, points))} of {len(points)} connected, "
            f"{sum(connector.session is not None for connector in connectors)} charging, "
            f"{power_w / 1000:.1f} kW, {sum(point.mail.waiting for point in points)} messages waiting"
        )
        return f"{line} ({self._fleet.last_error})" if self._fleet.last_error else line

    def _table(self) -> RichTable:
        table = RichTable(title=self._line())
        for name in ("station", "link", "connector", "status", "kW", "SoC", "meter kWh", "last message"):
            table.add_column(name, justify="right" if name in ("kW", "SoC", "meter kWh") else "left")
        for point in self._fleet.points[:MOST_ROWS]:
            link = "up" if self._fleet.connected(point) else "down"
            if point.mail.waiting:
                link += f", {point.mail.waiting} waiting"
            for connector in point.connectors:
                first = connector.number == 1
                soc = f"{connector.battery.soc_percent:.0f} %" if connector.battery else ""
                table.add_row(
                    point.name if first else "",
                    link if first else "",
                    str(connector.number),
                    connector.status,
                    f"{connector.power_w / 1000:.1f}" if connector.power_w else "",
                    soc,
                    f"{connector.meter_wh / 1000:.3f}",
                    point.mail.last_sent if first else "",
                )
        return table
