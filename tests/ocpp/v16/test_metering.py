"""Measurands and sample interval, asserted after a boot."""

import pytest

from evsys.core.commands import AssertMetering
from evsys.ocpp.v16.metering import REGISTER, SAMPLE_INTERVAL, SAMPLED_DATA, union
from kit.performing import perform

WANTED = AssertMetering(measurands=("Power.Active.Import", "SoC"), sample_interval_s=60)
READ = ("GetConfiguration", {"key": [SAMPLED_DATA, SAMPLE_INTERVAL]})


def keys(sampled: str | None, interval: str | None, **members: object) -> dict[str, object]:
    found = ((SAMPLED_DATA, sampled), (SAMPLE_INTERVAL, interval))
    return {
        "configurationKey": [
            {"key": name, "readonly": False, "value": value, **members}
            for name, value in found
            if value is not None
        ]
    }


def test_what_is_missing_is_written_and_what_is_there_is_never_taken_away():
    outcome, said = perform(WANTED, keys("Voltage", "900"), {"status": "Accepted"}, {"status": "Rejected"})
    assert said == [
        READ,
        (
            "ChangeConfiguration",
            {"key": SAMPLED_DATA, "value": f"Voltage,Power.Active.Import,SoC,{REGISTER}"},
        ),
        ("ChangeConfiguration", {"key": SAMPLE_INTERVAL, "value": "60"}),
    ]
    assert outcome.status == f"{SAMPLED_DATA}: Accepted, {SAMPLE_INTERVAL}: Rejected"
    assert not outcome.accepted


def test_nothing_is_written_that_is_there_already():
    """Some chargers boot again after each write, and loop."""
    sampled = f'"{REGISTER}, power.active.import,SoC"'
    outcome, said = perform(WANTED, keys(sampled, " 60 "))
    assert said == [READ]
    assert (outcome.accepted, outcome.status) == (True, "")


@pytest.mark.parametrize(
    "answer", [{}, keys(None, None), keys("Voltage", "900", readonly=True), keys(" ", " "), keys("", "")]
)
def test_what_a_station_does_not_tell_or_lets_nobody_change_is_left_as_it_is(answer):
    assert perform(WANTED, answer)[1] == [READ]


def test_keys_are_written_with_the_stations_own_spelling():
    answer = {"configurationKey": [{"key": "metervaluesampleinterval", "readonly": False, "value": "5"}]}
    _, said = perform(AssertMetering(sample_interval_s=60), answer, {"status": "RebootRequired"})
    assert said[1] == ("ChangeConfiguration", {"key": "metervaluesampleinterval", "value": "60"})


def test_the_energy_register_is_never_dropped_and_a_list_too_long_is_left():
    assert union("Voltage", ()) == f"Voltage,{REGISTER}"
    assert union(REGISTER, ("", "SoC", "SoC")) == f"{REGISTER},SoC"
    assert union("V" * 490, ("SoC",)) is None
