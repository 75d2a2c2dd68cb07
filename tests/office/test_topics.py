"""What the topics of a station say, as a function of its rows and of what it measured."""

import json
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from evsys.core.ports import LatestSample
from evsys.core.records import ConnectorStatus, Transaction
from evsys.office.topics import Names, Place, topics_of
from evsys.store.views.stations import StationView

NAMES = Names("evsys", "homeassistant")
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
STATION = StationView(id="CP1", created_at=NOON)
OPEN = Transaction(
    id="t1",
    station_id="CP1",
    evse_id=1,
    connector_id=1,
    authorization="Accepted",
    started_at=NOON,
    start_received_at=NOON,
    meter_start_wh=1000,
)
ENDED = replace(OPEN, ended_at=NOON, meter_stop_wh=4000, energy_wh=3000, stop_reason="Local")
SAMPLE = LatestSample(station_id="CP1", evse_id=1, transaction_id="t1", at=NOON, energy_wh=2500.4)


def connector(status: str, evse_id: int = 1, connector_id: int = 1) -> ConnectorStatus:
    return ConnectorStatus(
        station_id="CP1", evse_id=evse_id, connector_id=connector_id, status=status, received_at=NOON
    )


def told(view: StationView, place: Place | None = None) -> dict[str, str]:
    """The values of EVSE 1."""
    topics = topics_of(view, {1: place} if place is not None else {}, NAMES)
    return {
        topic.removeprefix("evsys/CP1/1/"): value.decode()
        for topic, value in topics.items()
        if topic.startswith("evsys/CP1/1/")
    }


def test_nothing_is_told_of_evses_that_are_not_known() -> None:
    assert told(STATION) == {}
    whole = replace(STATION, connectors=(connector("Available", evse_id=0, connector_id=0),))
    assert told(whole) == {}


def test_of_several_connectors_the_one_in_use_counts() -> None:
    both = (connector("Available"), connector("Occupied", connector_id=2))
    assert told(replace(STATION, connectors=both))["status"] == "Occupied"


def test_the_register_is_what_was_heard_of_it_last() -> None:
    running = replace(STATION, open_transactions=(OPEN,))
    assert told(running)["energy_wh"] == "1000"
    assert told(running, Place(sample=SAMPLE))["energy_wh"] == "2500"
    assert told(STATION, Place(last=ENDED, sample=SAMPLE))["energy_wh"] == "4000"
    idle = replace(SAMPLE, transaction_id="", energy_wh=4001.0)
    assert told(STATION, Place(last=ENDED, sample=idle))["energy_wh"] == "4001"


def test_there_is_no_power_without_a_session_unless_it_is_measured() -> None:
    drawing = replace(SAMPLE, power_w=7400.0)
    assert told(replace(STATION, open_transactions=(OPEN,)), Place(sample=drawing))["power_w"] == "7400"
    assert told(STATION, Place(last=ENDED, sample=drawing))["power_w"] == "0"
    assert told(STATION, Place(sample=replace(drawing, transaction_id="")))["power_w"] == "7400"
    other = replace(OPEN, id="t2")
    assert told(replace(STATION, open_transactions=(other,)), Place(sample=drawing))["power_w"] == "0"


def test_a_session_says_what_it_took_and_how_it_ended() -> None:
    assert json.loads(told(STATION, Place())["session"]) == {
        "active": False,
        "transaction_id": None,
        "started_at": None,
        "ended_at": None,
        "energy_wh": None,
        "soc_percent": None,
        "stop_reason": None,
    }
    running = replace(STATION, open_transactions=(OPEN,))
    now = json.loads(told(running, Place(sample=replace(SAMPLE, soc_percent=71.5)))["session"])
    assert (now["active"], now["energy_wh"], now["soc_percent"]) == (True, 1500, 71.5)
    assert json.loads(told(running)["session"])["energy_wh"] == 0
    last = json.loads(told(STATION, Place(last=ENDED, sample=SAMPLE))["session"])
    assert (last["active"], last["energy_wh"], last["stop_reason"]) == (False, 3000, "Local")


def test_the_energy_of_a_session_survives_a_register_that_began_anew() -> None:
    restarted = replace(OPEN, energy_wh=1800)
    view = replace(STATION, open_transactions=(restarted,))
    small = replace(SAMPLE, energy_wh=300.0)
    assert json.loads(told(view, Place(sample=small))["session"])["energy_wh"] == 1800


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=20), min_size=2, max_size=2, unique=True))
def test_no_two_stations_share_a_topic(ids: list[str]) -> None:
    one, other = (set(topics_of(replace(STATION, id=each), {1: Place()}, NAMES)) for each in ids)
    assert not one & other


@settings(deadline=None)
@given(st.text(min_size=1, max_size=40))
def test_topics_are_good_ones_and_are_found_again(station_id: str) -> None:
    for topic in topics_of(replace(STATION, id=station_id), {7: Place()}, NAMES, "both"):
        assert topic.isascii()
        assert topic.isprintable()
        assert not set("+#") & set(topic)
        assert NAMES.ours(topic)
    assert NAMES.command(NAMES.of(station_id, "7", "charge", "set")) == (station_id, 7)


def test_what_others_write_is_not_ours() -> None:
    assert not NAMES.ours("homeassistant/sensor/evsys_other__CP1/1_power/config")
    assert not NAMES.ours("evsys/CP1/1/charge/set")
    assert not NAMES.ours("evsys2/CP1/availability")
