"""Charge points for the benchmarks: raw sockets, ready-made frames, one CALL in flight per station.

It is fast because it does little: one epoll loop, frames from templates, a mask of zero (RFC 6455 §5.3 asks
for a mask, not for a good one), and of an answer it reads only its type, its id and the transaction id that
the following messages of the session must name.
"""

import select
import socket
import struct
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

CYCLE = 20
"""Frames of one session: Start and Stop (10 %), 10 MeterValues (50 %), 4 StatusNotifications and 4 Heartbeats
(20 % each)."""
PLAN = "SMHMNMMHMNMMHMNMMHNT"
"""One letter a frame: Start, Meter values, Heartbeat, statusNotification, sTop."""
HANDSHAKES_AT_ONCE = 100

_UPGRADE = (
    "GET {path}/{name} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)
_SHORT = struct.Struct(">BBI").pack
_LONG = struct.Struct(">BBHI").pack

_BOOT = (
    b'[2,"b%d","BootNotification",{"chargePointVendor":"Bench","chargePointModel":"Raw",'
    b'"chargePointSerialNumber":"%s","firmwareVersion":"1.0"}]'
)
_STATUS = (
    b'[2,"%d","StatusNotification",{"connectorId":%d,"errorCode":"NoError","status":"%s","timestamp":"%s"}]'
)
_HEARTBEAT = b'[2,"%d","Heartbeat",{}]'
_START = b'[2,"%d","StartTransaction",{"connectorId":1,"idTag":"%s","meterStart":%d,"timestamp":"%s"}]'
_STOP = b'[2,"%d","StopTransaction",{"transactionId":%d,"meterStop":%d,"timestamp":"%s","reason":"Local"}]'
_METER = (
    b'[2,"%d","MeterValues",{"connectorId":1,"transactionId":%d,"meterValue":[{"timestamp":"%s",'
    b'"sampledValue":['
    b'{"value":"%d","context":"Sample.Periodic","measurand":"Energy.Active.Import.Register","unit":"Wh"},'
    b'{"value":"10980","context":"Sample.Periodic","measurand":"Power.Active.Import","unit":"W"},'
    b'{"value":"15.9","context":"Sample.Periodic","measurand":"Current.Import","phase":"L1","unit":"A"},'
    b'{"value":"15.8","context":"Sample.Periodic","measurand":"Current.Import","phase":"L2","unit":"A"},'
    b'{"value":"16.0","context":"Sample.Periodic","measurand":"Current.Import","phase":"L3","unit":"A"},'
    b'{"value":"230.4","context":"Sample.Periodic","measurand":"Voltage","phase":"L1-N","unit":"V"},'
    b'{"value":"31.5","context":"Sample.Periodic","measurand":"Temperature","location":"Body","unit":"Celsius"},'
    b'{"value":"%d","context":"Sample.Periodic","measurand":"SoC","location":"EV","unit":"Percent"}]}]}]'
)
_STATES = (b"Preparing", b"Charging", b"SuspendedEV", b"Finishing")


def frame(text: bytes) -> bytes:
    """A masked text frame."""
    size = len(text)
    if size < 126:
        return _SHORT(0x81, 0x80 | size, 0) + text
    return _LONG(0x81, 0xFE, size, 0) + text


class Station:
    """One charge point and its place in the cycle."""

    __slots__ = ("buffer", "count", "meter_wh", "name", "sent_at", "socket", "token", "transaction")

    def __init__(self, name: str, connection: socket.socket) -> None:
        self.name = name
        self.token = b"T" + name.encode()[-18:]
        self.socket = connection
        self.count = 0
        self.meter_wh = 1000
        self.transaction = 0
        self.sent_at = 0.0
        self.buffer = b""

    def next_call(self, moment: bytes) -> bytes:
        """The next CALL of the cycle; its id is `count`."""
        return self.call(PLAN[self.count % CYCLE], moment)

    def call(self, step: str, moment: bytes) -> bytes:
        count = self.count = self.count + 1
        if step == "M":
            self.meter_wh += 7
            return _METER % (count, self.transaction, moment, self.meter_wh, self.meter_wh % 100)
        if step == "H":
            return _HEARTBEAT % count
        if step == "N":
            return _STATUS % (count, 1, _STATES[count // 4 % 4], moment)
        if step == "S":
            return _START % (count, self.token, self.meter_wh, moment)
        return _STOP % (count, self.transaction, self.meter_wh, moment)


class Tally:
    """What was acknowledged, by letter of the plan, and how long each answer took."""

    def __init__(self) -> None:
        self.acknowledged = dict.fromkeys("SMHNT", 0)
        self.latencies_s: list[float] = []
        self.refused = 0

    @property
    def calls(self) -> int:
        return sum(self.acknowledged.values())


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
                received = station.socket.recv(4096)
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
    moment = _moment()
    ask(stations, lambda station: _BOOT % (1, station.name.encode()))
    ask(stations, lambda station: _STATUS % (2, 1, b"Available", moment))
    ask(stations, lambda station: _STATUS % (3, 2, b"Available", moment))
    for step in "SMT":
        ask(stations, lambda station, step=step: station.call(step, _moment()))
    for station in stations:
        station.count = 0


def ask(stations: list[Station], call: Callable[[Station], bytes]) -> None:
    """Send one CALL from each station, then read each answer."""
    for station in stations:
        station.socket.settimeout(60)
        station.socket.sendall(frame(call(station)))
    for station in stations:
        while True:
            message, station.buffer = _message(station.buffer)
            if message is None:
                received = station.socket.recv(65536)
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


def load(stations: list[Station], seconds: float, tally: Tally, think_s: float = 0.0) -> float:
    """Closed loop for `seconds`: every station sends its next CALL `think_s` after the last was answered.
    Returns the wall time in seconds. Every CALL that was sent is answered when it returns."""
    poll = select.epoll()
    by_fd = {}
    for station in stations:
        station.socket.setblocking(False)
        by_fd[station.socket.fileno()] = station
        poll.register(station.socket.fileno(), select.EPOLLIN)
    now_s = time.perf_counter
    begin = now_s()
    end = begin + seconds
    # Stations that think are spread over the time in which they do.
    spread_s = think_s / len(stations)
    thinking = deque((begin + place * spread_s, station) for place, station in enumerate(stations))
    pending = 0
    while True:
        now = now_s()
        moment = _moment()
        while thinking and thinking[0][0] <= now:
            _, station = thinking.popleft()
            if now < end:
                station.sent_at = now
                station.socket.send(frame(station.next_call(moment)))
                pending += 1
        if not pending and not thinking:
            break
        wait_s = max(0.0, thinking[0][0] - now) if thinking else -1.0
        for fd, _ in poll.poll(wait_s):
            station = by_fd[fd]
            for _ in range(_hear(station, tally)):
                pending -= 1
                thinking.append((now_s() + think_s, station))
    poll.close()
    return now_s() - begin


def _hear(station: Station, tally: Tally) -> int:
    """Read what came for a station. How many of its CALLs were answered."""
    data = station.socket.recv(65536)
    if not data:
        raise RuntimeError(f"{station.name} was cut")
    answered = 0
    message, station.buffer = _message(station.buffer + data if station.buffer else data)
    while message is not None:
        if message.startswith(b"[2"):
            refuse(station, message)
        else:
            answered += 1
            tally.latencies_s.append(time.perf_counter() - station.sent_at)
            step = PLAN[(station.count - 1) % CYCLE]
            if message.startswith(b'[3,"%d",' % station.count):
                tally.acknowledged[step] += 1
            else:
                tally.refused += 1
            if step == "S":
                _learn(station, message)
        message, station.buffer = _message(station.buffer) if station.buffer else (None, b"")
    return answered


def refuse(station: Station, call: bytes) -> None:
    """Answer a CALL of the server as a station does that supports nothing."""
    name = call[4 : call.index(b'"', 4)]
    station.socket.send(frame(b'[4,"%s","NotSupported","",{}]' % name))


def _learn(station: Station, answer: bytes) -> None:
    at = answer.find(b'"transactionId":')
    if at >= 0:
        digits = answer[at + 16 :]
        station.transaction = int(digits[: next(i for i, c in enumerate(digits) if not 48 <= c <= 57)])


def _moment() -> bytes:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()


def _message(data: bytes) -> tuple[bytes | None, bytes]:
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
