"""Every text is there in every language, and none stands in a template without being translated."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evsys.console.rendering import TEMPLATES
from evsys.console.texts import LANGUAGES, Amounts, chosen, translations

sys.path.insert(0, str(Path(__file__).parents[2] / "tools"))
from gather_texts import texts

NAMES = {"EVSYS", "English", "Español", "kW", "kWh", "Wh", "%", "·", ",", "(", ")", "–", ""}
"""What is the same everywhere."""
SAYING = ("placeholder", "aria-label", "title", "alt")


@pytest.mark.parametrize("language", [each for each in LANGUAGES if each != "en"])
def test_every_text_is_translated_with_the_same_values(language: str) -> None:
    catalogue = translations(language)  # type: ignore[arg-type]
    same_in_both = {"Menu", "No", "Vendor", "auto", "%(kind)s", "%(command)s: %(outcome)s"}
    for text in texts():
        said = catalogue.gettext(text)
        known = text in catalogue._catalog  # type: ignore[attr-defined]
        assert known or text in same_in_both, text
        assert said, text
        assert sorted(re.findall(r"%\(\w+\)s", said)) == sorted(re.findall(r"%\(\w+\)s", text)), text


class Words(HTMLParser):
    """The words of a template that stand there as they are."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_data(self, data: str) -> None:
        self.found += data.split()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in SAYING and value:
                self.found += value.split()


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.html")), ids=lambda path: path.name)
def test_no_text_stands_in_a_template_untranslated(path: Path) -> None:
    words = Words()
    text = re.sub(r"\{% block (live|width) %\}.*?\{% endblock %\}", "", path.read_text())
    words.feed(re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL))
    words.close()
    left = [each for each in words.found if each not in NAMES and re.search(r"[^\W\d_]{2,}", each)]
    example = [each for each in left if each.startswith("2026-")]
    assert left == example, left


@pytest.mark.parametrize(
    ("cookie", "accepted", "language"),
    [
        ("", "", "en"),
        ("es", "en", "es"),
        ("xx", "es-MX,es;q=0.9,en;q=0.8", "es"),
        ("", "de, en;q=0.5", "en"),
        ("", "fr", "en"),
    ],
)
def test_a_language_is_the_one_chosen_else_the_first_that_the_browser_wants(
    cookie: str, accepted: str, language: str
) -> None:
    assert chosen(cookie, accepted) == language


def test_numbers_are_written_as_the_language_has_them() -> None:
    assert Amounts("en").number(1234567.891, 2) == "1,234,567.89"
    assert Amounts("es").number(1234567.891, 2) == "1.234.567,89"
    assert Amounts("es").kw(None) == "–"
    assert Amounts("en").kwh(1500) == "1.50"
