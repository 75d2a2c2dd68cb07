"""The main figure: server CPU per durable CALL, in multiples of the bare echo of the same frames.

Each round loads the echo and EVSYS one after the other, so that both see the same machine; the figures are
medians over the rounds, the ratio's of the rounds' own ratios. A round counts only where the server's core
was the limit, in both halves: where it was used up, and not by others. One that does not count is taken
again, a few times; a run with too few that count is void. Afterwards every acknowledged message must be found
in the database, once.
"""

import tempfile
from pathlib import Path
from statistics import median

from msgspec import Struct

from bench import processes, servers
from bench.script import STEPS

BUSY_SHARE = 0.95
"""Where the serving core was less busy, something else was the limit: the load generator, or the disk."""
MOST_TAKEN = 0.25
"""Of the serving core by other programs. Their time is not the server's, but they cool its caches."""
WARM_UP_S = 1.0
ENOUGH = 3
"""With fewer rounds that count there is no median to speak of."""


class Load(Struct, frozen=True):
    """One server under load for a while."""

    calls: int
    refused: int
    wall_s: float
    server_cpu_s: float
    others_s: float
    """What other programs took of the server's core."""
    client_cpu_s: float
    p50_ms: float
    p99_ms: float

    @property
    def us_per_call(self) -> float:
        return self.server_cpu_s / self.calls * 1e6

    @property
    def client_us_per_call(self) -> float:
        return self.client_cpu_s / self.calls * 1e6

    @property
    def calls_per_s(self) -> float:
        return self.calls / self.wall_s

    @property
    def busy(self) -> float:
        """The share of the time in which the serving core had something to do."""
        return (self.server_cpu_s + self.others_s) / self.wall_s

    @property
    def taken(self) -> float:
        """The share that other programs took of it."""
        return self.others_s / self.wall_s


class Durable(Struct, frozen=True):
    """All rounds that count; all that there are where the run is void."""

    durable_ratio: float
    """The echo's CPU per CALL divided by EVSYS'."""
    evsys_us: float
    echo_us: float
    client_us: float
    """What the load generator spent on a CALL of the echo."""
    calls_per_s: float
    echo_calls_per_s: float
    p50_ms: float
    p99_ms: float
    busy: float
    echo_busy: float
    others_share: float
    """What other programs took of the server's core."""
    rounds: int
    """Rounds that count."""
    tried: int
    acknowledged: dict[str, int]
    """By letter of the plan, all rounds: each was found in the database, but for the Heartbeats."""
    wire_dropped: int
    """Pieces of the wire log that the office found no time to keep: it may lose them, sessions may not."""
    void: str
    """Why the figures do not count; empty where they do."""


class Pair(Struct, frozen=True):
    """A round."""

    echo: Load
    evsys: Load

    @property
    def counts(self) -> bool:
        return all(load.busy >= BUSY_SHARE and load.taken <= MOST_TAKEN for load in (self.echo, self.evsys))


def measure(rounds: int, tries: int, seconds: float, stations: int) -> Durable:
    """Rounds of echo and EVSYS until so many count. Raises RuntimeError where what was acknowledged is not
    what is stored."""
    pairs: list[Pair] = []
    total = dict.fromkeys(STEPS, 0)
    with tempfile.TemporaryDirectory() as folder, servers.evsys(Path(folder)) as server:
        with servers.client() as generator:
            generator.ask("connect", port=server.port, count=stations, prefix="bench")
            generator.ask("introduce")
            before = stored(server)
            while len(pairs) < tries and sum(pair.counts for pair in pairs) < rounds:
                bare = _echo_round(seconds, stations)
                pairs.append(Pair(bare, _round(server, generator, seconds, total)))
        check(before, stored(server), total)
        dropped = int(str(server.get("/api/v1/stations/bench00000/messages?limit=1")["dropped"]))
    return judge(pairs, total, dropped)


def judge(pairs: list[Pair], acknowledged: dict[str, int], wire_dropped: int = 0) -> Durable:
    """The medians, and whether they count."""
    counting = [pair for pair in pairs if pair.counts]
    refused = sum(pair.echo.refused + pair.evsys.refused for pair in pairs)
    void = ""
    if len(counting) < min(ENOUGH, len(pairs)):
        void = f"{len(counting)} of {len(pairs)} rounds count; {_reason(pairs)}"
    elif refused:
        void = f"{refused} CALLs were not answered with a result"
    taken = pairs if void else counting
    return Durable(
        durable_ratio=median(pair.echo.us_per_call / pair.evsys.us_per_call for pair in taken),
        evsys_us=median(pair.evsys.us_per_call for pair in taken),
        echo_us=median(pair.echo.us_per_call for pair in taken),
        client_us=median(pair.echo.client_us_per_call for pair in taken),
        calls_per_s=median(pair.evsys.calls_per_s for pair in taken),
        echo_calls_per_s=median(pair.echo.calls_per_s for pair in taken),
        p50_ms=median(pair.evsys.p50_ms for pair in taken),
        p99_ms=median(pair.evsys.p99_ms for pair in taken),
        busy=median(pair.evsys.busy for pair in taken),
        echo_busy=median(pair.echo.busy for pair in taken),
        others_share=median(load.taken for pair in taken for load in (pair.echo, pair.evsys)),
        rounds=len(counting),
        tried=len(pairs),
        acknowledged=acknowledged,
        wire_dropped=wire_dropped,
        void=void,
    )


def _reason(pairs: list[Pair]) -> str:
    """What was the limit instead."""
    half, loads = min(
        (("the echo", [pair.echo for pair in pairs]), ("EVSYS", [pair.evsys for pair in pairs])),
        key=lambda half: median(load.busy for load in half[1]),
    )
    busy = median(load.busy for load in loads)
    taken = median(load.taken for pair in pairs for load in (pair.echo, pair.evsys))
    return (
        f"the core of {half} was {busy:.0%} busy, {BUSY_SHARE:.0%} are asked for; "
        f"other programs took {taken:.0%}, {MOST_TAKEN:.0%} are allowed"
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
        return _round(server, generator, seconds, dict.fromkeys(STEPS, 0))


def _round(server: servers.Server, generator: servers.Client, seconds: float, total: dict[str, int]) -> Load:
    warm = generator.ask("load", seconds=WARM_UP_S)
    before, core_before = processes.cpu_s(server.root), processes.core_busy_s(servers.SERVER_CORE)
    done = generator.ask("load", seconds=seconds)
    after, core_after = processes.cpu_s(server.root), processes.core_busy_s(servers.SERVER_CORE)
    for part in (warm, done):
        for step, count in part.acknowledged.items():
            total[step] += count
        if server.database is not None and part.numbered != part.acknowledged["S"]:
            raise RuntimeError("a StartTransaction was answered without a transaction id")
    used_s = sum(used - before.get(process, 0.0) for process, used in after.items())
    return Load(
        calls=done.calls,
        refused=warm.refused + done.refused,
        wall_s=done.wall_s,
        server_cpu_s=used_s,
        others_s=max(0.0, core_after - core_before - used_s),
        client_cpu_s=done.client_cpu_s,
        p50_ms=done.p50_ms,
        p99_ms=done.p99_ms,
    )
