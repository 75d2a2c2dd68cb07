"""Meter values are asked for while a session runs, where people want it and nothing comes by itself."""

from kit.central import Central, Peer

INTERVAL_S = 20


def polled(central: Central) -> Peer:
    central.change_station(poll_meter_values=True)
    peer = central.connect()
    peer.boot()
    return peer


def test_a_running_session_is_asked_for_its_values(central: Central) -> None:
    peer = polled(central)
    peer.start(connector=2)
    central.pass_time(2 * INTERVAL_S)
    assert peer.calls()[0][1:] == ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 2})
    assert len(peer.calls()) == 1, "what was not answered is not asked again"
    peer.answer({"status": "Accepted"})
    central.pass_time(INTERVAL_S)
    assert len(peer.calls()) == 2


def test_values_that_come_by_themselves_are_not_asked_for(central: Central) -> None:
    peer = polled(central)
    number = peer.start(meter=0)
    for second in range(60):
        central.pass_time(2)
        peer.meter_values(number, second)
    assert peer.calls() == []


def test_without_a_session_nothing_is_asked(central: Central) -> None:
    peer = polled(central)
    peer.stop(peer.start())
    central.pass_time(3 * INTERVAL_S)
    assert peer.calls() == []


def test_only_stations_that_people_named_are_asked(central: Central) -> None:
    peer = central.connect()
    peer.boot()
    peer.start()
    central.pass_time(3 * INTERVAL_S)
    assert peer.calls() == []


def test_a_suspended_session_is_asked_too(central: Central) -> None:
    peer = polled(central)
    peer.start()
    peer.status("SuspendedEV")
    central.pass_time(2 * INTERVAL_S)
    assert len(peer.calls()) == 1


def test_connector_0_is_not_asked(central: Central) -> None:
    peer = polled(central)
    peer.start(connector=0)
    central.pass_time(3 * INTERVAL_S)
    assert peer.calls() == []
