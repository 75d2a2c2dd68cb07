"""The wire log on disk: a file of its own beside the database, written by the office alone.

It may be lost, the sessions may not: so it has its own file, without a sync at each commit, and no turn ever
waits for it. A row is a piece: the frames of one station over some seconds, as the gateway published them.
What is older than the days, or beyond the size, is deleted, oldest first.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from evsys.core.ports import WireFrame
from evsys.store.connections import BUSY_TIMEOUT_S

PRUNED_AT_ONCE: Final = 500
"""Pieces deleted in one statement: a few megabytes."""
PAGE_BYTES: Final = 32 * 1024
"""A piece fits into one page, and is not cut over a chain of them."""
DAY_US: Final = 86_400 * 1_000_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS pieces (
    id INTEGER PRIMARY KEY,
    station_id TEXT NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL,
    frames BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS pieces_by_station ON pieces (station_id, last);
"""
_ADD = "INSERT INTO pieces (station_id, first, last, frames) VALUES (?, ?, ?, ?)"
_NEWEST_FIRST = (
    "SELECT frames FROM pieces WHERE station_id = ? AND last >= ? AND first < ? ORDER BY last DESC"
)
_PRUNE = "DELETE FROM pieces WHERE id IN (SELECT id FROM pieces WHERE {} ORDER BY id LIMIT ?)"


class _Piece(Struct, array_like=True):
    """A `WirePiece` whose frames are kept as they came."""

    station_id: str
    first: int
    last: int
    frames: msgspec.Raw


_piece = msgspec.msgpack.Decoder(_Piece)
_frames = msgspec.msgpack.Decoder(list[WireFrame])


class WireStore:
    """The file at `path`. For one thread at a time."""

    def __init__(self, path: Path, days: int, max_bytes: int) -> None:
        """Raises sqlite3.Error where the file cannot be used."""
        self._days = days
        self._max_bytes = max_bytes
        self._connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, timeout=BUSY_TIMEOUT_S
        )
        self._connection.execute(f"PRAGMA page_size={PAGE_BYTES}")
        self._connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        self._connection.execute("PRAGMA journal_mode=WAL").fetchone()
        self._connection.execute("PRAGMA synchronous=OFF")
        self._connection.executescript(_SCHEMA)

    def add(self, pieces: Iterable[bytes]) -> None:
        """Keep pieces: each a `WirePiece` as msgpack. Raises sqlite3.Error (disk full …), and then nothing of
        them is kept."""
        read = map(_piece.decode, pieces)
        rows = [(piece.station_id, piece.first, piece.last, bytes(piece.frames)) for piece in read]
        with self._connection:
            self._connection.execute("BEGIN")
            self._connection.executemany(_ADD, rows)

    def newest_first(self, station_id: str, since: int, before: int) -> Iterator[WireFrame]:
        """A station's frames of a time [since, before), in microseconds, the newest first. Pieces are read as
        the iteration goes on."""
        cursor = self._connection.execute(_NEWEST_FIRST, (station_id, since, before))
        for (piece,) in cursor:
            for frame in reversed(_frames.decode(piece)):
                if since <= frame[0] < before:
                    yield frame

    def prune(self, now_us: int) -> None:
        """Delete what is too old, and the oldest beyond the size; give the pages back to the file system."""
        self._delete("last < ?", now_us - self._days * DAY_US)
        while self._size() > self._max_bytes and self._delete("id > ?", 0, once=True):
            pass
        self._connection.execute("PRAGMA incremental_vacuum").fetchall()

    def close(self) -> None:
        self._connection.close()

    def _delete(self, condition: str, value: int, once: bool = False) -> int:
        deleted = PRUNED_AT_ONCE
        while deleted == PRUNED_AT_ONCE:
            deleted = self._connection.execute(_PRUNE.format(condition), (value, PRUNED_AT_ONCE)).rowcount
            if once:
                break
        return deleted

    def _size(self) -> int:
        """Bytes of the pages in use."""
        (pages,) = self._connection.execute("PRAGMA page_count").fetchone()
        (free,) = self._connection.execute("PRAGMA freelist_count").fetchone()
        (size,) = self._connection.execute("PRAGMA page_size").fetchone()
        return int((pages - free) * size)
