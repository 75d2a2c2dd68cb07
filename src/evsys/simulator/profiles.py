"""Charging profiles in a charge point: which limit holds when (OCPP 1.6 §3.13).

Within a purpose the valid profile with the highest stack level wins; a TxProfile takes the place of the
TxDefaultProfile; the ChargePointMaxProfile bounds all connectors together. A profile of the same id, or of
the same purpose, level and connector, replaces the older one.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from msgspec import UNSET, UnsetType

from evsys.ocpp.v16.messages import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod
from evsys.simulator.battery import VOLTAGE_V

MAX_INSTALLED: Final = 20
MAX_STACK_LEVEL: Final = 10
MAX_PERIODS: Final = 100
PHASES: Final = 3
_PERIOD = {"Daily": timedelta(days=1), "Weekly": timedelta(days=7)}

Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]


class Installed(NamedTuple):
    connector: int
    profile: ChargingProfile
    begun_at: datetime
    """When it was installed: where a Relative schedule begins outside a transaction."""


class Profiles:
    """The installed profiles of a charge point."""

    def __init__(self) -> None:
        self.installed: list[Installed] = []

    def set(
        self, connector: int, profile: ChargingProfile, now: datetime, transaction: int | None
    ) -> Literal["Accepted", "Rejected"]:
        """Install a profile. `transaction` is the one that runs on the connector."""
        purpose, schedule = profile.chargingProfilePurpose, profile.chargingSchedule
        if profile.stackLevel > MAX_STACK_LEVEL or len(schedule.chargingSchedulePeriod) > MAX_PERIODS:
            return "Rejected"
        if (purpose == "ChargePointMaxProfile") != (connector == 0) and purpose != "TxDefaultProfile":
            return "Rejected"
        if purpose == "TxProfile" and (
            transaction is None or profile.transactionId not in (UNSET, transaction)
        ):
            return "Rejected"
        starts = [period.startPeriod for period in schedule.chargingSchedulePeriod]
        if not starts or starts[0] != 0 or starts != sorted(starts):
            return "Rejected"
        self.installed = [each for each in self.installed if not _same(each, connector, profile)]
        if len(self.installed) >= MAX_INSTALLED:
            return "Rejected"
        self.installed.append(Installed(connector, profile, now))
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

    def limit_w(self, connector: int, now: datetime, started_at: datetime | None, most_w: float) -> float:
        """The power that a connector may give now. `started_at`: of its transaction."""
        limits = [most_w]
        transaction = self._winning(connector, "TxProfile", now, started_at) if started_at else None
        default = transaction or self._winning(connector, "TxDefaultProfile", now, started_at)
        for found in (default, self._winning(0, "ChargePointMaxProfile", now, started_at)):
            if found is not None:
                limits.append(found)
        return min(limits)

    def composite(
        self,
        connector: int,
        now: datetime,
        started_at: datetime | None,
        seconds: int,
        unit: str,
        most_w: float,
    ) -> ChargingSchedule:
        """The limits from now on, as one schedule."""
        periods: list[ChargingSchedulePeriod] = []
        step = max(1, seconds // MAX_PERIODS)
        for offset in range(0, seconds, step):
            watts = self.limit_w(connector, now + timedelta(seconds=offset), started_at, most_w)
            value = watts if unit == "W" else watts / VOLTAGE_V / PHASES
            limit = Decimal(str(round(value, 1)))
            if not periods or periods[-1].limit != limit:
                periods.append(ChargingSchedulePeriod(startPeriod=offset, limit=limit))
        return ChargingSchedule(
            duration=seconds,
            startSchedule=now,
            chargingRateUnit="W" if unit == "W" else "A",
            chargingSchedulePeriod=periods,
        )

    def _winning(
        self, connector: int, purpose: Purpose, now: datetime, started_at: datetime | None
    ) -> float | None:
        """The limit of the valid profile of the highest level. One of a connector wins over one of all."""
        best: tuple[bool, int, float] | None = None
        for each in self.installed:
            profile = each.profile
            if profile.chargingProfilePurpose != purpose or each.connector not in (0, connector):
                continue
            limit = _limit_w(profile, now, started_at or each.begun_at)
            if limit is not None:
                rank = (each.connector == connector, profile.stackLevel, limit)
                best = rank if best is None or rank[:2] > best[:2] else best
        return best[2] if best else None


def _same(each: Installed, connector: int, profile: ChargingProfile) -> bool:
    return each.profile.chargingProfileId == profile.chargingProfileId or (
        each.connector == connector
        and each.profile.stackLevel == profile.stackLevel
        and each.profile.chargingProfilePurpose == profile.chargingProfilePurpose
    )


def _limit_w(profile: ChargingProfile, now: datetime, relative_to: datetime) -> float | None:
    """The limit of a profile now, None where it is not valid now."""
    schedule = profile.chargingSchedule
    if profile.validFrom is not UNSET and now < profile.validFrom:
        return None
    if profile.validTo is not UNSET and now >= profile.validTo:
        return None
    begin = schedule.startSchedule if schedule.startSchedule is not UNSET else relative_to
    if profile.chargingProfileKind == "Relative":
        begin = relative_to
    elapsed = now - begin
    if profile.chargingProfileKind == "Recurring" and profile.recurrencyKind is not UNSET:
        elapsed %= _PERIOD[profile.recurrencyKind]
    if elapsed < timedelta(0):
        return None
    seconds = elapsed.total_seconds()
    if schedule.duration is not UNSET and seconds >= schedule.duration:
        return None
    running = [period for period in schedule.chargingSchedulePeriod if period.startPeriod <= seconds]
    if not running:
        return None
    limit = float(running[-1].limit)
    if schedule.chargingRateUnit == "W":
        return limit
    phases = running[-1].numberPhases if running[-1].numberPhases is not UNSET else PHASES
    return limit * VOLTAGE_V * phases
