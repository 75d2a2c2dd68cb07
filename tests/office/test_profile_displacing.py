"""Which profiles are gone when somebody sends a command of their own."""

import msgspec
import pytest
from msgspec import Raw

from evsys.core.commands import (
    ClearChargingProfile,
    RawCall,
    Reset,
    SentCommand,
    SetChargingProfile,
)
from evsys.core.events import CommandSent
from evsys.core.records import InstalledProfile
from evsys.core.smart_charging import of_library
from evsys.office.profile_displacing import displaced
from kit.clock import NOON
from kit.samples import library_profile


def installed(id: int, evse_id: int, **members: object) -> InstalledProfile:
    return InstalledProfile(
        station_id="CP1",
        profile_id=id,
        evse_id=evse_id,
        assignment_id="a",
        profile_version=1,
        state="INSTALLED",
        sent=Raw(msgspec.json.encode(of_library(library_profile(id, **members)))),
        at=NOON,
    )


THERE = [
    installed(100, 1),
    installed(101, 1, stack_level=2),
    installed(102, 2),
    installed(103, 0, purpose="ChargingStationMaxProfile"),
]


def gone(command: SentCommand) -> list[int]:
    sent = CommandSent(
        command_id="c",
        station_id="CP1",
        type=type(command).__name__,
        request=Raw(msgspec.json.encode(command)),
        by="somebody",
    )
    return [each.profile_id for each in displaced(sent, THERE)]


def raw(action: str, payload: object) -> RawCall:
    return RawCall(action=action, payload=Raw(msgspec.json.encode(payload)))


@pytest.mark.parametrize(
    ("command", "ids"),
    [
        (ClearChargingProfile(), [100, 101, 102, 103]),
        (ClearChargingProfile(id=101, evse_id=2), [101]),
        (ClearChargingProfile(evse_id=1), [100, 101]),
        (ClearChargingProfile(purpose="TxDefaultProfile", stack_level=0), [100, 102]),
        (ClearChargingProfile(id=7), []),
        (raw("ClearChargingProfile", {}), [100, 101, 102, 103]),
        (raw("ClearChargingProfile", {"id": 102}), [102]),
        (raw("ClearChargingProfile", {"connectorId": 1, "stackLevel": 2}), [101]),
        (raw("ClearChargingProfile", {"chargingProfilePurpose": "ChargePointMaxProfile"}), [103]),
        (raw("ClearChargingProfile", {"id": "102"}), []),
        (raw("Reset", {"type": "Soft"}), []),
        (Reset(), []),
    ],
)
def test_what_is_cleared_is_gone(command: SentCommand, ids: list[int]) -> None:
    assert gone(command) == ids


@pytest.mark.parametrize(
    ("id", "evse_id", "members", "ids"),
    [
        (7, 1, {}, [100]),
        (7, 1, {"stack_level": 2}, [101]),
        (7, 1, {"stack_level": 5}, []),
        (102, 1, {"stack_level": 5}, [102]),
        (7, 1, {"purpose": "TxProfile"}, []),
        (7, 0, {"purpose": "ChargingStationMaxProfile"}, [103]),
    ],
)
def test_another_profile_takes_the_place_of_one_of_its_id_or_slot(
    id: int, evse_id: int, members: dict[str, object], ids: list[int]
) -> None:
    profile = of_library(library_profile(id, **members))
    assert gone(SetChargingProfile(evse_id=evse_id, profile=profile)) == ids
    said = {
        "chargingProfileId": id,
        "stackLevel": profile.stack_level,
        "chargingProfilePurpose": profile.purpose.replace("ChargingStation", "ChargePoint"),
        "chargingProfileKind": "Relative",
    }
    payload = {"connectorId": evse_id, "csChargingProfiles": said}
    assert gone(raw("SetChargingProfile", payload)) == ids
