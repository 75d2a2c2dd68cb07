"""What the program needs to know of a table while it runs: its columns, and its statements as SQL.

`compiled.py` has it for every table, written from the Tables of `schema.py` by
`tools/generate_statements.py`: so the gateway and the writer start, and start again, without loading
SQLAlchemy, which takes longer than all else together.
"""

from typing import Literal

from msgspec import Struct

from evsys.core.work import OpKind

CellKind = Literal["time", "json", "words", "flag", "workarounds", "schedule"]
"""Kinds of cells that are not kept as they are."""


class Statement(Struct, frozen=True):
    """SQL that takes the row of a record: `picks` says which cells in which order, None: all of them as they
    are. `exact`: every row must change one, else the Work is refused."""

    sql: str
    picks: tuple[int, ...] | None = None
    exact: bool = False


class Lookup(Struct, frozen=True):
    """The row that holds a unique key of another one."""

    sql: str
    picks: tuple[int, ...]


class CompiledTable(Struct, frozen=True, kw_only=True):
    """A table as the records see it. `columns` are in the order of the record's fields, which have their
    names."""

    name: str
    columns: tuple[str, ...]
    cells: dict[str, CellKind]
    """The columns whose cells are of a kind of their own."""
    statements: dict[OpKind, Statement]
    lookups: tuple[Lookup, ...]
