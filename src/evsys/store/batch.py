"""A batch of Works between a client of the writer and the writer, and the frames that carry it.

A Work is turned into rows as it joins the batch, while the writer syncs the one before. The rows lie in
*runs*: a run is one statement with all its rows, and becomes one `executemany`. Beside each row stands the
number of its Work (its *owner*), in rising order, so that the rows of some of the Works can be picked out
again when one is refused.

Runs keep the order of changes within a table and give up the order between tables: no table knows of another
(there is no foreign key and no trigger), so the result is the same.

A frame is four bytes of length, big-endian, and msgpack.
"""

from collections.abc import Sequence
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct

from evsys.core.events import Event, station_of, transaction_of
from evsys.core.records import Record
from evsys.core.work import Committed, Conflict, Failed, Fenced, OpKind, Settlement, Work
from evsys.store.cells import microseconds
from evsys.store.rows import KINDS, TABLE_NUMBERS, TO_ROW, RowMaker, from_row
from evsys.store.statements import CODES, OP_KINDS

MAX_FRAME: Final = 64 * 1024 * 1024
"""No frame is longer: a batch is sent on well before, so one that is comes from a broken peer."""
FULL_WORKS: Final = 2_000
"""A batch takes no more Works than this: a commit of so many takes tens of milliseconds, and the first of
them waits for the last."""
FULL_BYTES: Final = 4 * 1024 * 1024
"""Nor more text in events than this, for the same reason."""
HEAD: Final = 4
NUMBERS: Final = "transaction_number"
NUMBERS_BLOCK: Final = 500
"""Numbers taken at once: a commit for each block, and what is left of it is lost with a restart."""
HIGHEST_NUMBER: Final = 2**31 - 1
"""OCPP 1.6 has a signed integer, and stations keep 32 bits of it."""
CANNOT_SAY: Final = (KeyError, ValueError, TypeError, OverflowError)
"""What `Former.add` raises for a Work that no row can say. A UnicodeError is a ValueError."""


class Run(Struct, array_like=True):
    """One statement and its rows."""

    code: int
    rows: list[list[object]]
    owners: list[int]


class Hello(Struct, array_like=True, tag="h"):
    """A client names itself; the newest of a name replaces an older one. Answered with a Welcome."""

    client: str


class Batch(Struct, array_like=True, tag="b"):
    """Works to commit together. Answered with an Answer."""

    number: int
    works: int
    runs: list[Run]
    events: list[tuple[int, str, str, str, str]]
    event_owners: list[int]
    fences: list[tuple[int, str, int]]
    """Owner, station and epoch of the Works that have one."""


class Lease(Struct, array_like=True, tag="l"):
    """A block of numbers to give away. Answered with a Leased."""

    name: str
    count: int
    highest: int


class Refusal(Struct, array_like=True):
    """Why one Work of a batch was not written. For a conflict, the row that is there and its table."""

    owner: int
    kind: Literal["conflict", "fenced", "failed"]
    reason: str = ""
    table: int = 0
    row: list[object] | None = None

    def settlement(self) -> Settlement:
        match self.kind:
            case "conflict":
                return Conflict(from_row(KINDS[self.table], self.row) if self.row is not None else None)
            case "fenced":
                return Fenced()
            case "failed":
                return Failed(self.reason)


class Answer(Struct, array_like=True, tag="a"):
    """What became of a batch. Its events were numbered without a gap up to `last_seq`, in the order of its
    Works. `failure`: nothing of it was written, and why."""

    number: int
    last_seq: int
    refused: list[Refusal]
    failure: str = ""


class Welcome(Struct, array_like=True, tag="w"):
    """What was last committed for this client: number 0 if nothing ever was."""

    number: int
    last_seq: int
    refused: list[Refusal]


class Leased(Struct, array_like=True, tag="n"):
    """Numbers from `first` on are the client's own, durably. `failure`: none are, and why."""

    first: int
    count: int
    failure: str = ""


NUMBERS_LEASE: Final = Lease(NUMBERS, NUMBERS_BLOCK, HIGHEST_NUMBER)

ToWriter = Hello | Batch | Lease
FromWriter = Answer | Welcome | Leased

_encoder: Final = msgspec.msgpack.Encoder()
_encode_event: Final = msgspec.json.Encoder().encode
decode_to_writer: Final = msgspec.msgpack.Decoder(ToWriter).decode
decode_from_writer: Final = msgspec.msgpack.Decoder(FromWriter).decode
encode_refused: Final = _encoder.encode
decode_refused: Final = msgspec.msgpack.Decoder(list[Refusal]).decode


def frame(message: ToWriter | FromWriter) -> bytearray:
    """A message ready to be sent. Raises OverflowError, UnicodeEncodeError, TypeError for what cannot be
    said."""
    buffer = bytearray(HEAD)
    _encoder.encode_into(message, buffer, HEAD)
    buffer[:HEAD] = (len(buffer) - HEAD).to_bytes(HEAD, "big")
    return buffer


class Frames:
    """Takes bytes as they arrive and gives whole frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def received(self, data: bytes) -> list[bytes]:
        """The frames that are complete now. Raises ValueError for one longer than `MAX_FRAME`."""
        buffer = self._buffer
        buffer += data
        whole = []
        start = 0
        while len(buffer) - start >= HEAD:
            end = start + HEAD + int.from_bytes(buffer[start : start + HEAD], "big")
            if end - start > MAX_FRAME:
                raise ValueError(f"a frame of {end - start} bytes, more than {MAX_FRAME}")
            if len(buffer) < end:
                break
            whole.append(bytes(buffer[start + HEAD : end]))
            start = end
        del buffer[:start]
        return whole


class Former:
    """A batch that is forming."""

    __slots__ = ("_event_owners", "_events", "_fences", "_last", "_runs", "size", "told", "works")

    def __init__(self) -> None:
        self.works = 0
        self.size = 0
        self.told: list[int] = []
        """How many events each Work tells."""
        self._runs: list[Run] = []
        self._last: dict[int, Run] = {}
        self._events: list[tuple[int, str, str, str, str]] = []
        self._event_owners: list[int] = []
        self._fences: list[tuple[int, str, int]] = []

    @property
    def full(self) -> bool:
        return self.works >= FULL_WORKS or self.size >= FULL_BYTES

    def add(self, work: Work) -> None:
        """Takes a Work as the batch's next. Raises one of CANNOT_SAY for one that no row can say; the batch
        is then as before."""
        rows = []
        for op, record in work.ops:
            code, table, make = _MAKERS[op][type(record)]
            rows.append((code, table, make(record)))
        told = _event_rows(work) if work.events else ()
        owner = self.works
        for code, table, row in rows:
            run = self._last.get(table)
            if run is None or run.code != code:
                run = self._last[table] = Run(code, [], [])
                self._runs.append(run)
            run.rows.append(row)
            run.owners.append(owner)
        for event in told:
            self._events.append(event)
            self._event_owners.append(owner)
            self.size += len(event[-1])
        if work.fence is not None:
            self._fences.append((owner, work.station_id, work.fence))
        self.told.append(len(told))
        self.works += 1
        self.size += ROW_BYTES * len(rows)

    def batch(self, number: int) -> Batch:
        return Batch(number, self.works, self._runs, self._events, self._event_owners, self._fences)

    def frame(self, number: int) -> tuple[bytearray, dict[int, str]]:
        """The batch ready to be sent, and the Works that had to be left out of it with the reason: those with
        a number of more than 64 bits, or half of a surrogate pair."""
        try:
            return frame(self.batch(number)), {}
        except CANNOT_SAY:
            unsaid = {}
            for owner in range(self.works):
                try:
                    frame(self._only({owner}, number))
                except CANNOT_SAY as error:
                    unsaid[owner] = f"no row can say this: {error!r}"
                    self.told[owner] = 0
            return frame(self._only(set(range(self.works)) - unsaid.keys(), number)), unsaid

    def _only(self, wanted: set[int], number: int) -> Batch:
        """The batch with the rows and events of some of its Works alone."""
        runs = []
        for run in self._runs:
            kept = [index for index, owner in enumerate(run.owners) if owner in wanted]
            runs.append(Run(run.code, [run.rows[i] for i in kept], [run.owners[i] for i in kept]))
        kept = [index for index, owner in enumerate(self._event_owners) if owner in wanted]
        return Batch(
            number,
            self.works,
            runs,
            [self._events[index] for index in kept],
            [self._event_owners[index] for index in kept],
            [fence for fence in self._fences if fence[0] in wanted],
        )


ROW_BYTES: Final = 300
"""What a row takes in a frame, roughly."""

_MAKERS: Final[dict[OpKind, dict[type[Record], tuple[int, int, RowMaker]]]] = {
    op: {kind: (CODES[op, kind], TABLE_NUMBERS[kind], TO_ROW[kind]) for kind in KINDS if (op, kind) in CODES}
    for op in OP_KINDS
}
"""For each kind of change and record: its statement's code, its table's number, and how to make its row."""


_OF_TRANSACTION: Final = frozenset(
    kind for kind in get_args(Event) if "transaction" in kind.__struct_fields__
)
"""Asked first: most events are of no transaction, and to hear that of `transaction_of` costs more."""


def _event_rows(work: Work) -> list[tuple[int, str, str, str, str]]:
    at = microseconds(work.at)
    return [
        (
            at,
            work.station_id or station_of(event),
            transaction_of(event) if type(event) in _OF_TRANSACTION else "",
            type(event).__name__,
            _encode_event(event).decode(),
        )
        for event in work.events
    ]


def settlements(told: Sequence[int], last_seq: int, refused: Sequence[Refusal]) -> list[Settlement]:
    """What became of each Work of a committed batch, from how many events each told."""
    by_owner = {each.owner: each for each in refused}
    seq = last_seq - sum(count for owner, count in enumerate(told) if owner not in by_owner)
    settled: list[Settlement] = []
    for owner, count in enumerate(told):
        if owner in by_owner:
            settled.append(by_owner[owner].settlement())
        elif count:
            seq += count
            settled.append(Committed(seq))
        else:
            settled.append(SILENT)
    return settled


SILENT: Final = Committed()
"""The one Committed of all Works that told nothing."""
