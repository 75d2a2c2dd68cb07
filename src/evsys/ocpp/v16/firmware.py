"""Firmware, diagnostics and logs: their status notifications, GetDiagnostics, UpdateFirmware (OCPP 1.6 §4.4,
§4.5, §5.9, §5.19); GetLog, SignedUpdateFirmware and their notifications (security extension)."""

from typing import Final

from evsys.core import commands
from evsys.core.commands import Outcome
from evsys.core.errors import BadCommand
from evsys.core.firmware import report_diagnostics, report_firmware
from evsys.core.station import Station
from evsys.core.work import Turn
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, given, named, said, seconds, whole_seconds

ACCEPTED: Final = frozenset(("Accepted", "AcceptedCanceled"))
"""What says that a job was taken; the second, that another one was given up for it."""


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


@V16.answers(m.SignedFirmwareStatusNotificationRequest)
def signed_firmware_status_notification(
    turn: Turn, request: m.SignedFirmwareStatusNotificationRequest
) -> m.SignedFirmwareStatusNotificationResponse:
    report_firmware(turn, request.status, named(request.requestId))
    return m.SignedFirmwareStatusNotificationResponse()


@V16.answers(m.LogStatusNotificationRequest)
def log_status_notification(
    turn: Turn, request: m.LogStatusNotificationRequest
) -> m.LogStatusNotificationResponse:
    report_diagnostics(turn, request.status, named(request.requestId))
    return m.LogStatusNotificationResponse()


@V16.performs(commands.GetDiagnostics)
def get_diagnostics(command: commands.GetDiagnostics, station: Station) -> Performance:
    """The status is the name of the file that will be uploaded; without one there is nothing to upload."""
    request = m.GetDiagnosticsRequest(
        location=command.location,
        retries=given(command.retries),
        retryInterval=given(command.retry_interval_s),
        startTime=seconds(command.start_at),
        stopTime=seconds(command.stop_at),
    )
    answer, raw = yield from call(Request("GetDiagnostics", request, m.GetDiagnosticsResponse))
    file_name = said(answer.fileName)
    return Outcome(accepted=bool(file_name), status=file_name, detail=raw)


@V16.performs(commands.GetLog)
def get_log(command: commands.GetLog, station: Station) -> Performance:
    """AcceptedCanceled: accepted, and an upload that was running is given up for it."""
    request = m.GetLogRequest(
        log=m.LogParameters(
            remoteLocation=command.location,
            oldestTimestamp=seconds(command.oldest_at),
            latestTimestamp=seconds(command.latest_at),
        ),
        logType=command.log_type,
        requestId=command.request_id,
        retries=given(command.retries),
        retryInterval=given(command.retry_interval_s),
    )
    answer, raw = yield from call(Request("GetLog", request, m.GetLogResponse))
    return Outcome(accepted=answer.status in ACCEPTED, status=answer.status, detail=raw)


@V16.performs(commands.UpdateFirmware)
def update_firmware(command: commands.UpdateFirmware, station: Station) -> Performance:
    """Unsigned, the station's answer says nothing: not even that it will."""
    if command.signing_certificate is not None and command.signature is not None:
        return (yield from _update_signed(command, command.signing_certificate, command.signature))
    if command.signing_certificate is not None or command.signature is not None:
        raise BadCommand("signature: signed firmware has both a signature and a signing_certificate")
    if command.install_at is not None:
        raise BadCommand("install_at: OCPP 1.6 knows it of signed firmware alone")
    request = m.UpdateFirmwareRequest(
        location=command.location,
        retries=given(command.retries),
        retrieveDate=whole_seconds(command.retrieve_at),
        retryInterval=given(command.retry_interval_s),
    )
    _, raw = yield from call(Request("UpdateFirmware", request, m.UpdateFirmwareResponse))
    return Outcome(accepted=True, detail=raw)


def _update_signed(command: commands.UpdateFirmware, certificate: str, signature: str) -> Performance:
    request = m.SignedUpdateFirmwareRequest(
        retries=given(command.retries),
        retryInterval=given(command.retry_interval_s),
        requestId=command.request_id,
        firmware=m.Firmware(
            location=command.location,
            retrieveDateTime=whole_seconds(command.retrieve_at),
            installDateTime=seconds(command.install_at),
            signingCertificate=certificate,
            signature=signature,
        ),
    )
    answer, raw = yield from call(Request("SignedUpdateFirmware", request, m.SignedUpdateFirmwareResponse))
    return Outcome(accepted=answer.status in ACCEPTED, status=answer.status, detail=raw)
