"""The page of problems of the field names tests that are there, and leaves no row out."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs/field-problems.md").read_text()
QUIRKS, _, PROBLEMS = PAGE.partition("## Problems of operators")
ROW = re.compile(r"^\| (\d+) \|.*\| ([^|]+) \|$", re.M)
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")
WITHOUT = ("a quirk of 2.0.1, which is not spoken yet",)


def test_no_row_is_missing_and_each_names_its_tests_or_says_why_not() -> None:
    rows = {int(number): shown for number, shown in ROW.findall(QUIRKS)}
    assert list(rows) == list(range(1, 81))
    assert [number for number, shown in ROW.findall(PROBLEMS)] == [str(n) for n in range(1, 34)]
    for number, shown in [*rows.items(), *ROW.findall(PROBLEMS)]:
        assert NAMED.search(shown) or shown in WITHOUT, number


def test_every_test_that_is_named_is_there() -> None:
    texts = {file: (TESTS / file).read_text() for file in {file for file, _ in NAMED.findall(PAGE)}}
    missing = [(file, name) for file, name in NAMED.findall(PAGE) if f"def {name}(" not in texts[file]]
    assert missing == []


def test_every_test_that_is_named_after_a_quirk_is_on_the_page() -> None:
    named = {name for _, name in NAMED.findall(PAGE)}
    for file in ("csms/test_field_quirks.py", "ocpp/test_field_problems.py"):
        found = set(re.findall(r"def (test_(?:quirk_)?\d\d_\w+)\(", (TESTS / file).read_text()))
        assert found <= named
