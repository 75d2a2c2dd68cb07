"""Which profile a station has, and what holds for it in the end."""

import pytest

from evsys.core.workarounds import STANDARD, ModelProfile, Models, Workarounds, fault, together

KEBA = ModelProfile(name="keba", vendor="keba*", workarounds=Workarounds(id_tag_suffix="_", stack_level=0))
OLD = ModelProfile(name="old", vendor="acme", model="one?", firmware="1.*")
MODELS = Models([KEBA, OLD])


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (("KEBA AG", "P30", "1.10"), "keba"),
        ((" keba", "", ""), "keba"),
        (("Acme", "One2", "1.7"), "old"),
        (("Acme", "One2", "2.0"), None),
        (("Acme", "One", "1.7"), None),
        (("", "", ""), None),
    ],
)
def test_a_profile_fits_by_patterns_of_what_a_boot_says(said: tuple[str, str, str], name: str | None) -> None:
    found = MODELS.profile("", *said)
    assert (found and found.name) == name


def test_the_first_profile_that_fits_counts() -> None:
    other = ModelProfile(name="other", vendor="*")
    assert Models([other, KEBA]).profile("", "KEBA", "P30", "") is other


def test_people_name_another_profile_or_none() -> None:
    assert MODELS.profile("old", "KEBA", "P30", "") is OLD
    assert MODELS.profile("none", "KEBA", "P30", "") is None


def test_what_people_set_holds_before_what_the_profile_has() -> None:
    own = Workarounds(stack_level=3, time_zone="Asia/Tokyo")
    assert together(own, KEBA) == Workarounds(id_tag_suffix="_", stack_level=3, time_zone="Asia/Tokyo")
    assert together(STANDARD, KEBA) is KEBA.workarounds
    assert together(own, None) is own


def test_a_time_zone_that_nobody_knows_is_a_fault() -> None:
    assert "no/where" in fault(Workarounds(time_zone="no/where"))
    assert fault(Workarounds(time_zone="Europe/Madrid")) == ""
