"""The writer's statements: SQL compiled once from the Tables, one per table and kind of change.

A statement takes the row of a record; `picks` says which cells in which order, None: all of them as they are.
"""

from typing import Final

from msgspec import Struct
from sqlalchemy import (
    BindParameter,
    Column,
    TextClause,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.sql import ClauseElement

from evsys.core.records import Record
from evsys.core.work import OpKind
from evsys.store.rows import KINDS, TABLE_NUMBERS, columns_of
from evsys.store.schema import TABLES, AnyTable, events

OP_KINDS: Final[tuple[OpKind, ...]] = ("save", "add", "add_once", "change", "remove")
_DIALECT: Final = sqlite.dialect(paramstyle="qmark")


class Statement(Struct, frozen=True):
    """SQL with the cells it takes of a row. `exact`: every row must change one, else the Work is refused."""

    sql: str
    picks: tuple[int, ...] | None = None
    exact: bool = False


class Lookup(Struct, frozen=True):
    """The row that holds a unique key of another one."""

    sql: str
    picks: tuple[int, ...]


def code(table: int, op: OpKind) -> int:
    """How a client names a statement to its writer."""
    return table * len(OP_KINDS) + OP_KINDS.index(op)


def table_of(code_: int) -> int:
    return code_ // len(OP_KINDS)


def _compile(clause: ClauseElement) -> tuple[str, list[str]]:
    compiled = clause.compile(dialect=_DIALECT)
    names = getattr(compiled, "positiontup", None) or []
    return str(compiled).replace("\n", " "), list(names)


def _statement(table: AnyTable, op: OpKind) -> Statement:
    names = [column.name for column in columns_of(table)]
    key = [column.name for column in table.primary_key]
    values: dict[str, BindParameter[object]] = {name: bindparam(f"new_{name}") for name in names}
    at_key = [table.c[name] == values[name] for name in key if name in names]
    clause: ClauseElement
    match op:
        case "save":
            upsert = sqlite_insert(table).values(values)
            told = {name: upsert.excluded[name] for name in names if name not in key}
            clause = upsert.on_conflict_do_update(index_elements=key, set_=told)
        case "add":
            clause = insert(table).values(values)
        case "add_once":
            clause = sqlite_insert(table).values(values).on_conflict_do_nothing()
        case "change":
            rest = {name: value for name, value in values.items() if name not in key}
            clause = (
                update(table)
                .where(*at_key, table.c.version == bindparam("new_version") - literal_column("1"))
                .values(rest)
            )
        case "remove":
            clause = delete(table).where(*at_key)
    sql, bound = _compile(clause)
    picks = tuple(names.index(name.removeprefix("new_")) for name in bound)
    return Statement(sql, None if picks == tuple(range(len(names))) else picks, exact=op == "change")


def _lookups(table: AnyTable) -> tuple[Lookup, ...]:
    """By the primary key, then by every other unique key, a partial one last: it says the least."""
    columns = columns_of(table)
    keys: list[tuple[list[Column[object]], TextClause | None]] = [(list(table.primary_key), None)]
    keys += [(list(each.columns), None) for each in _unique_constraints(table)]
    keys += [
        (list(index.columns), index.dialect_options["sqlite"]["where"])
        for index in table.indexes
        if index.unique
    ]
    lookups = []
    for key, where in keys:
        if not all(column in columns for column in key):
            continue
        query = select(*columns).where(*(column == bindparam(column.name) for column in key))
        if where is not None:
            query = query.where(where)
        sql, bound = _compile(query)
        names = [column.name for column in columns]
        lookups.append(Lookup(sql, tuple(names.index(name) for name in bound)))
    return tuple(lookups)


def _unique_constraints(table: AnyTable) -> list[UniqueConstraint]:
    found = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    return sorted(found, key=lambda each: str(each.name), reverse=True)


def _allowed(table: AnyTable, op: OpKind) -> bool:
    """Meter values are only ever added, and only a record with a version is changed."""
    by_key = all(column in columns_of(table) for column in table.primary_key)
    match op:
        case "save" | "remove":
            return by_key
        case "change":
            return "version" in table.c
        case _:
            return True


STATEMENTS: Final[dict[int, Statement]] = {
    code(TABLE_NUMBERS[kind], op): _statement(TABLES[kind], op)
    for kind in KINDS
    for op in OP_KINDS
    if _allowed(TABLES[kind], op)
}
"""By their code: the number of the table and the kind of change."""
CODES: Final[dict[tuple[OpKind, type[Record]], int]] = {
    (op, kind): code(TABLE_NUMBERS[kind], op)
    for kind in KINDS
    for op in OP_KINDS
    if code(TABLE_NUMBERS[kind], op) in STATEMENTS
}
LOOKUPS: Final[tuple[tuple[Lookup, ...], ...]] = tuple(_lookups(TABLES[kind]) for kind in KINDS)
"""By the number of the table: how to find the row that a refused one met."""

ADD_EVENT: Final = _compile(
    insert(events).values(
        {name: bindparam(name) for name in ("at", "station_id", "transaction_id", "kind", "payload")}
    )
)[0]
