"""Who may do what."""

from itertools import pairwise
from typing import get_args

from evsys.core.access import GRANTS, OF_ONE_STATION, RANKS, Action, allowed


def test_an_admin_may_everything_and_each_role_all_that_the_lower_one_may():
    assert GRANTS["admin"] == frozenset(get_args(Action))
    assert GRANTS["driver"] < GRANTS["viewer"] < GRANTS["operator"] < GRANTS["admin"]


def test_a_viewer_reads_and_changes_nothing():
    assert all(action.endswith(".read") for action in GRANTS["viewer"])


def test_scopes_narrow_a_role_and_never_widen_it():
    assert allowed("operator", (), "station.command")
    assert allowed("operator", ("station.command",), "station.command")
    assert allowed("operator", ("station.*",), "station.edit")
    assert not allowed("operator", ("token.*",), "station.edit")
    assert not allowed("viewer", ("station.*",), "station.edit")
    assert not allowed("operator", ("station.raw",), "station.raw")


def test_whoever_is_bound_to_locations_may_only_what_is_of_one_station():
    for action in get_args(Action):
        for role in GRANTS:
            assert allowed(role, (), action, bound=True) == (
                action in GRANTS[role] and action in OF_ONE_STATION
            )
    assert not OF_ONE_STATION & {
        each for each in get_args(Action) if each.startswith(("access", "key", "user"))
    }


def test_a_rank_says_who_may_more():
    roles = sorted(GRANTS, key=RANKS.__getitem__)
    assert all(GRANTS[low] < GRANTS[high] for low, high in pairwise(roles))
