"""Smart charging: SetChargingProfile, ClearChargingProfile, GetCompositeSchedule (OCPP 1.6 §5.5, §5.7,
§5.16)."""

from decimal import Decimal
from typing import Final, Literal

from evsys.core import commands
from evsys.core.commands import Outcome
from evsys.core.errors import BadCommand
from evsys.core.smart_charging import MAX_LIMIT, for_model, tenths
from evsys.core.station import Station
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, given, seconds

_Purpose = Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
_PURPOSES: Final[dict[str, _Purpose]] = {
    "ChargingStationMaxProfile": "ChargePointMaxProfile",
    "TxDefaultProfile": "TxDefaultProfile",
    "TxProfile": "TxProfile",
}


@V16.performs(commands.SetChargingProfile)
def set_charging_profile(command: commands.SetChargingProfile, station: Station) -> Performance:
    request = m.SetChargingProfileRequest(
        connectorId=command.evse_id, csChargingProfiles=profile(command.profile, station)
    )
    answer, raw = yield from call(Request("SetChargingProfile", request, m.SetChargingProfileResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.ClearChargingProfile)
def clear_charging_profile(command: commands.ClearChargingProfile, station: Station) -> Performance:
    """*Unknown* says that nothing matched, so that nothing is left of what was to be cleared."""
    request = m.ClearChargingProfileRequest(
        id=given(command.id),
        connectorId=given(command.evse_id),
        chargingProfilePurpose=given(_PURPOSES[command.purpose] if command.purpose else None),
        stackLevel=given(command.stack_level),
    )
    answer, raw = yield from call(Request("ClearChargingProfile", request, m.ClearChargingProfileResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.GetCompositeSchedule)
def get_composite_schedule(command: commands.GetCompositeSchedule, station: Station) -> Performance:
    request = m.GetCompositeScheduleRequest(
        connectorId=command.evse_id,
        duration=command.duration_s,
        chargingRateUnit=given(command.charging_rate_unit),
    )
    answer, raw = yield from call(Request("GetCompositeSchedule", request, m.GetCompositeScheduleResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


def profile(wanted: commands.ChargingProfile, station: Station) -> m.ChargingProfile:
    """A profile as 1.6 says it, and the model takes it. Raises BadCommand where it cannot."""
    wanted = for_model(wanted, station.workarounds)
    schedule = wanted.schedule
    return m.ChargingProfile(
        chargingProfileId=wanted.id,
        transactionId=given(number_of(wanted.transaction_id, station) if wanted.transaction_id else None),
        stackLevel=wanted.stack_level,
        chargingProfilePurpose=_PURPOSES[wanted.purpose],
        chargingProfileKind=wanted.kind,
        recurrencyKind=given(wanted.recurrency_kind),
        validFrom=seconds(wanted.valid_from),
        validTo=seconds(wanted.valid_to),
        chargingSchedule=m.ChargingSchedule(
            duration=given(schedule.duration_s),
            startSchedule=seconds(schedule.start_schedule),
            chargingRateUnit=schedule.charging_rate_unit,
            chargingSchedulePeriod=[
                m.ChargingSchedulePeriod(
                    startPeriod=each.start_period,
                    limit=_tenths(each.limit),
                    numberPhases=given(each.number_phases),
                )
                for each in schedule.periods
            ],
            minChargingRate=given(
                None if schedule.min_charging_rate is None else _tenths(schedule.min_charging_rate)
            ),
        ),
    )


def number_of(transaction_id: str, station: Station) -> int:
    """The number by which the station knows a transaction: its own for it, where it uses one."""
    known = station.transactions.get(transaction_id)
    if known is not None and known.alias is not None:
        return known.alias
    if known is not None and known.number is not None:
        return known.number
    if not transaction_id.isdecimal():
        raise BadCommand(f"transaction_id: {transaction_id[:50]!r} has no number in OCPP 1.6")
    return int(transaction_id[:18])


def _tenths(limit: Decimal) -> Decimal:
    """A limit with the one decimal that 1.6 allows, rounded down: it is a maximum."""
    if not limit.is_finite() or not -MAX_LIMIT <= limit <= MAX_LIMIT:
        raise BadCommand(f"limit: {limit} is no limit")
    return tenths(limit)
