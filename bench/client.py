"""The load generator as a process of its own: it does what a line of JSON on stdin says, and answers with a
line of JSON on stdout.

`connect` (port, count, prefix) → `{}` · `introduce` → `{}` · `load` (seconds, think_s) → what was
acknowledged, the wall time, latencies · `close` → ends.
"""

import json
import resource
import sys
import time

from bench.stations import Station, Tally, connect, introduce, load


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    stations: list[Station] = []
    for line in sys.stdin:
        task = json.loads(line)
        answer: dict[str, object] = {}
        match task["do"]:
            case "connect":
                names = [f"{task['prefix']}{each:05d}" for each in range(task["count"])]
                stations = connect(task["port"], names)
            case "introduce":
                introduce(stations)
            case "load":
                answer = _load(stations, task["seconds"], task.get("think_s", 0.0))
            case "close":
                return
        print(json.dumps(answer), flush=True)


def _load(stations: list[Station], seconds: float, think_s: float) -> dict[str, object]:
    tally = Tally()
    cpu = time.process_time()
    wall_s = load(stations, seconds, tally, think_s)
    latencies = sorted(tally.latencies_s)
    return {
        "acknowledged": tally.acknowledged,
        "calls": tally.calls,
        "refused": tally.refused,
        "wall_s": wall_s,
        "client_cpu_s": time.process_time() - cpu,
        "p50_ms": 1000 * latencies[len(latencies) // 2],
        "p99_ms": 1000 * latencies[len(latencies) * 99 // 100],
    }


if __name__ == "__main__":
    main()
