"""The load generator as a process of its own: it does what a line of JSON on stdin says, and answers with a
line of JSON on stdout.

`connect` (port, count, prefix) and `introduce` → nothing of interest · `load` (seconds) and `pace` (seconds,
every_s) → a `Done` · `close` → ends.
"""

import gc
import json
import resource
import sys
import time

import msgspec
from msgspec import Struct

from bench.script import Script
from bench.stations import Station, Tally, connect, introduce, load, pace


class Done(Struct, frozen=True):
    """What came of a task; all zero where it was none that sends CALLs."""

    calls: int = 0
    acknowledged: dict[str, int] = {}
    numbered: int = 0
    refused: int = 0
    skipped: int = 0
    wall_s: float = 0.0
    client_cpu_s: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stations: list[Station] = []
    script = Script()
    for line in sys.stdin:
        task = json.loads(line)
        done = Done()
        match task["do"]:
            case "connect":
                names = [f"{task['prefix']}{each:05d}" for each in range(task["count"])]
                stations = connect(task["port"], names)
                gc.freeze()
                gc.disable()
            case "introduce":
                introduce(stations)
            case "load" | "pace":
                done = _run(stations, script, task["seconds"], task.get("every_s", 0.0))
            case "close":
                return
        print(msgspec.json.encode(done).decode(), flush=True)


def _run(stations: list[Station], script: Script, seconds: float, every_s: float) -> Done:
    tally = Tally()
    cpu_s = time.process_time()
    if every_s:
        wall_s = pace(stations, seconds, script, tally, every_s)
    else:
        wall_s = load(stations, seconds, script, tally)
    cpu_s = time.process_time() - cpu_s
    latencies = sorted(tally.latencies_s)
    return Done(
        calls=tally.calls,
        acknowledged=tally.acknowledged,
        numbered=tally.numbered,
        refused=tally.refused,
        skipped=tally.skipped,
        wall_s=wall_s,
        client_cpu_s=cpu_s,
        p50_ms=1000 * latencies[len(latencies) // 2],
        p99_ms=1000 * latencies[len(latencies) * 99 // 100],
    )


if __name__ == "__main__":
    main()
