"""The verdict on an id token."""

from datetime import timedelta

import pytest

from evsys.core.authorization import authorize, canonical
from evsys.core.events import TokenRegistered
from evsys.core.facts import Policy
from kit.clock import NOON
from kit.desk import Desk, Disk


def verdict(desk: Desk, id_token: str):  # type: ignore[no-untyped-def]
    return desk.turn(lambda turn: authorize(turn, id_token))


def test_a_known_token_is_accepted_in_any_case():
    desk = Desk(Policy())
    desk.token("CARD", parent="GROUP", expires_at=NOON + timedelta(days=1))
    found = verdict(desk, " card ")
    assert (found.status, found.parent, found.expires_at) == ("Accepted", "GROUP", NOON + timedelta(days=1))


def test_an_unknown_token_is_invalid_where_policy_does_not_accept_it():
    desk = Desk(Policy())
    found = verdict(desk, "CARD")
    assert (found.status, found.parent, found.expires_at) == ("Invalid", "", None)
    assert desk.events == []


def test_an_unknown_token_is_registered_once_where_policy_accepts_it():
    desk = Desk()
    assert verdict(desk, "card").status == "Accepted"
    assert verdict(desk, "CARD").status == "Accepted"
    (told,) = desk.events
    assert isinstance(told, TokenRegistered)
    assert (told.token.id, told.token.max_concurrent, told.by) == ("CARD", None, "CP1")


def test_two_stations_that_register_the_same_card_at_once_get_one_token():
    disk = Disk()
    here, there = Desk(disk=disk, id="CP1"), Desk(disk=disk, id="CP2")

    def decide(turn):  # type: ignore[no-untyped-def]
        if not there.events:
            verdict(there, "CARD")
        return authorize(turn, "CARD")

    assert here.turn(decide).status == "Accepted"
    assert len(there.events) == 1


@pytest.mark.parametrize("id_token", ["", "  "])
def test_an_empty_token_is_invalid(id_token):
    assert verdict(Desk(), id_token).status == "Invalid"


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"blocked": True}, "Blocked"),
        ({"station_ids": ("CP2",)}, "Blocked"),
        ({"station_ids": ("CP1", "CP2")}, "Accepted"),
        ({"expires_at": NOON}, "Expired"),
        ({"expires_at": NOON, "blocked": True}, "Blocked"),
    ],
)
def test_a_token_may_be_blocked_expired_or_bound_to_other_stations(members, status):
    desk = Desk()
    desk.token("CARD", **members)
    assert verdict(desk, "CARD").status == status


def test_every_token_is_blocked_on_a_disabled_station():
    desk = Desk(enabled=False)
    desk.token("CARD")
    assert verdict(desk, "CARD").status == "Blocked"


def test_of_source_and_tag_the_whole_is_tried_before_the_tag():
    desk = Desk(Policy())
    desk.token("TAG", label="bare")
    assert verdict(desk, "rfid:tag").token.label == "bare"
    desk.token("RFID:TAG", label="whole")
    assert verdict(desk, "rfid:tag").token.label == "whole"
    assert verdict(desk, "rfid:").status == "Invalid"


def test_the_canonical_form_has_no_surrounding_space_and_is_upper_case():
    assert canonical(" 04a1b2 ") == "04A1B2"
