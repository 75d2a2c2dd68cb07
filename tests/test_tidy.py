"""The rules of the house that no linter knows (docs/style.md): they fail the build, so they cannot rot."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES = 500
LONGER = {
    "src/evsys/ocpp/v16/messages.py": "generated from the schemas: one class per message",
    "src/evsys/store/compiled.py": "generated from the tables",
    "src/evsys/core/records.py": "every record in one place, to be read beside each other",
    "src/evsys/store/schema.py": "every table in one place, to be read beside each other",
    "src/evsys/core/events.py": "every event in one place, to be read beside each other",
    "src/evsys/config.py": "every key of the configuration in one place, with what is wrong with it",
    "src/evsys/app.py": "the processes, each put together from its parts in one place",
    "src/evsys/notify/text.py": "every text in one place, to be read beside each other",
    "src/evsys/csms/turns.py": "one state machine: the paths of a turn are to be seen together",
}
"""Files that may be longer, with the reason."""
WORDS = re.compile(r"\b(TODO|FIXME|XXX|breakpoint\()")
MACHINE = re.compile(r"(/work/|/root/|/home/[a-z]|/tmp/[a-z])")
SUFFIXES = (".py", ".md", ".toml", ".yml", ".service", ".sh", "")


def tracked() -> list[Path]:
    """The files of the repository that people write."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    return [
        ROOT / name
        for name in listed
        if name
        and name != "uv.lock"
        and not name.startswith("tests/vectors/")
        and (ROOT / name).is_file()
        and (ROOT / name).suffix in SUFFIXES
    ]


FILES = tracked()
CODE = [path for path in FILES if path.suffix == ".py"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def faults(found: list[str]) -> None:
    assert not found, "\n" + "\n".join(found)


def test_no_file_is_too_long_without_a_reason() -> None:
    product = [path for path in CODE if not path.is_relative_to(ROOT / "tests")]
    long = {name_of(path): len(path.read_text().splitlines()) for path in product}
    faults([f"{name}: {n} lines" for name, n in long.items() if n > LINES and name not in LONGER])
    faults([f"{name}: no longer long" for name in LONGER if long.get(name, 0) <= LINES])


def test_no_notes_to_oneself_are_left() -> None:
    this = Path(__file__)
    faults(
        [
            f"{name_of(path)}:{number}: {line.strip()}"
            for path in CODE
            if path != this
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if WORDS.search(line)
        ]
    )


def test_no_file_speaks_of_somebody_s_machine() -> None:
    this = Path(__file__)
    faults(
        [
            f"{name_of(path)}:{number}: {line.strip()}"
            for path in FILES
            if path != this
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if MACHINE.search(line)
        ]
    )


@pytest.mark.parametrize("folder", ["src", "tests", "tools", "bench"])
def test_each_module_opens_with_prose(folder: str) -> None:
    modules = [
        path
        for path in CODE
        if path.is_relative_to(ROOT / folder) and path.name != "conftest.py" and path.read_text().strip()
    ]
    faults([name_of(path) for path in modules if ast.get_docstring(ast.parse(path.read_text())) is None])


def test_only_what_runs_in_a_terminal_prints() -> None:
    """The linter forbids print in the product; here: only the command line, the simulator's table and the
    supervisor, which flushes it before it forks, know stdout."""
    faults(
        [
            f"{name_of(path)}:{node.lineno}"
            for path in CODE
            if path.is_relative_to(ROOT / "src") and path.name not in ("cli.py", "table.py", "supervisor.py")
            for node in ast.walk(ast.parse(path.read_text()))
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.__stdout__")
        ]
    )


def test_no_type_is_ignored_without_its_kind() -> None:
    faults(
        [
            f"{name_of(path)}:{number}"
            for path in CODE
            for number, line in enumerate(path.read_text().splitlines(), 1)
            if re.search(r"# type: ignore(?!\[)", line) and path != Path(__file__)
        ]
    )


def test_every_test_room_mirrors_a_room_of_the_product() -> None:
    rooms = {path.name.removesuffix(".py") for path in (ROOT / "src/evsys").iterdir()}
    beside = {
        "kit",
        "vectors",
        "walks",
        "simulation",
        "engines",
        "schemas",
        "corpus",
        "fuzz",
        "browser",
        "benchmarks",
    }
    folders = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name[0] != "_"}
    faults(sorted(folders - rooms - beside))


@pytest.mark.parametrize("tool", sorted(path.name for path in (ROOT / "tools").glob("generate_*.py")))
def test_what_is_generated_is_up_to_date(tool: str) -> None:
    """Each generator says with --check whether its output is what it would write."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / tool), "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_links_in_the_docs_lead_somewhere() -> None:
    pages = [path for path in FILES if path.suffix == ".md"]
    faults(
        [
            f"{name_of(page)}: {target}"
            for page in pages
            for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text())
            if not (page.parent / target).exists()
        ]
    )
