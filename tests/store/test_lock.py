"""The lock beside a database."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from evsys.store.lock import DatabaseInUse, server_lock, writer_lock

HOLD = """
import sys
from pathlib import Path
from evsys.store.lock import server_lock
server_lock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "evsys.db"
    with server_lock(path):
        with pytest.raises(DatabaseInUse, match=rf"evsys.db.lock .*process {os.getpid()}"):
            server_lock(path).acquire()
        with writer_lock(path):
            pass
    with server_lock(path):
        pass


def test_the_lock_of_a_process_that_was_killed_is_free(tmp_path: Path) -> None:
    path = tmp_path / "evsys.db"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(DatabaseInUse, match=f"process {holder.pid}"):
            server_lock(path).acquire()
        holder.kill()
        holder.wait(10)
        with server_lock(path):
            pass


def test_waiting_ends_when_it_is_no_longer_wanted(tmp_path: Path) -> None:
    path = tmp_path / "evsys.db"
    asked = iter([True, True, False])
    with writer_lock(path):
        assert not writer_lock(path).wait(wanted=lambda: next(asked))
    lock = writer_lock(path)
    assert lock.wait()
    lock.close()
