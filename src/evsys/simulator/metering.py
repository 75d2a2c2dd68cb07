"""The meter of a connector: the sampled values that a list of measurands asks for (OCPP 1.6 §7.33)."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal

from msgspec.structs import replace

from evsys.ocpp.v16.messages import MeterValue, SampledValue
from evsys.simulator.battery import VOLTAGE_V, Battery

Context = Literal["Sample.Periodic", "Sample.Clock", "Trigger", "Transaction.Begin", "Transaction.End"]
Measurand = Literal[
    "Energy.Active.Import.Register",
    "Power.Active.Import",
    "Power.Offered",
    "Current.Import",
    "Current.Offered",
    "Voltage",
    "Frequency",
    "SoC",
]
"""What the meter has; the keys that hold lists of measurands take no other."""
Line = Literal["L1", "L2", "L3"]
ToNeutral = Literal["L1-N", "L2-N", "L3-N"]
PHASES: Final[tuple[tuple[Line, ToNeutral], ...]] = (("L1", "L1-N"), ("L2", "L2-N"), ("L3", "L3-N"))
"""Of a current, and of a voltage."""
DROP_V_PER_W: Final = 1 / 10_000
"""Under load the voltage drops a little."""


def samples(
    wanted: list[str],
    meter_wh: float,
    power_w: float,
    offered_w: float,
    battery: Battery | None,
    now: datetime,
    context: Context,
) -> MeterValue:
    """The values of one moment: of those wanted what there is, and at least the energy register."""
    names = {each.lower() for each in wanted} or {"energy.active.import.register"}
    phases = battery.phases if battery is not None else len(PHASES)
    values = [
        replace(value, context=context)
        for value in _values(meter_wh, power_w, offered_w, battery, phases)
        if isinstance(value.measurand, str) and value.measurand.lower() in names
    ]
    return MeterValue(timestamp=now, sampledValue=values or [next(_values(meter_wh, 0, 0, None, 3))])


def _values(
    meter_wh: float, power_w: float, offered_w: float, battery: Battery | None, phases: int
) -> Iterator[SampledValue]:
    """All that the meter has; the register first."""
    yield SampledValue(
        value=str(round(meter_wh)), measurand="Energy.Active.Import.Register", location="Outlet", unit="Wh"
    )
    yield SampledValue(value=f"{power_w:.0f}", measurand="Power.Active.Import", unit="W")
    yield SampledValue(value=f"{offered_w:.0f}", measurand="Power.Offered", unit="W")
    current_a, voltage_v = power_w / VOLTAGE_V / phases, VOLTAGE_V - power_w * DROP_V_PER_W
    for line, to_neutral in PHASES[:phases]:
        yield SampledValue(value=f"{current_a:.1f}", measurand="Current.Import", phase=line, unit="A")
        yield SampledValue(value=f"{voltage_v:.1f}", measurand="Voltage", phase=to_neutral, unit="V")
    offered_a = offered_w / VOLTAGE_V / phases
    yield SampledValue(value=f"{offered_a:.1f}", measurand="Current.Offered", unit="A")
    yield SampledValue(value="50.0", measurand="Frequency")
    if battery is not None:
        yield SampledValue(value=f"{battery.soc_percent:.0f}", measurand="SoC", location="EV", unit="Percent")
