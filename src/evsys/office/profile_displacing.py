"""What becomes of a station's charging profiles when somebody sends it others by a command of their own.

A profile of the same id, or of the same EVSE, purpose and stack level, takes another's place; and profiles
are cleared by their id, or else by all that is given of EVSE, purpose and stack level (OCPP 1.6 §5.5, §5.16).
"""

from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from msgspec import Raw, Struct

from evsys.core.commands import ChargingProfile, ClearChargingProfile, SetChargingProfile
from evsys.core.events import CommandSent
from evsys.core.records import InstalledProfile

PURPOSES: Final = {"ChargePointMaxProfile": "ChargingStationMaxProfile"}
"""Of OCPP 1.6, by another name here."""
Displaces = Callable[[int, ChargingProfile], bool]
"""Whether it is a profile of this EVSE that is gone."""


def displaced(command: CommandSent, there: Iterable[InstalledProfile]) -> list[InstalledProfile]:
    """Those of a station's profiles that are gone when it obeys a command."""
    try:
        displaces = _displaces(command)
    except msgspec.DecodeError:
        return []  # it is not obeyed
    if displaces is None:
        return []
    return [
        each
        for each in there
        if each.sent is not None
        and displaces(each.evse_id, msgspec.json.decode(each.sent, type=ChargingProfile))
    ]


def _displaces(command: CommandSent) -> Displaces | None:
    match command.type:
        case "SetChargingProfile":
            other = msgspec.json.decode(command.request, type=SetChargingProfile)
            return _set(other.evse_id, other.profile.id, other.profile.purpose, other.profile.stack_level)
        case "ClearChargingProfile":
            gone = msgspec.json.decode(command.request, type=ClearChargingProfile)
            return _cleared(gone.id, gone.evse_id, gone.purpose, gone.stack_level)
        case "RawCall":
            return _displaces_raw(msgspec.json.decode(command.request, type=_Raw))
        case _:
            return None


def _displaces_raw(raw: "_Raw") -> Displaces | None:
    match raw.action:
        case "SetChargingProfile":
            other = msgspec.json.decode(raw.payload, type=_Set)
            profile = other.cs_charging_profiles
            purpose = _purpose(profile.charging_profile_purpose) or ""
            return _set(other.connector_id, profile.charging_profile_id, purpose, profile.stack_level)
        case "ClearChargingProfile":
            gone = msgspec.json.decode(raw.payload, type=_Clear)
            return _cleared(
                gone.id, gone.connector_id, _purpose(gone.charging_profile_purpose), gone.stack_level
            )
        case _:
            return None


def _set(evse_id: int, id: int, purpose: str, stack_level: int) -> Displaces:
    def displaces(at: int, told: ChargingProfile) -> bool:
        same_place = (at, told.purpose, told.stack_level) == (evse_id, purpose, stack_level)
        return told.id == id or same_place

    return displaces


def _cleared(id: int | None, evse_id: int | None, purpose: str | None, stack_level: int | None) -> Displaces:
    def displaces(at: int, told: ChargingProfile) -> bool:
        if id is not None:
            return told.id == id
        return (
            evse_id in (None, at)
            and purpose in (None, told.purpose)
            and stack_level in (None, told.stack_level)
        )

    return displaces


def _purpose(said: str | None) -> str | None:
    return said if said is None else PURPOSES.get(said, said)


class _Raw(Struct):
    """A raw CALL as it is recorded."""

    action: str
    payload: Raw


class _Profile(Struct, rename="camel"):
    charging_profile_id: int
    stack_level: int
    charging_profile_purpose: str


class _Set(Struct, rename="camel"):
    """SetChargingProfile of OCPP 1.6."""

    connector_id: int
    cs_charging_profiles: _Profile


class _Clear(Struct, rename="camel"):
    """ClearChargingProfile of OCPP 1.6."""

    id: int | None = None
    connector_id: int | None = None
    charging_profile_purpose: str | None = None
    stack_level: int | None = None
