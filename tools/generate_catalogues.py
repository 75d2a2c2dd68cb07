"""Bring the catalogues of messages in step with the texts: `src/evsys/notify/locale/*/LC_MESSAGES`.

The texts are taken from the sources, each `.po` gets those that are new and loses those that are gone, and
the `.mo` that the program reads is compiled from it. Translations are written into the `.po` by hand.

`--check` compares instead of writing, and fails where a file is not up to date, a text is not translated, or
a translation has other placeholders than its text.
"""

import io
import string
import sys
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

ROOM = Path(__file__).parent.parent / "src/evsys/notify"
SOURCES = ("speech.py", "text.py")
SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)
"""What a catalogue says of when it was made: the same each time."""
KEYWORDS: dict[str, tuple[int, ...] | None] = {"say": None, "plural": (1, 2)}


def template() -> Catalog:
    """All texts, in the order in which they stand."""
    catalogue = Catalog(domain="messages", charset="utf-8")
    for source in SOURCES:
        for _, text, comments, _ in extract_from_file("python", ROOM / source, keywords=KEYWORDS):
            catalogue.add(text, auto_comments=comments)
    return catalogue


def updated(po: Path, texts: Catalog) -> Catalog:
    """A catalogue with the texts that there are now, its translations kept."""
    language = po.parents[1].name
    old = read_po(io.BytesIO(po.read_bytes() if po.exists() else b""), locale=language)
    new = read_po(io.BytesIO(head(language)), locale=language)
    for each in texts:
        if each.id:
            key = each.id[0] if isinstance(each.id, tuple) else each.id
            known = old.get(key)
            new.add(each.id, known.string if known is not None else None)
    return new


def po_text(catalogue: Catalog) -> bytes:
    """As it stands in the repository: without times, so that it changes only with a text."""
    file = io.BytesIO()
    write_po(file, catalogue, omit_header=True, no_location=True, width=100, include_previous=False)
    return head(str(catalogue.locale)) + file.getvalue()


def head(language: str) -> bytes:
    """What a catalogue says of itself: one form for one, another for all else."""
    return (
        f'msgid ""\nmsgstr ""\n"Language: {language}\\n"\n'
        '"Content-Type: text/plain; charset=utf-8\\n"\n'
        '"Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
    ).encode()


def mo_text(po: bytes) -> bytes:
    catalogue = read_po(io.BytesIO(po))
    catalogue.creation_date = catalogue.revision_date = SOME_DAY
    file = io.BytesIO()
    write_mo(file, catalogue)
    return file.getvalue()


def texts_of(value: object) -> list[str]:
    return [str(each) for each in value] if isinstance(value, list | tuple) else [str(value or "")]


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def faults(message: Message) -> list[str]:
    """What is wrong with a translation."""
    wanted = set.union(*(fields(each) for each in texts_of(message.id)))
    found = []
    for each in texts_of(message.string):
        if not each:
            found.append(f"not translated: {message.id}")
        elif not fields(each) <= wanted or (not message.pluralizable and fields(each) != wanted):
            found.append(f"other placeholders: {message.id}")
    return found


def main() -> int:
    texts, check, problems = template(), "--check" in sys.argv, []
    for po in sorted(ROOM.glob("locale/*/LC_MESSAGES/messages.po")):
        catalogue = updated(po, texts)
        po_now = po_text(catalogue)
        wanted = {po: po_now, po.with_suffix(".mo"): mo_text(po_now)}
        for path, content in wanted.items():
            if not check:
                path.write_bytes(content)
            elif not path.exists() or path.read_bytes() != content:
                problems.append(f"{path.name} is not up to date: run tools/{Path(__file__).name}")
        problems += [fault for each in catalogue if each.id for fault in faults(each)]
    print("\n".join(problems) or "all catalogues are up to date")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
