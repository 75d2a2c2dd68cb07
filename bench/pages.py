"""Pages never hurt chargers: how long acknowledgements take with and without people at the server.

Stations send at a steady rate, far below what the server can do. Rounds with and without 200 readers of the
event stream and 20 lists a second take turns, so that both see the same machine.
"""

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from msgspec import Struct

from bench import servers

READERS = 200
LISTS_PER_S = 20
THINK_S = 2.0
"""Between an answer and the next CALL of a station: 1,000 stations make 500 CALLs a second."""


class Pages(Struct, frozen=True):
    """Acknowledgements in ms, and what people got meanwhile."""

    p99_ms: float
    p99_with_people_ms: float
    p99_ratio: float
    p50_ms: float
    p50_with_people_ms: float
    lists: int
    failed_lists: int
    stream_kib: int


def measure(rounds: int, seconds: float, stations: int, readers: int = READERS) -> Pages:
    """Rounds without and with people."""
    alone, together, got = [], [], []
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.evsys(Path(folder), pinned=False) as server,
        servers.client() as generator,
    ):
        generator.ask("connect", port=server.port, count=stations, prefix="pages")
        generator.ask("introduce")
        generator.ask("load", seconds=THINK_S, think_s=THINK_S)
        for _ in range(rounds):
            alone.append(generator.ask("load", seconds=seconds, think_s=THINK_S))
            with people(server, readers) as seen:
                together.append(generator.ask("load", seconds=seconds, think_s=THINK_S))
            got.append(seen)
    p99, p99_with = (median(float(str(each["p99_ms"])) for each in side) for side in (alone, together))
    p50, p50_with = (median(float(str(each["p50_ms"])) for each in side) for side in (alone, together))
    return Pages(
        p99_ms=p99,
        p99_with_people_ms=p99_with,
        p99_ratio=p99_with / p99,
        p50_ms=p50,
        p50_with_people_ms=p50_with,
        lists=sum(each["lists"] for each in got),
        failed_lists=sum(each["failed_lists"] for each in got),
        stream_kib=sum(each["stream_bytes"] for each in got) // 1024,
    )


@contextlib.contextmanager
def people(server: servers.Server, readers: int) -> Iterator[dict[str, int]]:
    """People at a server for the time of a block; what they got stands in the dictionary afterwards."""
    told = (str(server.api_port), server.api_key, str(readers), str(LISTS_PER_S))
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.people", *told],
        cwd=servers.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    if not process.stdout.readline():
        raise RuntimeError("the streams of events could not be opened")
    got: dict[str, int] = {}
    try:
        yield got
    finally:
        process.stdin.close()
        got.update(json.loads(process.stdout.readline() or "{}"))
        process.wait(30)
