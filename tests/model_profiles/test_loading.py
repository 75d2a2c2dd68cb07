"""Model profiles in files: those of the program, those of a folder, and what is wrong with some."""

from pathlib import Path

import pytest

from evsys.core.workarounds import STANDARD, Workarounds
from evsys.model_profiles.loading import BadProfiles, load

GOOD = """
- name: acme
  vendor: "Acme*"
  workarounds: {configuration_keys_per_request: 4, never_trigger: [BootNotification]}
"""


def write(folder: Path, text: str, name: str = "mine.yml") -> Path:
    (folder / name).write_text(text)
    return folder


def problems(folder: Path) -> list[str]:
    with pytest.raises(BadProfiles) as caught:
        load(folder)
    return caught.value.problems


def test_the_programs_own_profiles_are_good_and_each_does_something() -> None:
    known = load(None).profiles
    assert len({each.name for each in known}) == len(known)
    assert all(each.workarounds != STANDARD and each.sources for each in known)


def test_profiles_of_a_folder_come_first(tmp_path: Path) -> None:
    models = load(write(tmp_path, GOOD))
    found = models.profile("", "ACME Corp", "One", "")
    assert found is models.profiles[0]
    assert found.workarounds == Workarounds(
        configuration_keys_per_request=4, never_trigger=("BootNotification",)
    )


def test_a_profile_of_a_folder_replaces_the_programs_own_of_its_name(tmp_path: Path) -> None:
    folder = write(tmp_path, "- {name: keba, vendor: 'keba*', workarounds: {stack_level: 0}}")
    models = load(folder)
    assert [each.workarounds.stack_level for each in models.profiles if each.name == "keba"] == [0]


def test_a_folder_without_files_adds_nothing(tmp_path: Path) -> None:
    assert load(write(tmp_path, "", "empty.yaml")).profiles == load(None).profiles


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- {name: a, vender: b}", "mine.yml:1: unknown key vender; did you mean vendor?"),
        (
            "- name: a\n  vendor: b\n  workarounds:\n    stak_level: 0",
            "mine.yml:4: unknown key stak_level; did you mean stack_level?",
        ),
        ("- name: a\n  name: b\n  vendor: c", "mine.yml:2: name: given twice"),
        ("- {vendor: b}", "mine.yml:1: Object missing required field `name`"),
        ("- {name: a, vendor: b, workarounds: {stack_level: x}}", "Expected `int | null`, got `str`"),
        ("- {name: a, vendor: b, workarounds: {time_zone: Mars}}", "'Mars' is not a time zone"),
        ("- {name: a, vendor: b, workarounds: {never_trigger: Boot}}", "Expected `array | null`"),
        ("name: a", "mine.yml:1: expected a list of profiles"),
        ("- [", "not YAML"),
        ("- a", "Expected `object`, got `str`"),
        ("- {name: a, vendor: b}\n- {name: a, vendor: c}", "two profiles are called 'a'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    assert said in "\n".join(problems(write(tmp_path, text)))


def test_a_file_that_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_bytes(b"\xff")
    assert "not UTF-8" in problems(tmp_path)[0]
