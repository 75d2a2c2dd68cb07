"""Speaking a language: texts from its catalogue, moments, energies and durations as people write them.

English is what stands in `text`; other languages are gettext catalogues beside (`locale/`).
"""

import gettext
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Final, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from evsys.core.records import Language

LOCALE: Final = Path(__file__).parent / "locale"
DOMAIN: Final = "messages"
MAX_VALUE: Final = 300
"""Characters of a value from outside."""


class Speaker:
    """Speaks one language; times are of one zone."""

    def __init__(self, language: Language, time_zone: str = "UTC") -> None:
        self.language = language
        self._zone = _zone(time_zone)
        self._catalogue = _catalogue(language)

    def say(self, text: str, **values: object) -> str:
        """A text in the language, with values put in."""
        return self._catalogue.gettext(text).format(**{name: one_line(each) for name, each in values.items()})

    def plural(self, one: str, many: str, number: int, **values: object) -> str:
        """A text for one or for many."""
        said = self._catalogue.ngettext(one, many, number)
        return said.format(number=number, **{name: one_line(each) for name, each in values.items()})

    def time(self, at: datetime) -> str:
        """A moment, with the zone that it is told in."""
        from babel.dates import format_datetime

        said = format_datetime(at, "d MMM y HH:mm", tzinfo=self._zone, locale=self.language)
        return f"{said} ({self._zone.key})"

    def day(self, at: datetime) -> str:
        from babel.dates import format_datetime

        return str(format_datetime(at, "d MMM y", tzinfo=self._zone, locale=self.language))

    def energy(self, energy_wh: float) -> str:
        from babel.numbers import format_decimal

        return f"{format_decimal(energy_wh / 1000, '#,##0.00', locale=self.language)} kWh"

    def percent(self, share: float) -> str:
        from babel.numbers import format_decimal

        return f"{format_decimal(share * 100, '0.0', locale=self.language)} %"

    def duration(self, seconds: float) -> str:
        minutes = round(seconds / 60)
        return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def prepare() -> None:
    """Load what the first message would wait for. Takes a moment: call it in a thread."""
    for language in get_args(Language):
        speaker = Speaker(language)
        speaker.time(datetime(2026, 1, 1, tzinfo=UTC))
        speaker.energy(1)


def one_line(value: object) -> str:
    """A value from outside: one line, printable, and not too long."""
    text = str(value)
    shown = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * MAX_VALUE]).split())
    return shown if len(shown) <= MAX_VALUE else shown[:MAX_VALUE] + "…"


@lru_cache(maxsize=8)
def _catalogue(language: Language) -> gettext.NullTranslations:
    if language == "en":
        return gettext.NullTranslations()
    return gettext.translation(DOMAIN, LOCALE, [language])


@lru_cache(maxsize=100)
def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
