"""Charging profiles: what is sound, what a station takes of it, and how it is said there."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from evsys.core.commands import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod
from evsys.core.records import ChargingLimits, LibraryProfile, ProfileAssignment
from evsys.core.smart_charging import (
    Electrics,
    Fitted,
    Unfit,
    converted,
    fault,
    fitted,
    limits_of,
    of_library,
    plan,
    rate_units,
    slot,
    tenths,
    way,
    ways,
)
from evsys.core.workarounds import STANDARD, Workarounds
from kit.clock import NOON
from kit.samples import assignment, library_profile, schedule

THREE = Electrics()
limits = st.decimals(0, 2**31, places=4)
phases = st.integers(1, 3)
voltages = st.integers(50, 1000)


def takes(**members: object) -> ChargingLimits:
    return ChargingLimits(station_id="CP1", asked_at=NOON, **members)  # type: ignore[arg-type]


def profile(*amperes: str, **members: object) -> ChargingProfile:
    wanted = {"schedule": schedule(*(amperes or ("16",))), **members}
    return of_library(library_profile(**wanted))


def said(profile: ChargingProfile) -> list[str]:
    return [str(each.limit) for each in profile.schedule.periods]


# -- what is sound ---


def test_a_profile_of_each_kind_is_sound():
    at_noon = schedule("8.1", "16", start_schedule=NOON, duration_s=86_400)
    daily = library_profile(kind="Recurring", recurrency_kind="Daily", schedule=at_noon)
    for each in (
        library_profile(),
        library_profile(kind="Absolute", schedule=at_noon),
        daily,
        library_profile(purpose="ChargingStationMaxProfile", kind="Absolute", schedule=at_noon),
        library_profile(valid_from=NOON, valid_to=NOON + timedelta(days=1)),
    ):
        assert fault(each) == ""


def periods(*given: tuple[int, str, int | None]) -> ChargingSchedule:
    each = (
        ChargingSchedulePeriod(start_period=start, limit=Decimal(limit), number_phases=phases)
        for start, limit, phases in given
    )
    return ChargingSchedule(charging_rate_unit="A", periods=tuple(each))


@pytest.mark.parametrize(
    ("members", "wrong"),
    [
        ({"valid_from": NOON, "valid_to": NOON}, "valid_to"),
        ({"purpose": "ChargingStationMaxProfile"}, "kind"),
        ({"schedule": schedule("8", start_schedule=NOON)}, "start_schedule"),
        ({"kind": "Absolute"}, "start_schedule"),
        ({"kind": "Recurring", "schedule": schedule("8", start_schedule=NOON)}, "recurrency_kind"),
        ({"recurrency_kind": "Daily"}, "recurrency_kind"),
        (
            {
                "kind": "Recurring",
                "recurrency_kind": "Daily",
                "schedule": schedule("8", start_schedule=NOON, duration_s=86_401),
            },
            "duration_s",
        ),
        ({"schedule": periods((1, "8", None))}, "periods"),
        ({"schedule": periods((0, "8", None), (0, "9", None))}, "periods"),
        ({"schedule": schedule("8", "9", duration_s=3600)}, "periods"),
        ({"schedule": periods((0, "8", 4))}, "number_phases"),
        *(
            ({"schedule": schedule(limit)}, "limit")
            for limit in ("-0.1", "NaN", "Infinity", "1E+10", "0.1234567891")
        ),
        ({"schedule": schedule("8", min_charging_rate=Decimal(-1))}, "limit"),
    ],
)
def test_what_is_wrong_with_a_profile_names_its_member(members, wrong):
    assert fault(library_profile(**members)).startswith(wrong + ":")


# -- what a station says that it takes ---


def test_the_limits_of_a_station_are_read_as_stations_write_them():
    told = {
        "chargeProfileMaxStackLevel": " 8 ",
        "ChargingScheduleAllowedChargingRateUnit": "Current",
        "ChargingScheduleMaxPeriods": "0",
        "MaxChargingProfilesInstalled": "many",
    }
    assert limits_of("CP1", told, "1.0", NOON) == takes(
        max_stack_level=8, rate_units=("A",), firmware_version="1.0"
    )
    assert limits_of("CP1", {"ChargeProfileMaxStackLevel": None}, "", NOON) == takes()


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("Current,Power", ("A", "W")),
        ("Power", ("W",)),
        ("W", ("W",)),
        ("a;w", ("A", "W")),
        ("Current Power", ("A", "W")),
        ("kVA", ()),
        ("", ()),
    ],
)
def test_69_the_units_that_a_station_allows_are_known_by_all_their_names(text, units):
    assert rate_units(text) == units


# -- conversion ---


@given(limits, phases, voltages, st.none() | phases)
def test_a_limit_in_watts_is_never_more_power_in_amperes(limit, of_evse, voltage, of_period):
    watts = replace(periods((0, str(limit), of_period)), charging_rate_unit="W")
    amperes = converted(watts, "A", Electrics(of_evse, voltage))
    flowing = min(of_period or 3, of_evse)
    (period,) = amperes.periods
    power_w = period.limit * voltage * flowing
    assert amperes.charging_rate_unit == "A"
    assert power_w <= limit
    assert limit - power_w < Decimal("0.1") * voltage * flowing, "no more is given away than rounding takes"
    assert period.limit == tenths(period.limit)


@given(limits, phases, voltages, st.none() | phases)
def test_a_limit_in_amperes_is_never_more_power_in_watts(limit, of_evse, voltage, of_period):
    watts = converted(periods((0, str(limit), of_period)), "W", Electrics(of_evse, voltage))
    wanted_w = limit * voltage * min(of_period or 3, of_evse)
    assert wanted_w - Decimal("0.1") < watts.periods[0].limit <= wanted_w


@given(st.decimals(0, 2**31, places=1))
def test_a_limit_of_one_decimal_goes_out_as_it_was_written(limit):
    fit = fitted(profile(str(limit)), takes(rate_units=("A",)), THREE)
    assert (said(fit.profile), fit.changes) == ([str(limit)], ())


def test_limits_keep_their_decimals_and_are_rounded_down_to_one():
    assert said(fitted(profile("8.1", "8.19", "16", "1E+1"), takes(), THREE).profile) == [
        "8.1",
        "8.1",
        "16",
        "10",
    ]


def test_the_least_rate_is_converted_and_rounded_down_too():
    watts = schedule("11000", unit="W", min_charging_rate=Decimal(4140))
    amperes = fitted(profile(schedule=watts), takes(rate_units=("A",)), THREE).profile.schedule
    assert (amperes.min_charging_rate, said(profile(schedule=amperes))) == (Decimal(6), ["15.9"])
    exact = fitted(profile(schedule=schedule("8", min_charging_rate=Decimal("6.06"))), takes(), THREE)
    assert exact.profile.schedule.min_charging_rate == Decimal("6.0")


# -- what a station takes ---


def test_a_profile_that_fits_is_not_changed():
    wanted = profile("8.1", id=107, stack_level=3, valid_from=NOON)
    fit = fitted(wanted, takes(max_stack_level=3, rate_units=("A", "W"), max_periods=1), THREE)
    assert (fit.profile, fit.changes) == (wanted, ())


def test_a_profile_in_watts_is_converted_for_a_station_of_amperes_alone():
    wanted = profile(schedule=schedule("11000", "3700", unit="W"))
    fit = fitted(wanted, takes(rate_units=("A",)), THREE)
    assert (said(fit.profile), fit.profile.schedule.charging_rate_unit) == (["15.9", "5.3"], "A")
    assert "in A instead of W" in fit.changes[0]
    one = fitted(wanted, takes(rate_units=("A",)), Electrics(phases=1))
    assert said(one.profile) == ["47.8", "16.0"]


def test_66_a_stack_level_that_is_too_high_is_lowered_and_that_is_said():
    fit = fitted(profile(stack_level=9), takes(max_stack_level=2), THREE)
    assert fit.profile.stack_level == 2
    assert "at stack level 2 instead of 9" in fit.changes[0]


def test_a_schedule_with_more_periods_than_the_station_takes_is_not_sent():
    with pytest.raises(Unfit, match="takes 1 periods"):
        fitted(profile("8", "16"), takes(max_periods=1), THREE)


def test_workarounds_hold_and_a_limit_that_they_forbid_is_not_sent():
    steps = Workarounds(current_steps_a=(6, 10), stack_level=1)
    fit = fitted(profile("16", "8.1"), takes(), THREE, steps)
    assert (said(fit.profile), fit.profile.stack_level) == (["10", "6"], 1)
    assert fit.changes == ("as the workarounds of the station have it",)
    with pytest.raises(Unfit, match="takes 0 as no limit"):
        fitted(profile("0"), takes(), THREE, Workarounds(zero_is_unlimited=True))


def wanted(*levels: int, purpose: str = "TxDefaultProfile") -> list[tuple[ProfileAssignment, LibraryProfile]]:
    """Profiles of these stack levels for EVSE 1, whose ids count from 100."""
    return [
        (
            assignment("CP1", id=f"a{id}", profile_id=id, evse_id=1, stack_level=level),
            library_profile(id=id, stack_level=level, purpose=purpose),
        )
        for id, level in enumerate(levels, 100)
    ]


def test_what_is_wanted_at_a_station_is_told_as_far_as_it_has_room():
    planned = plan(wanted(0, 1, 2), takes(max_installed=2))
    assert [isinstance(each, Fitted) for each in planned.values()] == [True, True, False]
    assert "takes 2 profiles (MaxChargingProfilesInstalled)" in str(planned[102])


def test_two_profiles_that_would_take_each_other_s_place_are_not_both_sent():
    planned = plan(wanted(3, 5, 1), takes(max_stack_level=3))
    assert [isinstance(each, Fitted) for each in planned.values()] == [True, False, True]
    assert "the profile 100 there already, at stack level 3" in str(planned[101])
    assert "instead of 5" in str(planned[101]), "why they are the same is told"


# -- other ways to say it ---


def in_ways(wanted: ChargingProfile, limits: ChargingLimits, needs: Workarounds = STANDARD) -> list[str]:
    found = ways(fitted(wanted, limits, THREE, needs), limits, THREE, NOON, needs)
    assert all(each.profile.id == wanted.id for each in found)
    return [way(each.profile) for each in found]


def test_67_a_limit_that_always_holds_can_be_said_in_each_kind():
    assert in_ways(profile("8.1", stack_level=2), takes(rate_units=("A",))) == [
        "TxDefaultProfile Relative A 2",
        "TxDefaultProfile Relative A 0",
        "TxDefaultProfile Absolute A 2",
        "TxDefaultProfile Recurring A 2",
    ]
    whole = profile("8.1", purpose="ChargingStationMaxProfile", kind="Absolute")
    whole = replace(whole, schedule=schedule("8.1", start_schedule=NOON))
    assert in_ways(whole, takes(rate_units=("A",))) == [
        "ChargingStationMaxProfile Absolute A 0",
        "ChargingStationMaxProfile Recurring A 0",
    ]


def test_each_kind_of_a_limit_is_sound():
    for each in ways(fitted(profile("8.1"), takes(), THREE), takes(), THREE, NOON):
        members = {
            name: getattr(each.profile, name)
            for name in ("kind", "recurrency_kind", "schedule", "stack_level", "purpose")
        }
        assert fault(library_profile(**members)) == ""


@pytest.mark.parametrize(
    "members",
    [
        {"schedule": schedule("8", "16")},
        {"schedule": schedule("8", duration_s=3600)},
        {"kind": "Absolute", "schedule": schedule("8", start_schedule=NOON + timedelta(hours=1))},
    ],
)
def test_a_limit_that_changes_begins_or_ends_is_said_in_its_own_kind_alone(members):
    (only,) = in_ways(profile(**members), takes(rate_units=("A",)))
    assert only == way(profile(**members))


def test_where_the_station_does_not_say_its_units_the_other_one_may_be_tried():
    found = ways(fitted(profile("8", "16"), takes(), THREE), takes(), THREE, NOON)
    assert [way(each.profile)[-3:] for each in found] == ["A 0", "W 0"]
    assert said(found[1].profile) == ["5520", "11040"]


def test_what_a_station_has_refused_is_tried_last():
    refuses = takes(rate_units=("A",), refused=("TxDefaultProfile Relative A 0",))
    assert in_ways(profile("8.1"), refuses)[-1] == "TxDefaultProfile Relative A 0"


def test_a_model_of_one_stack_level_is_sent_no_other():
    needs = Workarounds(stack_level=5)
    assert in_ways(profile("8", "16"), takes(rate_units=("A",)), needs) == ["TxDefaultProfile Relative A 5"]


def test_a_station_has_one_profile_of_a_slot():
    assert slot(1, profile(stack_level=2)) == (1, "TxDefaultProfile", 2)


def test_a_profile_of_the_library_is_told_under_its_own_id():
    told = of_library(library_profile(id=107, purpose="TxProfile"), "7")
    assert (told.id, told.transaction_id, told.purpose) == (107, "7", "TxProfile")
