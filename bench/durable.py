"""The main figure: server CPU per durable CALL, in multiples of the bare echo of the same frames.

Each round loads the echo and EVSYS one after the other, so that both see the same machine; the figures are
medians of the rounds' own ratios. A round counts only where the serving core was the limit; and afterwards
every acknowledged message must be found in the database, once.
"""

import tempfile
from pathlib import Path
from statistics import median

from msgspec import Struct

from bench import processes, servers

BUSY_SHARE = 0.95
"""Below this share of the serving core the load generator, not the server, was the limit: void."""
WARM_UP_S = 1.0


class Load(Struct, frozen=True):
    """One server under load for a while."""

    calls: int
    refused: int
    wall_s: float
    server_cpu_s: float
    p50_ms: float
    p99_ms: float
    acknowledged: dict[str, int]

    @property
    def us_per_call(self) -> float:
        return self.server_cpu_s / self.calls * 1e6

    @property
    def calls_per_s(self) -> float:
        return self.calls / self.wall_s

    @property
    def busy(self) -> float:
        """The share of one core that the server used."""
        return self.server_cpu_s / self.wall_s


class Durable(Struct, frozen=True):
    """All rounds together."""

    durable_ratio: float
    """The echo's CPU per CALL divided by EVSYS'."""
    evsys_us: float
    echo_us: float
    calls_per_s: float
    p50_ms: float
    p99_ms: float
    busy: float
    echo_busy: float
    void: str
    """Why the figures do not count; empty where they do."""


def measure(rounds: int, seconds: float, stations: int) -> Durable:
    """Rounds of echo and EVSYS. Raises RuntimeError where what was acknowledged is not what is stored."""
    pairs = []
    with tempfile.TemporaryDirectory() as folder, servers.evsys(Path(folder)) as server:
        with servers.client() as generator:
            generator.ask("connect", port=server.port, count=stations, prefix="bench")
            generator.ask("introduce")
            before = stored(server)
            total = dict.fromkeys("SMHNT", 0)
            for _ in range(rounds):
                bare = _echo_round(seconds, stations)
                load = _round(server, generator, seconds, total)
                pairs.append((bare, load))
        check(before, stored(server), total)
    return judge(pairs)


def judge(pairs: list[tuple[Load, Load]]) -> Durable:
    """The medians, and whether they count."""
    busy = median(load.busy for _, load in pairs)
    echo_busy = median(bare.busy for bare, _ in pairs)
    refused = sum(bare.refused + load.refused for bare, load in pairs)
    void = ""
    if busy < BUSY_SHARE:
        void = f"EVSYS' core was {busy:.0%} busy, {BUSY_SHARE:.0%} are asked for"
    elif refused:
        void = f"{refused} CALLs were not answered with a result"
    return Durable(
        durable_ratio=median(bare.us_per_call / load.us_per_call for bare, load in pairs),
        evsys_us=median(load.us_per_call for _, load in pairs),
        echo_us=median(bare.us_per_call for bare, _ in pairs),
        calls_per_s=median(load.calls_per_s for _, load in pairs),
        p50_ms=median(load.p50_ms for _, load in pairs),
        p99_ms=median(load.p99_ms for _, load in pairs),
        busy=busy,
        echo_busy=echo_busy,
        void=void,
    )


def stored(server: servers.Server) -> dict[str, int]:
    """What the database holds of each kind of message that leaves a row or an event."""
    return {
        "S": server.rows("SELECT count(*) FROM events WHERE kind = 'TransactionStarted'"),
        "T": server.rows("SELECT count(*) FROM transactions WHERE ended_by = 'station'"),
        "M": server.rows("SELECT count(*) FROM meter_values"),
        "N": server.rows("SELECT count(*) FROM events WHERE kind = 'ConnectorStatusChanged'"),
    }


def check(before: dict[str, int], after: dict[str, int], acknowledged: dict[str, int]) -> None:
    """Every acknowledged message is stored once. Raises RuntimeError with the difference."""
    wrong = [
        f"{step}: {acknowledged[step]} acknowledged, {after[step] - before[step]} stored"
        for step in before
        if after[step] - before[step] != acknowledged[step]
    ]
    if wrong:
        raise RuntimeError("what was acknowledged is not what is stored: " + "; ".join(wrong))


def _echo_round(seconds: float, stations: int) -> Load:
    with servers.echo() as server, servers.client() as generator:
        generator.ask("connect", port=server.port, count=stations, prefix="echo")
        return _round(server, generator, seconds, dict.fromkeys("SMHNT", 0))


def _round(server: servers.Server, generator: servers.Client, seconds: float, total: dict[str, int]) -> Load:
    warm = generator.ask("load", seconds=WARM_UP_S)
    before = processes.cpu_s(server.root)
    done = generator.ask("load", seconds=seconds)
    after = processes.cpu_s(server.root)
    for part in (warm, done):
        for step, count in part["acknowledged"].items():  # type: ignore[attr-defined]  # JSON of the generator
            total[step] += count
    del done["client_cpu_s"]
    return Load(
        server_cpu_s=sum(used - before.get(process, 0.0) for process, used in after.items()),
        **done,  # type: ignore[arg-type]
    )
