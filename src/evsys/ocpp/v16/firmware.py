"""Firmware and diagnostics: their status notifications, GetDiagnostics (OCPP 1.6 §4.4, §4.5, §5.9)."""

from evsys.core import commands
from evsys.core.commands import Outcome
from evsys.core.firmware import report_diagnostics, report_firmware
from evsys.core.station import Station
from evsys.core.work import Turn
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, given, said, whole_seconds


@V16.answers(m.FirmwareStatusNotificationRequest)
def firmware_status_notification(
    turn: Turn, request: m.FirmwareStatusNotificationRequest
) -> m.FirmwareStatusNotificationResponse:
    report_firmware(turn, request.status)
    return m.FirmwareStatusNotificationResponse()


@V16.answers(m.DiagnosticsStatusNotificationRequest)
def diagnostics_status_notification(
    turn: Turn, request: m.DiagnosticsStatusNotificationRequest
) -> m.DiagnosticsStatusNotificationResponse:
    report_diagnostics(turn, request.status)
    return m.DiagnosticsStatusNotificationResponse()


@V16.performs(commands.GetDiagnostics)
def get_diagnostics(command: commands.GetDiagnostics, station: Station) -> Performance:
    """The status is the name of the file that will be uploaded; without one there is nothing to upload."""
    request = m.GetDiagnosticsRequest(
        location=command.location,
        retries=given(command.retries),
        retryInterval=given(command.retry_interval_s),
        startTime=given(whole_seconds(command.start_at) if command.start_at else None),
        stopTime=given(whole_seconds(command.stop_at) if command.stop_at else None),
    )
    answer, raw = yield from call(Request("GetDiagnostics", request, m.GetDiagnosticsResponse))
    file_name = said(answer.fileName)
    return Outcome(accepted=bool(file_name), status=file_name, detail=raw)
