"""Data transfer: what vendors say outside the standard (OCPP 1.6 §4.3, §5.6)."""

from evsys.core import commands
from evsys.core.commands import Outcome
from evsys.core.data_transfer import receive
from evsys.core.station import Station
from evsys.core.work import Turn
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, given, said


@V16.answers(m.DataTransferRequest)
def data_transfer(turn: Turn, request: m.DataTransferRequest) -> m.DataTransferResponse:
    status = receive(turn, request.vendorId, said(request.messageId), said(request.data))
    return m.DataTransferResponse(status=status)


@V16.performs(commands.DataTransfer)
def send_data_transfer(command: commands.DataTransfer, station: Station) -> Performance:
    request = m.DataTransferRequest(
        vendorId=command.vendor_id, messageId=given(command.message_id), data=given(command.data)
    )
    answer, raw = yield from call(Request("DataTransfer", request, m.DataTransferResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)
