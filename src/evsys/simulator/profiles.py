"""Charging profiles in a charge point: which limit holds when (OCPP 1.6 §3.13).

Within a purpose the valid profile with the highest stack level wins; a TxProfile takes the place of the
TxDefaultProfile; the ChargePointMaxProfile bounds all connectors together, which share it evenly. A profile
of the same id, or of the same purpose, level and connector, replaces the older one. Limits in A are per
phase, limits in W over all phases.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from math import ceil
from typing import Final, Literal, NamedTuple

from msgspec import UNSET, UnsetType

from evsys.ocpp.v16.messages import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod
from evsys.simulator.battery import VOLTAGE_V

MAX_INSTALLED: Final = 20
MAX_STACK_LEVEL: Final = 10
MAX_PERIODS: Final = 100
MAX_COMPOSITE_S: Final = 2 * 86_400
"""How far a composite schedule looks ahead, whatever was asked for."""
MAX_SCHEDULE_S: Final = 366 * 86_400
"""How long a schedule can be; a year is more than any car stays."""
PHASES: Final = 3
_RECURS = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}
_NONE = timedelta(0)

Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]


class Installed(NamedTuple):
    connector: int
    profile: ChargingProfile
    installed_at: datetime
    """Where a Relative schedule begins outside a transaction."""


class Place(NamedTuple):
    """For which connector a limit is asked, and what it does."""

    connector: int
    most_w: float
    """What its hardware gives."""
    started_at: datetime | None = None
    """When its transaction began; None without one."""
    phases: int = PHASES
    """Of the car."""
    sharing: int = 1
    """How many connectors charge, and share what the station may draw."""


class Profiles:
    """The installed profiles of a charge point."""

    __slots__ = ("installed",)

    def __init__(self) -> None:
        self.installed: list[Installed] = []

    def set(
        self, connector: int, profile: ChargingProfile, now: datetime, transaction: int | None
    ) -> Literal["Accepted", "Rejected"]:
        """Install a profile. `transaction` is the one that runs on the connector, None without one."""
        kept = [each for each in self.installed if not _same(each, connector, profile)]
        if not fits(connector, profile, transaction) or len(kept) >= MAX_INSTALLED:
            return "Rejected"
        self.installed = [*kept, Installed(connector, profile, now)]
        return "Accepted"

    def clear(
        self,
        id: int | UnsetType,
        connector: int | UnsetType,
        purpose: Purpose | UnsetType,
        level: int | UnsetType,
    ) -> bool:
        """Remove the profiles that meet all criteria (an id alone decides). Whether there was one."""

        def meant(each: Installed) -> bool:
            if id is not UNSET:
                return each.profile.chargingProfileId == id
            return (
                connector in (UNSET, each.connector)
                and purpose in (UNSET, each.profile.chargingProfilePurpose)
                and level in (UNSET, each.profile.stackLevel)
            )

        kept = [each for each in self.installed if not meant(each)]
        found = len(kept) < len(self.installed)
        self.installed = kept
        return found

    def end_of_transaction(self, connector: int) -> None:
        """A TxProfile dies with its transaction."""
        self.installed = [
            each
            for each in self.installed
            if not (each.connector == connector and each.profile.chargingProfilePurpose == "TxProfile")
        ]

    def limit_w(self, place: Place, now: datetime) -> float:
        """The power that a connector may give now."""
        if not self.installed:
            return place.most_w
        own = self._winning("TxProfile", place, now) if place.started_at else None
        if own is None:
            own = self._winning("TxDefaultProfile", place, now)
        station = self._winning("ChargePointMaxProfile", place._replace(phases=PHASES), now)
        limits = [place.most_w]
        if own is not None:
            limits.append(own)
        if station is not None:
            limits.append(station / max(1, place.sharing))
        return min(limits)

    def composite(
        self, place: Place, now: datetime, seconds: int, unit: Literal["A", "W"]
    ) -> ChargingSchedule:
        """The limits from now on, as one schedule. Connector 0: of the station as a whole."""
        seconds = min(seconds, MAX_COMPOSITE_S)
        periods: list[ChargingSchedulePeriod] = []
        for offset in sorted({0, *self._changes(place, now, seconds)}):
            watts = self._total_w(place, now + timedelta(seconds=offset))
            limit = Decimal(str(round(watts if unit == "W" else watts / VOLTAGE_V / PHASES, 1)))
            if not periods or periods[-1].limit != limit:
                periods.append(ChargingSchedulePeriod(startPeriod=offset, limit=limit))
        return ChargingSchedule(
            duration=seconds,
            startSchedule=now,
            chargingRateUnit=unit,
            chargingSchedulePeriod=periods[:MAX_PERIODS],
        )

    def _total_w(self, place: Place, now: datetime) -> float:
        if place.connector:
            return self.limit_w(place, now)
        station = self._winning("ChargePointMaxProfile", place, now)
        return place.most_w if station is None else min(place.most_w, station)

    def _winning(self, purpose: Purpose, place: Place, now: datetime) -> float | None:
        """The limit of the valid profile of the highest level. One of a connector wins over one of all."""
        best: tuple[bool, int, float] | None = None
        for each in self.installed:
            if each.profile.chargingProfilePurpose != purpose or each.connector not in (0, place.connector):
                continue
            limit = _limit_w(each, now, place.started_at, place.phases)
            if limit is not None:
                rank = (each.connector == place.connector, each.profile.stackLevel, limit)
                best = rank if best is None or rank[:2] > best[:2] else best
        return best[2] if best else None

    def _changes(self, place: Place, now: datetime, seconds: int) -> Iterator[int]:
        """The seconds from now at which a limit may change."""
        end = now + timedelta(seconds=seconds)
        for each in self.installed:
            for moment in _borders(each, now, end, place.started_at):
                offset = ceil((moment - now).total_seconds())
                if 0 < offset < seconds:
                    yield offset


def fits(connector: int, profile: ChargingProfile, transaction: int | None) -> bool:
    """Whether a profile is sound, and may be installed there."""
    purpose, schedule = profile.chargingProfilePurpose, profile.chargingSchedule
    starts = [period.startPeriod for period in schedule.chargingSchedulePeriod]
    placed = True
    if purpose == "ChargePointMaxProfile":
        placed = connector == 0
    elif purpose == "TxProfile":
        running = transaction is not None and profile.transactionId in (UNSET, transaction)
        placed = connector > 0 and running
    return (
        placed
        and 0 <= profile.stackLevel <= MAX_STACK_LEVEL
        and 0 < len(starts) <= MAX_PERIODS
        and starts[0] == 0
        and starts[-1] <= MAX_SCHEDULE_S
        and all(first < second for first, second in pairwise(starts))
        and (profile.chargingProfileKind != "Recurring" or profile.recurrencyKind is not UNSET)
    )


def _same(each: Installed, connector: int, profile: ChargingProfile) -> bool:
    return each.profile.chargingProfileId == profile.chargingProfileId or (
        each.connector == connector
        and each.profile.stackLevel == profile.stackLevel
        and each.profile.chargingProfilePurpose == profile.chargingProfilePurpose
    )


def _begin(each: Installed, started_at: datetime | None) -> tuple[datetime, timedelta]:
    """Where the schedule begins, and after how long it begins anew (0: never)."""
    profile = each.profile
    begin = profile.chargingSchedule.startSchedule
    if profile.chargingProfileKind == "Relative" or begin is UNSET:
        begin = started_at or each.installed_at
    recurs = profile.chargingProfileKind == "Recurring" and profile.recurrencyKind is not UNSET
    return begin, _RECURS[str(profile.recurrencyKind)] if recurs else _NONE


def _limit_w(each: Installed, now: datetime, started_at: datetime | None, phases: int) -> float | None:
    """The limit of a profile now for a car of so many phases, None where it is not valid now."""
    profile, schedule = each.profile, each.profile.chargingSchedule
    if profile.validFrom is not UNSET and now < profile.validFrom:
        return None
    if profile.validTo is not UNSET and now >= profile.validTo:
        return None
    begin, recurs = _begin(each, started_at)
    if now < begin:
        return None
    elapsed_s = ((now - begin) % recurs if recurs else now - begin).total_seconds()
    if schedule.duration is not UNSET and elapsed_s >= schedule.duration:
        return None
    running = [period for period in schedule.chargingSchedulePeriod if period.startPeriod <= elapsed_s][-1]
    if schedule.chargingRateUnit == "W":
        return float(running.limit)
    lines = phases if running.numberPhases is UNSET else min(phases, running.numberPhases)
    return float(running.limit) * VOLTAGE_V * lines


def _borders(
    each: Installed, now: datetime, end: datetime, started_at: datetime | None
) -> Iterator[datetime]:
    """The moments at which a profile may begin, change or end."""
    profile, schedule = each.profile, each.profile.chargingSchedule
    for limit in (profile.validFrom, profile.validTo):
        if limit is not UNSET:
            yield limit
    offsets = [period.startPeriod for period in schedule.chargingSchedulePeriod]
    if schedule.duration is not UNSET:
        offsets.append(min(schedule.duration, MAX_SCHEDULE_S))
    begin, recurs = _begin(each, started_at)
    if begin > end:
        return
    first, last = ((now - begin) // recurs, (end - begin) // recurs) if recurs else (0, 0)
    for round_ in range(max(0, first), last + 1):
        for offset in offsets:
            yield begin + recurs * round_ + timedelta(seconds=offset)
