"""The wire log: every frame from and to a station, as it was, secrets masked.

It is for people who ask why a session failed, and never costs a station its reply: a frame is noted in
memory, and what has gathered is published in pieces for the office to keep. A piece that nobody takes is
lost, and counted there. Beside what is on its way, the last frames of each station stay in memory.
"""

import re
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from evsys.core.commands import SECRET_KEYS, names_secret
from evsys.core.ports import Clock, WireFrame, wire_piece

KEPT_FRAMES: Final = 10
"""Frames kept in memory per station after they were published: enough to see a boot or a refused start."""
PIECE_BYTES: Final = 16 * 1024
"""A station's frames are published when so many bytes have gathered: one row on disk costs as much as forty
frames in it."""
PIECE_AFTER_S: Final = 10.0
"""… or when the oldest of them is so old."""
MAX_FRAME_BYTES: Final = 32 * 1024
"""What is kept of a frame; the whole of it may be a megabyte."""

MASK: Final = b"***"
_TEXT = rb'"(?:[^"\\]|\\.)*"'
_SECRET = rb'"key"\s*:\s*"(?:' + "|".join(sorted(SECRET_KEYS)).encode() + rb')"'
_KEY_VALUE = re.compile(rb"(" + _SECRET + rb'[^{}]*?"value"\s*:\s*)' + _TEXT, re.IGNORECASE)
_VALUE_KEY = re.compile(rb'("value"\s*:\s*)' + _TEXT + rb"([^{}]*?" + _SECRET + rb")", re.IGNORECASE)
_PASSWORD = re.compile(rb'(:(?:\\?/){2}[^/@"\s:]*:)[^"\s]*@')
"""A password may hold what should have been escaped in it; what follows a port is masked as well then. JSON
may write a slash with a backslash before it."""
_EXCHANGE = re.compile(rb"(/exchange\\?/)[0-9a-f]{32}")
"""A URL of our own, whose path opens the file of a job."""


class Tape:
    """The frames of one station."""

    __slots__ = ("_bytes", "_last", "_sent", "_wire", "frames", "station_id", "unsent_at")

    def __init__(self, wire: "WireLog", station_id: str) -> None:
        self.station_id = station_id
        self.frames: list[WireFrame] = []
        self.unsent_at = 0.0
        """When the oldest unpublished frame was noted (monotonic)."""
        self._wire = wire
        self._sent = 0
        """How many of the frames were published."""
        self._bytes = 0
        """Bytes of those that were not."""
        self._last = 0
        """The time of the last frame in microseconds: no two of a station are the same, so that a reader can
        tell them apart."""

    def note(self, direction: Literal["in", "out"], frame: bytes) -> None:
        """A frame has come or left. Every frame takes this road: what can wait until a piece is published
        (secrets are masked there) is not done here."""
        wire = self._wire
        at = wire.clock.microseconds()
        if at <= self._last:
            at = self._last + 1
        self._last = at
        if not self._bytes:
            self.unsent_at = wire.clock.monotonic()
            wire.unsent[self.station_id] = self
        self.frames.append(
            (at, direction, frame if len(frame) <= MAX_FRAME_BYTES else frame[:MAX_FRAME_BYTES])
        )
        self._bytes += len(frame) + 1
        if self._bytes > PIECE_BYTES:
            self.send()

    def send(self) -> None:
        """Publish what was not."""
        if self._bytes:
            self._wire.publish(_piece(self.station_id, self.frames[self._sent :]))
            del self.frames[:-KEPT_FRAMES]
            self._sent = len(self.frames)
            self._bytes = 0
            self._wire.unsent.pop(self.station_id, None)


class WireLog:
    """The frames of all stations of a node. `publish` takes a `WirePiece` as msgpack."""

    def __init__(self, clock: Clock, publish: Callable[[bytes], None]) -> None:
        self.clock = clock
        self.publish = publish
        self.unsent: dict[str, Tape] = {}
        self._tapes: dict[str, Tape] = {}

    def tape(self, station_id: str) -> Tape:
        """Where a station's frames are noted, until it is forgotten."""
        tape = self._tapes.get(station_id)
        if tape is None:
            tape = self._tapes[station_id] = Tape(self, station_id)
        return tape

    def tick(self) -> None:
        """Publish what has waited long enough."""
        due = self.clock.monotonic() - PIECE_AFTER_S
        for tape in list(self.unsent.values()):
            if tape.unsent_at <= due:
                tape.send()

    def flush(self) -> None:
        """Publish all that waits."""
        for tape in list(self.unsent.values()):
            tape.send()

    def in_memory(self, station_id: str) -> bytes:
        """What is in memory of a station, as a piece."""
        tape = self._tapes.get(station_id)
        return _piece(station_id, tape.frames if tape else [])

    def forget(self, station_id: str) -> None:
        """Let go of a station that has left memory."""
        tape = self._tapes.pop(station_id, None)
        if tape is not None:
            tape.send()


def _piece(station_id: str, frames: list[WireFrame]) -> bytes:
    """A piece as msgpack, its secrets masked. Nearly all have none: that is seen of a piece as a whole, fifty
    frames at once."""
    piece = msgspec.msgpack.encode(wire_piece(station_id, frames))
    if not _may_hold_secret(piece):
        return piece
    clean: list[WireFrame] = [(at, direction, masked(frame)) for at, direction, frame in frames]
    return msgspec.msgpack.encode(wire_piece(station_id, clean))


def _may_hold_secret(piece: bytes) -> bool:
    """Whether there is a URL, or configuration that is a secret (its `key`, in any case). A single byte is
    looked for first: 0.3 µs for a piece, where a word takes 12. Most pieces have neither byte."""
    if b"/" in piece and _may_hold_url(piece):
        return True
    return (b"k" in piece or b"K" in piece) and names_secret(piece)


def _may_hold_url(content: bytes) -> bool:
    return b"://" in content or rb":\/" in content


def masked(frame: bytes) -> bytes:
    """The frame without the secrets that OCPP puts into it: station keys, and passwords in URLs."""
    if names_secret(frame):
        frame = _KEY_VALUE.sub(rb'\1"' + MASK + b'"', frame)
        frame = _VALUE_KEY.sub(rb'\1"' + MASK + rb'"\2', frame)
    if _may_hold_url(frame):
        frame = _PASSWORD.sub(rb"\1" + MASK + b"@", frame)
        frame = _EXCHANGE.sub(rb"\1" + MASK, frame)
    return frame
