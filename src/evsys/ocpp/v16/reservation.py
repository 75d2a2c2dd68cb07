"""Reservation: ReserveNow, CancelReservation (OCPP 1.6 §5.1, §5.13)."""

from evsys.core import commands
from evsys.core.commands import Outcome
from evsys.core.station import Station
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, given, id_tag, whole_seconds


@V16.performs(commands.ReserveNow)
def reserve_now(command: commands.ReserveNow, station: Station) -> Performance:
    request = m.ReserveNowRequest(
        connectorId=command.evse_id,
        expiryDate=whole_seconds(command.expires_at),
        idTag=id_tag(command.id_token),
        parentIdTag=given(id_tag(command.group_id_token) if command.group_id_token else None),
        reservationId=command.id,
    )
    answer, raw = yield from call(Request("ReserveNow", request, m.ReserveNowResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.CancelReservation)
def cancel_reservation(command: commands.CancelReservation, station: Station) -> Performance:
    """*Rejected* says that the station knows no such reservation."""
    request = m.CancelReservationRequest(reservationId=command.id)
    answer, raw = yield from call(Request("CancelReservation", request, m.CancelReservationResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)
