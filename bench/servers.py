"""The servers under test, each as its own tree of processes, and the load generator that talks to them."""

import contextlib
import json
import os
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench import processes
from bench.client import Done

SERVER_CORE, CLIENT_CORE = 0, 1
START_TIMEOUT_S = 60
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Server:
    """A running server: the root of its processes and its OCPP port. EVSYS has a database and an API too."""

    root: int
    port: int
    api_port: int = 0
    database: Path | None = None
    api_key: str = ""

    def rows(self, query: str) -> int:
        """A count from its database."""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return int(connection.execute(query).fetchone()[0])

    def get(self, path: str) -> dict[str, object]:
        """What its API answers, which must be an object."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.api_port}{path}", headers={"Authorization": f"Bearer {self.api_key}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return dict(json.loads(answer.read()))


class Client:
    """The load generator in a process of its own, on a core of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.client"],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        processes.pin(self._process.pid, CLIENT_CORE)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, do: str, **task: object) -> Done:
        """Have it do something. Raises RuntimeError where it died of it; its own words are on stderr."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **task}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the load generator died while it should {do}")
        return msgspec.json.decode(answer, type=Done)

    def close(self) -> None:
        """It ends by itself when it is told nothing more."""
        self._process.communicate(timeout=30)


@contextlib.contextmanager
def client() -> Iterator[Client]:
    """A load generator for the time of a block."""
    generator = Client()
    try:
        yield generator
    finally:
        generator.close()


@contextlib.contextmanager
def echo() -> Iterator[Server]:
    """The bare picows echo."""
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.echo", "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    processes.pin(process.pid, SERVER_CORE)
    try:
        assert process.stdout is not None
        yield Server(process.pid, int(process.stdout.readline()))
    finally:
        process.terminate()
        process.communicate(timeout=10)


@contextlib.contextmanager
def evsys(folder: Path, pinned: bool = True, more: str = "") -> Iterator[Server]:
    """EVSYS as it is without any setting but its ports, on one SQLite file in `folder`; all of it on one core
    where it is `pinned`. `more`: lines of its configuration."""
    port, api_port = free_port(), free_port()
    config = folder / "config.yml"
    database = folder / "evsys.db"
    config.write_text(
        "accept_unknown_tag: true\naccept_unknown_chp: true\n"
        f"listen: {{bind_ip: 127.0.0.1, port: {port}}}\n"
        f"api: {{bind_ip: 127.0.0.1, port: {api_port}}}\n"
        f"database: {{url: 'sqlite:///{database}'}}\n{more}"
    )
    log = (folder / "server.log").open("wb")
    command = [sys.executable, "-m", "evsys"]
    with on_core(SERVER_CORE) if pinned else contextlib.nullcontext():
        process = subprocess.Popen(
            [*command, "serve", "--conf", str(config)], cwd=folder, stdout=log, stderr=log
        )
    try:
        _wait_until_ready(process, api_port, folder)
        key = subprocess.run(
            [*command, "key", "create", "bench", "--role", "operator", "--conf", str(config)],
            capture_output=True,
            text=True,
            check=True,
        )
        yield Server(process.pid, port, api_port, database, key.stdout.strip())
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@contextlib.contextmanager
def on_core(core: int) -> Iterator[None]:
    """What is started within the block inherits the core, and so do its children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _wait_until_ready(process: subprocess.Popen[bytes], api_port: int, folder: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{api_port}/health/ready", timeout=5)
            return
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"EVSYS did not start: {(folder / 'server.log').read_text()[-2000:]}")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
