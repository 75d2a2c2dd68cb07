"""The wire log: every frame from and to a station, as it was, secrets masked.

It is for people who ask why a session failed, and never costs a station its reply: a frame is noted in
memory, and what has gathered is published in pieces for the office to keep. A piece that nobody takes is
lost, and counted there. Beside what is on its way, the last frames of each station stay in memory.
"""

import re
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from evsys.core.ports import Clock, WireFrame, WirePiece

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
_KEY_VALUE = re.compile(rb'("key"\s*:\s*"AuthorizationKey"[^{}]*?"value"\s*:\s*)' + _TEXT, re.IGNORECASE)
_VALUE_KEY = re.compile(
    rb'("value"\s*:\s*)' + _TEXT + rb'([^{}]*?"key"\s*:\s*"AuthorizationKey")', re.IGNORECASE
)
_PASSWORD = re.compile(rb'(://[^/@"\s:]*:)[^/@"\s]*@')


class Tape:
    """The frames of one station. `unsent_at` is when the oldest unpublished one was noted (monotonic)."""

    __slots__ = ("bytes", "frames", "last", "sent", "unsent_at")

    def __init__(self) -> None:
        self.frames: list[WireFrame] = []
        self.sent = 0
        """How many of the frames were published."""
        self.bytes = 0
        """Bytes of those that were not."""
        self.unsent_at = 0.0
        self.last = 0
        """The time of the last frame in microseconds: no two of a station are the same, so that a reader can
        tell them apart."""


class WireLog:
    """The frames of all stations of a node. `publish` takes a `WirePiece` as msgpack."""

    def __init__(self, clock: Clock, publish: Callable[[bytes], None]) -> None:
        self._clock = clock
        self._publish = publish
        self._tapes: dict[str, Tape] = {}
        self._unsent: dict[str, Tape] = {}

    def note(self, station_id: str, direction: Literal["in", "out"], frame: bytes) -> None:
        """A frame has come or left."""
        tape = self._tapes.get(station_id)
        if tape is None:
            tape = self._tapes[station_id] = Tape()
        at = tape.last = max(int(self._clock.now().timestamp() * 1_000_000), tape.last + 1)
        if not tape.bytes:
            tape.unsent_at = self._clock.monotonic()
            self._unsent[station_id] = tape
        tape.frames.append((at, direction, masked(frame[:MAX_FRAME_BYTES])))
        tape.bytes += len(frame) + 1
        if tape.bytes > PIECE_BYTES:
            self._send(station_id, tape)

    def tick(self) -> None:
        """Publish what has waited long enough."""
        due = self._clock.monotonic() - PIECE_AFTER_S
        for station_id, tape in list(self._unsent.items()):
            if tape.unsent_at <= due:
                self._send(station_id, tape)

    def flush(self) -> None:
        """Publish all that waits."""
        for station_id, tape in list(self._unsent.items()):
            self._send(station_id, tape)

    def frames(self, station_id: str) -> tuple[WireFrame, ...]:
        """What is in memory of a station, oldest first."""
        tape = self._tapes.get(station_id)
        return tuple(tape.frames) if tape else ()

    def forget(self, station_id: str) -> None:
        """Let go of a station that has left memory."""
        tape = self._tapes.pop(station_id, None)
        if tape is not None and tape.bytes:
            self._send(station_id, tape)

    def _send(self, station_id: str, tape: Tape) -> None:
        piece = WirePiece(station_id, tuple(tape.frames[tape.sent :]))
        self._publish(msgspec.msgpack.encode(piece))
        del tape.frames[:-KEPT_FRAMES]
        tape.sent = len(tape.frames)
        tape.bytes = 0
        self._unsent.pop(station_id, None)


def masked(frame: bytes) -> bytes:
    """The frame without the secrets that OCPP puts into it: station keys, and passwords in URLs."""
    if b"uthorization" in frame:
        frame = _KEY_VALUE.sub(rb'\1"' + MASK + b'"', frame)
        frame = _VALUE_KEY.sub(rb'\1"' + MASK + rb'"\2', frame)
    if b"://" in frame:
        frame = _PASSWORD.sub(rb"\1" + MASK + b"@", frame)
    return frame
