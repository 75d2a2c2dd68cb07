"""`make bench`: what EVSYS costs on this machine, as a table and as `bench/results/latest.json`.

Ends within 12 minutes on 2 cores. With `--quick` each part is short, to see that it runs. Figures of a run
that says *void* do not count: the reason stands beside them.
"""

import argparse
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import msgspec
from msgspec import Struct

from bench import durable, memory, pages

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5
SECONDS = 8.0
STATIONS = 1000
IDLE_STATIONS = 9000


class Machine(Struct, frozen=True):
    """What the figures belong to."""

    processor: str
    python: str
    picows: str
    commit: str
    at: datetime


class Results(Struct, frozen=True):
    """`latest.json`. The figures that are compared stand on top; all of a part below."""

    machine: Machine
    durable_ratio: float
    p99_ms: float
    kib_per_idle_station: float
    pages_p99_ratio: float
    void: str
    durable: durable.Durable
    memory: memory.Memory
    pages: pages.Pages


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short parts, for a look")
    quick = parser.parse_args().quick
    load = durable.measure(2 if quick else ROUNDS, 2.0 if quick else SECONDS, 200 if quick else STATIONS)
    idle = memory.measure(500 if quick else IDLE_STATIONS)
    people = pages.measure(2 if quick else ROUNDS, 3.0 if quick else SECONDS, 200 if quick else STATIONS)
    results = Results(
        machine=machine(),
        durable_ratio=load.durable_ratio,
        p99_ms=load.p99_ms,
        kib_per_idle_station=idle.kib_per_idle_station,
        pages_p99_ratio=people.p99_ratio,
        void=load.void,
        durable=load,
        memory=idle,
        pages=people,
    )
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_bytes(msgspec.json.format(msgspec.json.encode(results)) + b"\n")
    print(table(results))
    return 0


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
    )


def table(results: Results) -> str:
    """The results for people."""
    load, idle, people = results.durable, results.memory, results.pages
    rows = [
        ("bare picows echo, server CPU per CALL", f"{load.echo_us:.1f} µs"),
        ("EVSYS, server CPU per durable CALL, all processes", f"{load.evsys_us:.1f} µs"),
        ("durable ratio (echo ÷ EVSYS)", f"{load.durable_ratio:.2f}"),
        ("durable CALLs per second on one core", f"{load.calls_per_s:.0f}"),
        ("acknowledgement, p50 / p99", f"{load.p50_ms:.1f} / {load.p99_ms:.1f} ms"),
        ("serving core busy, EVSYS / echo", f"{load.busy:.0%} / {load.echo_busy:.0%}"),
        (f"memory per idle station, of {idle.stations}", f"{idle.kib_per_idle_station:.1f} KiB"),
        ("memory without stations", f"{idle.base_mib:.0f} MiB"),
        ("p99 of 500 CALLs/s, alone", f"{people.p99_ms:.1f} ms"),
        (
            f"p99 with {pages.READERS} event streams and {pages.LISTS_PER_S} lists/s",
            f"{people.p99_with_people_ms:.1f} ms",
        ),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    if results.void:
        lines.append(f"void: {results.void}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
