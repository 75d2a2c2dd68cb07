"""The wire log on disk: what is kept, found again, and deleted."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from evsys.core.ports import WireFrame, wire_piece
from evsys.store.wirelog import DAY_US, WireStore


@pytest.fixture
def store(tmp_path: Path) -> Iterator[WireStore]:
    opened = WireStore(tmp_path / "wire.db", days=7, max_bytes=1_000_000)
    yield opened
    opened.close()


def piece(station_id: str, first: int, count: int, frame: bytes = b"[]") -> bytes:
    return msgspec.msgpack.encode(wire_piece(station_id, [(first + n, "in", frame) for n in range(count)]))


def times(frames: Iterator[WireFrame]) -> list[int]:
    return [each[0] for each in frames]


def test_frames_are_found_newest_first_within_a_time(store: WireStore) -> None:
    store.add([piece("A", 100, 10), piece("B", 100, 10), piece("A", 110, 10)])
    assert times(store.newest_first("A", 0, 1000)) == list(range(119, 99, -1))
    assert times(store.newest_first("A", 105, 112)) == list(range(111, 104, -1))
    assert times(store.newest_first("C", 0, 1000)) == []


def test_a_file_is_opened_again_with_what_it_has(tmp_path: Path) -> None:
    path = tmp_path / "wire.db"
    for n in range(2):
        opened = WireStore(path, days=7, max_bytes=10**6)
        opened.add([piece("A", 100 * n, 3, b"\xff not text")])
        opened.close()
    opened = WireStore(path, days=7, max_bytes=10**6)
    assert [each[2] for each in opened.newest_first("A", 0, 1000)] == [b"\xff not text"] * 6
    opened.close()


def test_what_is_older_than_the_days_is_deleted(store: WireStore) -> None:
    store.add([piece("A", n * DAY_US, 1) for n in range(20)])
    store.prune(now_us=20 * DAY_US)
    assert times(store.newest_first("A", 0, 2**60)) == [n * DAY_US for n in range(19, 12, -1)]


def test_beyond_its_size_the_oldest_goes(store: WireStore, tmp_path: Path) -> None:
    for n in range(100):
        store.add([piece("A", n * 100 + m, 1, b"x" * 1000) for m in range(100)])
    store.prune(now_us=0)
    left = times(store.newest_first("A", 0, 2**60))
    assert 200 < len(left) < 1000
    assert left == list(range(9999, 9999 - len(left), -1))


def test_a_failed_write_keeps_nothing_and_the_next_one_works(store: WireStore, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "wire.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.Error):
        store.add([piece("A", 1, 1)])
    other.execute("ROLLBACK")
    other.close()
    assert times(store.newest_first("A", 0, 2**60)) == []
    store.add([piece("A", 1, 1)])
    assert times(store.newest_first("A", 0, 2**60)) == [1]
