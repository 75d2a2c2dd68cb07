"""The sweep of abandoned sessions: only those that nobody will stop any more."""

import pytest

from evsys.core.records import Transaction
from kit.central import Central

ABANDONED_S = 1200


def ended(central: Central) -> Transaction:
    (transaction,) = central.transactions()
    return transaction


def test_a_session_whose_connector_is_free_and_silent_is_closed(central: Central) -> None:
    peer = central.connect()
    number = peer.start(meter=1000)
    central.clock.step(60)
    peer.meter_values(number, 1700)
    peer.status("Available")
    central.pass_time(ABANDONED_S - 60)
    assert ended(central).ended_at is None
    central.pass_time(180)
    closed = ended(central)
    assert (closed.ended_by, closed.energy_wh, closed.meter_stop_wh) == ("sweep", 700, 1700)
    assert central.event_kinds()[-1] == "TransactionEnded"


@pytest.mark.parametrize("status", ["SuspendedEV", "SuspendedEVSE", "Charging", "Finishing", "Preparing"])
def test_a_session_with_a_car_is_never_closed(central: Central, status: str) -> None:
    peer = central.connect()
    peer.start()
    peer.status(status)
    central.pass_time(3 * ABANDONED_S)
    assert ended(central).ended_at is None


def test_a_session_is_never_closed_by_a_boot(central: Central) -> None:
    """Field problem 11: a boot ends no session; its stop comes later, or it goes on."""
    peer = central.connect()
    number = peer.start()
    peer.boot()
    central.pass_time(60)
    assert ended(central).ended_at is None
    peer.meter_values(number, 2000)
    assert ended(central).ended_at is None


def test_a_session_that_sends_meter_values_is_alive(central: Central) -> None:
    peer = central.connect()
    number = peer.start(meter=0)
    peer.status("Available")
    for minute in range(60):
        central.pass_time(60)
        peer.meter_values(number, minute)
    assert ended(central).ended_at is None


def test_a_late_stop_replaces_the_synthetic_end(central: Central) -> None:
    peer = central.connect()
    number = peer.start(meter=1000)
    peer.status("Available")
    central.pass_time(ABANDONED_S + 120)
    assert ended(central).ended_by == "sweep"
    peer.stop(number, meter=4000)
    assert (ended(central).ended_by, ended(central).energy_wh) == ("station", 3000)


def test_sessions_of_stations_that_are_away_are_swept_too(central: Central) -> None:
    peer = central.connect()
    peer.start()
    peer.status("Available")
    central.restart()
    central.pass_time(ABANDONED_S + 200)
    assert ended(central).ended_by == "sweep"


def test_a_jump_of_the_clock_closes_nothing(central: Central) -> None:
    peer = central.connect()
    number = peer.start(meter=0)
    peer.status("Available")
    central.pass_time(90)
    central.clock.jump(86_400)
    central.pass_time(300)
    assert ended(central).ended_at is None
    peer.meter_values(number, 10)
    central.pass_time(ABANDONED_S - 60)
    assert ended(central).ended_at is None
    central.pass_time(300)
    assert ended(central).ended_by == "sweep"


def test_time_in_which_we_did_not_listen_does_not_count(central: Central) -> None:
    peer = central.connect()
    peer.start()
    peer.status("Available")
    central.clock.step(86_400)
    central.restart()
    central.pass_time(ABANDONED_S - 60)
    assert ended(central).ended_at is None


def test_a_station_can_be_left_out(central: Central) -> None:
    central.change_station(sweep=False)
    peer = central.connect()
    peer.start()
    peer.status("Available")
    central.pass_time(2 * ABANDONED_S)
    assert ended(central).ended_at is None


def test_a_sweep_that_is_not_stored_is_tried_again(central: Central) -> None:
    peer = central.connect()
    peer.start()
    peer.status("Available")
    with central.full_disk():
        central.pass_time(ABANDONED_S + 120)
    assert ended(central).ended_at is None
    central.pass_time(120)
    assert ended(central).ended_by == "sweep"


def test_the_card_of_a_swept_session_is_free(central: Central) -> None:
    """Field problem 2: a zombie session keeps the card in use."""
    peer = central.connect()
    peer.start()
    peer.status("Available")
    central.pass_time(ABANDONED_S + 120)
    assert central.node.facts.uses.of("CARD") == frozenset()
