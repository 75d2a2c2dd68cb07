"""StartTransaction, StopTransaction."""

from datetime import timedelta

import msgspec

from evsys.core.facts import Policy
from kit.clock import NOON
from kit.desk import Desk

START = {"connectorId": 1, "idTag": "CARD", "meterStart": 1000, "timestamp": "2026-06-01T12:00:00Z"}
STOP = {"meterStop": 4200, "timestamp": "2026-06-01T13:00:00Z"}


def test_a_start_is_answered_with_its_number_and_what_is_known_of_the_token():
    desk = Desk(Policy())
    desk.token("CARD", parent="GROUP", expires_at=NOON + timedelta(days=1))
    info = {"status": "Accepted", "expiryDate": "2026-06-02T12:00:00Z", "parentIdTag": "GROUP"}
    assert desk.call("StartTransaction", START) == {"idTagInfo": info, "transactionId": 1}
    assert desk.call("StartTransaction", {**START, "connectorId": 2}) == {
        "idTagInfo": {**info, "status": "ConcurrentTx"},
        "transactionId": 2,
    }


def test_a_start_may_use_a_reservation():
    desk = Desk()
    desk.call("StartTransaction", {**START, "reservationId": 5})
    assert desk.disk.transactions()[0].reservation_id == 5


def test_a_stop_is_answered_with_the_token_that_stopped_it_and_with_nothing_without_one():
    desk = Desk(Policy())
    desk.token("CARD", parent="GROUP")
    number = desk.call("StartTransaction", START)["transactionId"]
    stop = {**STOP, "transactionId": number}
    assert desk.call("StopTransaction", stop) == {}
    assert desk.call("StopTransaction", {**stop, "idTag": "CARD"}) == {
        "idTagInfo": {"status": "Accepted", "parentIdTag": "GROUP"}
    }


def test_a_reason_is_kept_as_sent():
    desk = Desk()
    number = desk.call("StartTransaction", START)["transactionId"]
    desk.call("StopTransaction", {**STOP, "transactionId": number, "reason": "UserStop"})
    assert desk.disk.transactions()[0].stop_reason == "UserStop"


def test_the_values_that_come_with_a_stop_are_recorded_for_its_transaction():
    desk = Desk()
    number = desk.call("StartTransaction", START)["transactionId"]
    signed = {
        "value": 'OCMF|{"FV" : "1.0"}|{"SD":"30"}',
        "format": "SignedData",
        "context": "Transaction.End",
    }
    data = [
        {
            "timestamp": "2026-06-01T12:00:00Z",
            "sampledValue": [{"value": "1000", "context": "Transaction.Begin"}],
        },
        {
            "timestamp": "2026-06-01T13:00:00Z",
            "sampledValue": [{"value": "4.2", "unit": "kWh", "context": "Transaction.End"}, signed],
        },
    ]
    for _ in range(2):
        desk.call("StopTransaction", {**STOP, "transactionId": number, "transactionData": data})
        desk.restart()
    begin, end = desk.disk.meter_values()
    assert (begin.context, begin.energy_wh, begin.evse_id) == ("Transaction.Begin", 1000, 1)
    assert (end.context, end.energy_wh) == ("Transaction.End", 4200)
    assert {begin.transaction_id, end.transaction_id} == {str(number)}
    assert msgspec.json.decode(end.rest) == [signed]


def test_the_end_reading_stands_in_for_a_missing_meter_stop():
    desk = Desk()
    number = desk.call("StartTransaction", START)["transactionId"]
    data = [{"timestamp": "2026-06-01T13:00:00Z", "sampledValue": [{"value": "4200"}]}]
    stop = {"transactionId": number, "timestamp": STOP["timestamp"], "transactionData": data}
    assert desk.call("StopTransaction", stop) == {}
    (stored,) = desk.disk.transactions()
    assert (stored.energy_wh, stored.meter_stop_wh, stored.flags) == (3200, 4200, ("no_meter_stop",))


def test_the_values_of_an_orphan_stop_are_held_with_it():
    desk = Desk()
    data = [{"timestamp": "2026-06-01T13:00:00Z", "sampledValue": [{"value": "4200"}]}]
    assert desk.call("StopTransaction", {**STOP, "transactionId": 99, "transactionData": data}) == {}
    assert sorted(each.kind for each in desk.disk.quarantine()) == ["meter_values", "stop"]
    assert desk.disk.meter_values() == []
