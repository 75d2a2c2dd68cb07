"""Who may do what."""

from typing import get_args

from evsys.core.access import GRANTS, Action, allowed


def test_an_admin_may_everything_and_each_role_all_that_the_lower_one_may():
    assert GRANTS["admin"] == frozenset(get_args(Action))
    assert GRANTS["viewer"] < GRANTS["operator"] < GRANTS["admin"]


def test_a_viewer_reads_and_changes_nothing():
    assert all(action.endswith(".read") for action in GRANTS["viewer"])


def test_scopes_narrow_a_role_and_never_widen_it():
    assert allowed("operator", (), "station.command")
    assert allowed("operator", ("station.command",), "station.command")
    assert allowed("operator", ("station.*",), "station.edit")
    assert not allowed("operator", ("token.*",), "station.edit")
    assert not allowed("viewer", ("station.*",), "station.edit")
    assert not allowed("operator", ("station.raw",), "station.raw")
