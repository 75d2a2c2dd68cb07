"""ReserveNow, CancelReservation."""

import pytest

from evsys.core.commands import CancelReservation, ReserveNow
from evsys.core.errors import BadCommand
from kit.clock import NOON
from kit.performing import perform


def test_an_evse_is_reserved_for_a_token_and_its_group():
    command = ReserveNow(id=5, evse_id=2, id_token="CARD", group_id_token="FLEET", expires_at=NOON)
    outcome, said = perform(command, {"status": "Accepted"})
    assert said == [
        (
            "ReserveNow",
            {
                "connectorId": 2,
                "expiryDate": "2026-06-01T12:00:00Z",
                "idTag": "CARD",
                "parentIdTag": "FLEET",
                "reservationId": 5,
            },
        )
    ]
    assert (outcome.accepted, outcome.status) == (True, "Accepted")


@pytest.mark.parametrize("status", ["Faulted", "Occupied", "Rejected", "Unavailable"])
def test_a_reservation_that_cannot_be_is_not_accepted(status):
    outcome, said = perform(ReserveNow(id=5, id_token="CARD", expires_at=NOON), {"status": status})
    assert said[0][1]["connectorId"] == 0  # type: ignore[index]
    assert (outcome.accepted, outcome.status) == (False, status)


@pytest.mark.parametrize("members", [{"id_token": "x" * 21}, {"id_token": "A", "group_id_token": "x" * 21}])
def test_a_token_that_16_cannot_say_is_a_bad_command(members):
    with pytest.raises(BadCommand):
        perform(ReserveNow(id=5, expires_at=NOON, **members))


def test_a_reservation_is_given_up():
    outcome, said = perform(CancelReservation(id=5), {"status": "Accepted"})
    assert said == [("CancelReservation", {"reservationId": 5})]
    assert outcome.accepted
    assert not perform(CancelReservation(id=6), {"status": "Rejected"})[0].accepted
