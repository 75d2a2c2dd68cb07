"""Charging profiles: which limit holds when, and the schedule that follows from all of them."""

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsys.ocpp.v16.messages import ChargingProfile
from evsys.simulator.profiles import MAX_COMPOSITE_S, MAX_INSTALLED, MAX_PERIODS, Place, Profiles
from kit.clock import NOON
from kit.point import iso

MOST_W = 22_080.0
HERE = Place(1, MOST_W, started_at=NOON)


def profile(
    *periods: tuple[int, float],
    id: int = 1,
    level: int = 0,
    purpose: str = "TxDefaultProfile",
    kind: str = "Relative",
    unit: str = "W",
    start: datetime | None = None,
    duration: int | None = None,
    phases: int | None = None,
    **members: object,
) -> ChargingProfile:
    schedule: dict[str, object] = {
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [
            {"startPeriod": at, "limit": limit} | ({"numberPhases": phases} if phases else {})
            for at, limit in periods
        ],
    }
    if start is not None:
        schedule["startSchedule"] = iso(start)
    if duration is not None:
        schedule["duration"] = duration
    return msgspec.convert(
        {
            "chargingProfileId": id,
            "stackLevel": level,
            "chargingProfilePurpose": purpose,
            "chargingProfileKind": kind,
            "chargingSchedule": schedule,
        }
        | members,
        ChargingProfile,
    )


def installed(*profiles: ChargingProfile, connector: int = 1) -> Profiles:
    found = Profiles()
    for each in profiles:
        place = 0 if each.chargingProfilePurpose == "ChargePointMaxProfile" else connector
        assert found.set(place, each, NOON, transaction=7) == "Accepted"
    return found


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_without_profiles_the_hardware_is_the_limit() -> None:
    assert Profiles().limit_w(HERE, NOON) == MOST_W


def test_periods_follow_each_other_until_the_schedule_ends() -> None:
    found = installed(profile((0, 5000), (60, 3000), duration=120))
    assert [found.limit_w(HERE, at(s)) for s in (0, 59, 60, 119, 120)] == [5000, 5000, 3000, 3000, MOST_W]


def test_limits_in_amperes_count_the_phases_of_the_car_and_of_the_period() -> None:
    three, one = HERE, HERE._replace(phases=1)
    found = installed(profile((0, 10), unit="A"))
    assert found.limit_w(three, NOON) == 10 * 230 * 3
    assert found.limit_w(one, NOON) == 10 * 230
    found = installed(profile((0, 10), unit="A", phases=1))
    assert found.limit_w(three, NOON) == 10 * 230


def test_the_highest_level_that_is_valid_wins() -> None:
    low = profile((0, 3000), id=1, level=0)
    high = profile((0, 7000), id=2, level=3, validTo=iso(at(60)), validFrom=iso(at(10)))
    found = installed(high, low)
    assert [found.limit_w(HERE, at(s)) for s in (0, 10, 59, 60)] == [3000, 7000, 7000, 3000]


def test_a_profile_of_the_transaction_takes_the_place_of_the_default_and_the_station_bounds_both() -> None:
    found = installed(profile((0, 3000), id=1), profile((0, 7000), id=2, purpose="TxProfile"))
    assert found.limit_w(HERE, NOON) == 7000
    assert found.limit_w(HERE._replace(started_at=None), NOON) == 3000
    found.set(0, profile((0, 8000), id=3, purpose="ChargePointMaxProfile"), NOON, None)
    assert found.limit_w(HERE._replace(sharing=2), NOON) == 4000
    found.end_of_transaction(1)
    assert found.limit_w(HERE, NOON) == 3000


def test_a_default_of_a_connector_replaces_the_one_of_all_there_alone() -> None:
    found = installed(profile((0, 3000), id=1, level=5), connector=0)
    found.set(1, profile((0, 5000), id=2, level=0), NOON, None)
    assert found.limit_w(HERE, NOON) == 5000
    assert found.limit_w(HERE._replace(connector=2), NOON) == 3000


@pytest.mark.parametrize(("word", "days"), [("Daily", 1), ("Weekly", 7)])
def test_a_recurring_profile_begins_anew(word: str, days: int) -> None:
    found = installed(
        profile((0, 3000), kind="Recurring", recurrencyKind=word, start=NOON, duration=3600, level=1)
    )
    period = days * 86_400
    moments = (-1, 0, 3599, 3600, period - 1, period, 5 * period + 3599, 5 * period + 3600)
    expected = [MOST_W, 3000, 3000, MOST_W, MOST_W, 3000, 3000, MOST_W]
    assert [found.limit_w(HERE, at(s)) for s in moments] == expected


def test_a_relative_profile_counts_from_the_start_of_the_transaction_an_absolute_one_from_its_own() -> None:
    relative = installed(profile((0, 5000), (600, 3000)))
    assert relative.limit_w(HERE._replace(started_at=at(-601)), NOON) == 3000
    absolute = installed(profile((0, 5000), (600, 3000), kind="Absolute", start=at(-30)))
    assert absolute.limit_w(HERE._replace(started_at=at(-601)), NOON) == 5000


def test_what_replaces_and_what_stands_beside() -> None:
    found = installed(profile((0, 1), id=1), profile((0, 2), id=1, level=4), profile((0, 3), id=2, level=4))
    assert [each.profile.chargingProfileId for each in found.installed] == [2]
    found.set(2, profile((0, 4), id=3, level=4), NOON, None)
    assert len(found.installed) == 2


@pytest.mark.parametrize(
    ("connector", "unfit"),
    [
        (1, profile((0, 1), purpose="ChargePointMaxProfile")),
        (0, profile((0, 1), purpose="TxProfile")),
        (1, profile((0, 1), purpose="TxProfile", transactionId=8)),
        (1, profile((1, 1))),
        (1, profile()),
        (1, profile((0, 1), (60, 2), (60, 3))),
        (1, profile((0, 1), (2**50, 2))),
        (1, profile((0, 1), level=11)),
        (1, profile((0, 1), level=-1)),
        (1, profile((0, 1), kind="Recurring")),
        (1, profile(*((at, 1) for at in range(MAX_PERIODS + 1)))),
    ],
)
def test_what_is_not_sound_is_rejected(connector: int, unfit: ChargingProfile) -> None:
    found = Profiles()
    assert found.set(connector, unfit, NOON, transaction=7) == "Rejected"
    assert found.installed == []


def test_a_profile_of_a_transaction_needs_one_and_there_is_room_for_so_many() -> None:
    found = Profiles()
    assert found.set(1, profile((0, 1), purpose="TxProfile"), NOON, None) == "Rejected"
    for number in range(MAX_INSTALLED):
        each = profile((0, 1), id=number, level=number % 10)
        assert found.set(number // 10, each, NOON, None) == "Accepted"
    assert found.set(5, profile((0, 1), id=99), NOON, None) == "Rejected"
    assert found.set(0, profile((0, 9), id=0), NOON, None) == "Accepted", "one that replaces"


def test_profiles_are_cleared_by_id_or_by_all_criteria() -> None:
    u = msgspec.UNSET
    found = installed(profile((0, 1), id=1, level=1), profile((0, 1), id=2, level=2))
    assert not found.clear(u, 2, u, 1)
    assert found.clear(1, 9, "TxProfile", 9)
    assert [each.profile.chargingProfileId for each in found.installed] == [2]
    assert found.clear(u, 1, "TxDefaultProfile", 2)
    assert not found.clear(u, u, u, u)


# -- the composite schedule ---


def periods(found: Profiles, place: Place = HERE, seconds: int = 600) -> list[tuple[int, Decimal]]:
    schedule = found.composite(place, NOON, seconds, "W")
    return [(each.startPeriod, each.limit) for each in schedule.chargingSchedulePeriod]


def test_the_composite_schedule_changes_exactly_where_the_limit_does() -> None:
    assert periods(Profiles()) == [(0, Decimal("22080.0"))]
    found = installed(
        profile((0, 5000), (61, 3000), id=1),
        profile((0, 4000), id=2, level=5, kind="Absolute", start=at(100), duration=33),
    )
    assert periods(found) == [(0, 5000), (61, 3000), (100, 4000), (133, 3000)]


def test_the_composite_schedule_of_the_station_is_that_of_its_own_profile() -> None:
    found = installed(profile((0, 9000), id=1, purpose="ChargePointMaxProfile"), profile((0, 1), id=2))
    assert periods(found, Place(0, 2 * MOST_W)) == [(0, 9000)]


def test_the_composite_schedule_looks_ahead_so_far_and_no_farther() -> None:
    schedule = Profiles().composite(HERE, NOON, 2**40, "A")
    assert schedule.duration == MAX_COMPOSITE_S
    assert schedule.chargingSchedulePeriod[0].limit == Decimal("32.0")
    many = installed(
        profile(
            *((at * 800, 6000 + at) for at in range(MAX_PERIODS)),
            kind="Recurring",
            recurrencyKind="Daily",
            start=NOON,
        ),
    )
    assert len(periods(many, seconds=MAX_COMPOSITE_S)) == MAX_PERIODS


MOMENTS = st.integers(-200_000, 200_000)
PROFILES = st.builds(
    lambda id, level, purpose, kind, start, starts, limits, duration, valid: profile(
        *zip([0, *sorted(set(starts))], limits, strict=False),
        id=id,
        level=level,
        purpose=purpose,
        kind=kind,
        start=at(start),
        duration=duration,
        recurrencyKind="Daily",
        validTo=iso(at(valid)),
    ),
    id=st.integers(1, 5),
    level=st.integers(0, 3),
    purpose=st.sampled_from(["TxDefaultProfile", "TxProfile", "ChargePointMaxProfile"]),
    kind=st.sampled_from(["Absolute", "Relative", "Recurring"]),
    start=MOMENTS,
    starts=st.lists(st.integers(1, 90_000), max_size=4),
    limits=st.lists(st.integers(0, 20_000), min_size=5, max_size=5),
    duration=st.none() | st.integers(1, 90_000),
    valid=MOMENTS,
)


@settings(max_examples=150, deadline=None)
@given(wanted=st.lists(PROFILES, max_size=5), offset=st.integers(0, MAX_COMPOSITE_S - 1))
def test_at_every_second_the_composite_schedule_says_what_holds_then(
    wanted: list[ChargingProfile], offset: int
) -> None:
    found = Profiles()
    for each in wanted:
        found.set(0 if each.chargingProfilePurpose == "ChargePointMaxProfile" else 1, each, NOON, 7)
    running = [limit for start, limit in periods(found, seconds=MAX_COMPOSITE_S) if start <= offset][-1]
    assert float(running) == found.limit_w(HERE, at(offset))
