"""A fleet of charge points on one loop: their links, one heap of times, and the end.

No charge point has a task or timer of its own: the heap holds when each wants to be told the time. Only an
attempt to connect is a task, and few are made at once; who wants a link beyond that waits in a row.
"""

import asyncio
import heapq
import re
import resource
import signal
import ssl
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import structlog
import uvloop
from msgspec import Struct
from msgspec.structs import replace

from evsys.simulator import report
from evsys.simulator.access import Way
from evsys.simulator.cabinet import PointSettings
from evsys.simulator.charge_point import ChargePoint
from evsys.simulator.commands import answer
from evsys.simulator.misbehaviour import Misbehaviour
from evsys.simulator.socket import Ears, Socket, connect
from evsys.simulator.table import Table
from evsys.simulator.tls import context_of
from evsys.simulator.transfer import Transfer

CONNECTING_AT_ONCE: Final = 50
CARRIERS: Final = 4
"""Files that are carried at once, each in a thread."""
LOOK_EVERY_S: Final = 0.02
"""How late a charge point may be told the time."""
SHOW_EVERY_S: Final = 0.5
LAST_WORDS_S: Final = 3.0
"""How long an end by SIGINT waits for answers under way."""
OTHER_DESCRIPTORS: Final = 50
"""File descriptors for all that is no link."""
_log = structlog.get_logger()
_NUMBER = re.compile(r"#+")


class Settings(Struct, frozen=True, kw_only=True):
    """What to simulate, and for how long."""

    url: str
    stations: int = 10
    ids: str = "SIM####"
    """The stations' ids: the marks stand for their number, from 1 on."""
    seed: int = 1
    duration_s: float | None = None
    report: Path | None = None
    misbehave: frozenset[str] = frozenset()
    """How they break the rules (`simulator.misbehaviour.KINDS`)."""
    points: PointSettings = PointSettings()
    tls_url: str = ""
    """Where they connect with a security profile that needs TLS; empty: to `url` too."""
    ca_file: Path | None = None
    """Roots (PEM) that they trust; None: those of the system."""
    certificates: Path | None = None
    """A folder with the certificate of each, ID.pem, and its key, ID.key."""


def station_ids(pattern: str, count: int) -> list[str]:
    """The ids that a pattern makes. Raises ValueError."""
    places = _NUMBER.findall(pattern)
    if len(places) != 1:
        raise ValueError(f"{pattern!r} must have one place for a number: a run of #")
    return [pattern.replace(places[0], str(number).zfill(len(places[0]))) for number in range(1, count + 1)]


class Fleet:
    """All charge points and their links."""

    def __init__(self, settings: Settings, now: Callable[[], datetime]) -> None:
        self.settings = settings
        self.last_error = ""
        """Why the last attempt to connect failed; empty after one that did not."""
        self._now = now
        start = now()
        self.points = [
            ChargePoint(name, settings.points, settings.seed, start, answer)
            for name in station_ids(settings.ids, settings.stations)
        ]
        self._common_tls: ssl.SSLContext | None = None
        for point in self.points:
            if settings.certificates is not None:
                certificate, key = (settings.certificates / f"{point.name}.{end}" for end in ("pem", "key"))
                chain, private_key = certificate.read_text(), key.read_bytes()
                point.access.way = replace(point.access.way, chain=chain, private_key=private_key)
        self._habits = [
            Misbehaviour(point.name, settings.misbehave, settings.seed) if settings.misbehave else None
            for point in self.points
        ]
        self._ghosts: list[Socket] = []
        """Second sockets of misbehaving charge points, which nobody uses."""
        self._links: list[Socket | None] = [None] * len(self.points)
        self._connecting: dict[int, asyncio.Task[None]] = {}
        self._carrying: set[asyncio.Task[None]] = set()
        self._carriers = asyncio.Semaphore(CARRIERS)
        self._waiting: deque[int] = deque()
        """Who wants a link, in the order of the wishes."""
        self._due: list[datetime | None] = [None] * len(self.points)
        """When each is to be told the time; an entry of the heap that says otherwise is out of date."""
        self._heap: list[tuple[datetime, int]] = []
        for index in range(len(self.points)):
            self._settle(index, start)

    @property
    def done(self) -> bool:
        """Whether every charge point has had its sessions, and all is acknowledged; never where none were
        wanted."""
        return bool(self.settings.points.sessions) and all(point.done for point in self.points)

    async def run(self, until: Callable[[], bool]) -> None:
        """Let them live until `until` says so, or all are done."""
        while not until() and not self.done:
            now = self._now()
            self._tell_the_time(now)
            self._connect_more()
            await asyncio.sleep(LOOK_EVERY_S)

    async def stop(self) -> None:
        """Give answers that are under way a moment, and end all links."""
        deadline = self._now() + timedelta(seconds=LAST_WORDS_S)
        while self._now() < deadline and self._answers_are_under_way():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)  # at the end alone
        connecting = [*self._connecting.values(), *self._carrying]
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        for link in (*self._links, *self._ghosts):
            if link is not None:
                link.close()
        await asyncio.sleep(0)

    def _answers_are_under_way(self) -> bool:
        return any(point.mail.up and point.mail.waiting for point in self.points)

    # -- time ---

    def _tell_the_time(self, now: datetime) -> None:
        while self._heap and self._heap[0][0] <= now:
            due, index = heapq.heappop(self._heap)
            if due == self._due[index]:
                self._due[index] = None
                self.points[index].wake(now)
                self._settle(index, now)

    def _settle(self, index: int, now: datetime) -> None:
        """Do what a charge point wants after it was told something."""
        point, link = self.points[index], self._links[index]
        if point.outbox:
            frames, point.outbox = point.outbox, []
            if link is not None:
                self._send(index, link, frames)
        if point.cabinet.transfers:
            transfers, point.cabinet.transfers = point.cabinet.transfers, []
            for transfer in transfers:
                self._carry(index, transfer)
        if point.wants_ping:
            point.wants_ping = False
            if link is not None:
                link.ping()
        if point.hang_up:
            point.hang_up = False
            if link is not None:
                link.close()
        if point.wants_link:
            point.wants_link = False
            if link is None and index not in self._connecting:
                self._waiting.append(index)
        due, known = point.next_at, self._due[index]
        if due is not None:
            # Not before the next look: what is due by then would be looked at in a circle. Where the time is
            # told too early nothing happens, and this is done again.
            due = max(due, now + timedelta(seconds=LOOK_EVERY_S))
            if known is None or due < known:
                self._due[index] = due
                heapq.heappush(self._heap, (due, index))

    def _send(self, index: int, link: Socket, frames: list[bytes]) -> None:
        habits = self._habits[index]
        if habits is not None:
            frames = [each for frame in frames for each in habits.frames(frame)]
            if habits.wants_ghost:
                habits.wants_ghost = False
                task = asyncio.create_task(self._haunt(index))
                self._carrying.add(task)
                task.add_done_callback(self._carrying.discard)
        for frame in frames:
            link.send(frame)

    async def _haunt(self, index: int) -> None:
        """Open a second socket of a charge point, and leave it alone."""
        ears = Ears(self._ghosts.append, lambda frame: None, lambda: None)
        with suppress(OSError):
            await self._open(index, ears)

    # -- files ---

    def _carry(self, index: int, transfer: Transfer) -> None:
        """Carry a file in a thread; what comes of it is told on the loop."""
        task = asyncio.create_task(self._carried(index, transfer))
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)

    async def _carried(self, index: int, transfer: Transfer) -> None:
        found: bytes | None = None
        transfer.form = "posted-files" in self.settings.misbehave
        async with self._carriers:
            try:
                found = await asyncio.to_thread(transfer.carry_out, self.settings.ca_file)
            except OSError as error:
                _log.warning(
                    "a file could not be carried", station=self.points[index].name, reason=str(error)
                )
        now = self._now()
        self.points[index].carried(transfer, found, now)
        self._settle(index, now)

    # -- links ---

    def _connect_more(self) -> None:
        while self._waiting and len(self._connecting) < CONNECTING_AT_ONCE:
            index = self._waiting.popleft()
            self._connecting[index] = asyncio.create_task(self._connect(index))

    async def _connect(self, index: int) -> None:
        ears = Ears(
            lambda link: self._connected(index, link),
            lambda frame: self._received(index, frame),
            lambda: self._lost(index),
        )
        try:
            await self._open(index, ears)
        except OSError as error:
            self.last_error = str(error)
            if index in self._connecting:
                now = self._now()
                self.points[index].disconnected(now)
                self._settle(index, now)
        finally:
            self._connecting.pop(index, None)

    async def _open(self, index: int, ears: Ears) -> None:
        """A socket of a charge point, by the way that it is to come next."""
        point = self.points[index]
        way = point.access.next
        url = self.settings.tls_url if way.secure and self.settings.tls_url else self.settings.url
        tls = self._tls(way, point) if url.startswith("wss:") else None
        pongs = "no-pongs" not in self.settings.misbehave
        await connect(url, point.name, ears, way.authorization(point.name), tls, pongs)

    def _tls(self, way: Way, point: ChargePoint) -> ssl.SSLContext:
        """What a charge point speaks TLS with: most have the same."""
        roots = point.security.roots("CentralSystemRootCertificate")
        if way.chain or roots:
            return context_of(way, self.settings.ca_file, roots)
        if self._common_tls is None:
            self._common_tls = context_of(way, self.settings.ca_file, ())
        return self._common_tls

    def _connected(self, index: int, link: Socket) -> None:
        now = self._now()
        self.last_error = ""
        self._links[index] = link
        if (habits := self._habits[index]) is not None:
            habits.connected()
        self._connecting.pop(index, None)
        self.points[index].connected(now)
        self._settle(index, now)

    def _received(self, index: int, frame: bytes) -> None:
        now = self._now()
        self.points[index].received(frame, now)
        self._settle(index, now)

    def _lost(self, index: int) -> None:
        now = self._now()
        self._links[index] = None
        self.points[index].disconnected(now)
        self._settle(index, now)


def run(settings: Settings, say: Callable[[str], None]) -> int:
    """Simulate until the time is over, all sessions are done, or SIGINT; `say` gets what is told. Returns the
    exit status: 1 where the machine refuses, or no charge point could ever connect."""
    if not _descriptors(settings.stations + OTHER_DESCRIPTORS):
        say(f"{settings.stations} stations need more file descriptors than this system allows (ulimit -Hn)")
        return 1
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, say))


def _descriptors(needed: int) -> bool:
    """Raise the soft limit as far as that is needed; whether it is enough."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < needed <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    return needed <= hard


async def _run(settings: Settings, say: Callable[[str], None]) -> int:
    loop = asyncio.get_running_loop()
    start, began = datetime.now(UTC), loop.time()
    # Never goes back, whatever is done to the system's clock.
    fleet = Fleet(settings, lambda: start + timedelta(seconds=loop.time() - began))
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    if settings.duration_s is not None:
        loop.call_later(settings.duration_s, stopped.set)
    table = Table(fleet, say)
    showing = asyncio.create_task(_show(table))
    try:
        await fleet.run(stopped.is_set)
        await fleet.stop()
    finally:
        showing.cancel()
        table.close()
    for line in report.summary(fleet.points):
        say(line)
    if settings.report is not None:
        report.write(fleet.points, settings.report)
    ever = any(point.mail.answered for point in fleet.points)
    if not ever and fleet.last_error:
        say(f"no charge point could connect: {fleet.last_error}")
    return 0 if ever else 1


async def _show(table: Table) -> None:
    while True:
        table.show()
        await asyncio.sleep(SHOW_EVERY_S)
