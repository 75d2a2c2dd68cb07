"""Metering: what a station samples, by the configuration keys MeterValuesSampledData and
MeterValueSampleInterval (OCPP 1.6 §9.1)."""

from typing import Final

from msgspec import UnsetType

from evsys.core import commands
from evsys.core.commands import NOTHING, Outcome
from evsys.core.station import Station
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16
from evsys.ocpp.v16.provisioning import MAX_VALUE_CHARS, read_configuration

SAMPLED_DATA: Final = "MeterValuesSampledData"
SAMPLE_INTERVAL: Final = "MeterValueSampleInterval"
REGISTER: Final = "Energy.Active.Import.Register"
"""What sessions are billed by: in every list that is written, wanted or not."""


@V16.performs(commands.AssertMetering)
def assert_metering(command: commands.AssertMetering, station: Station) -> Performance:
    """Read both keys, and write what is missing. The station's own measurands stand first and as it spells
    them; a value that cannot be read or changed is left as it is: the list would be lost. The status names
    each key that was written, with the station's word."""
    answer = yield from read_configuration((SAMPLED_DATA, SAMPLE_INTERVAL), station)
    wanted: list[tuple[str, str]] = []
    sampled, interval = _key(answer, SAMPLED_DATA), _key(answer, SAMPLE_INTERVAL)
    if command.measurands and sampled is not None:
        value = union(sampled[1], command.measurands)
        if value is not None:
            wanted.append((sampled[0], value))
    # A model that is asked for more than it does would be written to after each boot.
    least_s = station.workarounds.min_sample_interval_s or 0
    seconds = str(max(command.sample_interval_s, least_s))
    if command.sample_interval_s and interval is not None and interval[1].strip() != seconds:
        wanted.append((interval[0], seconds))
    words = []
    raw = NOTHING
    for key, value in wanted:
        change = m.ChangeConfigurationRequest(key=key, value=value)
        changed, raw = yield from call(Request("ChangeConfiguration", change, m.ChangeConfigurationResponse))
        words.append(f"{key}: {changed.status}")
    accepted = all(word.endswith(("Accepted", "RebootRequired")) for word in words)
    return Outcome(accepted=accepted, status=", ".join(words), detail=raw)


def union(has: str, wanted: tuple[str, ...]) -> str | None:
    """The station's list with what is missing of `wanted` and the energy register; None where nothing is, or
    where the station could not take so long a list."""
    own = [each.strip() for each in has.strip().strip('"').split(",") if each.strip()]
    known = {each.lower() for each in own}
    missing = []
    for measurand in (*wanted, REGISTER):
        if measurand.strip() and measurand.strip().lower() not in known:
            known.add(measurand.strip().lower())
            missing.append(measurand.strip())
    value = ",".join(own + missing)
    return value if missing and len(value) <= MAX_VALUE_CHARS else None


def _key(answer: m.GetConfigurationResponse, name: str) -> tuple[str, str] | None:
    """A key as the station spells it and its value; None where it tells none, or lets nobody change it."""
    if isinstance(answer.configurationKey, UnsetType):
        return None
    for each in answer.configurationKey:
        if each.key.strip().lower() == name.lower() and not isinstance(each.value, UnsetType):
            return (each.key, each.value) if each.value.strip() and not each.readonly else None
    return None
