"""A gate before the disk: a process started with it cannot finish an fsync or fdatasync while it is shut.

It shows what happens before the disk has answered. A small C library is compiled once and preloaded into the
process (LD_PRELOAD); SQLite calls the interposed functions like any others.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

SOURCE: Final = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static void wait_for_gate(void) {
    const char *gate = getenv("SYNC_GATE");
    while (gate && access(gate, F_OK) != 0) usleep(1000);
}
int fdatasync(int fd) { wait_for_gate(); return syscall(SYS_fdatasync, fd); }
int fsync(int fd) { wait_for_gate(); return syscall(SYS_fsync, fd); }
"""


class SyncGate:
    """`environment` is for the process that is to be held up. The gate is open at first."""

    def __init__(self, folder: Path) -> None:
        compiler = shutil.which("cc")
        if compiler is None:
            pytest.fail("the gate before the disk is built by a C compiler: apt-get install gcc libc6-dev")
        source, library = folder / "gate.c", folder / "gate.so"
        source.write_text(SOURCE)
        subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, source], check=True)
        self._gate = folder / "open"
        self.environment = {"LD_PRELOAD": str(library), "SYNC_GATE": str(self._gate)}
        self.open()

    def open(self) -> None:
        self._gate.touch()

    def shut(self) -> None:
        self._gate.unlink()
