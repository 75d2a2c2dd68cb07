"""The writer: the one function that changes the database, and the process around it.

`Writer.write` commits a batch of Works in one transaction of SQLite and says of each Work what became of
it. It is synchronous and knows no clock: the writer process calls it, the simulation calls it inline, and a
CLI command calls it for its one row.

The whole batch is tried at once. Where one of its Works cannot be (a unique key is taken, a version is
stale, the station has a newer owner), the batch is rolled back and taken again in halves, each behind a
savepoint, until the one that cannot be stands alone; the others are written. Savepoints are not used before:
they make SQLite copy every page it is about to change."""

import gc
import os
import select
import selectors
import signal
import socket
import sqlite3
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec.structs import asdict

from evsys.core.records import StationStatus
from evsys.store.batch import (
    Answer,
    Batch,
    Frames,
    FromWriter,
    Hello,
    Lease,
    Leased,
    Refusal,
    ToWriter,
    Welcome,
    decode_refused,
    decode_to_writer,
    encode_refused,
    frame,
)
from evsys.store.compiled import ADD_EVENT
from evsys.store.connections import open_to_write
from evsys.store.lock import writer_lock
from evsys.store.rows import TABLE_NUMBERS, Row
from evsys.store.statements import CODES, LOOKUPS, OP_KINDS, STATEMENTS, table_of
from evsys.store.tables import Lookup

T = TypeVar("T")
Step = Callable[[str], None]
"""Told what comes next before every statement, and `done` after the commit: where a simulation may crash."""

_STATUS: Final = TABLE_NUMBERS[StationStatus]
_STATUS_STATION: Final = StationStatus.__struct_fields__.index("station_id")
_STATUS_EPOCH: Final = StationStatus.__struct_fields__.index("epoch")
_STATUS_REMOVED: Final = CODES["remove", StationStatus]
_EPOCH_OF: Final = "SELECT epoch FROM station_status WHERE station_id = ?"
_LAST_SEQ: Final = "SELECT last_insert_rowid()"
_REMEMBER: Final = """
    INSERT INTO writer_clients (client, number, last_seq, refused) VALUES (?, ?, ?, ?)
    ON CONFLICT (client) DO UPDATE
    SET number = excluded.number, last_seq = excluded.last_seq, refused = excluded.refused"""
_REMEMBERED: Final = "SELECT number, last_seq, refused FROM writer_clients WHERE client = ?"
_LEASE: Final = """
    INSERT INTO leases (name, next) VALUES (:name, 1 + :count)
    ON CONFLICT (name) DO UPDATE SET next = next + :count WHERE next + :count - 1 <= :highest
    RETURNING next"""

_BAD_ROW: Final = (
    sqlite3.IntegrityError,
    sqlite3.DataError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    OverflowError,
)
"""What SQLite says of a row that it cannot take. All other errors are of the database as a whole."""


class _Refused(Exception):
    """A Work of the range that was tried cannot be written."""


class Writer:
    """Writes to one database file through one connection. `step` is for the simulation."""

    def __init__(self, connection: sqlite3.Connection, step: Step | None = None) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._step = step
        self._epochs: dict[str, int] = {}
        """Epochs on disk of the stations seen. Nobody else writes them."""
        self._claimed: dict[str, int] = {}
        """Epochs that the transaction in progress has written."""
        self._last_seq = 0

    def write(self, client: str, batch: Batch) -> Answer:
        """Commits a batch. When it returns, what is not refused is on the disk; a failure wrote nothing."""
        try:
            refused = self._transact(client, batch)
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                self._connection.rollback()
            return Answer(batch.number, 0, [], failure=str(error) or type(error).__name__)
        self._epochs.update(self._claimed)
        self._step_to("done")
        return Answer(batch.number, self._last_seq, refused)

    def welcome(self, client: str) -> Welcome:
        """What was last committed for a client."""
        found = self._connection.execute(_REMEMBERED, (client,)).fetchone()
        if found is None:
            return Welcome(0, 0, [])
        number, last_seq, refused = found
        return Welcome(number, last_seq, decode_refused(refused) if refused else [])

    def lease(self, lease: Lease) -> Leased:
        """Gives away a block of numbers that were never given before, none above the highest."""
        try:
            # A statement outside of BEGIN is a transaction of its own: durable when its last row is read.
            rows = self._connection.execute(_LEASE, asdict(lease)).fetchall()
        except sqlite3.Error as error:
            return Leased(0, 0, failure=str(error) or type(error).__name__)
        if not rows:
            return Leased(0, 0, failure=f"all numbers up to {lease.highest} are given away")
        return Leased(rows[0][0] - lease.count, lease.count)

    def close(self) -> None:
        """Closes the connection; what was not committed is gone."""
        # A statement that has failed keeps a closed connection alive, and its lock with it.
        self._cursor.close()
        if self._connection.in_transaction:
            self._connection.rollback()
        self._connection.close()

    def _transact(self, client: str, batch: Batch) -> list[Refusal]:
        refused: list[Refusal] = []
        self._execute("BEGIN IMMEDIATE")
        self._claimed, self._last_seq = {}, 0
        try:
            self._try(batch, 0, batch.works)
        except _Refused:
            self._execute("ROLLBACK")
            self._execute("BEGIN IMMEDIATE")
            refused.extend(self._halve(batch, 0, batch.works))
        told = encode_refused(refused) if refused else None
        self._execute(_REMEMBER, (client, batch.number, self._last_seq, told))
        self._execute("COMMIT")
        return refused

    def _halve(self, batch: Batch, low: int, high: int) -> Iterator[Refusal]:
        """Writes the Works of a range that cannot be written as a whole."""
        if high - low == 1:
            refusal = self._alone(batch, low)
            if refusal is not None:
                yield refusal
            return
        middle = (low + high) // 2
        for part in ((low, middle), (middle, high)):
            self._execute("SAVEPOINT part")
            try:
                self._try(batch, *part)
            except _Refused:
                self._execute("ROLLBACK TO part")
                self._execute("RELEASE part")
                yield from self._halve(batch, *part)
            else:
                self._execute("RELEASE part")

    def _try(self, batch: Batch, low: int, high: int) -> None:
        """Writes the Works from `low` up to `high`. Raises _Refused; the caller then rolls back."""
        whole = high - low == batch.works
        claims: dict[str, int] = {}
        for run in batch.runs:
            rows = run.rows if whole else _owned(run.rows, run.owners, low, high)
            if rows and table_of(run.code) == _STATUS:
                claims.update(_claims(run.code, rows))
        for owner, station_id, fence in batch.fences:
            # One that an earlier Work of the same range fences off is found in order, when it stands alone.
            if low <= owner < high and (
                fence < self._epoch(station_id) or (claims and fence < claims.get(station_id, fence))
            ):
                raise _Refused
        for run in batch.runs:
            rows = run.rows if whole else _owned(run.rows, run.owners, low, high)
            if rows:
                self._change(run.code, rows)
        events = batch.events if whole else _owned(batch.events, batch.event_owners, low, high)
        if events:
            self._tell(events)
        self._claimed.update(claims)

    def _change(self, code: int, rows: list[Row]) -> None:
        statement = STATEMENTS[code]
        if statement.picks is not None:
            rows = [[row[pick] for pick in statement.picks] for row in rows]
        self._step_to(statement.sql)
        try:
            self._cursor.executemany(statement.sql, rows)
        except _BAD_ROW as error:
            raise _Refused from error
        if statement.exact and self._cursor.rowcount != len(rows):
            raise _Refused

    def _alone(self, batch: Batch, owner: int) -> Refusal | None:
        """Writes one Work change by change, and finds out why it cannot be written."""
        for fenced, station_id, fence in batch.fences:
            if fenced == owner and fence < self._epoch(station_id):
                return Refusal(owner, "fenced")
        self._execute("SAVEPOINT part")
        claims: dict[str, int] = {}
        for run in batch.runs:
            for row in _owned(run.rows, run.owners, owner, owner + 1):
                try:
                    self._change(run.code, [row])
                except _Refused as refused:
                    self._execute("ROLLBACK TO part")
                    self._execute("RELEASE part")
                    return self._reason(owner, run.code, row, refused.__cause__)
                if table_of(run.code) == _STATUS:
                    claims.update(_claims(run.code, [row]))
        if events := _owned(batch.events, batch.event_owners, owner, owner + 1):
            self._tell(events)
        self._execute("RELEASE part")
        self._claimed.update(claims)
        return None

    def _reason(self, owner: int, code: int, row: Row, cause: BaseException | None) -> Refusal:
        """Why a row was refused: because of the one that has a unique key of it, or its version."""
        table = table_of(code)
        if cause is not None and not isinstance(cause, sqlite3.IntegrityError):
            return Refusal(owner, "failed", f"a value that the database cannot hold: {cause}")
        by_key, *others = LOOKUPS[table]
        op = OP_KINDS[code % len(OP_KINDS)]
        if op == "change":
            return Refusal(owner, "conflict", table=table, row=self._look_up(by_key, row))
        # A record that is saved is itself the one with its primary key: only another can be in its way.
        for lookup in others if op == "save" else (*others, by_key):
            found = self._look_up(lookup, row)
            if found is not None and not (op == "save" and found == self._look_up(by_key, row)):
                return Refusal(owner, "conflict", table=table, row=found)
        return Refusal(owner, "failed", str(cause))

    def _look_up(self, lookup: Lookup, row: Row) -> Row | None:
        found = self._connection.execute(lookup.sql, [row[pick] for pick in lookup.picks]).fetchone()
        return list(found) if found is not None else None

    def _tell(self, events: Sequence[tuple[object, ...]]) -> None:
        """Appends to the log. SQLite numbers the events itself, one by one, so the last number says all, and
        another process that wrote in between is in nobody's way."""
        self._step_to(ADD_EVENT)
        self._cursor.executemany(ADD_EVENT, events)
        self._last_seq = self._connection.execute(_LAST_SEQ).fetchone()[0]

    def _epoch(self, station_id: str) -> int:
        """The epoch on disk, as the transaction in progress sees it."""
        if station_id in self._claimed:
            return self._claimed[station_id]
        epoch = self._epochs.get(station_id)
        if epoch is None:
            found = self._connection.execute(_EPOCH_OF, (station_id,)).fetchone()
            epoch = self._epochs[station_id] = found[0] if found else 0
        return epoch

    def _execute(self, sql: str, parameters: Sequence[object] = ()) -> None:
        self._step_to(sql)
        self._cursor.execute(sql, parameters)

    def _step_to(self, sql: str) -> None:
        if self._step is not None:
            self._step(sql)


def _claims(code: int, rows: Sequence[Row]) -> Iterator[tuple[str, int]]:
    """The epochs that rows of station status write; a removed one has none."""
    for row in rows:
        epoch = row[_STATUS_EPOCH] if code != _STATUS_REMOVED else 0
        yield str(row[_STATUS_STATION]), epoch if isinstance(epoch, int) else 0


def _owned(rows: list[T], owners: list[int], low: int, high: int) -> list[T]:
    """The rows of the Works from `low` up to `high`."""
    return rows[bisect_left(owners, low) : bisect_left(owners, high)]


READ_BYTES: Final = 256 * 1024
OBJECTS_BEFORE_COLLECTION: Final = 100_000
"""A batch makes thousands of rows and no cycles: looking for cycles after every 700 would be waste."""


def run(
    listen_fd: int, path: Path, lifeline_fd: int = 0, say: Callable[[str], None] = lambda message: None
) -> None:
    """The writer process: serves the clients that connect to the listening unix socket until the lifeline is
    at its end *and* they are gone, so that what they still send while they stop is committed.

    It ignores SIGINT and SIGTERM, which a terminal or a service manager sends to all processes alike. It
    waits until an older writer of the same file is gone. `say` hears, in a line, when commits begin to fail
    and when they succeed again."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    gc.freeze()
    gc.set_threshold(OBJECTS_BEFORE_COLLECTION)
    lock = writer_lock(path)
    if not lock.wait(wanted=lambda: not _at_end(lifeline_fd)):
        return
    with closing(lock), closing(Writer(open_to_write(path))) as writer:
        _Desk(writer, socket.socket(fileno=listen_fd), lifeline_fd, say).serve()


def _at_end(lifeline_fd: int) -> bool:
    """Whether the other end of the lifeline is closed. Nothing that is written to it matters."""
    readable, _, _ = select.select([lifeline_fd], [], [], 0)
    return bool(readable) and os.read(lifeline_fd, READ_BYTES) == b""


class _Client:
    """A connected client: its name once it said Hello, what arrived of it and what it has not taken yet."""

    def __init__(self, peer: socket.socket) -> None:
        self.socket = peer
        self.name = ""
        self.frames = Frames()
        self.unsent = bytearray()


class _Desk:
    """Where clients come with their batches. One thread, one batch at a time."""

    def __init__(
        self, writer: Writer, listener: socket.socket, lifeline_fd: int, say: Callable[[str], None]
    ) -> None:
        self._writer = writer
        self._listener = listener
        self._lifeline_fd = lifeline_fd
        self._say = say
        self._clients: set[_Client] = set()
        self._selector = selectors.DefaultSelector()
        self._wanted = True
        self._failing = False

    def serve(self) -> None:
        self._listener.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._lifeline_fd, selectors.EVENT_READ)
        while self._wanted or self._clients or self._waiting():
            for key, ready in self._selector.select():
                if isinstance(key.data, _Client):
                    self._attend(key.data, ready)
                elif key.fileobj is self._listener:
                    self._welcome()
                elif _at_end(self._lifeline_fd):
                    self._wanted = False
                    self._selector.unregister(self._lifeline_fd)
        self._selector.close()

    def _waiting(self) -> bool:
        """Whether a client has connected that was not accepted yet."""
        return bool(select.select([self._listener], [], [], 0)[0])

    def _welcome(self) -> None:
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return  # it has gone again
        peer.setblocking(False)
        client = _Client(peer)
        self._clients.add(client)
        self._selector.register(peer, selectors.EVENT_READ, client)

    def _attend(self, client: _Client, ready: int) -> None:
        if client not in self._clients:
            return  # replaced a moment ago by a newer one of its name
        try:
            if ready & selectors.EVENT_WRITE:
                self._send(client)
            if ready & selectors.EVENT_READ:
                self._receive(client)
        except BlockingIOError:
            return
        except (OSError, ValueError, msgspec.MsgspecError) as error:
            # A client that died in the middle of a frame, or one that talks nonsense: its frame is dropped.
            self._dismiss(client)
            if not isinstance(error, OSError):
                self._say(f"a client of the writer was dismissed: {error}")

    def _receive(self, client: _Client) -> None:
        data = client.socket.recv(READ_BYTES)
        if not data:
            self._dismiss(client)
            return
        for content in client.frames.received(data):
            client.unsent += frame(self._answer(client, decode_to_writer(content)))
        if client.unsent:
            self._send(client)

    def _answer(self, client: _Client, message: ToWriter) -> FromWriter:
        match message:
            case Batch():
                if not client.name:
                    raise ValueError("a batch before a Hello")
                answer = self._writer.write(client.name, message)
                self._watch(answer.failure)
                return answer
            case Lease():
                return self._writer.lease(message)
            case Hello():
                for older in [each for each in self._clients if each.name == message.client]:
                    if older is not client:
                        self._dismiss(older)
                client.name = message.client
                return self._writer.welcome(client.name)

    def _watch(self, failure: str) -> None:
        if failure and not self._failing:
            self._say(f"the database does not take changes: {failure}")
        elif self._failing and not failure:
            self._say("the database takes changes again")
        self._failing = bool(failure)

    def _send(self, client: _Client) -> None:
        """Sends what the socket takes. A client that does not read holds up only itself: it has one batch
        out."""
        with suppress(BlockingIOError):
            sent = client.socket.send(client.unsent)
            del client.unsent[:sent]
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.unsent else 0)
        if self._selector.get_key(client.socket).events != events:
            self._selector.modify(client.socket, events, client)

    def _dismiss(self, client: _Client) -> None:
        self._clients.discard(client)
        self._selector.unregister(client.socket)
        client.socket.close()
