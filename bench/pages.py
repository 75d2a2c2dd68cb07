"""Pages never hurt chargers: how long acknowledgements take with and without people at the server.

Stations send at a steady rate, far below what the server can do. Rounds without and with 200 readers of the
event stream and 20 lists a second take turns, so that both see the same machine; they are short and many, for
a p99 is easily disturbed, and the medians of both sides are compared. The server runs as it does anywhere,
free to use every core; stations and people share the other end of the machine, where the stations go first:
in truth they are not on this machine at all. It is void where the stations did not reach the rate, where
people did not get what they asked for, or where other programs wanted much of the machine.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import msgspec
from msgspec import Struct

from bench import processes, servers
from bench.client import Done
from bench.people import Got

READERS = 200
LISTS_PER_S = 20
EVERY_S = 2.0
"""A station sends a CALL so often: 1,000 stations make 500 CALLs a second."""
PEOPLE_NICENESS = 10
MOST_SKIPPED = 0.01
"""Of the CALLs that were due; with more the rate was another."""
MOST_TAKEN = 0.25
"""Of the machine by other programs: with more it is they that the stations wait for."""
LEAST_SERVED = 0.9
"""Of the lists that people asked for, and of the events that the best served reader got."""


class Round(Struct, frozen=True):
    """The same load alone, then with people."""

    alone: Done
    together: Done
    got: Got
    others_share: float = 0.0
    """What other programs took of the whole machine."""


class Used(Struct, frozen=True):
    """Where the time of the processors has gone, up to a moment."""

    at_s: float
    all_s: float
    ours_s: float

    @classmethod
    def now(cls, server: servers.Server, generator: servers.Client) -> "Used":
        ours = [*processes.cpu_s(server.root).values(), *processes.cpu_s(generator.pid).values()]
        busy_s = sum(processes.core_busy_s(core) for core in range(os.cpu_count() or 1))
        return cls(time.monotonic(), busy_s, sum(ours))

    def others_share(self, before: "Used") -> float:
        """What was neither the server's nor the generator's, of all processors."""
        others_s = self.all_s - before.all_s - (self.ours_s - before.ours_s)
        return max(0.0, others_s / (self.at_s - before.at_s) / (os.cpu_count() or 1))


class Pages(Struct, frozen=True):
    """Acknowledgements in ms, and what people got meanwhile."""

    p99_ratio: float
    """The median p99 with people divided by the median p99 without."""
    p99_ms: float
    p99_with_people_ms: float
    p50_ms: float
    p50_with_people_ms: float
    calls_per_s: float
    p99s_ms: list[tuple[float, float]]
    """Of the rounds, without and with."""
    others_share: float
    """What other programs took of the whole machine: what is above a few percent may be in the figures."""
    lists: int
    failed_lists: int
    events_per_reader: int
    stream_kib: int
    void: str
    """Why the figures do not count; empty where they do."""


def measure(rounds: int, seconds: float, stations: int, readers: int = READERS) -> Pages:
    """Rounds without and with people."""
    taken: list[Round] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        servers.evsys(Path(folder), pinned=False) as server,
        servers.client() as generator,
    ):
        generator.ask("connect", port=server.port, count=stations, prefix="pages")
        generator.ask("introduce")
        generator.ask("pace", seconds=EVERY_S, every_s=EVERY_S)
        for _ in range(rounds):
            before = Used.now(server, generator)
            alone = generator.ask("pace", seconds=seconds, every_s=EVERY_S)
            share = Used.now(server, generator).others_share(before)
            with people(server, readers) as got:
                generator.ask("pace", seconds=EVERY_S, every_s=EVERY_S)
                together = generator.ask("pace", seconds=seconds, every_s=EVERY_S)
            taken.append(Round(alone, together, got[0], share))
    return judge(taken, seconds)


def judge(rounds: list[Round], seconds: float) -> Pages:
    """The medians, and whether they count. `seconds` is how long people read at least in a round."""
    p99_ms = median(each.alone.p99_ms for each in rounds)
    p99_with_people_ms = median(each.together.p99_ms for each in rounds)
    return Pages(
        p99_ratio=p99_with_people_ms / p99_ms,
        p99_ms=p99_ms,
        p99_with_people_ms=p99_with_people_ms,
        p50_ms=median(each.alone.p50_ms for each in rounds),
        p50_with_people_ms=median(each.together.p50_ms for each in rounds),
        calls_per_s=median(each.together.calls / each.together.wall_s for each in rounds),
        p99s_ms=[(each.alone.p99_ms, each.together.p99_ms) for each in rounds],
        others_share=median(each.others_share for each in rounds),
        lists=sum(each.got.lists for each in rounds),
        failed_lists=sum(each.got.failed_lists for each in rounds),
        events_per_reader=min(each.got.events[0] for each in rounds),
        stream_kib=sum(each.got.stream_bytes for each in rounds) // 1024,
        void="; ".join(dict.fromkeys(_all_wrongs(rounds, seconds))),
    )


def _all_wrongs(rounds: list[Round], seconds: float) -> Iterator[str]:
    taken = median(each.others_share for each in rounds)
    if taken > MOST_TAKEN:
        yield f"other programs took {taken:.0%} of the machine, {MOST_TAKEN:.0%} are allowed"
    for each in rounds:
        yield from _wrongs(each, seconds)


def _wrongs(taken: Round, seconds: float) -> Iterator[str]:
    for load in (taken.alone, taken.together):
        if load.skipped > MOST_SKIPPED * load.calls:
            yield f"{load.skipped} CALLs were due before the last was answered"
        if load.refused:
            yield f"{load.refused} CALLs were not answered with a result"
    got = taken.got
    if got.failed_lists or got.lists < LEAST_SERVED * LISTS_PER_S * seconds:
        yield f"people got {got.lists} lists, and {got.failed_lists} failed"
    if got.cut_streams:
        yield f"{got.cut_streams} streams of events were cut"
    if not got.events[0] or got.events[0] < LEAST_SERVED * got.events[1]:
        yield f"a reader got {got.events[0]} events, another {got.events[1]}"


@contextlib.contextmanager
def people(server: servers.Server, readers: int) -> Iterator[list[Got]]:
    """People at a server for the time of a block; what they got stands in the list afterwards."""
    told = (str(server.api_port), server.api_key, str(readers), str(LISTS_PER_S))
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.people", *told],
        cwd=servers.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    processes.pin(process.pid, servers.CLIENT_CORE)
    os.setpriority(os.PRIO_PROCESS, process.pid, PEOPLE_NICENESS)
    assert process.stdout is not None
    got: list[Got] = []
    try:
        if not process.stdout.readline():
            raise RuntimeError("the streams of events could not be opened")
        yield got
    finally:
        said, _ = process.communicate(timeout=30)
        if said:
            got.append(msgspec.json.decode(said, type=Got))
