"""The server's key beside the database."""

import resource
import stat
from pathlib import Path

import pytest

from evsys.store.server_key import KEY_BYTES, path_beside, server_key


def test_the_key_is_made_once_and_is_its_owner_s_alone(tmp_path: Path) -> None:
    database = tmp_path / "evsys.db"
    key = server_key(database)
    assert len(key) == KEY_BYTES
    assert server_key(database) == key
    assert stat.S_IMODE(path_beside(database).stat().st_mode) == 0o600
    assert server_key(tmp_path / "other.db") != key


@pytest.mark.parametrize("content", ["", "abcd", "not hex at all", "ü"])
def test_a_file_that_holds_no_key_is_told_and_left_alone(tmp_path: Path, content: str) -> None:
    path = path_beside(tmp_path / "evsys.db")
    path.write_text(content)
    with pytest.raises(ValueError, match="holds no key"):
        server_key(tmp_path / "evsys.db")
    assert path.read_text() == content


def test_a_crash_while_the_key_is_made_leaves_none(tmp_path: Path) -> None:
    database = tmp_path / "evsys.db"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (KEY_BYTES, limits[1]))  # half of its digits fit
    try:
        with pytest.raises(OSError, match="too large"):
            server_key(database)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
    path_beside(database).with_suffix(".key.part").write_text("abcd")  # of a process that was killed there
    assert len(server_key(database)) == KEY_BYTES
    assert list(tmp_path.iterdir()) == [path_beside(database)]
