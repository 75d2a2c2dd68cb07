"""How samples become columns."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from evsys.core.records import MeterValue
from kit.desk import Desk

BASE = {"digest", "station_id", "evse_id", "transaction_id", "at", "reported_at", "received_at", "rest"}
AT = "2026-06-01T12:00:00Z"


def recorded(*samples: object) -> MeterValue:
    desk = Desk()
    message = {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": list(samples)}]}
    assert desk.call("MeterValues", message) == {}
    (value,) = desk.disk.meter_values()
    return value


def columns(value: MeterValue) -> dict[str, object]:
    return {
        name: member
        for name, member in asdict(value).items()
        if name not in BASE and member not in (None, "")
    }


def rest(value: MeterValue) -> object:
    return None if value.rest is None else json.loads(bytes(value.rest))


def sample(value: object, measurand: str | None = None, unit: str | None = None, **members: str) -> dict:
    members |= {"value": value}  # type: ignore[dict-item]
    if measurand is not None:
        members["measurand"] = measurand
    if unit is not None:
        members["unit"] = unit
    return members


ENERGY, POWER = "Energy.Active.Import.Register", "Power.Active.Import"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (sample("139954"), {"energy_wh": 139_954}),
        (sample("1.234", unit="kWh"), {"energy_wh": 1234}),
        (sample("4.35", ENERGY, "kWh"), {"energy_wh": 4350}),
        (sample("1e3", ENERGY, "Wh"), {"energy_wh": 1000}),
        (sample("5", "Energy.Active.Export.Register", "kWh"), {"energy_export_wh": 5000}),
        (sample("11.04", POWER, "kW"), {"power_w": 11_040}),
        (sample("-250", POWER), {"power_w": -250}),
        (sample("22", "Power.Offered", "kW"), {"power_offered_w": 22_000}),
        (sample("16", "Current.Import"), {"current_a": 16}),
        (sample("16", "Current.Import", "A", phase="L1"), {"current_l1_a": 16}),
        (sample("16", "Current.Import", "A", phase="L2-N"), {"current_l2_a": 16}),
        (sample("32", "Current.Offered", "A"), {"current_offered_a": 32}),
        (sample("230.1", "Voltage", "V"), {"voltage_v": 230.1}),
        (sample("230.1", "Voltage", "V", phase="L3-N"), {"voltage_l3_v": 230.1}),
        (sample("80", "SoC", "Percent", location="EV"), {"soc_percent": 80}),
        (sample("50.01", "Frequency"), {"frequency_hz": 50.01}),
        (sample("50.01", "Frequency", "Hertz"), {"frequency_hz": 50.01}),
        (sample("50.01", "Frequency", "Hz"), {"frequency_hz": 50.01}),
        (sample("21.5", "Temperature", "Celsius", location="Body"), {"temperature_c": 21.5}),
        (sample("21.5", "Temperature", "Celcius"), {"temperature_c": 21.5}),
        (sample("300", "Temperature", "K"), {"temperature_c": 26.85}),
        (sample("212", "Temperature", "Fahrenheit"), {"temperature_c": 100}),
        (sample("7", context="Sample.Periodic", format="Raw", location="Outlet"), {"energy_wh": 7}),
        (sample("7", context="Sample.Clock"), {"energy_wh": 7, "context": "Sample.Clock"}),
        (sample("7", context="Trigger"), {"energy_wh": 7, "context": "Trigger"}),
        (sample("7", context="Periodic"), {"energy_wh": 7, "context": "Periodic"}),
        (sample(230.1, "Voltage"), {"voltage_v": 230.1}),
    ],
)  # fmt: skip
def test_a_sample_goes_to_the_column_of_its_measurand(given, expected):
    value = recorded(given)
    assert columns(value) == expected
    assert value.rest is None


@pytest.mark.parametrize(
    "given",
    [
        sample("12,5", ENERGY, "kWh"),
        sample("12.5 kWh", ENERGY),
        sample("", ENERGY),
        sample("NaN", ENERGY),
        sample("inf", ENERGY),
        sample("1_000", ENERGY),
        sample("1e300", ENERGY),
        sample("5", ENERGY, "A"),
        sample("5", ENERGY, location="Inlet"),
        sample("5", ENERGY, phase="N"),
        sample("5", "Energy.Active.Import.Interval", "Wh"),
        sample("5", "Energy.Reactive.Import.Register", "varh"),
        sample("5", "Power.Active.Export", "W"),
        sample("5", "Current.Import", "A", phase="N"),
        sample("400", "Voltage", "V", phase="L1-L2"),
        sample("5", "Power.Factor"),
        sample("5", "Misspelled.Measurand"),
        sample("OCMF|{ \"a\":1}|{}", ENERGY, "kWh", format="SignedData"),
        sample("5", "Voltage", unit="volts"),
    ],
)  # fmt: skip
def test_a_sample_without_a_column_is_kept_as_sent(given):
    value = recorded(given)
    assert columns(value) in ({}, {"context": given.get("context")})
    assert rest(value) == [given]


def test_energy_and_power_per_phase_only_are_summed_and_their_samples_kept():
    phases = [sample("1.5", POWER, "kW", phase=line) for line in ("L1", "L2-N", "L3")]
    energy = [sample("100", ENERGY, phase=line) for line in ("L1", "L2")]
    value = recorded(*phases, *energy)
    assert columns(value) == {"power_w": 4500, "energy_wh": 200}
    assert rest(value) == phases + energy


def test_a_total_stands_before_the_sum_of_its_phases():
    value = recorded(
        sample("100", ENERGY, phase="L1"), sample("299", ENERGY), sample("100", ENERGY, phase="L2")
    )
    assert columns(value) == {"energy_wh": 299}


def test_phases_of_which_one_cannot_be_read_make_no_sum():
    """A sum without it would fall, and a fall is a restart of the register."""
    value = recorded(sample("100", ENERGY, phase="L1"), sample("?", ENERGY, phase="L2"))
    assert columns(value) == {}


def test_only_the_samples_of_the_values_context_have_columns():
    end = sample("900", context="Transaction.End")
    value = recorded(sample("100", context="Transaction.Begin"), end)
    assert columns(value) == {"energy_wh": 100, "context": "Transaction.Begin"}
    assert rest(value) == [end]


def test_the_second_sample_of_a_column_is_kept_as_sent():
    value = recorded(sample("100"), sample("101", ENERGY, "Wh"))
    assert columns(value) == {"energy_wh": 100}
    assert rest(value) == [sample("101", ENERGY, "Wh")]


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_a_signed_value_comes_back_byte_for_byte(signed):
    value = recorded(sample(signed, format="SignedData"))
    assert rest(value) == [sample(signed, format="SignedData")]


def test_a_value_without_samples_is_acknowledged_and_says_nothing():
    desk = Desk()
    message = {"connectorId": 1, "meterValue": [{"timestamp": AT, "sampledValue": []}]}
    assert desk.call("MeterValues", message) == {}
    assert desk.disk.meter_values() == []


def test_one_value_that_is_no_list_is_understood():
    """Huawei sends an object where a list is asked for."""
    desk = Desk()
    value = {"timestamp": AT, "sampledValue": sample("5")}
    assert desk.call("MeterValues", {"connectorId": 1, "meterValue": value}) == {}
    assert desk.disk.meter_values()[0].energy_wh == 5


def test_each_moment_of_a_message_is_a_row():
    desk = Desk()
    moments = [
        {"timestamp": f"2026-06-01T12:0{minute}:00Z", "sampledValue": [sample("5")]} for minute in range(3)
    ]
    desk.call("MeterValues", {"connectorId": 1, "meterValue": moments})
    assert len(desk.disk.meter_values()) == 3
