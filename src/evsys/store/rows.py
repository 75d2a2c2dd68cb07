"""Rows: a record as SQLite takes it, and back.

Both directions are prepared once per record from its Table, for they are walked with every row that a station
causes. A row is a plain list of cells in the order of the record's fields.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, TypeVar

from msgspec import Raw
from msgspec.structs import astuple
from sqlalchemy import Boolean, Column

from evsys.core.records import Record
from evsys.store.schema import (
    EPOCH,
    MICROSECOND,
    NOT_IN_RECORD,
    TABLES,
    AnyTable,
    JsonText,
    TextTuple,
    UtcTime,
    moment,
    text_to_words,
    words_to_text,
)

Row = list[object]
"""Cells as SQLite takes them: None, int, float, str."""
RowMaker = Callable[[Record], Row]
R = TypeVar("R", bound=Record)

KINDS: Final[tuple[type[Record], ...]] = tuple(TABLES)
"""Records by the number of their table."""
TABLE_NUMBERS: Final[dict[type[Record], int]] = {kind: number for number, kind in enumerate(KINDS)}


def columns_of(table: AnyTable) -> list[Column[object]]:
    """The columns that a record's fields stand for, in their order."""
    return [column for column in table.columns if column not in NOT_IN_RECORD]


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


def _row_maker(table: AnyTable) -> RowMaker:
    columns = columns_of(table)
    times = tuple(index for index, each in enumerate(columns) if isinstance(each.type, UtcTime))
    others = tuple(index for index, each in enumerate(columns) if isinstance(each.type, _OTHERS))

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
        case _:
            return int(bool(value))


def _time(cell: object) -> object:
    return moment(cell) if isinstance(cell, int) else cell


def _raw(cell: object) -> object:
    return Raw(cell.encode()) if isinstance(cell, str) else cell


def _words(cell: object) -> object:
    return text_to_words(cell) if isinstance(cell, str) else cell


_OTHERS: Final = (JsonText, TextTuple, Boolean)
_FROM_CELL: Final[dict[type, Callable[[object], object]]] = {
    UtcTime: _time,
    JsonText: _raw,
    TextTuple: _words,
    Boolean: bool,
}

TO_ROW: Final = {kind: _row_maker(table) for kind, table in TABLES.items()}
_FROM_ROW: Final = {
    kind: (
        kind.__struct_fields__,
        tuple(
            (index, _FROM_CELL[type(each.type)])
            for index, each in enumerate(columns_of(table))
            if type(each.type) in _FROM_CELL
        ),
    )
    for kind, table in TABLES.items()
}
