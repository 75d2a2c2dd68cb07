"""Write `docs/coverage.md`: which actions of which OCPP version are supported, and which tests name them.

The actions and their senders come from the dialects' messages; support is what is registered with `@answers`,
and what the performances say (read from their source). `--check` compares instead of writing and fails where
the page is not up to date.
"""

import re
import sys
from pathlib import Path

import evsys.ocpp.v16
from evsys.ocpp.dialect import Dialect
from evsys.ocpp.v16 import V16

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "docs" / "coverage.md"
DIALECTS: list[tuple[Dialect, Path]] = [(V16, Path(evsys.ocpp.v16.__file__).parent)]

SENDER = {"station": "station", "csms": "central system", "both": "both"}
SAID = re.compile(r'Request\(\s*"(\w+)"')

HEADER = """# OCPP coverage

Written by `tools/coverage_table.py`; do not edit. *Answers*: a request of the station is handled. *Performs*:
a command says it to the station. Every other action that a station sends is answered with NotSupported;
`RawCall` sends any action.
"""


def said(folder: Path) -> set[str]:
    """The actions that the performances of a dialect send."""
    return {action for path in folder.glob("*.py") for action in SAID.findall(path.read_text())}


def tests() -> dict[str, str]:
    """The text of each test file of the dialects, by its name under `tests/`."""
    folder = ROOT / "tests"
    found = sorted((folder / "ocpp").rglob("test_*.py")) + sorted((folder / "core").rglob("test_*.py"))
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def table(dialect: Dialect, folder: Path) -> str:
    performed, files = said(folder), tests()
    rows = ["| action | sent by | supported | tests |", "|---|---|---|---|"]
    for name, action in sorted(dialect.actions.items()):
        words = ["answers"] * (name in dialect.handlers) + ["performs"] * (name in performed)
        naming = [file for file, text in files.items() if re.search(rf'"{name}"', text)]
        rows.append(f"| {name} | {SENDER[action.sender]} | {', '.join(words) or '—'} | {', '.join(naming)} |")
    supported = sum(name in dialect.handlers or name in performed for name in dialect.actions)
    summary = (
        f"{supported} of {len(dialect.actions)} actions are supported. All records of `tests/vectors` for\n"
    )
    summary += (
        "these are run by `ocpp/test_vectors.py`, all messages are held against the official schemas by\n"
    )
    summary += "`ocpp/v16/test_messages.py`, and the answered ones are mutated by `ocpp/test_fuzz.py`.\n"
    summary += (
        "Each is driven from end to end, over REST and `POST /api`, by `walks/test_every_action.py` with a\n"
        "simulated station and by `walks/test_foreign_station.py` with one of the `ocpp` package.\n"
    )
    return f"\n## {dialect.version}\n\n{summary}\n" + "\n".join(rows) + "\n"


def render() -> str:
    return HEADER + "".join(table(*each) for each in DIALECTS)


def main() -> int:
    text = render()
    if "--check" in sys.argv:
        return 0 if TARGET.exists() and TARGET.read_text() == text else 1
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
