"""What a charge point answers to the CALLs of the central system (OCPP 1.6 §5), and what it does then.

What only a station may send is NotSupported; what is no action at all is NotImplemented. A request that
breaks its schema is refused with the code of its fault.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, Struct, UnsetType

from evsys.ocpp import lenient
from evsys.ocpp.errors import Refusal
from evsys.ocpp.rpc import Call
from evsys.ocpp.v16 import messages as m
from evsys.simulator.charge_point import ChargePoint
from evsys.simulator.configuration import canonical
from evsys.simulator.connector import Connector, Reservation
from evsys.simulator.files import Update, Upload, diagnostics, security_log, tries_of
from evsys.simulator.profiles import Place
from evsys.simulator.profiles import fits as profile_fits

VENDOR: Final = "EVSYS"
"""Whose DataTransfer messages are understood: they are given back as they came."""
SAY: Final = "Say"
"""The message of ours that is said again as a DataTransfer of the charge point's own."""
DRIVER_COMES_S: Final = 2.0
"""Simulated seconds between a remote start and the car that is plugged in for it."""
STOPS_S: Final = 1.0
"""The same between a remote stop and the end of the session."""
MAX_FILE_NAME: Final = 200

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
    """The answer to a CALL. Raises Refusal or NotText."""
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


# -- configuration ---


@answers(m.GetConfigurationRequest)
def get_configuration(
    point: ChargePoint, request: m.GetConfigurationRequest, now: datetime
) -> m.GetConfigurationResponse:
    known, unknown = point.cabinet.configuration.keys(_given(request.key) or [])
    return m.GetConfigurationResponse(configurationKey=known, unknownKey=unknown)


@answers(m.ChangeConfigurationRequest)
def change_configuration(
    point: ChargePoint, request: m.ChangeConfigurationRequest, now: datetime
) -> m.ChangeConfigurationResponse:
    match request.key.lower():
        case "authorizationkey":
            return m.ChangeConfigurationResponse(status=point.change_key(request.value, now))
        case "securityprofile":
            return m.ChangeConfigurationResponse(status=point.change_profile(request.value, now))
    status = point.cabinet.configuration.change(request.key, request.value)
    if status == "Accepted":
        point.configured(canonical(request.key), now)
    return m.ChangeConfigurationResponse(status=status)


@answers(m.DataTransferRequest)
def data_transfer(
    point: ChargePoint, request: m.DataTransferRequest, now: datetime
) -> m.DataTransferResponse:
    if request.vendorId != VENDOR:
        return m.DataTransferResponse(status="UnknownVendorId")
    if request.messageId == SAY:
        point.cabinet.say("DataTransfer", m.DataTransferRequest(vendorId=VENDOR, data=request.data), now)
    return m.DataTransferResponse(status="Accepted", data=request.data)


@answers(m.ResetRequest)
def reset(point: ChargePoint, request: m.ResetRequest, now: datetime) -> m.ResetResponse:
    point.reset(now, "HardReset" if request.type == "Hard" else "SoftReset")
    return m.ResetResponse(status="Accepted")


@answers(m.ChangeAvailabilityRequest)
def change_availability(
    point: ChargePoint, request: m.ChangeAvailabilityRequest, now: datetime
) -> m.ChangeAvailabilityResponse:
    operative = request.type == "Operative"
    if request.connectorId == 0:
        done = point.make_operative(operative, now)
    else:
        connector = _connector(point, request.connectorId)
        if connector is None:
            return m.ChangeAvailabilityResponse(status="Rejected")
        done = connector.make_operative(operative, now)
    return m.ChangeAvailabilityResponse(status="Accepted" if done else "Scheduled")


@answers(m.TriggerMessageRequest)
def trigger_message(
    point: ChargePoint, request: m.TriggerMessageRequest, now: datetime
) -> m.TriggerMessageResponse:
    done = _trigger(point, request.requestedMessage, _given(request.connectorId), now)
    return m.TriggerMessageResponse(status="Accepted" if done else "Rejected")


@answers(m.ExtendedTriggerMessageRequest)
def extended_trigger_message(
    point: ChargePoint, request: m.ExtendedTriggerMessageRequest, now: datetime
) -> m.ExtendedTriggerMessageResponse:
    """The status of firmware comes as that of signed firmware."""
    word = request.requestedMessage
    message = "SignedFirmwareStatusNotification" if word == "FirmwareStatusNotification" else word
    done = _trigger(point, message, _given(request.connectorId), now)
    return m.ExtendedTriggerMessageResponse(status="Accepted" if done else "Rejected")


def _trigger(point: ChargePoint, message: str, number: int | None, now: datetime) -> bool:
    """Send a message; whether there is the connector that was named."""
    if number and _connector(point, number) is None:
        return False
    match message:
        case "BootNotification":
            point.boot(now)
        case "Heartbeat":
            point.cabinet.say("Heartbeat", m.HeartbeatRequest(), now)
        case "StatusNotification":
            point.report_status(now, number)
        case "MeterValues":
            for connector in point.connectors:
                if number in (None, 0, connector.number):
                    connector.send_meter_values(now, "Trigger")
        case "DiagnosticsStatusNotification":
            point.files.say_diagnostics(now)
        case "FirmwareStatusNotification":
            point.files.say_firmware(signed=False, now=now)
        case "LogStatusNotification":
            point.files.say_log(now)
        case "SignedFirmwareStatusNotification":
            point.files.say_firmware(signed=True, now=now)
        case "SignChargePointCertificate":
            point.security.request(now)
    return True


# -- sessions ---


@answers(m.RemoteStartTransactionRequest)
def remote_start(
    point: ChargePoint, request: m.RemoteStartTransactionRequest, now: datetime
) -> m.RemoteStartTransactionResponse:
    """Without a connector the first free one is taken. A profile that comes along must be a TxProfile of no
    transaction (§5.16.2)."""
    number, profile = _given(request.connectorId), _given(request.chargingProfile)
    free = (
        each for each in point.connectors if number in (None, each.number) and each.is_free_for(request.idTag)
    )
    connector = next(free, None)
    fitting = profile is None or (
        profile.chargingProfilePurpose == "TxProfile"
        and profile.transactionId is UNSET
        and profile_fits(connector.number if connector else 0, profile, transaction=0)
    )
    if connector is None or not fitting or point.cabinet.registration != "Accepted":
        return m.RemoteStartTransactionResponse(status="Rejected")
    # The driver makes it in time, however short ConnectionTimeOut is.
    comes_s = min(DRIVER_COMES_S, point.cabinet.configuration.number("ConnectionTimeOut"))
    point.cabinet.timers.after(
        now,
        f"remote{connector.number}",
        comes_s,
        lambda now: connector.begin_remotely(request.idTag, profile, now),
    )
    return m.RemoteStartTransactionResponse(status="Accepted")


@answers(m.RemoteStopTransactionRequest)
def remote_stop(
    point: ChargePoint, request: m.RemoteStopTransactionRequest, now: datetime
) -> m.RemoteStopTransactionResponse:
    for connector in point.connectors:
        session = connector.session
        if session is not None and session.transaction_id == request.transactionId:
            break
    else:
        return m.RemoteStopTransactionResponse(status="Rejected")

    def stop(now: datetime) -> None:
        if connector.session is session:
            connector.stop("Remote", now)

    point.cabinet.timers.after(now, f"remote{connector.number}", STOPS_S, stop)
    return m.RemoteStopTransactionResponse(status="Accepted")


@answers(m.UnlockConnectorRequest)
def unlock_connector(
    point: ChargePoint, request: m.UnlockConnectorRequest, now: datetime
) -> m.UnlockConnectorResponse:
    connector = _connector(point, request.connectorId)
    if connector is None:
        return m.UnlockConnectorResponse(status="NotSupported")
    connector.stop("UnlockCommand", now)
    return m.UnlockConnectorResponse(status="Unlocked")


@answers(m.ReserveNowRequest)
def reserve_now(point: ChargePoint, request: m.ReserveNowRequest, now: datetime) -> m.ReserveNowResponse:
    """A reservation of the same id replaces the older one, wherever that was."""
    connector = _connector(point, request.connectorId)
    if connector is None or request.expiryDate <= now:
        return m.ReserveNowResponse(status="Rejected")
    older = _reserved(point, request.reservationId)
    if connector.status == "Unavailable":
        return m.ReserveNowResponse(status="Unavailable")
    if connector.status != "Available" and older is not connector:
        return m.ReserveNowResponse(status="Occupied")
    if older is not None and older is not connector:
        older.end_reservation(now)
    parent = _given(request.parentIdTag) or ""
    connector.reserve(Reservation(request.reservationId, request.idTag, request.expiryDate, parent), now)
    return m.ReserveNowResponse(status="Accepted")


@answers(m.CancelReservationRequest)
def cancel_reservation(
    point: ChargePoint, request: m.CancelReservationRequest, now: datetime
) -> m.CancelReservationResponse:
    connector = _reserved(point, request.reservationId)
    if connector is None:
        return m.CancelReservationResponse(status="Rejected")
    connector.end_reservation(now)
    return m.CancelReservationResponse(status="Accepted")


# -- whom it knows ---


@answers(m.ClearCacheRequest)
def clear_cache(point: ChargePoint, request: m.ClearCacheRequest, now: datetime) -> m.ClearCacheResponse:
    if not point.cabinet.configuration.true("AuthorizationCacheEnabled"):
        return m.ClearCacheResponse(status="Rejected")
    point.cabinet.tokens.forget()
    return m.ClearCacheResponse(status="Accepted")


@answers(m.GetLocalListVersionRequest)
def get_local_list_version(
    point: ChargePoint, request: m.GetLocalListVersionRequest, now: datetime
) -> m.GetLocalListVersionResponse:
    """−1 where there is no list to be had (§5.10)."""
    enabled = point.cabinet.configuration.true("LocalAuthListEnabled")
    return m.GetLocalListVersionResponse(listVersion=point.cabinet.tokens.version if enabled else -1)


@answers(m.SendLocalListRequest)
def send_local_list(
    point: ChargePoint, request: m.SendLocalListRequest, now: datetime
) -> m.SendLocalListResponse:
    tokens, full = point.cabinet.tokens, request.updateType == "Full"
    if not point.cabinet.configuration.true("LocalAuthListEnabled"):
        return m.SendLocalListResponse(status="NotSupported")
    if not full and request.listVersion <= tokens.version:
        return m.SendLocalListResponse(status="VersionMismatch")
    done = tokens.update(request.listVersion, _given(request.localAuthorizationList) or [], full)
    return m.SendLocalListResponse(status="Accepted" if done else "Failed")


# -- smart charging ---


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
    profiles = point.cabinet.profiles
    status = profiles.set(request.connectorId, request.csChargingProfiles, now, transaction)
    _limits_changed(point, now)
    return m.SetChargingProfileResponse(status=status)


@answers(m.ClearChargingProfileRequest)
def clear_charging_profile(
    point: ChargePoint, request: m.ClearChargingProfileRequest, now: datetime
) -> m.ClearChargingProfileResponse:
    found = point.cabinet.profiles.clear(
        request.id, request.connectorId, request.chargingProfilePurpose, request.stackLevel
    )
    _limits_changed(point, now)
    return m.ClearChargingProfileResponse(status="Accepted" if found else "Unknown")


@answers(m.GetCompositeScheduleRequest)
def get_composite_schedule(
    point: ChargePoint, request: m.GetCompositeScheduleRequest, now: datetime
) -> m.GetCompositeScheduleResponse:
    connector = _connector(point, request.connectorId)
    if (connector is None and request.connectorId != 0) or request.duration <= 0:
        return m.GetCompositeScheduleResponse(status="Rejected")
    settings = point.cabinet.settings
    place = connector.place if connector else Place(0, settings.most_w * settings.connectors)
    schedule = point.cabinet.profiles.composite(
        place, now, request.duration, _given(request.chargingRateUnit) or "A"
    )
    return m.GetCompositeScheduleResponse(
        status="Accepted", connectorId=request.connectorId, scheduleStart=now, chargingSchedule=schedule
    )


# -- files ---


@answers(m.GetDiagnosticsRequest)
def get_diagnostics(
    point: ChargePoint, request: m.GetDiagnosticsRequest, now: datetime
) -> m.GetDiagnosticsResponse:
    tries, retry_s = tries_of(request.retries, request.retryInterval)
    content = diagnostics(point.cabinet, point.files.version, now)
    name = _file_name(point, now)
    point.files.upload(Upload(request.location, name, content, None, tries, retry_s), now)
    return m.GetDiagnosticsResponse(fileName=name)


@answers(m.GetLogRequest)
def get_log(point: ChargePoint, request: m.GetLogRequest, now: datetime) -> m.GetLogResponse:
    tries, retry_s = tries_of(request.retries, request.retryInterval)
    if request.logType == "SecurityLog":
        content = security_log(point.security)
    else:
        content = diagnostics(point.cabinet, point.files.version, now)
    name = _file_name(point, now)
    wanted = Upload(request.log.remoteLocation, name, content, request.requestId, tries, retry_s)
    given_up = point.files.upload(wanted, now)
    return m.GetLogResponse(status="AcceptedCanceled" if given_up else "Accepted", filename=name)


@answers(m.UpdateFirmwareRequest)
def update_firmware(
    point: ChargePoint, request: m.UpdateFirmwareRequest, now: datetime
) -> m.UpdateFirmwareResponse:
    tries, retry_s = tries_of(request.retries, request.retryInterval)
    point.files.update(Update(request.location, request.retrieveDate, tries, retry_s), now)
    return m.UpdateFirmwareResponse()


@answers(m.SignedUpdateFirmwareRequest)
def signed_update_firmware(
    point: ChargePoint, request: m.SignedUpdateFirmwareRequest, now: datetime
) -> m.SignedUpdateFirmwareResponse:
    """Nothing is fetched that nobody trustworthy has signed."""
    firmware = request.firmware
    if point.security.firmware_signer(firmware.signingCertificate, now) is None:
        point.security.report("InvalidFirmwareSigningCertificate", now)
        return m.SignedUpdateFirmwareResponse(status="InvalidCertificate")
    tries, retry_s = tries_of(request.retries, request.retryInterval)
    wanted = Update(
        firmware.location,
        firmware.retrieveDateTime,
        tries,
        retry_s,
        _given(firmware.installDateTime),
        request.requestId,
        firmware.signingCertificate,
        firmware.signature,
    )
    given_up = point.files.update(wanted, now)
    return m.SignedUpdateFirmwareResponse(status="AcceptedCanceled" if given_up else "Accepted")


# -- certificates ---


@answers(m.InstallCertificateRequest)
def install_certificate(
    point: ChargePoint, request: m.InstallCertificateRequest, now: datetime
) -> m.InstallCertificateResponse:
    status = point.security.install(request.certificateType, request.certificate)
    return m.InstallCertificateResponse(status=status)


@answers(m.DeleteCertificateRequest)
def delete_certificate(
    point: ChargePoint, request: m.DeleteCertificateRequest, now: datetime
) -> m.DeleteCertificateResponse:
    found = point.security.delete(request.certificateHashData)
    return m.DeleteCertificateResponse(status="Accepted" if found else "NotFound")


@answers(m.GetInstalledCertificateIdsRequest)
def get_installed_certificate_ids(
    point: ChargePoint, request: m.GetInstalledCertificateIdsRequest, now: datetime
) -> m.GetInstalledCertificateIdsResponse:
    found = point.security.ids(request.certificateType)
    return m.GetInstalledCertificateIdsResponse(
        certificateHashData=found or UNSET, status="Accepted" if found else "NotFound"
    )


@answers(m.CertificateSignedRequest)
def certificate_signed(
    point: ChargePoint, request: m.CertificateSignedRequest, now: datetime
) -> m.CertificateSignedResponse:
    fits = point.take_certificate(request.certificateChain, now)
    return m.CertificateSignedResponse(status="Accepted" if fits else "Rejected")


# -- helpers ---

T = TypeVar("T")


def _given(member: T | UnsetType) -> T | None:
    """An optional member; None where it is absent."""
    return None if isinstance(member, UnsetType) else member


def _connector(point: ChargePoint, number: int) -> Connector | None:
    return next((each for each in point.connectors if each.number == number), None)


def _reserved(point: ChargePoint, reservation: int) -> Connector | None:
    for each in point.connectors:
        if each.reservation is not None and each.reservation.id == reservation:
            return each
    return None


def _file_name(point: ChargePoint, now: datetime) -> str:
    return f"{point.name[:MAX_FILE_NAME]}-{now:%Y%m%dT%H%M%SZ}.log"


def _limits_changed(point: ChargePoint, now: datetime) -> None:
    for connector in point.connectors:
        connector.flow(now)
