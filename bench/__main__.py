"""`make bench`: what EVSYS costs on this machine, as a table and as `bench/results/latest.json`.

Ends within 12 minutes on 2 cores. With `--quick` each part is short, to see that it runs. Figures of a part
that says *void* do not count: the reason stands beside them. What the figures mean: `docs/benchmarks.md`.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import Struct

from bench import durable, memory, notify, pages

RESULTS = Path(__file__).parent / "results"


class Size(Struct, frozen=True):
    """How much is measured."""

    rounds: int
    tries: int
    """Of the rounds of load, some may not count."""
    seconds: float
    """Of each half of a round."""
    stations: int
    idle_stations: int
    pages_rounds: int
    pages_seconds: float
    notify_rounds: int
    notify_seconds: float


FULL = Size(
    5,
    tries=9,
    seconds=8.0,
    stations=1000,
    idle_stations=10_000,
    pages_rounds=9,
    pages_seconds=5.0,
    notify_rounds=5,
    notify_seconds=4.0,
)
QUICK = Size(
    1,
    tries=1,
    seconds=2.0,
    stations=200,
    idle_stations=500,
    pages_rounds=1,
    pages_seconds=2.0,
    notify_rounds=1,
    notify_seconds=2.0,
)


class Machine(Struct, frozen=True):
    """What the figures belong to."""

    processor: str
    python: str
    picows: str
    commit: str
    at: datetime
    load: float
    """How many programs wanted a core on average in the minute before."""


class Results(Struct, frozen=True):
    """`latest.json`. The figures that are compared stand on top; all of a part below."""

    machine: Machine
    durable_ratio: float
    p99_ms: float
    kib_per_idle_station: float
    pages_p99_ratio: float
    notify_p99_ratio: float
    void: str
    durable: durable.Durable
    memory: memory.Memory
    pages: pages.Pages
    notify: notify.Notify
    took_s: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short parts, for a look")
    size = QUICK if parser.parse_args().quick else FULL
    if (os.cpu_count() or 1) < 2:
        parser.error("the server and the load generator need a core each")
    results = measure(size)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    print(table(results))
    return 0


def measure(size: Size) -> Results:
    """All parts, one after the other."""
    begin = time.monotonic()
    on = machine()
    say("load: an echo and EVSYS in turns")
    load = durable.measure(size.rounds, size.tries, size.seconds, size.stations)
    say(f"durable ratio {load.durable_ratio:.3f} {load.void}")
    say(f"memory: {size.idle_stations} idle stations")
    idle = memory.measure(size.idle_stations)
    say(f"{idle.kib_per_idle_station:.1f} KiB per idle station")
    say(f"pages: {pages.READERS} event streams and {pages.LISTS_PER_S} lists/s beside stations")
    people = pages.measure(size.pages_rounds, size.pages_seconds, size.stations)
    say("notify: dead and slow channels beside stations")
    channels = notify.measure(size.notify_rounds, size.notify_seconds, size.stations)
    voids = {"load": load.void, "pages": people.void, "notify": channels.void}
    return Results(
        machine=on,
        durable_ratio=load.durable_ratio,
        p99_ms=load.p99_ms,
        kib_per_idle_station=idle.kib_per_idle_station,
        pages_p99_ratio=people.p99_ratio,
        notify_p99_ratio=channels.p99_ratio,
        void="; ".join(f"{part}: {reason}" for part, reason in voids.items() if reason),
        durable=load,
        memory=idle,
        pages=people,
        notify=channels,
        took_s=time.monotonic() - begin,
    )


def say(text: str) -> None:
    """What is under way or was found, beside the results."""
    print(text, file=sys.stderr, flush=True)


def machine() -> Machine:
    """This machine and this program."""
    processors = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return Machine(
        processor=f"{len(processors)} × {processors[0]}" if processors else platform.machine(),
        python=platform.python_version(),
        picows=version("picows"),
        commit=commit.stdout.strip(),
        at=datetime.now(UTC),
        load=os.getloadavg()[0],
    )


def table(results: Results) -> str:
    """The results for people."""
    load, idle, people = results.durable, results.memory, results.pages
    reading = f"{pages.READERS} event streams, {pages.LISTS_PER_S} lists/s"
    rows = [
        ("bare picows echo, server CPU per CALL", f"{load.echo_us:.1f} µs"),
        ("EVSYS, server CPU per durable CALL, all processes", f"{load.evsys_us:.1f} µs"),
        ("durable ratio (echo ÷ EVSYS)", f"{load.durable_ratio:.3f}"),
        (
            "CALLs per second on one core, EVSYS / echo",
            f"{load.calls_per_s:.0f} / {load.echo_calls_per_s:.0f}",
        ),
        ("acknowledgement under that load, p50 / p99", f"{load.p50_ms:.1f} / {load.p99_ms:.1f} ms"),
        ("serving core busy, EVSYS / echo", f"{load.busy:.1%} / {load.echo_busy:.1%}"),
        ("load generator, CPU per CALL", f"{load.client_us:.1f} µs"),
        ("rounds of load that count, of those taken", f"{load.rounds} of {load.tried}"),
        ("CALLs acknowledged and found in the database", f"{sum(load.acknowledged.values())}"),
        ("pieces of the wire log dropped meanwhile", f"{load.wire_dropped}"),
        (f"memory per idle station, of {idle.stations}", f"{idle.kib_per_idle_station:.1f} KiB"),
        ("memory without stations", f"{idle.base_mib:.0f} MiB"),
        (
            f"acknowledgement at {people.calls_per_s:.0f} CALLs/s, p50 / p99",
            f"{people.p50_ms:.2f} / {people.p99_ms:.2f} ms",
        ),
        (f"the same with {reading}", f"{people.p50_with_people_ms:.2f} / {people.p99_with_people_ms:.2f} ms"),
        ("pages ratio (p99 with ÷ p99 without)", f"{people.p99_ratio:.2f}"),
        ("notify ratio (p99 with dead channels ÷ p99 without)", f"{results.notify_p99_ratio:.2f}"),
        (
            "taken by other programs: serving core / machine",
            f"{load.others_share:.0%} / {people.others_share:.0%}",
        ),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    if results.void:
        lines.append(f"void: {results.void}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
