"""Reading model profiles: lists in YAML files, every fault named with its file and line.

Profiles of a folder come before the program's own, file by file in the order of their names, so that whoever
runs it can replace what the program says of a model. A key that nothing reads is an error with the nearest
known one, as in the configuration.
"""

import difflib
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Final

import yaml
from msgspec import Struct, ValidationError, convert
from msgspec.structs import fields

from evsys.core.workarounds import ModelProfile, Models, Workarounds, fault

MAX_PROFILES: Final = 10_000
"""Each boot looks through them until one fits."""
MAX_FILE_BYTES: Final = 4 * 1024 * 1024

KNOWN: Final = files("evsys.model_profiles") / "known.yml"


class BadProfiles(Exception):
    """Profiles cannot be used; one line for each fault, with the file and the line in it."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def load(folder: Path | None) -> Models:
    """The program's profiles and those of `folder`, if there is one. Raises BadProfiles."""
    problems: list[str] = []
    found: list[ModelProfile] = []
    for path in sorted(folder.glob("*.y*ml")) if folder is not None else ():
        try:
            if path.stat().st_size > MAX_FILE_BYTES:
                problems.append(f"{path}: larger than {MAX_FILE_BYTES} bytes")
                continue
            found += _read(str(path), path.read_text(encoding="utf-8"), problems)
        except UnicodeDecodeError as error:
            problems.append(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})")
        except OSError as error:
            problems.append(f"{path}: cannot be read: {error.strerror}")
    own = {each.name for each in found}
    problems += [f"two profiles are called {name!r}" for name in _twice(each.name for each in found)]
    found += [each for each in _read("known.yml", KNOWN.read_text(), problems) if each.name not in own]
    if len(found) > MAX_PROFILES:
        problems.append(f"{len(found)} profiles, {MAX_PROFILES} are allowed")
    if problems:
        raise BadProfiles(problems)
    return Models(found)


def _twice(names: Iterable[str]) -> list[str]:
    seen: set[str] = set()
    return sorted({name for name in names if name in seen or seen.add(name)})  # type: ignore[func-returns-value]  # add returns None


def _read(file: str, text: str, problems: list[str]) -> list[ModelProfile]:
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        contents = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problems.append(f"{file}:{mark.line + 1 if mark else 1}: not YAML: {error.problem or error.context}")
        return []
    except (yaml.YAMLError, ValueError) as error:
        problems.append(f"{file}: not YAML: {' '.join(str(error).split())}")
        return []
    if node is None:
        return []
    if not isinstance(node, yaml.SequenceNode):
        problems.append(f"{file}:1: expected a list of profiles")
        return []
    made = []
    for item, content in zip(node.value, contents, strict=True):
        at = f"{file}:{item.start_mark.line + 1}"
        faults = [f"{file}:{line}: {text}" for line, text in _unknown_keys(item)]
        if not faults:
            try:
                profile = convert(content, type=ModelProfile)
            except ValidationError as error:
                faults = [f"{at}: {error}"]
            else:
                faults = [f"{at}: {text}"] if (text := fault(profile.workarounds)) else []
                made.append(profile)
        problems += faults
    return made


def _unknown_keys(node: yaml.Node) -> Iterator[tuple[int, str]]:
    """Lines and texts of the keys that a profile cannot have, or has twice."""
    yield from _unknown(node, ModelProfile)
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == "workarounds":
                yield from _unknown(value, Workarounds)


def _unknown(node: yaml.Node, kind: type[Struct]) -> Iterator[tuple[int, str]]:
    if not isinstance(node, yaml.MappingNode):
        return  # said by the conversion
    known = [field.name for field in fields(kind)]
    seen: set[str] = set()
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in seen:
            yield line, f"{key.value}: given twice"
        elif key.value not in known:
            (near,) = difflib.get_close_matches(str(key.value), known, n=1, cutoff=0)
            yield line, f"unknown key {key.value}; did you mean {near}?"
        seen.add(key.value)
