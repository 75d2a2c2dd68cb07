"""Which session a value belongs to, and its identity."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from evsys.core.events import MessageQuarantined, TransactionCorrected
from evsys.core.meter_values import LATE, identity, moved, plausible
from evsys.core.records import MeterValue
from evsys.core.station import MAX_QUARANTINE
from kit.clock import NOON
from kit.desk import Desk

START = {"connectorId": 1, "idTag": "CARD", "meterStart": 1000, "timestamp": "2026-06-01T12:00:00Z"}


def values(number: int | None = None, connector: int = 1, minute: int = 5, energy: str = "3000") -> dict:
    message = {
        "connectorId": connector,
        "meterValue": [{"timestamp": f"2026-06-01T12:{minute:02}:00Z", "sampledValue": [{"value": energy}]}],
    }
    return message if number is None else {**message, "transactionId": number}


@pytest.fixture
def desk() -> Desk:
    return Desk()


def start(desk: Desk, **members: object) -> int:
    number = desk.call("StartTransaction", {**START, **members})["transactionId"]
    assert isinstance(number, int)
    return number


def stop(desk: Desk, number: int, meter: int = 4000) -> None:
    desk.call(
        "StopTransaction",
        {"transactionId": number, "meterStop": meter, "timestamp": desk.clock.now().isoformat()},
    )


def owners(desk: Desk) -> list[str]:
    return [each.transaction_id for each in desk.disk.meter_values()]


def test_a_value_belongs_to_the_transaction_that_it_names(desk):
    first = start(desk)
    start(desk, connectorId=2)
    desk.call("MeterValues", values(first, connector=2))
    assert owners(desk) == [str(first)]


@pytest.mark.parametrize("number", [None, 0, -1])
def test_meter_values_without_transaction_id_belong_to_the_open_one_on_their_connector(desk, number):
    running = start(desk)
    desk.call("MeterValues", values(number))
    assert owners(desk) == [str(running)]


def test_values_outside_transactions_belong_to_none(desk):
    desk.call("MeterValues", values())
    assert owners(desk) == [""]


def test_the_main_meters_values_belong_to_no_session(desk):
    start(desk)
    desk.call("MeterValues", values(connector=0))
    desk.call("MeterValues", values(4711, connector=0, minute=6))
    assert owners(desk) == ["", ""]


def test_meter_values_after_the_stop_are_attached_and_do_not_revive_the_session(desk):
    number = start(desk)
    stop(desk, number)
    desk.call("MeterValues", values(number))
    desk.call("MeterValues", values(0, minute=6))
    assert owners(desk) == [str(number)] * 2
    assert desk.station.open_on(1) is None
    assert desk.disk.transactions()[0].energy_wh == 3000


def test_values_long_after_the_stop_that_name_no_transaction_belong_to_none(desk):
    stop(desk, start(desk))
    desk.clock.step(LATE.total_seconds() + 1)
    desk.call("MeterValues", values(-1))
    assert owners(desk) == []
    assert len(desk.disk.quarantine()) == 1


def test_late_values_extend_a_synthetic_end(desk):
    number = start(desk)
    desk.clock.step(3600)
    start(desk, timestamp="2026-06-01T13:00:00Z", meterStart=5000)
    desk.call("MeterValues", values(number, minute=50, energy="4500"))
    ended = next(each for each in desk.disk.transactions() if each.number == number)
    assert (ended.ended_by, ended.energy_wh) == ("superseded", 3500)
    assert isinstance(desk.events[-1], TransactionCorrected)
    events = len(desk.events)
    desk.call("MeterValues", values(number, minute=50, energy="4500"))
    desk.call("MeterValues", values(number, minute=40, energy="4400"))
    assert len(desk.events) == events


@pytest.mark.parametrize("restart", [False, True])
def test_a_repeat_without_a_usable_time_is_not_counted_again_after_the_register_restarted(desk, restart):
    """On disk it adds no row; in memory it must not look like one more round of the register."""
    number = start(desk, meterStart=0)
    lost = {"timestamp": "1970-01-01T00:00:00Z"}
    before, after = values(number, energy="4000"), values(number, energy="100")
    before["meterValue"][0] |= lost
    after["meterValue"][0] |= lost
    desk.clock.step(60)
    desk.call("MeterValues", before)
    desk.clock.step(60)
    desk.call("MeterValues", after)
    if restart:
        desk.restart()
    desk.clock.step(60)
    desk.call("MeterValues", before)
    last = values(number, energy="300")
    last["meterValue"][0] |= lost
    desk.call("MeterValues", last)
    desk.clock.step(3600)
    stop(desk, number, meter=300)
    (ended,) = desk.disk.transactions()
    assert ended.energy_wh == 4300
    assert len(desk.disk.meter_values()) == 3


def test_a_number_of_the_stations_own_making_is_an_alias_of_the_running_session(desk):
    running = start(desk)
    desk.call("MeterValues", values(77))
    desk.restart()
    desk.call("MeterValues", values(77, minute=6))
    stop(desk, 77)
    assert owners(desk) == [str(running)] * 2
    (ended,) = desk.disk.transactions()
    assert (ended.alias, ended.ended_by, ended.energy_wh) == (77, "station", 3000)


def test_an_alias_that_is_used_again_means_the_session_that_runs_then(desk):
    start(desk)
    desk.call("MeterValues", values(1_000_001))
    stop(desk, 1_000_001)
    desk.clock.step(600)
    second = start(desk, timestamp="2026-06-01T12:10:00Z", meterStart=4000)
    desk.call("MeterValues", values(1_000_001, minute=11, energy="4100"))
    assert owners(desk)[-1] == str(second)


def test_values_of_a_transaction_nobody_knows_are_held_and_visible(desk):
    for _ in range(2):
        assert desk.call("MeterValues", values(987_654)) == {}
    (held,) = desk.disk.quarantine()
    assert (held.kind, held.number) == ("meter_values", 987_654)
    assert [type(each) for each in desk.events] == [MessageQuarantined]
    assert owners(desk) == []


def test_held_values_find_the_session_whose_start_comes_after_them(desk):
    signed = {"value": 'OCMF|{"a" : 1}|{}', "format": "SignedData"}
    message = values(-1)
    message["meterValue"][0]["sampledValue"].append(signed)
    desk.call("MeterValues", message)
    desk.restart()
    number = start(desk)
    assert owners(desk) == [str(number)]
    (value,) = desk.disk.meter_values()
    assert msgspec.json.decode(value.rest) == [signed]
    desk.call("MeterValues", message)
    assert len(desk.disk.meter_values()) == 1


def test_only_so_much_quarantine_is_kept_in_memory(desk):
    for number in range(1000, 1000 + MAX_QUARANTINE + 3):
        desk.call("MeterValues", values(number))
    assert len(desk.station.quarantine) == MAX_QUARANTINE
    assert len(desk.disk.quarantine()) == MAX_QUARANTINE + 3


def test_a_repeated_value_adds_no_row_before_or_after_a_restart(desk):
    number = start(desk)
    for _ in range(3):
        desk.call("MeterValues", values(number))
        desk.restart()
    assert len(desk.disk.meter_values()) == 1


@pytest.mark.parametrize(
    "other",
    [values(None), values(-1), values(1, connector=2), values(1, minute=6), values(1, energy="3001")],
    ids=["no transaction", "another number", "connector", "time", "samples"],
)
def test_a_value_that_differs_is_another_one(desk, other):
    start(desk)
    desk.call("MeterValues", values(1))
    desk.call("MeterValues", other)
    assert len(desk.disk.meter_values()) == 2


def test_a_value_without_a_time_is_recorded_at_its_receipt(desk):
    message = {"connectorId": 1, "meterValue": [{"sampledValue": [{"value": "1"}]}]}
    desk.call("MeterValues", message)
    (value,) = desk.disk.meter_values()
    assert (value.at, value.reported_at) == (NOON, datetime(1970, 1, 1, tzinfo=UTC))


def test_the_time_of_a_broken_clock_is_kept_as_reported_and_not_believed(desk):
    message = values()
    message["meterValue"][0]["timestamp"] = "2001-01-01T00:00:00+02:00"
    desk.call("MeterValues", message)
    (value,) = desk.disk.meter_values()
    assert value.at == NOON
    assert value.reported_at == datetime(2000, 12, 31, 22, tzinfo=UTC)
    assert value.reported_at.tzinfo is UTC


@pytest.mark.parametrize(
    ("reported", "believed"),
    [
        (None, False),
        (datetime(2014, 12, 31, tzinfo=UTC), False),
        (datetime(2015, 1, 1, tzinfo=UTC), True),
        (NOON + timedelta(days=1), True),
        (NOON + timedelta(days=1, seconds=1), False),
    ],
)
def test_a_clock_is_believed_between_2015_and_tomorrow(reported, believed):
    assert plausible(reported, NOON) is believed


def test_a_digest_fits_a_signed_64_bit_column_and_follows_its_value():
    digest = identity(0, -1, b"[]")
    assert -(2**63) <= digest < 2**63
    desk = Desk()
    value = MeterValue(
        digest=digest,
        station_id="CP1",
        evse_id=0,
        transaction_id="",
        at=NOON,
        reported_at=NOON,
        received_at=NOON,
    )
    number = start(desk, connectorId=3)
    placed = moved(value, -1, 3, str(number))
    assert (placed.digest, placed.evse_id) == (identity(3, -1, b"[]"), 3)
    assert moved(placed, -1, 0, "") == value
