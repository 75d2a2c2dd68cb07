"""What models of 1.6 need to be said, and to be read, in another way (`core.workarounds`)."""

import re
from typing import Final

from evsys.core.errors import BadCommand
from evsys.core.station import Station

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
