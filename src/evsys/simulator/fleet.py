"""A fleet of charge points on one loop: their sockets, one heap of times, and the end.

No charge point has a task or timer of its own: a heap holds when each wants to be told the time. Only an
attempt to connect is a task, and few are made at once.
"""

import asyncio
import heapq
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from evsys.simulator.charge_point import ChargePoint, PointSettings
from evsys.simulator.commands import answer
from evsys.simulator.mail import Session
from evsys.simulator.socket import Socket, connect
from evsys.simulator.table import Table

CONNECTING_AT_ONCE: Final = 50
LOOK_EVERY_S: Final = 0.02
"""How late a charge point may be told the time."""
SHOW_EVERY_S: Final = 0.5
LAST_WORDS_S: Final = 3.0
"""How long an end by SIGINT waits for answers under way."""


class Settings(Struct, frozen=True, kw_only=True):
    """What to simulate, and for how long."""

    url: str
    stations: int = 10
    prefix: str = "SIM"
    seed: int = 1
    duration_s: float | None = None
    report: Path | None = None
    points: PointSettings = PointSettings()


class Fleet:
    """All charge points and their links."""

    def __init__(self, settings: Settings, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.settings = settings
        self.last_error = ""
        """Why the last attempt to connect failed; empty after one that did not."""
        self._now = now
        start = now()
        self.points = [
            ChargePoint(f"{settings.prefix}{number:04d}", settings.points, settings.seed, start, answer)
            for number in range(1, settings.stations + 1)
        ]
        self._links: dict[str, Socket] = {}
        self._connecting: dict[str, asyncio.Task[None]] = {}
        self._due = [start] * len(self.points)
        """When each is to be told the time; an entry of the heap that says otherwise is out of date."""
        self._heap = [(start, index) for index in range(len(self.points))]
        self._index = {point.name: index for index, point in enumerate(self.points)}

    @property
    def done(self) -> bool:
        """Whether every charge point has had its sessions, and all is acknowledged."""
        return all(point.done for point in self.points)

    def connected(self, point: ChargePoint) -> bool:
        return point.name in self._links

    async def run(self, until: Callable[[], bool]) -> None:
        """Let them live until `until` says so, or all are done."""
        while not until() and not self.done:
            self._turn(self._now())
            await asyncio.sleep(LOOK_EVERY_S)

    async def stop(self) -> None:
        """Give answers that are under way a moment, and end all links."""
        deadline = self._now() + timedelta(seconds=LAST_WORDS_S)
        while self._now() < deadline and self._answers_are_under_way():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)  # at the end alone
        for task in self._connecting.values():
            task.cancel()
        await asyncio.gather(*self._connecting.values(), return_exceptions=True)
        for link in list(self._links.values()):
            link.close()
        await asyncio.sleep(0)

    def _answers_are_under_way(self) -> bool:
        return any(point.mail.waiting for point in self.points if self.connected(point))

    def _turn(self, now: datetime) -> None:
        while self._heap and self._heap[0][0] <= now:
            due, index = heapq.heappop(self._heap)
            if due != self._due[index]:
                continue
            point = self.points[index]
            if point.next_at <= now:
                point.wake(now)
            self._after(point, now)
            self._schedule(index, self._next(point, now))

    def _schedule(self, index: int, due: datetime) -> None:
        self._due[index] = due
        heapq.heappush(self._heap, (due, index))

    def _next(self, point: ChargePoint, now: datetime) -> datetime:
        times = [point.next_at]
        if point.online_from is not None and point.name not in self._connecting:
            times.append(point.online_from)
        return max(min(times), now + timedelta(seconds=LOOK_EVERY_S))

    def _after(self, point: ChargePoint, now: datetime) -> None:
        """What a charge point wants after it was told something."""
        link = self._links.get(point.name)
        frames, point.outbox = point.outbox, []
        if link is not None:
            for frame in frames:
                link.send(frame)
        if point.hang_up:
            point.hang_up = False
            if link is not None:
                link.close()
        idle = link is None and point.name not in self._connecting
        wanted = point.online_from is not None and point.online_from <= now
        if idle and wanted and len(self._connecting) < CONNECTING_AT_ONCE:
            self._connecting[point.name] = asyncio.create_task(self._connect(point))

    async def _connect(self, point: ChargePoint) -> None:
        try:
            link = await connect(
                self.settings.url,
                point.name,
                lambda frame: self._received(point, frame),
                lambda: self._lost(point),
            )
        except OSError as error:
            self.last_error = str(error)
            point.disconnected(self._now())
        else:
            self.last_error = ""
            self._links[point.name] = link
            point.connected(self._now())
            self._after(point, self._now())
        finally:
            del self._connecting[point.name]
            self._wake_earlier(point, self._now())

    def _received(self, point: ChargePoint, frame: bytes) -> None:
        now = self._now()
        point.received(frame, now)
        self._after(point, now)
        self._wake_earlier(point, now)

    def _lost(self, point: ChargePoint) -> None:
        if self._links.pop(point.name, None) is not None:
            now = self._now()
            point.disconnected(now)
            self._wake_earlier(point, now)

    def _wake_earlier(self, point: ChargePoint, now: datetime) -> None:
        """What was told may have brought something nearer than the heap knows."""
        index, due = self._index[point.name], self._next(point, now)
        if due < self._due[index]:
            self._schedule(index, due)


def run(settings: Settings, say: Callable[[str], None]) -> int:
    """Simulate until the time is over, all sessions are done, or SIGINT. Returns the exit status: 1 where no
    charge point could ever connect."""
    return asyncio.run(_run(settings, say))


async def _run(settings: Settings, say: Callable[[str], None]) -> int:
    fleet = Fleet(settings)
    stopped = False

    def stop() -> None:
        nonlocal stopped
        stopped = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop)
    end = loop.time() + settings.duration_s if settings.duration_s is not None else None
    table = Table(fleet, say)
    showing = asyncio.create_task(_show(table))
    try:
        await fleet.run(lambda: stopped or (end is not None and loop.time() >= end))
        await fleet.stop()
    finally:
        showing.cancel()
        table.close()
    sessions = [session for point in fleet.points for session in point.report]
    if settings.report is not None:
        settings.report.write_bytes(msgspec.json.format(msgspec.json.encode(sessions)) + b"\n")
    say(summary(sessions))
    ever = any(point.mail.answered for point in fleet.points)
    if not ever and fleet.last_error:
        say(f"no charge point could connect: {fleet.last_error}")
    return 0 if ever else 1


async def _show(table: Table) -> None:
    while True:
        table.show()
        await asyncio.sleep(SHOW_EVERY_S)


def summary(sessions: list[Session]) -> str:
    """The sums of all sessions, in one line."""
    ended = [session for session in sessions if session.meter_stop_wh is not None]
    energy_wh = sum((session.meter_stop_wh or 0) - session.meter_start_wh for session in ended)
    unacknowledged = sum(1 for session in sessions if not session.start_acknowledged)
    unacknowledged += sum(1 for session in ended if not session.stop_acknowledged)
    return (
        f"{len(sessions)} sessions begun, {len(ended)} ended with {energy_wh / 1000:.3f} kWh; "
        f"{unacknowledged} starts and stops not acknowledged"
    )
