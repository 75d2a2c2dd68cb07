"""Write `src/evsys/store/compiled.py`: the columns and statements of every Table in `store/schema.py`, as the
running program needs them.

`--check` compares instead of writing and fails where the file is not up to date.
"""

import subprocess
import sys
from pathlib import Path

from sqlalchemy import (
    BindParameter,
    Boolean,
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
from evsys.store.schema import (
    TABLES,
    VERSION,
    AnyTable,
    JsonText,
    ScheduleText,
    TextTuple,
    UtcTime,
    WorkaroundsText,
    columns_of,
    events,
)
from evsys.store.tables import CellKind, Lookup, Statement

TARGET = Path(__file__).parent.parent / "src/evsys/store/compiled.py"
OP_KINDS: tuple[OpKind, ...] = ("save", "add", "add_once", "change", "remove")
CELLS: dict[type, CellKind] = {
    UtcTime: "time",
    JsonText: "json",
    TextTuple: "words",
    Boolean: "flag",
    WorkaroundsText: "workarounds",
    ScheduleText: "schedule",
}
DIALECT = sqlite.dialect(paramstyle="qmark")

HEADER = '''"""The tables as the running program needs them.

Written by `tools/generate_statements.py` from `store/schema.py`; edit that instead.
"""

from typing import Final

from evsys.core import records
from evsys.core.records import Record
from evsys.store.tables import CompiledTable, Lookup, Statement

'''


def compiled(clause: ClauseElement) -> tuple[str, list[str]]:
    """The SQL, and the names of what it binds in their order."""
    done = clause.compile(dialect=DIALECT)
    names = getattr(done, "positiontup", None) or []
    return str(done).replace("\n", " "), list(names)


def statement(table: AnyTable, op: OpKind) -> Statement:
    """One kind of change."""
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
    sql, bound = compiled(clause)
    picks = tuple(names.index(name.removeprefix("new_")) for name in bound)
    return Statement(sql, None if picks == tuple(range(len(names))) else picks, exact=op == "change")


def allowed(table: AnyTable, op: OpKind) -> bool:
    """Meter values are only ever added, and only a record with a version is changed."""
    by_key = all(column in columns_of(table) for column in table.primary_key)
    match op:
        case "save" | "remove":
            return by_key
        case "change":
            return "version" in table.c
        case _:
            return True


def lookups(table: AnyTable) -> tuple[Lookup, ...]:
    """By the primary key, then by every other unique key, a partial one last: it says the least."""
    columns = columns_of(table)
    keys: list[tuple[list[Column[object]], TextClause | None]] = [(list(table.primary_key), None)]
    keys += [(list(each.columns), None) for each in unique_constraints(table)]
    keys += [
        (list(index.columns), index.dialect_options["sqlite"]["where"])
        for index in sorted(table.indexes, key=lambda each: str(each.name))
        if index.unique
    ]
    found = []
    for key, where in keys:
        if not all(column in columns for column in key):
            continue
        query = select(*columns).where(*(column == bindparam(column.name) for column in key))
        if where is not None:
            query = query.where(where)
        sql, bound = compiled(query)
        names = [column.name for column in columns]
        found.append(Lookup(sql, tuple(names.index(name) for name in bound)))
    return tuple(found)


def unique_constraints(table: AnyTable) -> list[UniqueConstraint]:
    """In an order that stays."""
    found = [each for each in table.constraints if isinstance(each, UniqueConstraint)]
    return sorted(found, key=lambda each: str(each.name), reverse=True)


def said(made: Statement) -> str:
    """A statement, its defaults left out."""
    picks = "" if made.picks is None else f", {made.picks!r}"
    return f"Statement({made.sql!r}{picks}{', exact=True' if made.exact else ''})"


def entry(kind: type[Record], table: AnyTable) -> str:
    """The text of one table."""
    columns = columns_of(table)
    cells = {each.name: CELLS[type(each.type)] for each in columns if type(each.type) in CELLS}
    statements = "".join(
        f"            {op!r}: {said(statement(table, op))},\n" for op in OP_KINDS if allowed(table, op)
    )
    found = "".join(f"            Lookup({each.sql!r}, {each.picks!r}),\n" for each in lookups(table))
    return f"""    records.{kind.__name__}: CompiledTable(
        name={table.name!r},
        columns={tuple(each.name for each in columns)!r},
        cells={cells!r},
        statements={{
{statements}        }},
        lookups=(
{found}        ),
    ),
"""


def text() -> str:
    """The whole file, as the formatter leaves it."""
    names = ("at", "station_id", "transaction_id", "kind", "payload")
    add_event, _ = compiled(insert(events).values({name: bindparam(name) for name in names}))
    body = (
        f'{HEADER}VERSION: Final = {VERSION!r}\n"""The newest revision in `migrations/versions`: what this '
        'program reads and writes."""\n\nTABLES: Final[dict[type[Record], CompiledTable]] = {\n'
        + "".join(entry(kind, table) for kind, table in TABLES.items())
        + f"}}\n\nADD_EVENT: Final = {add_event!r}\n"
    )
    formatter = Path(sys.executable).parent / "ruff"
    done = subprocess.run(
        [formatter, "format", "--stdin-filename", TARGET, "-"],
        input=body,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


if __name__ == "__main__":
    if "--check" not in sys.argv:
        TARGET.write_text(text())
    elif TARGET.read_text() != text():
        sys.exit(f"{TARGET.name} is not up to date: run tools/{Path(__file__).name}")
