"""A station's state in memory."""

from evsys.core import records
from evsys.core.station import RECENT_TRANSACTIONS, Station
from kit.clock import NOON
from kit.desk import Desk


def start(desk: Desk, minute: int, connector: int = 1) -> int:
    timestamp = f"2026-06-01T11:{minute:02}:00Z"
    message = {"connectorId": connector, "idTag": "A", "meterStart": minute, "timestamp": timestamp}
    number = desk.call("StartTransaction", message)["transactionId"]
    assert isinstance(number, int)
    return number


def test_the_transactions_that_ended_first_are_forgotten_first():
    desk = Desk()
    long = start(desk, 0, connector=2)
    for minute in range(1, RECENT_TRANSACTIONS + 2):
        start(desk, minute)
    stop = {"transactionId": long, "meterStop": 5, "timestamp": "2026-06-01T12:00:00Z"}
    desk.call("StopTransaction", stop)
    assert str(long) in desk.station.transactions
    ended = [each for each in desk.station.transactions.values() if each.ended_at]
    assert len(ended) == RECENT_TRANSACTIONS
    assert set(desk.station.readings) == set(desk.station.transactions)


def test_settings_are_adopted_as_every_record_is_and_records_of_others_are_not():
    desk = Desk()
    desk.station.adopt(records.Station(id="CP1", title="new", created_at=NOON))
    assert desk.station.settings.title == "new"
    before = {name: getattr(desk.station, name) for name in Station.__slots__}
    desk.station.adopt(records.Token(id="T", created_at=NOON))
    assert {name: getattr(desk.station, name) for name in Station.__slots__} == before


def test_a_value_of_a_transaction_that_is_not_in_memory_changes_no_reading():
    desk = Desk()
    value = records.MeterValue(
        digest=1,
        station_id="CP1",
        evse_id=1,
        transaction_id="99",
        at=NOON,
        reported_at=NOON,
        received_at=NOON,
        energy_wh=5.0,
    )
    desk.station.adopt(value)
    assert desk.station.readings == {}
