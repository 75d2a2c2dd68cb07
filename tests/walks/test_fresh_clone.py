"""A fresh clone on a machine that knows nothing of us: an empty HOME, `make run`, and it serves; `make demo`,
and ten charge points charge. Needs the package index."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from kit.program import Program, wait_until

ROOT = Path(__file__).parents[2]
BOOTSTRAPS_WITHIN_S = 300.0
STARTS_AGAIN_WITHIN_S = 30.0
"""Two seconds on a quiet machine; what is shown is that nothing is installed again."""
CHARGE_WITHIN_S = 90.0
"""Some seconds on a quiet machine."""
ENDS_WITHIN_S = 20.0
OURS = ("HOME", "VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL")
"""What a machine that is not ours would not have."""


@contextmanager
def made(
    target: str, clone: Path, program: Program, environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """`make TARGET` in a session of its own, for as long as the block takes; Ctrl-C then leaves nothing."""
    with program.log.open("wb") as log:
        make = subprocess.Popen(
            ["make", target, f"CONF={program.config}"],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield make
    finally:
        os.killpg(make.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
        make.wait(ENDS_WITHIN_S)
        wait_until(lambda: not processes_of(make.pid), "all of its processes end", ENDS_WITHIN_S)


def processes_of(session: int) -> list[int]:
    """The processes of a session that are still there."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if int(fields[3]) == session and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def serves(make: subprocess.Popen[bytes], program: Program) -> bool:
    assert make.poll() is None, program.log.read_text()
    try:
        return program.get("/health/ready").status_code == 200
    except httpx.TransportError:
        return False


def charging(program: Program, key: str) -> set[str]:
    """The stations with an open session whose register has risen since it was first read."""
    answer = program.get("/api/v1/transactions?open=true&limit=50", key)
    assert answer.status_code == 200, answer.text
    found = set()
    for each in answer.json()["items"]:
        values = program.get(f"/api/v1/transactions/{each['id']}/meter_values", key).json()["items"]
        energy = [value["energy_wh"] for value in values if value["energy_wh"] is not None]
        if energy and energy[0] < energy[-1]:
            found.add(each["station_id"])
    return found


@pytest.mark.timeout(500)
def test_make_run_and_make_demo_in_a_fresh_clone_with_an_empty_home(tmp_path: Path) -> None:
    clone, home = tmp_path / "evsys", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | {
        "HOME": str(home)
    }
    program = Program(tmp_path)
    for within_s in (BOOTSTRAPS_WITHIN_S, STARTS_AGAIN_WITHIN_S):
        with made("run", clone, program, environment) as make:
            wait_until(lambda make=make: serves(make, program), "it serves", within_s)
    assert "making .venv" not in program.log.read_text()
    ten_stations_charge(clone, program, environment)
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert status.stdout == "", "a run leaves nothing that git would ask about"


def ten_stations_charge(clone: Path, program: Program, environment: dict[str, str]) -> None:
    """`make demo` until ten stations charge, each in an open session with rising energy."""
    key = subprocess.run(
        [".venv/bin/evsys", "key", "create", "a viewer", "--role", "viewer", "--conf", str(program.config)],
        cwd=clone,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    with made("demo", clone, program, environment) as make:
        wait_until(lambda: serves(make, program), "it serves", CHARGE_WITHIN_S)
        wait_until(lambda: len(charging(program, key)) == 10, "ten stations charge", CHARGE_WITHIN_S)
