"""Names on the bus."""

import pytest

from evsys.core.ports import station_subject


@pytest.mark.parametrize("station_id", ["CP1", "a.b", "a/b >*", "Ü"])
def test_a_stations_subject_is_one_token_whatever_its_id(station_id):
    prefix, _, rest = station_subject(station_id).partition(".")
    assert prefix == "station"
    assert not set(rest) & set(".>* /")
