"""A dead or slow channel hurts no charger: how long acknowledgements take with and without one.

Stations send at the steady rate of `pages`. In every other half of a round three subscriptions hear of every
event: at one address nobody listens, another takes the connection and never answers, at the third a mail
server does the same. It is void for the reasons that `pages` is, and where no message was made.
"""

import contextlib
import json
import socket
import sqlite3
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from msgspec import Struct

from bench import servers
from bench.client import Done
from bench.pages import EVERY_S, MOST_SKIPPED, MOST_TAKEN, Used


class Round(Struct, frozen=True):
    """The same load alone, then with channels that take nothing."""

    alone: Done
    together: Done
    others_share: float


class Notify(Struct, frozen=True):
    """Acknowledgements in ms."""

    p99_ratio: float
    """The median p99 with dead and slow channels divided by the median p99 without."""
    p99_ms: float
    p99_with_channels_ms: float
    p99s_ms: list[tuple[float, float]]
    """Of the rounds, without and with."""
    messages: int
    """How many were made, and wait."""
    others_share: float
    void: str
    """Why the figures do not count; empty where they do."""


def measure(rounds: int, seconds: float, stations: int) -> Notify:
    """Rounds without and with dead and slow channels."""
    taken: list[Round] = []
    with (
        tempfile.TemporaryDirectory() as folder,
        silent() as mute,
        closed() as dead,
        servers.evsys(Path(folder), pinned=False, more=_settings(mute)) as server,
        servers.client() as generator,
    ):
        generator.ask("connect", port=server.port, count=stations, prefix="notify")
        generator.ask("introduce")
        generator.ask("pace", seconds=EVERY_S, every_s=EVERY_S)
        subscriptions = Subscriptions(server, (dead, mute))
        for _ in range(rounds):
            before = Used.now(server, generator)
            alone = generator.ask("pace", seconds=seconds, every_s=EVERY_S)
            share = Used.now(server, generator).others_share(before)
            subscriptions.pause(False)
            generator.ask("pace", seconds=EVERY_S, every_s=EVERY_S)
            together = generator.ask("pace", seconds=seconds, every_s=EVERY_S)
            subscriptions.pause(True)
            taken.append(Round(alone, together, share))
        with contextlib.closing(sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)) as database:
            (messages,) = database.execute("SELECT count(*) FROM deliveries").fetchone()
    return judge(taken, messages)


def judge(rounds: list[Round], messages: int) -> Notify:
    """The medians, and whether they count."""
    p99_ms = median(each.alone.p99_ms for each in rounds)
    with_ms = median(each.together.p99_ms for each in rounds)
    taken = median(each.others_share for each in rounds)
    voids = []
    if taken > MOST_TAKEN:
        voids.append(f"other programs took {taken:.0%} of the machine, {MOST_TAKEN:.0%} are allowed")
    for load in (half for each in rounds for half in (each.alone, each.together)):
        if load.skipped > MOST_SKIPPED * load.calls:
            voids.append(f"{load.skipped} CALLs were due before the last was answered")
        if load.refused:
            voids.append(f"{load.refused} CALLs were not answered with a result")
    if not messages:
        voids.append("no message was made")
    return Notify(
        p99_ratio=with_ms / p99_ms,
        p99_ms=p99_ms,
        p99_with_channels_ms=with_ms,
        p99s_ms=[(each.alone.p99_ms, each.together.p99_ms) for each in rounds],
        messages=messages,
        others_share=taken,
        void="; ".join(dict.fromkeys(voids)),
    )


class Subscriptions:
    """Who hears of every event, at addresses that take nothing; paused to begin with."""

    def __init__(self, server: servers.Server, ports: tuple[int, ...]) -> None:
        self._server = server
        self._versions: dict[str, int] = {}
        addresses = [("webhook", f"http://127.0.0.1:{port}/") for port in ports]
        for channel, address in [*addresses, ("mail", "anna@example.com")]:
            members = {"channel": channel, "address": address, "kinds": ["all"]}
            made = self._ask("POST", "", members)["subscription"]
            assert isinstance(made, dict)
            self._versions[made["id"]] = made["version"]
        self.pause(True)

    def pause(self, paused: bool) -> None:
        for each, version in self._versions.items():
            changed = self._ask("PATCH", f"/{each}", {"version": version, "paused": paused})
            self._versions[each] = int(str(changed["version"]))

    def _ask(self, method: str, path: str, members: dict[str, object]) -> dict[str, object]:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self._server.api_port}/api/v1/subscriptions{path}",
            json.dumps(members).encode(),
            {"Authorization": f"Bearer {self._server.api_key}", "Content-Type": "application/json"},
            method=method,
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            told: dict[str, object] = json.load(answer)
            return told


def _settings(mail_port: int) -> str:
    return (
        "webhooks: {enabled: true, allow_http: true, private_networks: [127.0.0.0/8]}\n"
        f"mail: {{enabled: true, port: {mail_port}, security: none, sender: evsys@example.com}}\n"
    )


@contextlib.contextmanager
def silent() -> Iterator[int]:
    """A port that takes connections and never says anything: the kernel accepts them."""
    with socket.create_server(("127.0.0.1", 0), backlog=1000) as listening:
        yield listening.getsockname()[1]


@contextlib.contextmanager
def closed() -> Iterator[int]:
    """A port where nobody listens, and nobody else will."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
