"""The page that says what is supported."""

import subprocess
import sys
from pathlib import Path

from evsys.ocpp.v16 import V16

ROOT = Path(__file__).parents[2]


def test_the_coverage_page_is_up_to_date():
    tool = ROOT / "tools" / "coverage_table.py"
    done = subprocess.run([sys.executable, tool, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr or "run tools/coverage_table.py"


def test_every_action_that_is_supported_is_named_by_a_test():
    rows = [line.split("|") for line in (ROOT / "docs" / "coverage.md").read_text().splitlines()]
    actions = {row[1].strip(): row for row in rows if len(row) == 6 and row[1].strip() in V16.actions}
    assert actions.keys() == V16.actions.keys()
    for action, row in actions.items():
        assert row[3].strip() == "—" or "test_" in row[4], action
