"""Charging profiles: whether one is sound, what a station takes of it, and how it is said there (OCPP 1.6
§3.13 and §7.8, 2.x K01).

A profile is in the shape of 2.x. A limit in A is per phase, one in W is of all phases together; so A = W ÷
(voltage × phases), for as many phases as the period has, or else the EVSE. Limits are exact decimals; what
must be rounded is rounded down, since a limit is a maximum.

What a station takes is known from its configuration (ChargeProfileMaxStackLevel,
ChargingScheduleAllowedChargingRateUnit, ChargingScheduleMaxPeriods, MaxChargingProfilesInstalled) and from
its workarounds. `fitted` makes of a profile what such a station takes, and says what it changed; where that
cannot be, it says why. What a station refuses all the same may still be said in another way that means the
same (`ways`).
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Context, Decimal
from itertools import pairwise
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from evsys.core.commands import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod
from evsys.core.errors import BadCommand
from evsys.core.records import ChargingLimits, LibraryProfile, ProfileAssignment
from evsys.core.workarounds import STANDARD, Workarounds

RateUnit = Literal["A", "W"]
ONE: Final = Decimal(1)
TENTH: Final = Decimal("0.1")
"""1.6 allows one decimal."""
MAX_LIMIT: Final = Decimal(2**31)
"""Far above any limit in A or W, and small enough for every station's numbers."""
MAX_DECIMALS: Final = 9
"""Of a limit in the library; a station is sent one."""
PHASES: Final = 3
"""Of a period that does not say how many it is for."""
VOLTAGE_V: Final = 230
PERIOD_S: Final = {"Daily": 86_400, "Weekly": 7 * 86_400}
"""How long a recurring schedule may be."""
LONG_BEFORE: Final = timedelta(days=1)
"""A schedule that always held begins so long ago: the clock of a station may be wrong by hours."""

_DOWN: Final = Context(rounding=ROUND_DOWN)

MAX_STACK_LEVEL: Final = "ChargeProfileMaxStackLevel"
RATE_UNITS: Final = "ChargingScheduleAllowedChargingRateUnit"
MAX_PERIODS: Final = "ChargingScheduleMaxPeriods"
MAX_INSTALLED: Final = "MaxChargingProfilesInstalled"
LIMIT_KEYS: Final = (MAX_STACK_LEVEL, RATE_UNITS, MAX_PERIODS, MAX_INSTALLED)
"""The configuration keys of 1.6 that say what a station takes."""


class Unfit(Exception):
    """The station does not take the profile; the text says what of it, and what to do."""


class Electrics(Struct, frozen=True):
    """What limits in A and in W are converted with."""

    phases: int = PHASES
    voltage_v: int = VOLTAGE_V


class Fitted(Struct, frozen=True):
    """A profile as a station takes it, and what is other than people wrote it, in words."""

    profile: ChargingProfile
    changes: tuple[str, ...] = ()


def fault(profile: LibraryProfile) -> str:
    """What is wrong with a profile although every member has its type; empty where nothing is."""
    first, last = profile.valid_from, profile.valid_to
    if first is not None and last is not None and last <= first:
        return "valid_to: must be after valid_from"
    return _fault_of_kind(profile) or _fault_of_schedule(profile)


def _fault_of_kind(profile: LibraryProfile) -> str:
    schedule = profile.schedule
    if profile.kind == "Relative":
        if profile.purpose == "ChargingStationMaxProfile":
            return "kind: a limit of the whole station has no transaction to be relative to"
        if schedule.start_schedule is not None:
            return "start_schedule: a Relative schedule begins with its transaction"
    elif schedule.start_schedule is None:
        return f"start_schedule: {profile.kind} profiles say when they begin"
    if (profile.kind == "Recurring") != (profile.recurrency_kind is not None):
        return "recurrency_kind: is for Recurring profiles, which need one"
    if profile.recurrency_kind is not None:
        longest = PERIOD_S[profile.recurrency_kind]
        if schedule.duration_s is not None and schedule.duration_s > longest:
            return f"duration_s: is longer than a {profile.recurrency_kind} schedule recurs"
    return ""


def _fault_of_schedule(profile: LibraryProfile) -> str:
    schedule = profile.schedule
    starts = [each.start_period for each in schedule.periods]
    if starts[0] != 0:
        return "periods: the first one begins at 0"
    if any(later <= earlier for earlier, later in pairwise(starts)):
        return "periods: each one begins after the one before"
    if schedule.duration_s is not None and starts[-1] >= schedule.duration_s:
        return "periods: the last one begins after the end of the schedule"
    limits = [each.limit for each in schedule.periods]
    if schedule.min_charging_rate is not None:
        limits.append(schedule.min_charging_rate)
    if not all(_is_limit(each) for each in limits):
        return f"limit: from 0 to {MAX_LIMIT}, with {MAX_DECIMALS} decimals at most"
    if any(each.number_phases not in (None, 1, 2, 3) for each in schedule.periods):
        return "number_phases: 1, 2 or 3"
    return ""


def _is_limit(limit: Decimal) -> bool:
    exponent = limit.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= -MAX_DECIMALS and 0 <= limit <= MAX_LIMIT


def of_library(profile: LibraryProfile, transaction_id: str = "") -> ChargingProfile:
    """A profile of the library as a station is told it, under its own id."""
    return ChargingProfile(
        id=profile.id,
        stack_level=profile.stack_level,
        purpose=profile.purpose,
        kind=profile.kind,
        recurrency_kind=profile.recurrency_kind,
        valid_from=profile.valid_from,
        valid_to=profile.valid_to,
        transaction_id=transaction_id or None,
        schedule=profile.schedule,
    )


def limits_of(
    station_id: str, configuration: Mapping[str, str | None], firmware_version: str, asked_at: datetime
) -> ChargingLimits:
    """What configuration keys tell of a station's limits, whatever the case of their letters. What is missing
    or makes no sense is not known."""
    told = {key.lower(): value for key, value in configuration.items()}
    return ChargingLimits(
        station_id=station_id,
        max_stack_level=_number(told.get(MAX_STACK_LEVEL.lower()), 0),
        rate_units=rate_units(told.get(RATE_UNITS.lower()) or ""),
        max_periods=_number(told.get(MAX_PERIODS.lower()), 1),
        max_installed=_number(told.get(MAX_INSTALLED.lower()), 1),
        firmware_version=firmware_version,
        asked_at=asked_at,
    )


def rate_units(text: str) -> tuple[str, ...]:
    """The units that a station allows, of what it wrote: `Current`, `Power`, `A`, `W` in any mix (field
    problem 69)."""
    words = {each.strip().lower() for each in text.replace(";", ",").replace(" ", ",").split(",")}
    found = []
    if words & {"current", "a", "amp", "amps", "ampere", "amperes"}:
        found.append("A")
    if words & {"power", "w", "watt", "watts"}:
        found.append("W")
    return tuple(found)


def _number(text: str | None, least: int) -> int | None:
    text = (text or "").strip()
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        return None
    return int(text) if int(text) >= least else None


def converted(schedule: ChargingSchedule, unit: RateUnit, electrics: Electrics) -> ChargingSchedule:
    """The schedule in another unit; never more power than it has in its own, at this voltage and for as many
    phases as each period is for. `min_charging_rate` is a hint and converted with the phases of the EVSE."""
    if schedule.charging_rate_unit == unit:
        return schedule
    periods = tuple(
        replace(each, limit=_converted(each.limit, unit, _factor(each, electrics)))
        for each in schedule.periods
    )
    rate = schedule.min_charging_rate
    if rate is not None:
        rate = _converted(rate, unit, electrics.voltage_v * electrics.phases)
    return replace(schedule, charging_rate_unit=unit, periods=periods, min_charging_rate=rate)


def _factor(period: ChargingSchedulePeriod, electrics: Electrics) -> int:
    """W of one A in a period: for no more phases than the EVSE has."""
    return electrics.voltage_v * min(period.number_phases or PHASES, electrics.phases)


def _converted(limit: Decimal, unit: RateUnit, factor: int) -> Decimal:
    return tenths(_DOWN.divide(limit, factor) if unit == "A" else _DOWN.multiply(limit, factor))


def tenths(limit: Decimal) -> Decimal:
    """A limit with the one decimal that 1.6 allows, rounded down; one that has no more stays as it is."""
    exponent = limit.as_tuple().exponent
    if not isinstance(exponent, int) or exponent in (-1, 0):
        return limit
    return limit.quantize(TENTH if exponent < 0 else ONE, ROUND_DOWN)


def for_model(wanted: ChargingProfile, needs: Workarounds) -> ChargingProfile:
    """A charging profile as the model takes it; the same again for one that is so already. Raises BadCommand
    where it takes none like it."""
    if needs.no_station_limit and wanted.purpose == "ChargingStationMaxProfile":
        wanted = replace(wanted, purpose="TxDefaultProfile")
    if needs.stack_level is not None:
        wanted = replace(wanted, stack_level=needs.stack_level)
    if needs.zero_is_unlimited or (needs.current_steps_a and wanted.schedule.charging_rate_unit == "A"):
        periods = tuple(_for_model(each, needs) for each in wanted.schedule.periods)
        wanted = replace(wanted, schedule=replace(wanted.schedule, periods=periods))
    if needs.zero_is_unlimited and any(each.limit <= 0 for each in wanted.schedule.periods):
        raise BadCommand(
            "limit: this model takes 0 as no limit (its workarounds); end the session or make the EVSE "
            "inoperative instead"
        )
    return wanted


def _for_model(period: ChargingSchedulePeriod, needs: Workarounds) -> ChargingSchedulePeriod:
    if not needs.current_steps_a or not period.limit.is_finite():
        return period
    steps = [step for step in needs.current_steps_a if step <= period.limit]
    return replace(period, limit=Decimal(max(steps, default=0)))


def fitted(
    wanted: ChargingProfile,
    limits: ChargingLimits,
    electrics: Electrics,
    needs: Workarounds = STANDARD,
) -> Fitted:
    """A profile as a station of these limits takes it. Raises Unfit."""
    changes = []
    most = limits.max_periods
    if most is not None and len(wanted.schedule.periods) > most:
        raise Unfit(
            f"the station takes {most} periods in a schedule ({MAX_PERIODS}) and the profile has "
            f"{len(wanted.schedule.periods)}: make a shorter one"
        )
    unit = wanted.schedule.charging_rate_unit
    if limits.rate_units and unit not in limits.rate_units:
        other: RateUnit = "W" if unit == "A" else "A"
        wanted = replace(wanted, schedule=converted(wanted.schedule, other, electrics))
        changes.append(
            f"in {other} instead of {unit}, which the station does not take ({RATE_UNITS}), for "
            f"{electrics.phases} phases of {electrics.voltage_v} V at most"
        )
    highest = limits.max_stack_level
    if highest is not None and wanted.stack_level > highest:
        changes.append(
            f"at stack level {highest} instead of {wanted.stack_level}, which is higher than the station "
            f"takes ({MAX_STACK_LEVEL})"
        )
        wanted = replace(wanted, stack_level=highest)
    try:
        own = for_model(wanted, needs)
    except BadCommand as error:
        raise Unfit(str(error)) from None
    if own != wanted:
        changes.append("as the workarounds of the station have it")
    return Fitted(_in_tenths(own), tuple(changes))


def plan(
    wanted: Iterable[tuple[ProfileAssignment, LibraryProfile]],
    limits: ChargingLimits,
    needs: Workarounds = STANDARD,
) -> dict[int, Fitted | Unfit]:
    """What a station is to be told of all that is wanted there, by the ids of the profiles; of two that would
    take each other's place, and of more than the station takes, those that came first."""
    planned: dict[int, Fitted | Unfit] = {}
    taken: dict[tuple[int, str, int], int] = {}
    for assignment, profile in wanted:
        told = of_library(profile, assignment.transaction_id or "")
        try:
            fit = fitted(told, limits, Electrics(assignment.phases, assignment.voltage_v), needs)
            place = slot(assignment.evse_id, fit.profile)
            if place in taken:
                raise Unfit(
                    f"the station has the profile {taken[place]} there already, at stack level {place[2]}: "
                    f"unassign one of them ({', '.join(fit.changes)})"
                )
            if limits.max_installed is not None and len(taken) >= limits.max_installed:
                raise Unfit(
                    f"the station takes {limits.max_installed} profiles ({MAX_INSTALLED}): unassign another"
                )
            taken[place] = profile.id
            planned[profile.id] = fit
        except Unfit as unfit:
            planned[profile.id] = unfit
    return planned


def _in_tenths(profile: ChargingProfile) -> ChargingProfile:
    schedule = profile.schedule
    rate = schedule.min_charging_rate
    periods = tuple(replace(each, limit=tenths(each.limit)) for each in schedule.periods)
    rate = None if rate is None else tenths(rate)
    return replace(profile, schedule=replace(schedule, periods=periods, min_charging_rate=rate))


def slot(evse_id: int, profile: ChargingProfile) -> tuple[int, str, int]:
    """What a station has one profile of: one that is sent takes the place of the one there."""
    return evse_id, profile.purpose, profile.stack_level


def way(profile: ChargingProfile) -> str:
    """How a profile is said: purpose, kind, unit and stack level, as it is remembered of a station."""
    unit = profile.schedule.charging_rate_unit
    return f"{profile.purpose} {profile.kind} {unit} {profile.stack_level}"


def ways(
    first: Fitted,
    limits: ChargingLimits,
    electrics: Electrics,
    now: datetime,
    needs: Workarounds = STANDARD,
) -> list[Fitted]:
    """How a profile may be said to a station, the best way first: as it fits; with stack level 0, which is
    all that some take (field problem 66); where its limit always holds, as another kind (field problem 67);
    in the other unit, where the station does not say which it takes. What the station has refused comes
    after what it has not."""
    profile, found = first.profile, [first]
    if profile.stack_level and needs.stack_level is None:
        found.append(_changed(first, replace(profile, stack_level=0), "at stack level 0"))
    if _always_holds(profile, now):
        others = (each for each in _kinds(profile, now) if each.kind != profile.kind)
        found += [_changed(first, each, f"as a profile of kind {each.kind}") for each in others]
    if not limits.rate_units:
        unit: RateUnit = "W" if profile.schedule.charging_rate_unit == "A" else "A"
        schedule = converted(profile.schedule, unit, electrics)
        found.append(_changed(first, replace(profile, schedule=schedule), f"in {unit}"))
    return sorted(found, key=lambda each: way(each.profile) in limits.refused)


def _changed(first: Fitted, profile: ChargingProfile, how: str) -> Fitted:
    return Fitted(profile, (*first.changes, f"{how}, since the station refuses it otherwise"))


def _always_holds(profile: ChargingProfile, now: datetime) -> bool:
    """Whether a profile is one limit that has begun and does not end."""
    schedule, recurs = profile.schedule, profile.recurrency_kind
    whole = schedule.duration_s is None or (recurs is not None and schedule.duration_s == PERIOD_S[recurs])
    begun = schedule.start_schedule is None or schedule.start_schedule <= now
    return whole and begun and len(schedule.periods) == 1


def _kinds(profile: ChargingProfile, now: datetime) -> Iterator[ChargingProfile]:
    """The same limit in each kind that its purpose may have."""
    begin = profile.schedule.start_schedule or now.replace(microsecond=0) - LONG_BEFORE
    bare = replace(profile.schedule, duration_s=None, start_schedule=None)
    once = replace(profile, recurrency_kind=None, schedule=replace(bare, start_schedule=begin))
    if profile.purpose != "ChargingStationMaxProfile":
        yield replace(once, kind="Relative", schedule=bare)
    yield replace(once, kind="Absolute")
    daily = replace(bare, start_schedule=begin, duration_s=PERIOD_S["Daily"])
    yield replace(profile, kind="Recurring", recurrency_kind="Daily", schedule=daily)
