"""A writer process as the supervisor starts it: on an inherited listening socket, with a pipe as its
lifeline."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Self

PROGRAM = """
import os, sys
from pathlib import Path
from evsys.store import writer
{spoilt}
writer.run(int(sys.argv[1]), Path(sys.argv[2]), 0, lambda line: print(line, file=sys.stderr, flush=True))
"""

SYNCHRONOUS = """
opened = writer.open_to_write
def spoilt(path):
    connection = opened(path)
    connection.execute("PRAGMA synchronous={}")
    return connection
writer.open_to_write = spoilt
"""
"""Another setting than the writer's own."""

DIES_AFTER_COMMIT = """
write = writer.Writer.write
def write_and_die(self, client, batch):
    answer = write(self, client, batch)
    if batch.works and not os.path.exists("{0}"):
        open("{0}", "w").close()
        os._exit(9)
    return answer
writer.Writer.write = write_and_die
"""
"""It commits and dies before it answers: once, until its mark is there."""


class WriterProcess:
    """One socket, and one writer after another on it. The address is short: a unix socket's path has a
    limit."""

    def __init__(
        self,
        path: Path,
        environment: dict[str, str] | None = None,
        address: str = "",
        spoilt: str = "",
    ) -> None:
        self.path = path
        self.address = address or str(path.with_suffix(".sock"))
        self._environment = os.environ | (environment or {})
        self._program = PROGRAM.format(spoilt=spoilt)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.address)
        self._listener.listen(8)
        self.process = self.start()

    def start(self) -> subprocess.Popen[bytes]:
        descriptor = self._listener.fileno()
        self.process = subprocess.Popen(
            [sys.executable, "-c", self._program, str(descriptor), str(self.path)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[descriptor],
            env=self._environment,
        )
        return self.process

    def kill(self) -> None:
        self.process.kill()
        self._gone()

    def stop(self) -> str:
        """Cuts the lifeline and waits for the end; returns what it said."""
        assert self.process.stdin is not None
        assert self.process.stderr is not None
        self.process.stdin.close()
        said = self.process.stderr.read().decode()
        self.process.wait(10)
        self.process.stderr.close()
        return said

    def pause(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.process.send_signal(signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self._gone()
        self._listener.close()
        Path(self.address).unlink(missing_ok=True)

    def _gone(self) -> None:
        self.process.wait(10)
        for pipe in (self.process.stdin, self.process.stderr):
            if pipe is not None:
                pipe.close()
