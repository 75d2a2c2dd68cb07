"""Charge points for the benchmarks: raw sockets, one epoll loop, one CALL in flight per station.

It is fast because it does little: of the frames almost all is ready-made (`script`), and an answer that
begins as the answer to its CALL must is a comparison. Whatever else comes is read with care, off that road.
"""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from bench.script import (
    BOOT,
    FIRST_METER_WH,
    HEADS,
    METER,
    START,
    STATUS,
    STEPS,
    STOP,
    Line,
    Script,
    frame,
    moment,
)

HANDSHAKES_AT_ONCE: Final = 100
CALLS_AT_ONCE: Final = 1000
"""Of an introduction: EVSYS refuses what is beyond ten thousand that wait for the disk at once."""
RECEIVE_BYTES: Final = 512
"""An answer is shorter; what is longer takes more reads."""
FEW: Final = 64
GATHER_S: Final = 0.0003
"""Where fewer than FEW answers are there, the loop sleeps so long before it looks again. A server on another
machine does not wake its stations one by one; here it would pay for it."""
PATIENCE_S: Final = 30.0
"""A server that answers nothing for so long is broken."""

SO_TIMESTAMPNS: Final = 35
"""Linux: the kernel notes when data came. Python has no name for it."""
_TIMESPEC = struct.Struct("@ll")

_UPGRADE = (
    "GET {path}/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


class Station:
    """One charge point and its place in the script."""

    __slots__ = ("buffer", "line", "name", "own", "place", "receive", "send", "sent_at", "socket", "token")

    def __init__(self, name: str, connection: socket.socket) -> None:
        self.name = name
        self.token = b"T" + name.encode()[-18:]
        self.socket = connection
        self.receive = connection.recv
        self.send = connection.send
        self.place = 0
        """How many CALLs of the script it has sent."""
        self.line = Line("", b"", b"", 0, b"")
        """The CALL it sent last."""
        self.own = b"100000"
        """The transaction id that it was answered last; with the echo it stays as it is."""
        self.sent_at = 0.0
        self.buffer = b""

    def next_frame(self, script: Script) -> bytes:
        """The frame of its next CALL."""
        place = self.place
        lines = script.lines
        self.line = line = lines[place] if place < len(lines) else script.add()
        self.place = place + 1
        step, head, tail, size, _ = line
        if not tail:
            return HEADS[size] + head
        own = self.token if step == "S" else self.own
        return HEADS[size + len(own)] + head + own + tail


class Tally:
    """What was acknowledged, by letter of the plan, and how long each answer took."""

    def __init__(self) -> None:
        self.acknowledged = dict.fromkeys(STEPS, 0)
        self.latencies_s: list[float] = []
        self.refused = 0
        """CALLERRORs."""
        self.numbered = 0
        """StartTransactions that were answered with a transaction id."""
        self.skipped = 0
        """CALLs that were due while the one before was still open."""

    @property
    def calls(self) -> int:
        return len(self.latencies_s)


class WrongAnswer(Exception):
    """What came answers no CALL that is open."""


def connect(port: int, names: list[str], path: str = "/ws") -> list[Station]:
    """Connect stations, a bounded number of handshakes at a time. Raises OSError or RuntimeError."""
    stations: list[Station] = []
    for first in range(0, len(names), HANDSHAKES_AT_ONCE):
        waiting = []
        for name in names[first : first + HANDSHAKES_AT_ONCE]:
            connection = socket.create_connection(("127.0.0.1", port), timeout=60)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(_UPGRADE.format(path=path, name=name).encode())
            waiting.append(Station(name, connection))
        for station in waiting:
            answer = b""
            while b"\r\n\r\n" not in answer:
                received = station.receive(4096)
                if not received:
                    raise RuntimeError(f"{station.name} was cut in its handshake")
                answer += received
            if not answer.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"{station.name} was answered {answer.splitlines()[0]!r}")
            station.buffer = answer.partition(b"\r\n\r\n")[2]
            stations.append(station)
    return stations


def introduce(stations: list[Station]) -> None:
    """Boot, report both connectors, and charge once: what a station has behind it when it is idle."""
    begun = FIRST_METER_WH // 2
    ask(stations, lambda station: BOOT % station.name.encode())
    ask(stations, lambda station: STATUS % (b"i2", 1, b"Available", moment()))
    ask(stations, lambda station: STATUS % (b"i3", 2, b"Available", moment()))
    ask(stations, lambda station: START % (b"i4", station.token, begun, moment()))
    ask(stations, lambda station: METER % (b"i5", station.own, moment(), begun + 7, 50))
    ask(stations, lambda station: STOP % (b"i6", station.own, begun + 7, moment()))


def ask(stations: list[Station], call: Callable[[Station], bytes]) -> None:
    """Have one CALL of each station answered, of a bounded number at a time."""
    for first in range(0, len(stations), CALLS_AT_ONCE):
        _ask(stations[first : first + CALLS_AT_ONCE], call)


def _ask(stations: list[Station], call: Callable[[Station], bytes]) -> None:
    for station in stations:
        station.socket.settimeout(60)
        station.socket.sendall(frame(call(station)))
    for station in stations:
        while True:
            message, station.buffer = take_message(station.buffer)
            if message is None:
                received = station.receive(65536)
                if not received:
                    raise RuntimeError(f"{station.name} was cut")
                station.buffer += received
            elif message.startswith(b"[3"):
                _learn(station, message)
                break
            elif message.startswith(b"[2"):
                refuse(station, message)
            else:
                raise RuntimeError(f"{station.name} was refused: {message[:200]!r}")


def load(stations: list[Station], seconds: float, script: Script, tally: Tally) -> float:
    """Closed loop for `seconds`: every station sends its next CALL as soon as the last is answered. Returns
    the wall time in seconds. Every CALL that was sent is answered when it returns. Raises RuntimeError where
    a station is cut, WrongAnswer where it is answered what it did not ask."""
    poll, by_fd = _watch(stations)
    now_s, acknowledged, note = time.perf_counter, tally.acknowledged, tally.latencies_s.append
    begin = now = now_s()
    end = begin + seconds
    for station in stations:
        station.sent_at = now_s()
        station.send(station.next_frame(script))
    pending = len(stations)
    while pending:
        ready = poll.poll(PATIENCE_S)
        if not ready:
            raise RuntimeError(f"no answer within {PATIENCE_S:g} s, {pending} CALLs are open")
        if len(ready) < FEW < pending:
            time.sleep(GATHER_S)
        ending = now >= end
        for fd, _ in ready:
            station = by_fd[fd]
            data = station.receive(RECEIVE_BYTES)
            line = station.line
            # A whole, short frame that begins as the answer must; a start's is read for its transaction id.
            if data.startswith(line.answer, 2) and data[1] == len(data) - 2 and line.step != "S":
                acknowledged[line.step] += 1
            elif not hear(station, _whole(station, data), tally):
                continue
            now = now_s()
            note(now - station.sent_at)
            if ending:
                pending -= 1
            else:
                station.sent_at = now
                station.send(station.next_frame(script))
    poll.close()
    return now_s() - begin


def pace(stations: list[Station], seconds: float, script: Script, tally: Tally, every_s: float) -> float:
    """A steady rate for `seconds`: every station is to send a CALL each `every_s`, all of them spread over
    that time. One whose last CALL is open then sends none, and is counted. Returns and raises as `load`.

    A latency ends when the kernel had the answer, not when this process came to read it: stations do not
    share a processor with what disturbs this one."""
    poll, by_fd = _watch(stations)
    for station in stations:
        station.socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    begin = time.time()
    end = begin + seconds
    gap_s = every_s / len(stations)
    due = deque((begin + place * gap_s, station) for place, station in enumerate(stations))
    waiting: set[Station] = set()
    while due or waiting:
        while due and due[0][0] <= time.time():
            at, station = due.popleft()
            if at + every_s < end:
                due.append((at + every_s, station))
            if station in waiting:
                tally.skipped += 1
                continue
            waiting.add(station)
            data = station.next_frame(script)
            station.sent_at = time.time()
            station.send(data)
        wait_s = max(0.0, due[0][0] - time.time()) if due else PATIENCE_S
        ready = poll.poll(wait_s)
        if not ready and not due:
            raise RuntimeError(f"no answer within {PATIENCE_S:g} s, {len(waiting)} CALLs are open")
        for fd, _ in ready:
            station = by_fd[fd]
            data, notes, _, _ = station.socket.recvmsg(RECEIVE_BYTES, socket.CMSG_SPACE(_TIMESPEC.size))
            if hear(station, _whole(station, data), tally):
                tally.latencies_s.append(_arrived_at(notes) - station.sent_at)
                waiting.discard(station)
    poll.close()
    return time.time() - begin


def hear(station: Station, data: bytes, tally: Tally) -> bool:
    """What came for a station, whole messages or parts of them. Whether its CALL is answered by it."""
    if not data:
        raise RuntimeError(f"{station.name} was cut")
    answered = False
    message, station.buffer = take_message(station.buffer + data)
    while message is not None:
        if message.startswith(b"[2"):
            refuse(station, message)
        else:
            line = station.line
            if answered or message[2 : len(line.answer)] != line.answer[2:]:
                raise WrongAnswer(f"{station.name} asked {line.answer!r}, and heard {message[:200]!r}")
            answered = True
            _count(station, message, tally)
        message, station.buffer = take_message(station.buffer)
    return answered


def _count(station: Station, answer: bytes, tally: Tally) -> None:
    if not answer.startswith(b"[3"):
        tally.refused += 1
        return
    tally.acknowledged[station.line.step] += 1
    if station.line.step == "S":
        tally.numbered += _learn(station, answer)


def refuse(station: Station, call: bytes) -> None:
    """Answer a CALL of the server as a station does that supports nothing."""
    name = call[4 : call.index(b'"', 4)]
    station.send(frame(b'[4,"%s","NotSupported","",{}]' % name))


def take_message(data: bytes) -> tuple[bytes | None, bytes]:
    """The first whole text message of `data`, and the rest. Control frames are passed over."""
    while len(data) >= 2:
        size, head = data[1], 2
        if size == 126:
            if len(data) < 4:
                break
            size, head = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            if len(data) < 10:
                break
            size, head = int.from_bytes(data[2:10], "big"), 10
        if len(data) < head + size:
            break
        if data[0] & 0x0F == 1:
            return data[head : head + size], data[head + size :]
        data = data[head + size :]
    return None, data


def _learn(station: Station, answer: bytes) -> bool:
    """Remember the transaction id of an answer. Whether there is one."""
    at = answer.find(b'"transactionId":')
    if at < 0:
        return False
    digits = answer[at + 16 :].lstrip()
    station.own = digits[: next(i for i, c in enumerate(digits) if not 48 <= c <= 57)]
    return True


def _watch(stations: list[Station]) -> tuple[select.epoll, dict[int, Station]]:
    poll = select.epoll()
    by_fd = {station.socket.fileno(): station for station in stations}
    for fd, station in by_fd.items():
        station.socket.setblocking(False)
        # By edge: the kernel need not look again at each socket that has been read.
        poll.register(fd, select.EPOLLIN | select.EPOLLET)
    return poll, by_fd


def _whole(station: Station, data: bytes) -> bytes:
    """All that is there, where a read was filled."""
    last = data
    while len(last) == RECEIVE_BYTES:
        try:
            last = station.receive(RECEIVE_BYTES)
        except BlockingIOError:
            break
        data += last
    return data


def _arrived_at(notes: list[tuple[int, int, bytes]]) -> float:
    """When the kernel had what was read, in seconds since 1970."""
    for level, kind, data in notes:
        if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = _TIMESPEC.unpack(data)
            return float(seconds + nanoseconds / 1e9)
    return time.time()
