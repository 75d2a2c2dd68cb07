"""The status of connectors."""

from datetime import UTC, datetime, timedelta

import pytest

from evsys.core.availability import MAX_CONNECTORS, report
from evsys.core.events import ConnectorStatusChanged
from kit.clock import NOON
from kit.desk import Desk


def test_a_transition_is_recorded_and_told_with_the_status_before():
    desk = Desk()
    desk.turn(lambda turn: report(turn, 1, 1, "Available", reported_at=NOON - timedelta(seconds=3)))
    desk.turn(lambda turn: report(turn, 1, 1, "Faulted", "GroundFailure", "info", "vendor", "E1"))
    first, second = desk.events
    assert isinstance(first, ConnectorStatusChanged)
    assert isinstance(second, ConnectorStatusChanged)
    assert (first.previous, second.previous) == ("", "Available")
    assert first.connector.reported_at == NOON - timedelta(seconds=3)
    assert desk.station.connectors[1, 1] == second.connector
    desk.restart()
    assert desk.station.connectors[1, 1] == second.connector


def test_a_flood_of_the_same_status_costs_no_writes():
    desk = Desk()
    for _ in range(3):
        desk.turn(lambda turn: report(turn, 1, 1, "Available", reported_at=desk.clock.now()))
        desk.clock.step(1)
    assert len(desk.events) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"status": "Charging"},
        {"error_code": "OtherError"},
        {"info": "i"},
        {"vendor_id": "v"},
        {"vendor_error_code": "e"},
    ],
)
def test_whatever_differs_is_news(change):
    desk = Desk()
    desk.turn(lambda turn: report(turn, 1, 1, "Available"))
    desk.turn(lambda turn: report(turn, 1, 1, **{"status": "Available", **change}))
    assert len(desk.events) == 2


def test_a_time_that_cannot_be_believed_is_not_kept():
    desk = Desk()
    desk.turn(lambda turn: report(turn, 1, 1, "Available", reported_at=datetime(1970, 1, 1, tzinfo=UTC)))
    assert desk.station.connectors[1, 1].reported_at is None


def test_a_station_that_counts_its_connectors_on_does_not_fill_memory():
    desk = Desk()
    for evse_id in range(1, MAX_CONNECTORS + 10):
        desk.turn(lambda turn, evse_id=evse_id: report(turn, evse_id, 1, "Available"))
    assert len(desk.station.connectors) == MAX_CONNECTORS
    desk.turn(lambda turn: report(turn, 1, 1, "Charging"))
    assert desk.station.connectors[1, 1].status == "Charging"
