"""The meter of a connector: what MeterValuesSampledData asks for, as sampled values (OCPP 1.6 §7.33)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

from msgspec.structs import replace

from evsys.ocpp.v16.messages import MeterValue, SampledValue
from evsys.simulator.battery import VOLTAGE_V, Battery

Context = Literal["Sample.Periodic", "Trigger", "Transaction.End"]
PHASES: Final[tuple[Literal["L1", "L2", "L3"], ...]] = ("L1", "L2", "L3")


def samples(
    wanted: list[str],
    meter_wh: float,
    power_w: float,
    battery: Battery | None,
    now: datetime,
    context: Context,
) -> MeterValue:
    """The values of one moment: of those wanted, what the meter has; at least the energy register."""
    values = [replace(value, context=context) for value in _values(wanted, meter_wh, power_w, battery)]
    return MeterValue(timestamp=now, sampledValue=values)


def _values(
    wanted: list[str], meter_wh: float, power_w: float, battery: Battery | None
) -> Iterator[SampledValue]:
    if "Energy.Active.Import.Register" in wanted or not wanted:
        yield SampledValue(
            value=str(round(meter_wh)),
            measurand="Energy.Active.Import.Register",
            location="Outlet",
            unit="Wh",
        )
    if "Power.Active.Import" in wanted:
        yield SampledValue(value=f"{power_w:.0f}", measurand="Power.Active.Import", unit="W")
    phases = battery.phases if battery else len(PHASES)
    if "Current.Import" in wanted:
        current_a = power_w / VOLTAGE_V / phases
        for phase in PHASES[:phases]:
            yield SampledValue(value=f"{current_a:.1f}", measurand="Current.Import", phase=phase, unit="A")
    if "Voltage" in wanted:
        # Under load the voltage drops a little.
        yield SampledValue(
            value=f"{VOLTAGE_V - power_w / 10_000:.1f}", measurand="Voltage", phase="L1-N", unit="V"
        )
    if "SoC" in wanted and battery is not None:
        yield SampledValue(value=f"{battery.soc_percent:.0f}", measurand="SoC", location="EV", unit="Percent")
