"""Gathers every text of the console into its catalogues: `tools/gather_texts.py`.

A text that is new stands in a catalogue without its translation until somebody writes it; one that is no
longer used is dropped. A test says when one is missing.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from evsys.console.forms import forms
from evsys.console.texts import LOCALE
from evsys.core.quirks import KINDS

CONSOLE: Final = LOCALE.parent
METHODS: Final = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
OPTIONS: Final = {"**/templates/**.html": {"newstyle_gettext": "true", "trimmed": "true"}}
KEYWORDS: Final = {"_": None, "marked": None, "say": None}


def texts() -> set[str]:
    """Every text that is shown: of templates, of the code, and of what forms are made from."""
    return {text for text in _texts() if text.strip()}


def _texts() -> Iterator[str]:
    for _file, _line, text, _comments, _context in extract_from_dir(
        CONSOLE, METHODS, OPTIONS, keywords=KEYWORDS
    ):
        yield text if isinstance(text, str) else text[0]
    yield from (form.help for form in forms().values())
    yield from KINDS.values()


def gathered(path: Path) -> Catalog:
    """A catalogue with every text, and the translations that it had."""
    with path.open("rb") as file:
        known = read_po(file, locale=path.stem)
    made = Catalog(locale=path.stem, project="EVSYS", charset="utf-8", fuzzy=False)
    for text in sorted(texts()):
        before = known.get(text)
        flags = ["python-format"] if re.search(r"%\(\w+\)s", text) else []
        made.add(text, before.string if before else "", flags=flags)
    return made


def main() -> None:
    for path in sorted(LOCALE.glob("*.po")):
        catalogue = gathered(path)
        with path.open("wb") as file:
            write_po(file, catalogue, width=110, omit_header=False, sort_output=True)


if __name__ == "__main__":
    main()
