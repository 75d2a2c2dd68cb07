"""Messages that were held, and what ends that."""

from kit.desk import Desk

START = {"connectorId": 1, "idTag": "CARD", "meterStart": 1000, "timestamp": "1970-01-01T00:00:00Z"}
VALUE = {"timestamp": "2026-06-01T12:10:00Z", "sampledValue": [{"value": "3000"}]}
VALUES = {"connectorId": 1, "transactionId": -1, "meterValue": [VALUE]}
STOP = {
    "transactionId": -1,
    "idTag": "CARD",
    "meterStop": 4200,
    "timestamp": "2026-06-01T12:20:00Z",
    "transactionData": [VALUE],
}


def unresolved(desk: Desk) -> list[str]:
    return [each.kind for each in desk.disk.quarantine() if each.resolved_at is None]


def test_held_values_are_resolved_when_they_are_repeated_and_have_a_session():
    desk = Desk()
    desk.call("MeterValues", VALUES)
    desk.call("StartTransaction", {**START, "timestamp": "2026-06-01T12:15:00Z"})
    assert unresolved(desk) == ["meter_values"]
    desk.call("MeterValues", VALUES)
    assert unresolved(desk) == []
    assert desk.station.quarantine == {}
    assert len(desk.disk.meter_values()) == 1


def test_a_held_stop_and_its_values_are_resolved_when_it_is_repeated_and_has_a_session():
    desk = Desk()
    desk.call("StopTransaction", STOP)
    desk.call("StartTransaction", START)  # without a clock, so nothing says that they belong together
    assert sorted(unresolved(desk)) == ["meter_values", "stop"]
    desk.restart()
    desk.call("StopTransaction", STOP)
    assert unresolved(desk) == []
    assert {each.transaction_id for each in desk.disk.quarantine()} == {"1"}
    assert desk.disk.transactions()[0].energy_wh == 3200


def test_other_messages_leave_what_is_held_where_it_is():
    desk = Desk()
    desk.call("StopTransaction", {**STOP, "transactionId": 4711})
    number = desk.call("StartTransaction", START)["transactionId"]
    desk.call("StopTransaction", {**STOP, "transactionId": number})
    assert sorted(unresolved(desk)) == ["meter_values", "stop"]
