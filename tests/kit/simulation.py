"""`evsys simulate` as a process of its own, at a running program."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from kit.program import Program

FINISHES_WITHIN_S = 100.0


def simulate(program: Program, *options: str) -> subprocess.Popen[str]:
    """The simulator, as a process of its own; its report is `report.json`."""
    return subprocess.Popen(
        [sys.executable, "-m", "evsys", "simulate", program.url, "--report", "report.json", *options],
        cwd=program.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(simulator: subprocess.Popen[str]) -> str:
    """Its last words, once it has ended well."""
    told, _ = simulator.communicate(timeout=FINISHES_WITHIN_S)
    assert simulator.returncode == 0, told
    return told


@contextmanager
def simulated(program: Program, *options: str) -> Iterator[None]:
    """A simulation during the block."""
    simulator = simulate(program, *options)
    try:
        yield
    finally:
        simulator.send_signal(signal.SIGINT)
        finished(simulator)
