"""SetChargingProfile, ClearChargingProfile, GetCompositeSchedule."""

from datetime import timedelta
from decimal import Decimal

import pytest

from evsys.core.commands import (
    ChargingProfile,
    ChargingSchedule,
    ChargingSchedulePeriod,
    ClearChargingProfile,
    GetCompositeSchedule,
    SetChargingProfile,
)
from evsys.core.errors import BadCommand
from evsys.ocpp.v16 import V16
from kit.clock import NOON
from kit.desk import Desk
from kit.performing import perform


def profile(limit: str = "16", **members: object) -> ChargingProfile:
    schedule = ChargingSchedule(
        charging_rate_unit="A",
        periods=(ChargingSchedulePeriod(start_period=0, limit=Decimal(limit)),),
    )
    base = {
        "id": 1,
        "stack_level": 0,
        "purpose": "TxDefaultProfile",
        "kind": "Absolute",
        "schedule": schedule,
    }
    return ChargingProfile(**{**base, **members})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("limit", "sent"),
    [
        ("8.1", b"8.1"),
        ("16.1", b"16.1"),
        ("16", b"16"),
        ("0", b"0"),
        ("8.19", b"8.1"),
        ("-11000.5", b"-11000.5"),
    ],
)
def test_a_limit_goes_out_as_it_is_or_rounded_down_to_the_decimal_that_16_allows(limit, sent):
    command = SetChargingProfile(evse_id=1, profile=profile(limit))
    request = next(V16.perform(command, Desk().station))
    assert b'"limit":%b}' % sent in request.encoded()


@pytest.mark.parametrize("limit", ["NaN", "Infinity", "1E+20"])
def test_a_limit_that_is_none_is_a_bad_command(limit):
    with pytest.raises(BadCommand):
        perform(SetChargingProfile(evse_id=1, profile=profile(limit)))


def test_a_profile_is_said_with_all_its_members():
    schedule = ChargingSchedule(
        duration_s=3600,
        start_schedule=NOON,
        charging_rate_unit="W",
        periods=(ChargingSchedulePeriod(start_period=0, limit=Decimal("11000"), number_phases=3),),
        min_charging_rate=Decimal("1380.55"),
    )
    wanted = profile(
        id=9,
        stack_level=2,
        purpose="ChargingStationMaxProfile",
        kind="Recurring",
        recurrency_kind="Daily",
        valid_from=NOON,
        valid_to=NOON + timedelta(days=1),
        transaction_id="12",
        schedule=schedule,
    )
    outcome, said = perform(SetChargingProfile(evse_id=0, profile=wanted), {"status": "NotSupported"})
    assert said == [
        (
            "SetChargingProfile",
            {
                "connectorId": 0,
                "csChargingProfiles": {
                    "chargingProfileId": 9,
                    "transactionId": 12,
                    "stackLevel": 2,
                    "chargingProfilePurpose": "ChargePointMaxProfile",
                    "chargingProfileKind": "Recurring",
                    "recurrencyKind": "Daily",
                    "validFrom": "2026-06-01T12:00:00Z",
                    "validTo": "2026-06-02T12:00:00Z",
                    "chargingSchedule": {
                        "duration": 3600,
                        "startSchedule": "2026-06-01T12:00:00Z",
                        "chargingRateUnit": "W",
                        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000, "numberPhases": 3}],
                        "minChargingRate": 1380.5,
                    },
                },
            },
        )
    ]
    assert (outcome.accepted, outcome.status) == (False, "NotSupported")


def test_profiles_are_cleared_by_what_is_given():
    assert perform(ClearChargingProfile(), {"status": "Accepted"})[1] == [("ClearChargingProfile", {})]
    command = ClearChargingProfile(id=1, evse_id=0, purpose="ChargingStationMaxProfile", stack_level=3)
    outcome, said = perform(command, {"status": "Unknown"})
    assert said == [
        (
            "ClearChargingProfile",
            {
                "id": 1,
                "connectorId": 0,
                "chargingProfilePurpose": "ChargePointMaxProfile",
                "stackLevel": 3,
            },
        )
    ]
    assert (outcome.accepted, outcome.status) == (False, "Unknown")


def test_a_composite_schedule_is_read_although_its_limit_has_two_decimals():
    periods = [{"startPeriod": 0, "limit": 16.04}]
    answer = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-03-01T10:15:30Z",
        "chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": periods},
    }
    command = GetCompositeSchedule(evse_id=1, duration_s=600, charging_rate_unit="A")
    outcome, said = perform(command, answer)
    assert said == [("GetCompositeSchedule", {"connectorId": 1, "duration": 600, "chargingRateUnit": "A"})]
    assert outcome.accepted
