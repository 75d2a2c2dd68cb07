"""The real program: `evsys serve` as a process of its own, on free ports, in a folder of the test's own.

A test holds it by a `Program`, talks to it over its sockets as anyone would, and may kill any of the
processes behind it.
"""

import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

import httpx
import yaml

EVSYS: Final = str(Path(sys.executable).parent / "evsys")
"""The command as it is installed beside this Python."""
OUTGOING_PORTS: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
FIRST_PORT: Final = 10_000
STARTS_WITHIN_S: Final = 90.0
STOPS_WITHIN_S: Final = 10.0
Settings = dict[str, object]


def free_port() -> int:
    """A port that nobody listens on at this moment. It is below those that the kernel gives to outgoing
    connections, where there is room: a client of another test must not sit on it while a program starts
    again."""
    first_outgoing = int(OUTGOING_PORTS.read_text().split()[0])
    while True:
        room = first_outgoing - FIRST_PORT
        port = FIRST_PORT + secrets.randbelow(room) if room > 0 else 0
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return int(probe.getsockname()[1])


def evsys(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """A run of the command line to its end."""
    return subprocess.run(
        [EVSYS, *arguments],
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def wait_until(happened: Callable[[], object], what: str, within_s: float = STARTS_WITHIN_S) -> None:
    """Look every 20 ms until something is so."""
    last = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < last, f"not within {within_s} s: {what}"
        time.sleep(0.02)


class Program:
    """A central system in `folder`. `settings` are those of the configuration, over what a test needs."""

    def __init__(self, folder: Path, settings: Settings | None = None) -> None:
        self.folder = folder
        self.ocpp_port, self.api_port, self.metrics_port = free_port(), free_port(), free_port()
        self.config = folder / "config.yml"
        self.database = folder / "data" / "evsys.db"
        self.log = folder / "log"
        wanted: Settings = {
            "accept_unknown_chp": True,
            "accept_unknown_tag": True,
            "listen": {"bind_ip": "127.0.0.1", "port": self.ocpp_port},
            "api": {"bind_ip": "127.0.0.1", "port": self.api_port},
            "metrics": {"enabled": True, "port": self.metrics_port},
        }
        for key, value in (settings or {}).items():
            known = wanted.get(key)
            wanted[key] = {**known, **value} if isinstance(known, dict) and isinstance(value, dict) else value
        self.config.write_text(yaml.safe_dump(wanted))
        self._process: subprocess.Popen[bytes] | None = None

    # -- its life

    def start(self, ready: bool = True) -> None:
        """Start it, and wait until it can do its work."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [EVSYS, "serve", "--conf", str(self.config)],
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        if ready:
            self.wait_ready()

    def wait_ready(self) -> None:
        def is_ready() -> bool:
            assert self._process is not None
            assert self._process.poll() is None, self.log.read_text()
            try:
                return self.get("/health/ready").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(is_ready, f"ready\n{self.log.read_text()}")

    def stop(self) -> tuple[int, float]:
        """SIGTERM. Its exit status, and how many seconds it took."""
        assert self._process is not None
        began = time.monotonic()
        self._process.terminate()
        status = self._process.wait(STOPS_WITHIN_S)
        return status, time.monotonic() - began

    def pid_of(self, role: str) -> int | None:
        """The process of a role now; `supervisor` is the one that was started."""
        assert self._process is not None
        if role == "supervisor":
            return self._process.pid
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                parent = (entry / "stat").read_text().rpartition(")")[2].split()[1]
                name = (entry / "comm").read_text().strip()
            except (OSError, IndexError):
                continue
            if int(parent) == self._process.pid and name == f"evsys-{role}":
                return int(entry.name)
        return None

    def kill(self, *roles: str) -> None:
        """kill -9 of the processes of these roles, as close together as can be."""
        pids = [self.pid_of(role) for role in roles]
        for pid in pids:
            if pid is not None:
                os.kill(pid, signal.SIGKILL)
        if "supervisor" in roles:
            assert self._process is not None
            self._process.wait(STOPS_WITHIN_S)

    def close(self) -> None:
        """The end, however the test left it."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOPS_WITHIN_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise

    # -- what a test asks of it

    @property
    def url(self) -> str:
        """What a station is configured with."""
        return f"ws://127.0.0.1:{self.ocpp_port}/ws"

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.api_port}"

    def get(self, path: str, key: str = "") -> httpx.Response:
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.get(self.api + path, headers=headers, timeout=5, trust_env=False)

    def post_api(self, **envelope: object) -> httpx.Response:
        """EVSYS' own endpoint."""
        return httpx.post(f"{self.api}/api", content=json.dumps(envelope), timeout=30, trust_env=False)

    def metrics(self) -> str:
        """The page for Prometheus."""
        return httpx.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=5, trust_env=False).text

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Its command line."""
        return evsys(*arguments, "--conf", str(self.config), cwd=self.folder)

    def key(self, role: str = "viewer") -> str:
        made = self.run("key", "create", f"a {role}", "--role", role)
        assert made.returncode == 0, made.stderr
        return made.stdout.strip()

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Rows of its database, read beside it."""
        with closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True, timeout=5)) as connection:
            return connection.execute(sql).fetchall()


@contextmanager
def running(folder: Path, settings: Settings | None = None) -> Iterator[Program]:
    """A central system that is ready, until the end of the block."""
    program = Program(folder, settings)
    try:
        program.start()
        yield program
    finally:
        program.close()
