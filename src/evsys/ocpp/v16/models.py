"""What models of 1.6 need to be said, and to be read, in another way (`core.workarounds`)."""

import re
from decimal import Decimal
from typing import Final

from msgspec.structs import replace

from evsys.core.commands import ChargingProfile, ChargingSchedulePeriod
from evsys.core.errors import BadCommand
from evsys.core.station import Station
from evsys.core.workarounds import Workarounds

_HEX: Final = re.compile(r"[0-9A-F]+")


def heard_tag(id_tag: str, station: Station) -> str:
    """A token as the card has it: without what the station appends."""
    suffix = station.workarounds.id_tag_suffix
    return id_tag if suffix is None else id_tag.partition(suffix)[0] or id_tag


def heard_wh(register_wh: int, station: Station) -> int:
    """A register in Wh, of a station that counts in something else."""
    factor = station.workarounds.energy_factor
    return register_wh if factor is None else round(register_wh * factor)


def remote_tag(id_tag: str, station: Station) -> str:
    """A token that the station takes in a remote start. Raises BadCommand."""
    if not station.workarounds.hex_id_tags:
        return id_tag
    upper = id_tag.upper()
    if not _HEX.fullmatch(upper):
        raise BadCommand("id_token: this model starts only tokens of hexadecimal digits (its workarounds)")
    return upper


def remote_connector(evse_id: int | None, station: Station) -> int | None:
    """The connector that a remote start names, as the station takes it."""
    match station.workarounds.remote_start_connector:
        case "required":
            return evse_id or 1
        case "refused":
            return None
        case None:
            return evse_id


def may_trigger(message: str, station: Station) -> None:
    """Raises BadCommand for a message that must not be triggered: some models restart on it."""
    if message in (station.workarounds.never_trigger or ()):
        raise BadCommand(f"message: {message} is never triggered on this model (its workarounds)")


def fitted(wanted: ChargingProfile, station: Station) -> ChargingProfile:
    """A charging profile as the model takes it. Raises BadCommand where it takes none like it."""
    needs = station.workarounds
    if needs.no_station_limit and wanted.purpose == "ChargingStationMaxProfile":
        wanted = replace(wanted, purpose="TxDefaultProfile")
    if needs.stack_level is not None:
        wanted = replace(wanted, stack_level=needs.stack_level)
    if needs.zero_is_unlimited or (needs.current_steps_a and wanted.schedule.charging_rate_unit == "A"):
        periods = tuple(_fitted(each, needs) for each in wanted.schedule.periods)
        wanted = replace(wanted, schedule=replace(wanted.schedule, periods=periods))
    if needs.zero_is_unlimited and any(each.limit <= 0 for each in wanted.schedule.periods):
        raise BadCommand(
            "limit: this model takes 0 as no limit (its workarounds); end the session or make the EVSE "
            "inoperative instead"
        )
    return wanted


def _fitted(period: ChargingSchedulePeriod, needs: Workarounds) -> ChargingSchedulePeriod:
    if not needs.current_steps_a or not period.limit.is_finite():
        return period
    steps = [step for step in needs.current_steps_a if step <= period.limit]
    return replace(period, limit=Decimal(max(steps, default=0)))
