"""Rows: a record as SQLite takes it, and back.

Both directions are prepared once per record from its table, for they are walked with every row that a station
causes. A row is a plain list of cells in the order of the record's fields.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from msgspec import Raw
from msgspec.structs import astuple

from evsys.core.commands import ChargingSchedule
from evsys.core.records import Record
from evsys.core.workarounds import Workarounds
from evsys.store.cells import (
    EPOCH,
    MICROSECOND,
    moment,
    schedule_to_text,
    text_to_schedule,
    text_to_words,
    text_to_workarounds,
    words_to_text,
    workarounds_to_text,
)
from evsys.store.compiled import TABLES
from evsys.store.tables import CellKind, CompiledTable

Row = list[object]
"""Cells as SQLite takes them: None, int, float, str."""
RowMaker = Callable[[Record], Row]
R = TypeVar("R", bound=Record)

KINDS: Final[tuple[type[Record], ...]] = tuple(TABLES)
"""Records by the number of their table."""
TABLE_NUMBERS: Final[dict[type[Record], int]] = {kind: number for number, kind in enumerate(KINDS)}


def to_row(record: Record) -> Row:
    """A record as the cells of its row."""
    return TO_ROW[type(record)](record)


def from_row(kind: type[R], row: Sequence[object]) -> R:
    """The record of a row whose cells are in the order of its fields, as SQLite gives them."""
    names, convert = _FROM_ROW[kind]
    cells = list(row)
    for index, function in convert:
        if cells[index] is not None:
            cells[index] = function(cells[index])
    return kind(**dict(zip(names, cells, strict=True)))


def _row_maker(table: CompiledTable) -> RowMaker:
    kinds = [table.cells.get(name) for name in table.columns]
    times = tuple(index for index, kind in enumerate(kinds) if kind == "time")
    others = tuple(index for index, kind in enumerate(kinds) if kind not in (None, "time"))

    def make(record: Record) -> Row:
        row: Row = list(astuple(record))
        # The times of one turn are mostly the same object: the last one converted is kept.
        seen, seen_us = None, 0
        for index in times:
            time = row[index]
            if isinstance(time, datetime):
                if time is not seen:
                    seen = time
                    seen_us = (time - EPOCH) // MICROSECOND
                row[index] = seen_us
        for index in others:
            if row[index] is not None:
                row[index] = _to_cell(row[index])
        return row

    return make


def _to_cell(value: object) -> object:
    """What SQLite takes for a value that it has no type for."""
    match value:
        case Raw():
            return bytes(value).decode()
        case tuple():
            return words_to_text(value)
        case ChargingSchedule():
            return schedule_to_text(value)
        case Workarounds():
            return workarounds_to_text(value)
        case _:
            return int(bool(value))


def _time(cell: object) -> object:
    return moment(cell) if isinstance(cell, int) else cell


def _raw(cell: object) -> object:
    return Raw(cell.encode()) if isinstance(cell, str) else cell


def _words(cell: object) -> object:
    return text_to_words(cell) if isinstance(cell, str) else cell


def _workarounds(cell: object) -> object:
    return text_to_workarounds(cell) if isinstance(cell, str) else cell


def _schedule(cell: object) -> object:
    return text_to_schedule(cell) if isinstance(cell, str) else cell


_FROM_CELL: Final[dict[CellKind, Callable[[object], object]]] = {
    "time": _time,
    "json": _raw,
    "words": _words,
    "flag": bool,
    "workarounds": _workarounds,
    "schedule": _schedule,
}

TO_ROW: Final = {kind: _row_maker(table) for kind, table in TABLES.items()}
_FROM_ROW: Final = {
    kind: (
        kind.__struct_fields__,
        tuple(
            (index, _FROM_CELL[table.cells[name]])
            for index, name in enumerate(table.columns)
            if name in table.cells
        ),
    )
    for kind, table in TABLES.items()
}
