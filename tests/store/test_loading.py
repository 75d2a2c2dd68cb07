"""A station loaded from disk is the station that was in memory."""

from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from evsys.core.energy import Reading
from evsys.core.records import Ending, MeterValue, Record, Transaction
from evsys.core.station import RECENT_TRANSACTIONS, Station
from evsys.core.work import Committed, Settlement, Work
from evsys.store.inline import InlineStore
from kit.clock import NOON
from kit.samples import connector, meter_value, quarantined, station, status, transaction


def at(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


def reading(number: int, minutes: float, energy_wh: float | None) -> MeterValue:
    digest = number * 10_000 + round(minutes * 10)
    return meter_value(digest, transaction_id=str(number), at=NOON + at(minutes), energy_wh=energy_wh)


def ended(number: int, by: Ending, minutes: float) -> Transaction:
    moment = NOON + at(minutes)
    return replace(transaction(number), ended_at=moment, end_received_at=moment, ended_by=by)


class Both:
    """Adopts in memory what it commits to disk, as a turn does."""

    def __init__(self, path: Path) -> None:
        self.store = InlineStore(path)
        self.memory = Station(station(), status())
        self.commit("add", station())
        self.commit("save", status())

    def commit(self, op: str, record: Record) -> None:
        work = Work(NOON, "CP-1")
        getattr(work, op)(record)
        outcomes: list[Settlement] = []
        self.store.submit(work, outcomes.append)
        self.store.flush()
        assert outcomes == [Committed(0)]
        self.memory.adopt(record)

    def loaded(self) -> Station:
        answers: list[object] = []
        self.store.load("CP-1", answers.append)
        self.store.flush()
        assert isinstance(answers[0], Station)
        return answers[0]

    def same(self) -> Station:
        loaded = self.loaded()
        assert loaded.settings == self.memory.settings
        assert loaded.status == self.memory.status
        assert loaded.connectors == self.memory.connectors
        assert list(loaded.transactions.items()) == list(self.memory.transactions.items())
        assert loaded.quarantine == self.memory.quarantine
        assert unfinished(loaded) == unfinished(self.memory)
        self.store.crash()
        return loaded


def unfinished(station: Station) -> dict[str, Reading]:
    """The readings that decisions still look at: not of what the station itself has ended."""
    return {
        each.id: station.readings[each.id]
        for each in station.transactions.values()
        if each.ended_by != "station" and each.id in station.readings
    }


def test_a_station_that_only_registered(path: Path) -> None:
    Both(path).same()


def test_states_settings_and_quarantine(path: Path) -> None:
    both = Both(path)
    both.commit("save", replace(status(epoch=4), firmware_version="2.1"))
    both.commit("save", connector(evse_id=1, status="Charging"))
    both.commit("save", connector(evse_id=2))
    both.commit("save", connector(evse_id=1, status="Finishing"))
    both.commit("add_once", quarantined("q1"))
    both.commit("add_once", replace(quarantined("q2"), received_at=NOON + at(1)))
    both.commit("save", replace(quarantined("q1"), resolved_at=NOON, transaction_id="5"))
    loaded = both.same()
    assert list(loaded.quarantine) == ["q2"]


def test_a_running_session_keeps_its_last_reading_over_restarts_of_the_register(path: Path) -> None:
    both = Both(path)
    both.commit("add", transaction(1))
    for minutes, energy_wh in [(1, 2000.0), (2, 5000.0), (3, None), (4, 100.0), (3.5, 90.0), (5, 700.0)]:
        both.commit("add_once", reading(1, minutes, energy_wh))
    loaded = both.same()
    assert loaded.readings["1"] == Reading(NOON + at(5), NOON + at(5), 700.0, carried_wh=5000.0)


def test_a_session_without_readings_starts_from_its_meter(path: Path) -> None:
    both = Both(path)
    both.commit("add", transaction(1))
    assert both.same().readings["1"].energy_wh == 1000.0


def test_a_synthetic_end_keeps_its_reading_for_the_late_stop(path: Path) -> None:
    both = Both(path)
    both.commit("add", transaction(1))
    both.commit("add_once", reading(1, 1, 4000.0))
    both.commit("save", ended(1, "sweep", 30))
    both.commit("add", transaction(2))
    both.commit("add_once", reading(2, 31, 4100.0))
    both.commit("save", ended(2, "station", 40))
    loaded = both.same()
    assert unfinished(loaded) == {"1": Reading(NOON + at(1), NOON + at(1), 4000.0)}


def test_a_start_that_was_over_when_it_came(path: Path) -> None:
    both = Both(path)
    late = replace(
        transaction(1),
        ended_at=transaction(1).started_at,
        end_received_at=transaction(1).start_received_at,
        ended_by="superseded",
    )
    both.commit("add", late)
    both.commit("add_once", reading(1, 1, 4000.0))
    both.same()


def test_the_last_few_ended_and_every_open_one_are_kept(path: Path) -> None:
    both = Both(path)
    for number in range(1, RECENT_TRANSACTIONS + 6):
        both.commit("add", transaction(number))
        both.commit("save", ended(number, "sweep" if number % 2 else "station", (number + 0.5) / 60))
    both.commit("add", transaction(90, evse_id=1))
    both.commit("add", transaction(91, evse_id=2))
    loaded = both.same()
    assert len(loaded.transactions) == RECENT_TRANSACTIONS + 2
