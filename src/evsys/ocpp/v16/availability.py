"""Availability: StatusNotification, ChangeAvailability (OCPP 1.6 §4.9, §5.2)."""

from evsys.core import commands
from evsys.core.availability import report
from evsys.core.commands import Outcome
from evsys.core.station import Station
from evsys.core.work import Turn
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.timestamps import utc
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, place, said

_CONFIRMED = m.StatusNotificationResponse()


@V16.answers(m.StatusNotificationRequest)
def status_notification(turn: Turn, request: m.StatusNotificationRequest) -> m.StatusNotificationResponse:
    evse_id, connector_id = place(request.connectorId)
    report(
        turn,
        evse_id,
        connector_id,
        request.status,
        said(request.errorCode) or "NoError",
        said(request.info),
        said(request.vendorId),
        said(request.vendorErrorCode),
        utc(request.timestamp),
    )
    return _CONFIRMED


@V16.performs(commands.ChangeAvailability)
def change_availability(command: commands.ChangeAvailability, station: Station) -> Performance:
    """*Scheduled* (a transaction runs) is a yes: it will be done when that has ended."""
    request = m.ChangeAvailabilityRequest(
        connectorId=command.evse_id, type="Operative" if command.operative else "Inoperative"
    )
    answer, raw = yield from call(Request("ChangeAvailability", request, m.ChangeAvailabilityResponse))
    return Outcome(accepted=answer.status != "Rejected", status=answer.status, detail=raw)
