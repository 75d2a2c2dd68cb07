"""Texts in the reader's language: the catalogues in `locale/`, and how moments, numbers and amounts are said.

English stands in the templates and in the code; a catalogue (gettext) has it in another language. A text that
is made elsewhere, such as a command's help or the kind of an event, is looked up in the same way.
"""

from collections.abc import Mapping
from functools import cache
from gettext import GNUTranslations, NullTranslations
from io import BytesIO
from pathlib import Path
from typing import Final, Literal, get_args

from msgspec import Struct

Language = Literal["en", "es"]
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
LOCALE: Final = Path(__file__).parent / "locale"


def translations(language: Language) -> NullTranslations:
    """The catalogue of a language; English is what stands there."""
    return NullTranslations() if language == "en" else _catalogue(language)


@cache
def _catalogue(language: Language) -> NullTranslations:
    from babel.messages.mofile import write_mo  # here: the start does not wait for it
    from babel.messages.pofile import read_po

    with (LOCALE / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def marked(text: str) -> str:
    """The text itself: says to whoever gathers texts that it is translated where it is shown."""
    return text


SAID_ELSEWHERE: Final = (
    marked("the name, the password or the code is wrong"),
    marked("too many attempts: wait a while before the next"),
    marked("too many sign in at this moment: try again in a few seconds"),
    marked("this link is no longer good: ask for a new one"),
    marked("the code of the authenticator is wrong"),
    marked("the present password is wrong"),
    marked("the two passwords are not the same"),
    marked("the password needs 10 to 256 characters"),
    marked("the password is too easy to guess"),
    marked("begin again: the authenticator was not set up in time"),
    marked("the code is not the one of this authenticator now: is its clock right?"),
    marked("it was changed at the same moment: try again"),
    marked("the page is too old: load it again"),
    marked("the request did not come from a page of this console"),
    marked("a key needs a name, a role and an end"),
    marked("drivers have no use for a key"),
    marked("a user needs a name to sign in with"),
    marked("there is no such role"),
    marked("there is no such command"),
    marked("a text is too long"),
    marked("admin"),
    marked("operator"),
    marked("viewer"),
    marked("driver"),
    marked("auto"),
    marked("light"),
    marked("dark"),
    marked("Available"),
    marked("Preparing"),
    marked("Charging"),
    marked("SuspendedEV"),
    marked("SuspendedEVSE"),
    marked("Finishing"),
    marked("Reserved"),
    marked("Unavailable"),
    marked("Faulted"),
    marked("Accepted"),
    marked("Blocked"),
    marked("Expired"),
    marked("Invalid"),
    marked("ConcurrentTx"),
)
"""What the office says to people, and words that are put together in a template."""


def chosen(cookie: str, accepted: str) -> Language:
    """The language that somebody chose, else the first of those that their browser asks for and we have."""
    for each in LANGUAGES:
        if cookie == each:
            return each
    for part in accepted.split(","):
        wanted = part.partition(";")[0].strip().lower().partition("-")[0]
        for each in LANGUAGES:
            if wanted == each:
                return each
    return "en"


class Amounts(Struct, frozen=True):
    """Numbers as they are written in a language."""

    language: Language

    def number(self, value: float | None, digits: int = 0) -> str:
        """A number with so many decimals; a dash where there is none."""
        if value is None:
            return "–"
        text = f"{value:,.{digits}f}"
        return text.translate(_SPANISH) if self.language == "es" else text

    def kw(self, watts: float | None) -> str:
        return self.number(None if watts is None else watts / 1000, 1)

    def kwh(self, watt_hours: float | None) -> str:
        return self.number(None if watt_hours is None else watt_hours / 1000, 2)


_SPANISH: Final[Mapping[int, str]] = {ord(","): ".", ord("."): ","}
