"""The Tables say what the records say, and the migrations make what the Tables say."""

import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from msgspec import Raw
from sqlalchemy import create_engine, insert, select

from evsys.core.records import Record
from evsys.store import loading, reading
from evsys.store.cells import microseconds, moment
from evsys.store.migrating import SCRIPTS
from evsys.store.schema import TABLES, VERSION, columns_of, metadata, meter_values
from kit.clock import NOON
from kit.database import new_database
from kit.samples import meter_value, one_of_each


@pytest.mark.parametrize("kind", TABLES, ids=lambda kind: kind.__name__)
def test_the_columns_of_a_table_are_the_fields_of_its_record(kind: type[Record]) -> None:
    columns = columns_of(TABLES[kind])
    assert tuple(column.name for column in columns) == kind.__struct_fields__
    for column in columns:
        optional = type(None) in getattr(kind.__annotations__[column.name], "__args__", ())
        assert column.nullable == optional, column.name


def test_every_record_has_a_table() -> None:
    assert set(TABLES) == set(Record.__subclasses__())


def test_the_migrations_make_what_the_tables_say(tmp_path: Path) -> None:
    migrated = create_engine(f"sqlite:///{new_database(tmp_path)}")
    with migrated.connect() as connection:
        context = MigrationContext.configure(connection, opts={"target_metadata": metadata})
        assert compare_metadata(context, metadata) == []
    migrated.dispose()


def test_the_migrations_make_it_word_by_word(tmp_path: Path) -> None:
    """Also what Alembic does not compare: partial indexes, WITHOUT ROWID, AUTOINCREMENT."""
    expected = create_engine(f"sqlite:///{tmp_path / 'expected.db'}")
    metadata.create_all(expected)
    expected.dispose()
    made = _statements(new_database(tmp_path))
    del made["alembic_version"]
    assert made == _statements(tmp_path / "expected.db")


def _statements(path: Path) -> dict[str, str]:
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    # SQLite quotes the name of a table that a migration made anew.
    return {name: re.sub(r"\s+", " ", sql).replace('"', "") for name, sql in found}


def test_the_version_is_that_of_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    assert ScriptDirectory.from_config(config).get_current_head() == VERSION


@pytest.mark.parametrize(
    "time",
    [
        NOON,
        datetime(1970, 1, 1, tzinfo=UTC),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2026, 6, 1, 12, 0, 0, 123_457, tzinfo=UTC),
    ],
)
def test_a_time_is_kept_to_the_microsecond(time: datetime) -> None:
    assert moment(microseconds(time)) == time


def test_people_read_aware_times_and_exact_json_through_the_tables(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{new_database(tmp_path)}")
    value = meter_value()
    row = {name: getattr(value, name) for name in value.__struct_fields__} | {"rest": Raw(b'[{"a" :1.0}]')}
    with engine.begin() as connection:
        connection.execute(insert(meter_values), row)
        at, rest = connection.execute(select(meter_values.c.at, meter_values.c.rest)).one()
    engine.dispose()
    assert at == NOON
    assert at.tzinfo is UTC
    assert bytes(rest) == b'[{"a" :1.0}]'


def test_every_statement_of_the_stations_tower_is_served_by_an_index(tmp_path: Path) -> None:
    queries = {
        name: text
        for module in (reading, loading)
        for name, text in vars(module).items()
        if name.isupper() and isinstance(text, str) and "SELECT" in text
    }
    assert len(queries) > 10
    for whole in ("_STATIONS", "_SECURITY", "_KEYS", "_PROOFS", "_REVOKED"):
        del queries[whole]  # all of them, at the start; or of one station, by the primary key
    with closing(sqlite3.connect(new_database(tmp_path))) as connection:
        for name, text in queries.items():
            plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", [1] * text.count("?")).fetchall()
            steps = " ".join(str(detail) for *_, detail in plan)
            assert "USING" in steps or "SEARCH" in steps, (name, steps)
            assert "TEMP B-TREE FOR ORDER" not in steps, (name, steps)


def test_the_samples_have_one_of_each() -> None:
    assert {type(record) for record in one_of_each()} == set(TABLES)
