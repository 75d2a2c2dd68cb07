"""What a handshake knows of the stations."""

from evsys.gateway.station_index import StationIndex
from kit.gateway import station


def index(*ids: str) -> StationIndex:
    filled = StationIndex()
    filled.fill([station(id) for id in ids], [])
    return filled


def found(filled: StationIndex, name: str) -> str | None:
    entry = filled.find(name)
    return None if entry is None else entry.id


def test_a_station_is_found_by_its_exact_name_before_any_other() -> None:
    filled = index("Depot-1", "DEPOT-1")
    assert found(filled, "DEPOT-1") == "DEPOT-1"
    assert found(filled, "Depot-1") == "Depot-1"


def test_a_station_is_found_without_regard_to_case() -> None:
    assert found(index("Depot-1"), "dEPOT-1") == "Depot-1"
    assert found(index("Depot-1"), "depot-2") is None


def test_a_change_takes_the_place_of_what_was_known() -> None:
    filled = index("CP1")
    filled.put("CP1", station("CP1", ping=False, assume_protocol="ocpp1.6"))
    entry = filled.find("CP1")
    assert entry is not None
    assert (entry.ping, entry.assume_protocol) == (False, "ocpp1.6")
    assert len(filled) == 1


def test_a_removed_station_is_unknown_in_any_case() -> None:
    filled = index("CP1", "CP2")
    filled.put("CP1", None)
    filled.put("CP1", None)
    assert found(filled, "CP1") is None
    assert found(filled, "cp1") is None
    assert found(filled, "cp2") == "CP2"


def test_of_two_that_differ_by_case_alone_the_other_stays() -> None:
    filled = index("CP1", "cp1")
    filled.put("CP1", None)
    assert found(filled, "cp1") == "cp1"
