"""Locks on a database file between processes: a file beside it, held with flock.

The kernel lets go of a lock when its holder dies, however it dies; the file stays and means nothing. Two
locks are used: `<database>.lock` is held by a server for as long as it runs, so that a second one refuses
and a restore does too; `<database>.writer` by whoever may write more than a short transaction: the writer
process and a migration. A new writer waits there until an older one has finished its last commit."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Final, Self

LOOK_AGAIN_S: Final = 0.02


class DatabaseInUse(Exception):
    """Another process holds the lock."""


class FileLock:
    """A lock on the database at `path`. Held from `acquire` until `close` or the end of the process; a
    child that inherits the descriptor would hold it too, so it is closed on exec."""

    def __init__(self, path: Path, name: str) -> None:
        self.path = path.with_name(f"{path.name}.{name}")
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Raises DatabaseInUse where another holds it."""
        if not self._try():
            raise DatabaseInUse(f"{self.path} is held by another process{self._holder()}")

    def wait(self, wanted: Callable[[], bool] = lambda: True) -> bool:
        """Waits until it is free, for as long as it is wanted. False: no longer wanted."""
        while not self._try():
            if not wanted():
                return False
            time.sleep(LOOK_AGAIN_S)
        return True

    def close(self) -> None:
        """Lets go of it, if it is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _try(self) -> bool:
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        self._descriptor = descriptor
        return True

    def _holder(self) -> str:
        """Who wrote its id into the file last: a hint for people."""
        try:
            return f" (process {int(self.path.read_text())})"
        except (OSError, ValueError):
            return ""


def server_lock(path: Path) -> FileLock:
    """Held by `evsys serve` for as long as it runs, and by a restore."""
    return FileLock(path, "lock")


def writer_lock(path: Path) -> FileLock:
    """Held by the writer process, and by a migration."""
    return FileLock(path, "writer")
