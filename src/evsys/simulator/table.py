"""What a fleet does, live: a table on a terminal, a line now and then elsewhere."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table as RichTable

if TYPE_CHECKING:
    from evsys.simulator.fleet import Fleet

LINE_EVERY_S: Final = 5.0
MOST_ROWS: Final = 40
"""Charge points shown one by one; the others are counted."""
_RIGHT: Final = ("kW", "SoC", "meter kWh")


class Table:
    """Shows a fleet. `say` gets the plain lines."""

    def __init__(self, fleet: "Fleet", say: Callable[[str], None]) -> None:
        self._fleet = fleet
        self._say = say
        self._said_at = 0.0
        console = Console()
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        if self._live is not None:
            self._live.start()

    def show(self) -> None:
        """Bring what is shown up to date."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
        elif time.monotonic() - self._said_at >= LINE_EVERY_S:
            self._said_at = time.monotonic()
            self._say(self._line())

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._live is not None:
            self._live.update(self._table(), refresh=True)
            self._live.stop()

    def _line(self) -> str:
        points = self._fleet.points
        connectors = [connector for point in points for connector in point.connectors]
        power_w = sum(connector.power_w for connector in connectors)
        line = (
            f"{sum(point.mail.up for point in points)} of {len(points)} connected, "
            f"{sum(connector.session is not None for connector in connectors)} charging, "
            f"{power_w / 1000:.1f} kW, {sum(point.mail.waiting for point in points)} messages waiting"
        )
        return f"{line} ({self._fleet.last_error})" if self._fleet.last_error else line

    def _table(self) -> RichTable:
        table = RichTable(title=escape(self._line()))
        for name in ("station", "link", "connector", "status", *_RIGHT, "last message"):
            table.add_column(name, justify="right" if name in _RIGHT else "left")
        for point in self._fleet.points[:MOST_ROWS]:
            link = "up" if point.mail.up else "down"
            if point.mail.waiting:
                link += f", {point.mail.waiting} waiting"
            for connector in point.connectors:
                first = connector.number == 1
                soc = f"{connector.battery.soc_percent:.0f} %" if connector.battery else ""
                table.add_row(
                    escape(point.name) if first else "",
                    link if first else "",
                    str(connector.number),
                    connector.status,
                    f"{connector.power_w / 1000:.1f}" if connector.power_w else "",
                    soc,
                    f"{connector.meter_wh / 1000:.3f}",
                    point.mail.last_sent if first else "",
                )
        return table
