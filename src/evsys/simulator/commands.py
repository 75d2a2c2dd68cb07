"""What a charge point answers to the CALLs of the central system (OCPP 1.6 §5), and what it does then."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, Struct

from evsys.ocpp import lenient
from evsys.ocpp.errors import Refusal
from evsys.ocpp.rpc import Call
from evsys.ocpp.v16 import messages as m
from evsys.simulator.charge_point import ChargePoint, Connector

UPLOAD_S: Final = 20.0
"""How long an upload, a download or an installation takes (simulated)."""

FREE: Final = ("Available", "Preparing", "Reserved")
"""Where a session can begin."""

R = TypeVar("R", bound=Struct)
Handler = Callable[[ChargePoint, R, datetime], Struct]
_HANDLERS: dict[str, tuple[type[Struct], Handler[Struct]]] = {}


def answers(kind: type[R]) -> Callable[[Handler[R]], Handler[R]]:
    """Register the handler of a request."""

    def register(handler: Handler[R]) -> Handler[R]:
        name = kind.__name__.removesuffix("Request")
        _HANDLERS[name] = (kind, handler)  # type: ignore[assignment]  # keyed by its own type
        return handler

    return register


def answer(point: ChargePoint, call: Call, now: datetime) -> Struct:
    """The answer to a CALL. Raises Refusal."""
    known = _HANDLERS.get(call.action)
    if known is None:
        if call.action in m.ACTIONS:
            raise Refusal("NotSupported", f"{call.action} is not supported by this charge point")
        raise Refusal("NotImplemented", f"{call.action[:50]!r} is not an action of OCPP 1.6")
    kind, handler = known
    try:
        request = lenient.decoder(kind).decode(call.payload)
    except (msgspec.DecodeError, ValueError, RecursionError):
        request = lenient.repair(kind, call.payload, strict=True)[0]
    return handler(point, request, now)


@answers(m.GetConfigurationRequest)
def get_configuration(
    point: ChargePoint, request: m.GetConfigurationRequest, now: datetime
) -> m.GetConfigurationResponse:
    known, unknown = point.configuration.keys(request.key if request.key is not UNSET else [])
    return m.GetConfigurationResponse(configurationKey=known, unknownKey=unknown)


@answers(m.ChangeConfigurationRequest)
def change_configuration(
    point: ChargePoint, request: m.ChangeConfigurationRequest, now: datetime
) -> m.ChangeConfigurationResponse:
    return m.ChangeConfigurationResponse(status=point.configuration.change(request.key, request.value))


@answers(m.RemoteStartTransactionRequest)
def remote_start(
    point: ChargePoint, request: m.RemoteStartTransactionRequest, now: datetime
) -> m.RemoteStartTransactionResponse:
    connector = _free(point, request.connectorId if request.connectorId is not UNSET else None, request.idTag)
    if connector is None:
        return m.RemoteStartTransactionResponse(status="Rejected")
    profile = request.chargingProfile
    if profile is not UNSET and profile.chargingProfilePurpose != "TxProfile":
        return m.RemoteStartTransactionResponse(status="Rejected")

    def begin(now: datetime) -> None:
        if connector.session is None and connector.status in FREE:
            if connector.battery is None:
                point.plug_in(connector, now)
            point.start(connector, request.idTag, now)
            if profile is not UNSET:
                point.profiles.set(connector.number, profile, now, transaction=0)

    point.after(now, f"remote{connector.number}", 2.0, begin)
    return m.RemoteStartTransactionResponse(status="Accepted")


def _free(point: ChargePoint, number: int | None, token: str) -> Connector | None:
    for connector in point.connectors:
        if number not in (None, connector.number) or not connector.operative or connector.session is not None:
            continue
        reserved_for = connector.reservation[1] if connector.reservation else token
        if (
            connector.status in ("Available", "Preparing", "Reserved")
            and reserved_for.upper() == token.upper()
        ):
            return connector
    return None


@answers(m.RemoteStopTransactionRequest)
def remote_stop(
    point: ChargePoint, request: m.RemoteStopTransactionRequest, now: datetime
) -> m.RemoteStopTransactionResponse:
    running = (each for each in point.connectors if each.session is not None)
    meant = (
        each for each in running if each.session and each.session.transaction_id == request.transactionId
    )
    connector = next(meant, None)
    if connector is None:
        return m.RemoteStopTransactionResponse(status="Rejected")
    point.after(now, f"remote{connector.number}", 1.0, lambda now: point.stop(connector, "Remote", now))
    return m.RemoteStopTransactionResponse(status="Accepted")


@answers(m.ResetRequest)
def reset(point: ChargePoint, request: m.ResetRequest, now: datetime) -> m.ResetResponse:
    point.reboot(now, "HardReset" if request.type == "Hard" else "SoftReset")
    return m.ResetResponse(status="Accepted")


@answers(m.UnlockConnectorRequest)
def unlock_connector(
    point: ChargePoint, request: m.UnlockConnectorRequest, now: datetime
) -> m.UnlockConnectorResponse:
    connector = _connector(point, request.connectorId)
    if connector is None:
        return m.UnlockConnectorResponse(status="NotSupported")
    point.stop(connector, "UnlockCommand", now)
    return m.UnlockConnectorResponse(status="Unlocked")


@answers(m.ChangeAvailabilityRequest)
def change_availability(
    point: ChargePoint, request: m.ChangeAvailabilityRequest, now: datetime
) -> m.ChangeAvailabilityResponse:
    meant = [each for each in point.connectors if request.connectorId in (0, each.number)]
    if not meant:
        return m.ChangeAvailabilityResponse(status="Rejected")
    operative = request.type == "Operative"
    for connector in meant:
        connector.operative = operative
        if connector.status in ("Available", "Unavailable"):
            point.set_status(connector, "Available" if operative else "Unavailable", now)
    running = not operative and any(each.session is not None for each in meant)
    return m.ChangeAvailabilityResponse(status="Scheduled" if running else "Accepted")


@answers(m.ClearCacheRequest)
def clear_cache(point: ChargePoint, request: m.ClearCacheRequest, now: datetime) -> m.ClearCacheResponse:
    return m.ClearCacheResponse(status="Accepted")


@answers(m.DataTransferRequest)
def data_transfer(
    point: ChargePoint, request: m.DataTransferRequest, now: datetime
) -> m.DataTransferResponse:
    if request.vendorId != "EVSYS":
        return m.DataTransferResponse(status="UnknownVendorId")
    return m.DataTransferResponse(status="Accepted", data=request.data)


@answers(m.TriggerMessageRequest)
def trigger_message(
    point: ChargePoint, request: m.TriggerMessageRequest, now: datetime
) -> m.TriggerMessageResponse:
    number = request.connectorId if request.connectorId is not UNSET else None
    if number is not None and number != 0 and _connector(point, number) is None:
        return m.TriggerMessageResponse(status="Rejected")
    match request.requestedMessage:
        case "BootNotification":
            point.boot(now)
        case "Heartbeat":
            point.say("Heartbeat", m.HeartbeatRequest())
        case "StatusNotification":
            point.report_status(now, number)
        case "MeterValues":
            for connector in point.connectors:
                if number in (None, 0, connector.number):
                    point.send_meter_values(connector, now, "Trigger")
        case "DiagnosticsStatusNotification":
            point.say("DiagnosticsStatusNotification", m.DiagnosticsStatusNotificationRequest(status="Idle"))
        case "FirmwareStatusNotification":
            point.say("FirmwareStatusNotification", m.FirmwareStatusNotificationRequest(status="Idle"))
    return m.TriggerMessageResponse(status="Accepted")


@answers(m.GetLocalListVersionRequest)
def get_local_list_version(
    point: ChargePoint, request: m.GetLocalListVersionRequest, now: datetime
) -> m.GetLocalListVersionResponse:
    return m.GetLocalListVersionResponse(listVersion=point.local_list_version)


@answers(m.SendLocalListRequest)
def send_local_list(
    point: ChargePoint, request: m.SendLocalListRequest, now: datetime
) -> m.SendLocalListResponse:
    entries = request.localAuthorizationList if request.localAuthorizationList is not UNSET else []
    if request.updateType == "Full":
        if any(each.idTagInfo is UNSET for each in entries):
            return m.SendLocalListResponse(status="Failed")
        point.local_list.clear()
    elif request.listVersion <= point.local_list_version:
        return m.SendLocalListResponse(status="VersionMismatch")
    for each in entries:
        if each.idTagInfo is UNSET:
            point.local_list.pop(each.idTag.upper(), None)
        else:
            point.local_list[each.idTag.upper()] = each.idTagInfo.status
    point.local_list_version = request.listVersion
    return m.SendLocalListResponse(status="Accepted")


@answers(m.SetChargingProfileRequest)
def set_charging_profile(
    point: ChargePoint, request: m.SetChargingProfileRequest, now: datetime
) -> m.SetChargingProfileResponse:
    connector = _connector(point, request.connectorId)
    if connector is None and request.connectorId != 0:
        return m.SetChargingProfileResponse(status="Rejected")
    session = connector.session if connector else None
    # A session whose start is not confirmed yet has no id; 0 is none that a central system gives.
    transaction = (session.transaction_id or 0) if session else None
    status = point.profiles.set(request.connectorId, request.csChargingProfiles, now, transaction)
    return m.SetChargingProfileResponse(status=status)


@answers(m.ClearChargingProfileRequest)
def clear_charging_profile(
    point: ChargePoint, request: m.ClearChargingProfileRequest, now: datetime
) -> m.ClearChargingProfileResponse:
    found = point.profiles.clear(
        request.id, request.connectorId, request.chargingProfilePurpose, request.stackLevel
    )
    return m.ClearChargingProfileResponse(status="Accepted" if found else "Unknown")


@answers(m.GetCompositeScheduleRequest)
def get_composite_schedule(
    point: ChargePoint, request: m.GetCompositeScheduleRequest, now: datetime
) -> m.GetCompositeScheduleResponse:
    connector = _connector(point, request.connectorId)
    if (connector is None and request.connectorId != 0) or request.duration <= 0:
        return m.GetCompositeScheduleResponse(status="Rejected")
    started_at = connector.session.started_at if connector and connector.session else None
    unit = request.chargingRateUnit if request.chargingRateUnit is not UNSET else "A"
    schedule = point.profiles.composite(
        request.connectorId, now, started_at, request.duration, unit, point.settings.most_w
    )
    return m.GetCompositeScheduleResponse(
        status="Accepted", connectorId=request.connectorId, scheduleStart=now, chargingSchedule=schedule
    )


@answers(m.ReserveNowRequest)
def reserve_now(point: ChargePoint, request: m.ReserveNowRequest, now: datetime) -> m.ReserveNowResponse:
    connector = _connector(point, request.connectorId)
    if connector is None:
        return m.ReserveNowResponse(status="Rejected")
    again = connector.reservation is not None and connector.reservation[0] == request.reservationId
    if connector.status == "Unavailable":
        return m.ReserveNowResponse(status="Unavailable")
    if connector.status != "Available" and not again:
        return m.ReserveNowResponse(status="Occupied")
    connector.reservation = (request.reservationId, request.idTag, request.expiryDate)
    point.set_status(connector, "Reserved", now)
    return m.ReserveNowResponse(status="Accepted")


@answers(m.CancelReservationRequest)
def cancel_reservation(
    point: ChargePoint, request: m.CancelReservationRequest, now: datetime
) -> m.CancelReservationResponse:
    for connector in point.connectors:
        if connector.reservation is not None and connector.reservation[0] == request.reservationId:
            connector.reservation = None
            point.set_status(connector, "Available", now)
            return m.CancelReservationResponse(status="Accepted")
    return m.CancelReservationResponse(status="Rejected")


@answers(m.GetDiagnosticsRequest)
def get_diagnostics(
    point: ChargePoint, request: m.GetDiagnosticsRequest, now: datetime
) -> m.GetDiagnosticsResponse:
    def tell(status: str, later_s: float) -> None:
        payload = msgspec.convert({"status": status}, m.DiagnosticsStatusNotificationRequest)
        point.after(
            now, f"upload {status}", later_s, lambda now: point.say("DiagnosticsStatusNotification", payload)
        )

    tell("Uploading", 1.0)
    tell("Uploaded", UPLOAD_S)
    return m.GetDiagnosticsResponse(fileName=f"{point.name[:200]}-{now:%Y%m%dT%H%M%SZ}.log")


@answers(m.UpdateFirmwareRequest)
def update_firmware(
    point: ChargePoint, request: m.UpdateFirmwareRequest, now: datetime
) -> m.UpdateFirmwareResponse:
    def tell(status: str, later_s: float) -> None:
        payload = msgspec.convert({"status": status}, m.FirmwareStatusNotificationRequest)
        point.after(
            now, f"firmware {status}", later_s, lambda now: point.say("FirmwareStatusNotification", payload)
        )

    for step, status in enumerate(("Downloading", "Downloaded", "Installing", "Installed")):
        tell(status, 1.0 + step * UPLOAD_S)
    return m.UpdateFirmwareResponse()


def _connector(point: ChargePoint, number: int) -> Connector | None:
    return next((each for each in point.connectors if each.number == number), None)
