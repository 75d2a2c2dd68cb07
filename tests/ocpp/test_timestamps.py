"""Times as stations write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from evsys.ocpp.timestamps import parse, utc

HALF_PAST = datetime(2024, 4, 26, 12, 35, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "zoned"),
    [
        ("2024-04-26T12:35:02Z", True),
        ("2024-04-26t12:35:02z", True),
        ("2024-04-26T14:35:02+02:00", True),
        ("2024-04-26T14:35:02+02", True),
        ("2024-04-26T14:35:02+0200", True),
        ("2024-04-26T07:05:02-05:30", True),
        ("2024-04-26 12:35:02", False),
        ("2024-04-26T12:35:02", False),
        ("2024-4-26T12:35:02,000Z", True),
        (" 2024-04-26T12:35:02.0000000Z ", True),
    ],
)
def test_a_time_of_the_field_is_read(text, zoned):
    assert parse(text) == (HALF_PAST, zoned)


def test_a_time_without_seconds_or_with_many_digits_is_read():
    assert parse("2024-04-26T12:35Z") == (HALF_PAST - timedelta(seconds=2), True)
    assert parse("2024-04-26T12:35:02.1240977Z") == (HALF_PAST + timedelta(microseconds=124097), True)
    assert parse("2016-12-31T23:59:60Z") == (datetime(2016, 12, 31, 23, 59, 59, tzinfo=UTC), True)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2024-13-01T00:00:00Z",
        "2024-04-26",
        "1714134902",
        "2024-04-26T24:00:00Z",
        "2024-04-26T12:35:02+25:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
    ],
)
def test_what_is_no_time_is_none(text):
    assert parse(text) is None


@given(st.text(max_size=40))
def test_no_text_makes_it_raise(text):
    read = parse(text)
    assert read is None or read[0].tzinfo is UTC


def test_a_decoded_time_comes_in_utc():
    assert utc(UNSET) is None
    assert utc(HALF_PAST) is HALF_PAST
    moved = utc(HALF_PAST.astimezone(timezone(timedelta(hours=2))))
    assert moved == HALF_PAST
    assert moved is not None
    assert moved.tzinfo is UTC
    assert utc(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))) is None
