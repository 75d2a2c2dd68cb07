"""A fresh clone on a machine that knows nothing of us: an empty HOME, `make run`, and it serves. Needs the
package index."""

import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from kit.program import Program, wait_until

ROOT = Path(__file__).parents[2]
BOOTSTRAPS_WITHIN_S = 300.0
STARTS_AGAIN_WITHIN_S = 30.0
"""Two seconds on a quiet machine; what is shown is that nothing is installed again."""
OURS = ("HOME", "VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "PYTHONPATH", "MAKEFLAGS", "MAKELEVEL")
"""What a machine that is not ours would not have."""


def serves_once(clone: Path, program: Program, environment: dict[str, str], within_s: float) -> None:
    """`make run` until it serves, then Ctrl-C."""
    with program.log.open("wb") as log:
        make = subprocess.Popen(
            ["make", "run", f"CONF={program.config}"],
            cwd=clone,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def serves() -> bool:
        assert make.poll() is None, program.log.read_text()
        try:
            return program.get("/health/ready").status_code == 200
        except httpx.TransportError:
            return False

    try:
        wait_until(serves, "it serves", within_s)
    finally:
        os.killpg(make.pid, signal.SIGINT)  # as Ctrl-C in a terminal does
        make.wait(20)


@pytest.mark.timeout(400)
def test_make_run_in_a_fresh_clone_with_an_empty_home_serves(tmp_path: Path) -> None:
    clone, home = tmp_path / "evsys", tmp_path / "home"
    home.mkdir()
    subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
    environment = {name: value for name, value in os.environ.items() if name not in OURS} | {
        "HOME": str(home)
    }
    program = Program(tmp_path)
    serves_once(clone, program, environment, BOOTSTRAPS_WITHIN_S)
    serves_once(clone, program, environment, STARTS_AGAIN_WITHIN_S)
    assert "making .venv" not in program.log.read_text()
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
    )
    assert status.stdout == "", "a run leaves nothing that git would ask about"
