"""The store on SQLite, as gateway and office see it: Works go to the writer process in batches, single rows
are read here.

One batch is on its way at a time; the next is whatever gathered meanwhile (group commit): the first leaves at
the end of the loop's turn, the others when the answer to the one before has come. No timer, no task and no
future for a Work.

When the writer dies its successor listens on the same socket. The client connects again, hears what was last
committed for it, and either takes that for the answer or sends the batch again: nothing is lost, nothing is
doubled. When nothing is heard for `ANSWER_TIMEOUT_S`, the Works on their way settle as Unknown, those that
wait as Failed; and until the writer is heard again, everything fails at once. A station of an Unknown Work
is not loaded before that either: only then is it certain that the old batch is not committed after the load.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Self, cast

from evsys.core import records
from evsys.core.credentials import Credentials
from evsys.core.events import LoggedEvent
from evsys.core.facts import Fact, NumbersFact
from evsys.core.ports import Fetched, Loaded
from evsys.core.work import Failed, Settled, Settlement, Unknown, Work
from evsys.store import loading, reading
from evsys.store.batch import (
    CANNOT_SAY,
    NUMBERS_LEASE,
    Answer,
    Former,
    Frames,
    FromWriter,
    Hello,
    Leased,
    Refusal,
    ToWriter,
    Welcome,
    decode_from_writer,
    frame,
    settlements,
)
from evsys.store.connections import open_to_read

ANSWER_TIMEOUT_S: Final = 10.0
"""A station waits about 30 s for an answer; a writer that is replaced is back within two."""
MAX_QUEUED: Final = 20_000
"""Works that wait for a batch. Beyond it the disk has fallen behind by seconds: better a quick no."""
FIRST_RETRY_S: Final = 0.02
LONGEST_RETRY_S: Final = 1.0
"""Between attempts to reach a writer: doubling from the first to the longest."""
SILENCE: Final = "the writer of the database does not answer"

Observe = Callable[[int, float], None]
"""Told of each batch that was answered: how many Works, and after how many seconds."""


class _Queued:
    """A batch that is forming, with who waits for it since when."""

    __slots__ = ("former", "settled", "since")

    def __init__(self, since: float) -> None:
        self.former = Former()
        self.settled: list[Settled] = []
        self.since = since


class _Sent:
    """The batch on its way."""

    __slots__ = ("content", "number", "queued", "since", "unsaid")

    def __init__(self, number: int, queued: _Queued, since: float) -> None:
        self.number = number
        self.queued = queued
        self.since = since
        self.content, self.unsaid = queued.former.frame(number)


class _Line(asyncio.Protocol):
    """The socket to the writer."""

    def __init__(self, store: "SqliteStore") -> None:
        self._store = store
        self._frames = Frames()
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is none by its class
        self._store.reached(self)

    def data_received(self, data: bytes) -> None:
        for content in self._frames.received(data):
            self._store.heard(self, decode_from_writer(content))

    def connection_lost(self, error: Exception | None) -> None:
        self._store.hung_up(self)


class SqliteStore:
    """See `core.ports.Store`. Made by `open`; everything is called on the loop that called it."""

    def __init__(
        self,
        reader: sqlite3.Connection,
        writer_address: str,
        client: str,
        observe: Observe | None,
        answer_timeout_s: float,
    ) -> None:
        self._reader = reader
        self._address = writer_address
        self._client = client
        self._observe = observe
        self._timeout_s = answer_timeout_s
        self._loop = asyncio.get_running_loop()
        self._line: _Line | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        """Whether the writer has said Welcome on the present line."""
        self._idle = asyncio.Event()
        self._idle.set()
        self._number = 1
        self._sent: _Sent | None = None
        self._queue: deque[_Queued] = deque()
        self._queued = 0
        self._leases: deque[tuple[Fetched, float]] = deque()
        self._scheduled = False
        self._watch: asyncio.TimerHandle | None = None
        self._given_up = False
        self._closing = False
        self.failure = ""
        """Why the last commit failed; empty when all is well."""

    @classmethod
    async def open(
        cls,
        path: Path,
        writer_address: str,
        client: str,
        observe: Observe | None = None,
        answer_timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> Self:
        """Connects to the writer. `client` is the same after every restart and used by one process alone.
        Raises TimeoutError where no writer answers, sqlite3.Error where the file cannot be read."""
        store = cls(open_to_read(path), writer_address, client, observe, answer_timeout_s)
        store._connect()
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                await store._ready.wait()
        except TimeoutError:
            await store.close()
            raise TimeoutError(SILENCE) from None
        return store

    async def close(self) -> None:
        """Waits until everything that was submitted is settled, then lets go of the writer and the file."""
        await self._idle.wait()
        self._closing = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._watch is not None:
            self._watch.cancel()
        if self._line is not None and self._line.transport is not None:
            self._line.transport.close()
        self._reader.close()
        await asyncio.sleep(0)  # the transport closes its socket in the next turn of the loop

    @property
    def queued(self) -> int:
        """Works that wait for a batch."""
        return self._queued

    def submit(self, work: Work, settled: Settled) -> None:
        """See `core.ports.Store`."""
        if self._given_up or self._queued >= MAX_QUEUED:
            reason = SILENCE if self._given_up else "too many changes wait for the database"
            self._loop.call_soon(settled, Failed(reason))
            return
        if not self._queue or self._queue[-1].former.full:
            self._queue.append(_Queued(self._loop.time()))
        queued = self._queue[-1]
        try:
            queued.former.add(work)
        except CANNOT_SAY as error:
            self._loop.call_soon(settled, Failed(f"no row can say this: {error!r}"))
            return
        queued.settled.append(settled)
        self._queued += 1
        if self._sent is None and not self._scheduled:
            self._scheduled = True
            self._idle.clear()
            self._loop.call_soon(self._send_next)

    async def commit(self, work: Work) -> Settlement:
        """Submits a Work and waits for it: for the rare paths."""
        outcome: asyncio.Future[Settlement] = self._loop.create_future()

        def settled(settlement: Settlement) -> None:
            if not outcome.done():  # who waited may have been cancelled
                outcome.set_result(settlement)

        self.submit(work, settled)
        return await outcome

    def fetch(self, fact: Fact, fetched: Fetched) -> None:
        """See `core.ports.Store`."""
        if self._given_up:
            self._loop.call_soon(fetched, Failed(SILENCE))
        elif isinstance(fact, NumbersFact):
            self._leases.append((fetched, self._loop.time()))
            self._idle.clear()
            self._say(NUMBERS_LEASE)
            self._watch_over()
        else:
            try:
                self._loop.call_soon(fetched, reading.fact(self._reader, fact))
            except sqlite3.Error as error:
                self._loop.call_soon(fetched, Failed(str(error)))

    def load(self, station_id: str, loaded: Loaded) -> None:
        """See `core.ports.Store`."""
        if self._given_up:
            self._loop.call_soon(loaded, Failed(SILENCE))
            return
        try:
            self._loop.call_soon(loaded, loading.load(self._reader, station_id))
        except sqlite3.Error as error:
            self._loop.call_soon(loaded, Failed(str(error)))

    async def stations(self) -> Sequence[records.Station]:
        """See `core.ports.Store`; this and the following raise sqlite3.Error where the file cannot be
        read."""
        return reading.stations(self._reader)

    async def credentials(self, station_id: str = "") -> Sequence[Credentials]:
        return reading.credentials(self._reader, station_id)

    async def revoked_certificates(self) -> Sequence[str]:
        return reading.revoked_certificates(self._reader)

    async def stations_to_look_after(self) -> Sequence[str]:
        return reading.stations_to_look_after(self._reader)

    async def open_uses(self) -> Mapping[str, frozenset[str]]:
        return reading.open_uses(self._reader)

    async def people_events(self, after: int, limit: int = 1000) -> Sequence[LoggedEvent]:
        return reading.people_events(self._reader, after, limit)

    async def last_seq(self) -> int:
        return reading.last_seq(self._reader)

    def reached(self, line: _Line) -> None:
        """A new line: the writer, or its successor when it is there, answers the Hello with a Welcome."""
        self._line = line
        self._write(frame(Hello(self._client)))

    def heard(self, line: _Line, message: FromWriter) -> None:
        """A message of the writer has come."""
        if line is not self._line:
            return
        match message:
            case Answer() if self._sent is not None and message.number == self._sent.number:
                self._settle(message.last_seq, message.refused, message.failure)
            case Answer():
                pass
            case Welcome():
                self._welcomed(message)
            case Leased() if self._leases:
                fetched, _ = self._leases.popleft()
                self._tell_fetched(fetched, message)
                self._rest()
            case Leased():
                pass

    def hung_up(self, line: _Line) -> None:
        """The line is lost: the writer has died, or has gone wrong."""
        if line is self._line and not self._closing:
            self._connect()

    def _connect(self) -> None:
        self._line = None
        self._ready.clear()
        if self._connecting is None or self._connecting.done():
            self._connecting = self._loop.create_task(self._call())

    async def _call(self) -> None:
        """Connects, again and again until somebody takes the call."""
        wait_s = FIRST_RETRY_S
        while True:
            with suppress(OSError):
                await self._loop.create_unix_connection(lambda: _Line(self), self._address)
            if self._line is not None:
                break
            await asyncio.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_RETRY_S)

    def _welcomed(self, welcome: Welcome) -> None:
        self._number = max(self._number, welcome.number + 1)
        if self._given_up:
            self._given_up = False
            self.failure = ""
        self._ready.set()
        for _ in self._leases:
            self._write(frame(NUMBERS_LEASE))
        if self._sent is None:
            self._send_next()
        elif welcome.number == self._sent.number:
            self._settle(welcome.last_seq, welcome.refused, "")
        else:
            self._write(self._sent.content)

    def _send_next(self) -> None:
        self._scheduled = False
        if self._sent is not None or not self._queue or not self._ready.is_set():
            self._watch_over()
            return
        queued = self._queue.popleft()
        self._queued -= len(queued.settled)
        self._sent = _Sent(self._number, queued, self._loop.time())
        self._number += 1
        self._write(self._sent.content)
        self._watch_over()

    def _say(self, message: ToWriter) -> None:
        """Sends to a writer that listens; else it is sent when one does."""
        if self._ready.is_set():
            self._write(frame(message))

    def _write(self, content: bytearray) -> None:
        if self._line is not None and self._line.transport is not None:
            self._line.transport.write(content)

    def _settle(self, last_seq: int, refused: Sequence[Refusal], failure: str) -> None:
        sent = self._sent
        assert sent is not None
        self._sent = None
        self.failure = failure
        if self._observe is not None:
            self._observe(len(sent.queued.settled), self._loop.time() - sent.since)
        if self._queue:
            self._send_next()  # first, so that the writer works while these turns are ended here
        results: list[Settlement]
        if failure:
            results = [Failed(failure)] * len(sent.queued.settled)
        else:
            results = settlements(sent.queued.former.told, last_seq, refused)
        for owner, reason in sent.unsaid.items():
            results[owner] = Failed(reason)
        for settled, settlement in zip(sent.queued.settled, results, strict=True):
            self._tell_settled(settled, settlement)
        self._rest()

    def _rest(self) -> None:
        if self._sent is None and not self._queue and not self._leases:
            self._idle.set()

    def _watch_over(self) -> None:
        """Looks after what waits, with one timer for all: it is set again when it fires, not with each
        batch."""
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout_s, self._look)

    def _look(self) -> None:
        self._watch = None
        waiting = [queued.since for queued in self._queue]
        waiting += [since for _, since in self._leases]
        if self._sent is not None:
            waiting.append(self._sent.since)
        if not waiting:
            return
        left_s = min(waiting) + self._timeout_s - self._loop.time()
        if left_s > 0:
            self._watch = self._loop.call_later(left_s, self._look)
        else:
            self._give_up()

    def _give_up(self) -> None:
        """Nothing was heard for too long: whoever waits is told so, and the line is made anew."""
        self._given_up = True
        self.failure = SILENCE
        sent, self._sent = self._sent, None
        queue, self._queue, self._queued = self._queue, deque(), 0
        leases, self._leases = self._leases, deque()
        if self._line is not None and self._line.transport is not None:
            self._line.transport.abort()
        self._connect()
        if sent is not None:
            for settled in sent.queued.settled:
                self._tell_settled(settled, Unknown(SILENCE))
        for queued in queue:
            for settled in queued.settled:
                self._tell_settled(settled, Failed(SILENCE))
        for fetched, _ in leases:
            self._tell_fetched(fetched, Leased(0, 0, SILENCE))
        self._rest()

    def _tell_settled(self, settled: Settled, settlement: Settlement) -> None:
        try:
            settled(settlement)
        except Exception as error:  # one turn's bug must not keep the others of its batch waiting for ever
            self._loop.call_exception_handler(
                {"message": "a turn failed when it was told of its commit", "exception": error}
            )

    def _tell_fetched(self, fetched: Fetched, leased: Leased) -> None:
        value = Failed(leased.failure) if leased.failure else range(leased.first, leased.first + leased.count)
        try:
            fetched(value)
        except Exception as error:  # as above
            self._loop.call_exception_handler(
                {"message": "a turn failed when it was told of its numbers", "exception": error}
            )
