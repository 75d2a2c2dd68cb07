"""Transactions: StartTransaction, StopTransaction (OCPP 1.6 §4.8, §4.10)."""

from msgspec import UNSET

from evsys.core.transactions import Start, Stop, start, stop, stopped
from evsys.core.work import Turn
from evsys.ocpp.timestamps import utc
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, id_tag_info, place, said
from evsys.ocpp.v16.meter_values import translate
from evsys.ocpp.v16.models import heard_tag, heard_wh

_CONFIRMED = m.StopTransactionResponse()


@V16.answers(m.StartTransactionRequest)
def start_transaction(turn: Turn, request: m.StartTransactionRequest) -> m.StartTransactionResponse:
    evse_id, connector_id = place(request.connectorId)
    transaction, verdict = start(
        turn,
        Start(
            evse_id=evse_id,
            connector_id=connector_id,
            id_token=None if request.idTag is UNSET else heard_tag(request.idTag, turn.station),
            meter_start_wh=None
            if request.meterStart is UNSET
            else heard_wh(request.meterStart, turn.station),
            reported_at=utc(request.timestamp),
            reservation_id=None if request.reservationId is UNSET else request.reservationId,
        ),
    )
    assert transaction.number is not None, "a start of 1.6 has a number"
    return m.StartTransactionResponse(idTagInfo=id_tag_info(verdict), transactionId=transaction.number)


@V16.answers(m.StopTransactionRequest)
def stop_transaction(turn: Turn, request: m.StopTransactionRequest) -> m.StopTransactionResponse:
    reported = Stop(
        number=request.transactionId,
        meter_stop_wh=None if request.meterStop is UNSET else heard_wh(request.meterStop, turn.station),
        reported_at=utc(request.timestamp),
        reason=said(request.reason),
        id_token=None if request.idTag is UNSET else heard_tag(request.idTag, turn.station),
    )
    transaction = stopped(turn, reported)
    values = []
    if request.transactionData:
        evse_id = 0 if transaction is None else transaction.evse_id
        values = translate(turn, evse_id, reported.number, transaction, request.transactionData)
    verdict = stop(turn, reported, transaction, values)
    return _CONFIRMED if verdict is None else m.StopTransactionResponse(idTagInfo=id_tag_info(verdict))
