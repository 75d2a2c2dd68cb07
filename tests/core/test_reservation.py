"""Whom a reservation keeps from starting, in the core."""

from datetime import timedelta

import pytest
from msgspec.structs import replace

from evsys.core.records import Reservation
from evsys.core.transactions import Start, start
from kit.clock import NOON
from kit.desk import Desk

HOUR = timedelta(hours=1)
HELD = Reservation(
    id="r1",
    station_id="CP1",
    number=7,
    evse_id=1,
    id_token="CARD",
    parent="FAMILY",
    status="ACTIVE",
    created_at=NOON - HOUR,
    expires_at=NOON + HOUR,
)


def verdict(
    held: Reservation, token: str, evse_id: int = 1, number: int | None = None, minutes: float = 0
) -> str:
    """What a start is answered with."""
    desk = Desk()
    desk.token("COUSIN", parent="FAMILY")
    desk.station.adopt(held)
    reported = Start(
        evse_id=evse_id,
        connector_id=1,
        id_token=token,
        meter_start_wh=1,
        reported_at=NOON + timedelta(minutes=minutes),
        reservation_id=number,
    )
    first = desk.turn(lambda turn: start(turn, reported))
    again = desk.turn(lambda turn: start(turn, reported))
    assert again[1].status == first[1].status, "a repeat is answered alike"
    assert again[0].id == first[0].id
    assert first[0].authorization == first[1].status
    return first[1].status


@pytest.mark.parametrize("number", [None, 7])
def test_the_token_and_its_group_may_start(number: int | None) -> None:
    assert verdict(HELD, "card", number=number) == "Accepted"
    assert verdict(HELD, "COUSIN", number=number) == "Accepted"


@pytest.mark.parametrize("number", [None, 7, 8])
def test_another_token_is_blocked_on_the_evse(number: int | None) -> None:
    assert verdict(HELD, "OTHER", number=number) == "Blocked"


def test_another_token_may_start_elsewhere_but_not_in_the_name_of_the_reservation() -> None:
    assert verdict(HELD, "OTHER", evse_id=2) == "Accepted"
    assert verdict(HELD, "OTHER", evse_id=2, number=7) == "Blocked"


def test_a_reservation_of_any_evse_keeps_its_number_alone() -> None:
    anywhere = replace(HELD, evse_id=0)
    assert verdict(anywhere, "OTHER") == "Accepted"
    assert verdict(anywhere, "OTHER", evse_id=0) == "Accepted"
    assert verdict(anywhere, "OTHER", number=7) == "Blocked"
    assert verdict(anywhere, "CARD", number=7) == "Accepted"


def test_it_keeps_nobody_away_before_or_after_its_time_or_when_it_is_not_active() -> None:
    assert verdict(replace(HELD, expires_at=NOON), "OTHER") == "Accepted"
    assert verdict(replace(HELD, created_at=NOON + timedelta(seconds=1)), "OTHER") == "Accepted"
    assert verdict(replace(HELD, status="REQUESTED"), "OTHER") == "Accepted"
    assert verdict(replace(HELD, status="CANCELLED", ended_at=NOON), "OTHER") == "Accepted"


def test_a_start_that_was_made_while_it_held_is_judged_by_that_time() -> None:
    assert verdict(HELD, "OTHER", minutes=-59) == "Blocked"
    assert verdict(HELD, "OTHER", minutes=-61) == "Accepted"
