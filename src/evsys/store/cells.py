"""Cells: what SQLite has no type for, as it holds it, and back."""

from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from evsys.core.commands import ChargingSchedule
from evsys.core.workarounds import STANDARD, Workarounds

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND: Final = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """An aware time as SQLite holds it."""
    return (moment - EPOCH) // MICROSECOND


def moment(microseconds_: int) -> datetime:
    """A time as SQLite holds it, as an aware datetime."""
    return EPOCH + timedelta(microseconds=microseconds_)


def words_to_text(words: tuple[str, ...]) -> str:
    """A tuple of short words as a JSON list."""
    return _encode_words(words).decode() if words else "[]"


def text_to_words(value: str) -> tuple[str, ...]:
    return () if value == "[]" else _decode_words(value)


def workarounds_to_text(workarounds: Workarounds) -> str:
    """Workarounds as a JSON object of what is set."""
    return msgspec.json.encode(workarounds).decode()


def text_to_workarounds(value: str) -> Workarounds:
    return STANDARD if value == "{}" else _decode_workarounds(value)


def schedule_to_text(schedule: ChargingSchedule) -> str:
    """A charging schedule as JSON, its limits as exact text."""
    return msgspec.json.encode(schedule).decode()


_encode_words = msgspec.json.encode
_decode_words = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_workarounds = msgspec.json.Decoder(Workarounds).decode
text_to_schedule = msgspec.json.Decoder(ChargingSchedule).decode
