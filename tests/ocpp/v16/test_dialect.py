"""Words that the blocks share."""

from evsys.ocpp.v16 import V16
from evsys.ocpp.v16.dialect import place
from evsys.ocpp.v16.messages import ACTIONS


def test_a_connector_is_an_evse_and_0_the_station():
    assert [place(each) for each in (-1, 0, 1, 7)] == [(0, 0), (0, 0), (1, 1), (7, 1)]


def test_whatever_is_answered_is_for_a_station_to_send():
    assert all(ACTIONS[action].sender in ("station", "both") for action in V16.handlers)
