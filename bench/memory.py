"""What an idle station costs in memory: booted, both connectors reported, one session ended."""

import tempfile
import time
from pathlib import Path

from msgspec import Struct

from bench import processes, servers

SETTLE_S = 3.0


class Memory(Struct, frozen=True):
    stations: int
    base_mib: float
    kib_per_idle_station: float


def measure(stations: int) -> Memory:
    """The proportional set size of all of EVSYS' processes with and without the stations."""
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.evsys(Path(folder)) as server,
        servers.client() as generator,
        servers.client() as crowd,
    ):
        # A first few stations: what is made once is not what a station costs.
        generator.ask("connect", port=server.port, count=50, prefix="warm")
        generator.ask("introduce")
        time.sleep(SETTLE_S)
        base_kib = processes.pss_kib(server.root)
        crowd.ask("connect", port=server.port, count=stations, prefix="idle")
        crowd.ask("introduce")
        time.sleep(SETTLE_S)
        full_kib = processes.pss_kib(server.root)
    return Memory(stations, base_kib / 1024, (full_kib - base_kib) / stations)
