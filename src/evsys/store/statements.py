"""The writer's statements, by the numbers with which a client names them."""

from typing import Final

from evsys.core.records import Record
from evsys.core.work import OpKind
from evsys.store.compiled import TABLES
from evsys.store.rows import KINDS, TABLE_NUMBERS
from evsys.store.tables import Lookup, Statement

OP_KINDS: Final[tuple[OpKind, ...]] = ("save", "add", "add_once", "change", "remove")


def code(table: int, op: OpKind) -> int:
    """How a client names a statement to its writer."""
    return table * len(OP_KINDS) + OP_KINDS.index(op)


def table_of(code_: int) -> int:
    return code_ // len(OP_KINDS)


CODES: Final[dict[tuple[OpKind, type[Record]], int]] = {
    (op, kind): code(TABLE_NUMBERS[kind], op) for kind in KINDS for op in TABLES[kind].statements
}
STATEMENTS: Final[dict[int, Statement]] = {
    code_: TABLES[kind].statements[op] for (op, kind), code_ in CODES.items()
}
"""By their code: the number of the table and the kind of change."""
LOOKUPS: Final[tuple[tuple[Lookup, ...], ...]] = tuple(TABLES[kind].lookups for kind in KINDS)
"""By the number of the table: how to find the row that a refused one met."""
