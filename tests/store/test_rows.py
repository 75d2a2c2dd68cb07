"""A record and its row say the same."""

import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from msgspec import Raw
from msgspec.structs import replace

from evsys.core.records import Record
from evsys.store.reading import many, select_sql
from evsys.store.rows import KINDS, from_row, to_row
from evsys.store.schema import TABLES, columns_of
from evsys.store.statements import CODES, STATEMENTS
from kit.clock import NOON
from kit.database import new_database
from kit.samples import meter_value, one_of_each


@pytest.mark.parametrize("record", one_of_each(), ids=lambda record: type(record).__name__)
def test_a_record_comes_back_from_its_row_as_it_was(record: Record, tmp_path: Path) -> None:
    with closing(sqlite3.connect(new_database(tmp_path))) as connection:
        connection.execute(STATEMENTS[CODES["add", type(record)]].sql, to_row(record))
        assert many(connection, type(record), select_sql(type(record))) == [record]


def test_json_is_kept_byte_for_byte() -> None:
    signed = Raw(b'[ {"value":"AP;0;1;\\u00e4 ", "n":1.10E+2 } ]')
    back = from_row(type(meter_value()), to_row(replace(meter_value(), rest=signed)))
    assert back.rest is not None
    assert bytes(back.rest) == bytes(signed)


def test_times_of_one_row_are_each_their_own() -> None:
    value = replace(meter_value(), reported_at=NOON - timedelta(days=1), received_at=NOON + timedelta(days=1))
    assert from_row(type(value), to_row(value)) == value


def test_sqlite_gets_no_type_that_it_must_adapt() -> None:
    cells = {type(cell) for record in one_of_each() for cell in to_row(record)}
    assert cells <= {type(None), int, float, str}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_a_row_has_a_cell_for_each_column(kind: type[Record]) -> None:
    (record,) = [each for each in one_of_each() if type(each) is kind]
    assert len(to_row(record)) == len(columns_of(TABLES[kind]))
