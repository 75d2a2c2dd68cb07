"""The messages of OCPP 1.6 edition 2 and the security extension: 39 actions, typed and validated.

Written by `tools/generate_messages.py` from the official JSON schemas; edit that instead. Members are
spelled as OCPP spells them and stand in the order of the schema, which is the order in which they are sent.
An optional member that is absent is UNSET; an explicit null is not valid and takes the slow road of
`ocpp.lenient`. A required member typed `| UnsetType` may come out UNSET of that road: the schema asks for it,
but the message has a meaning without.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, NamedTuple

from msgspec import UNSET, Meta, Struct, UnsetType

DateTime = Annotated[datetime, Meta(tz=True)]
Integer = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""No schema bounds an integer; beyond this it is no JSON number that everybody reads alike."""


class Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """Base of all messages and their parts: trees without cycles, which the collector may skip."""


class AuthorizeRequest(Message, frozen=True, kw_only=True):
    """Authorize.req"""

    idTag: Annotated[str, Meta(max_length=20)]


class IdTagInfo(Message, frozen=True, kw_only=True):
    """Part of AuthorizeResponse."""

    expiryDate: DateTime | UnsetType = UNSET
    parentIdTag: Annotated[str, Meta(max_length=20)] | UnsetType = UNSET
    status: Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]


class AuthorizeResponse(Message, frozen=True, kw_only=True):
    """Authorize.conf"""

    idTagInfo: IdTagInfo


class BootNotificationRequest(Message, frozen=True, kw_only=True):
    """BootNotification.req"""

    chargePointVendor: Annotated[str, Meta(max_length=20)]
    chargePointModel: Annotated[str, Meta(max_length=20)]
    chargePointSerialNumber: Annotated[str, Meta(max_length=25)] | UnsetType = UNSET
    chargeBoxSerialNumber: Annotated[str, Meta(max_length=25)] | UnsetType = UNSET
    firmwareVersion: Annotated[str, Meta(max_length=50)] | UnsetType = UNSET
    iccid: Annotated[str, Meta(max_length=20)] | UnsetType = UNSET
    imsi: Annotated[str, Meta(max_length=20)] | UnsetType = UNSET
    meterType: Annotated[str, Meta(max_length=25)] | UnsetType = UNSET
    meterSerialNumber: Annotated[str, Meta(max_length=25)] | UnsetType = UNSET


class BootNotificationResponse(Message, frozen=True, kw_only=True):
    """BootNotification.conf"""

    status: Literal["Accepted", "Pending", "Rejected"]
    currentTime: DateTime
    interval: Integer


class CancelReservationRequest(Message, frozen=True, kw_only=True):
    """CancelReservation.req"""

    reservationId: Integer


class CancelReservationResponse(Message, frozen=True, kw_only=True):
    """CancelReservation.conf"""

    status: Literal["Accepted", "Rejected"]


class CertificateSignedRequest(Message, frozen=True, kw_only=True):
    """CertificateSigned.req"""

    certificateChain: Annotated[str, Meta(max_length=10000)]


class CertificateSignedResponse(Message, frozen=True, kw_only=True):
    """CertificateSigned.conf"""

    status: Literal["Accepted", "Rejected"]


class ChangeAvailabilityRequest(Message, frozen=True, kw_only=True):
    """ChangeAvailability.req"""

    connectorId: Integer
    type: Literal["Inoperative", "Operative"]


class ChangeAvailabilityResponse(Message, frozen=True, kw_only=True):
    """ChangeAvailability.conf"""

    status: Literal["Accepted", "Rejected", "Scheduled"]


class ChangeConfigurationRequest(Message, frozen=True, kw_only=True):
    """ChangeConfiguration.req"""

    key: Annotated[str, Meta(max_length=50)]
    value: Annotated[str, Meta(max_length=500)]


class ChangeConfigurationResponse(Message, frozen=True, kw_only=True):
    """ChangeConfiguration.conf"""

    status: Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]


class ClearCacheRequest(Message, frozen=True, kw_only=True):
    """ClearCache.req"""


class ClearCacheResponse(Message, frozen=True, kw_only=True):
    """ClearCache.conf"""

    status: Literal["Accepted", "Rejected"]


class ClearChargingProfileRequest(Message, frozen=True, kw_only=True):
    """ClearChargingProfile.req"""

    id: Integer | UnsetType = UNSET
    connectorId: Integer | UnsetType = UNSET
    chargingProfilePurpose: Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"] | UnsetType = (
        UNSET
    )
    stackLevel: Integer | UnsetType = UNSET


class ClearChargingProfileResponse(Message, frozen=True, kw_only=True):
    """ClearChargingProfile.conf"""

    status: Literal["Accepted", "Unknown"]


class DataTransferRequest(Message, frozen=True, kw_only=True):
    """DataTransfer.req"""

    vendorId: Annotated[str, Meta(max_length=255)]
    messageId: Annotated[str, Meta(max_length=50)] | UnsetType = UNSET
    data: str | UnsetType = UNSET


class DataTransferResponse(Message, frozen=True, kw_only=True):
    """DataTransfer.conf"""

    status: Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]
    data: str | UnsetType = UNSET


class CertificateHashData(Message, frozen=True, kw_only=True):
    """Part of DeleteCertificateRequest."""

    hashAlgorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuerNameHash: Annotated[str, Meta(max_length=128)]
    issuerKeyHash: Annotated[str, Meta(max_length=128)]
    serialNumber: Annotated[str, Meta(max_length=40)]


class DeleteCertificateRequest(Message, frozen=True, kw_only=True):
    """DeleteCertificate.req"""

    certificateHashData: CertificateHashData


class DeleteCertificateResponse(Message, frozen=True, kw_only=True):
    """DeleteCertificate.conf"""

    status: Literal["Accepted", "Failed", "NotFound"]


class DiagnosticsStatusNotificationRequest(Message, frozen=True, kw_only=True):
    """DiagnosticsStatusNotification.req"""

    status: Literal["Idle", "Uploaded", "UploadFailed", "Uploading"]


class DiagnosticsStatusNotificationResponse(Message, frozen=True, kw_only=True):
    """DiagnosticsStatusNotification.conf"""


class ExtendedTriggerMessageRequest(Message, frozen=True, kw_only=True):
    """ExtendedTriggerMessage.req"""

    requestedMessage: Literal[
        "BootNotification",
        "LogStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "SignChargePointCertificate",
        "StatusNotification",
    ]
    connectorId: Integer | UnsetType = UNSET


class ExtendedTriggerMessageResponse(Message, frozen=True, kw_only=True):
    """ExtendedTriggerMessage.conf"""

    status: Literal["Accepted", "Rejected", "NotImplemented"]


class FirmwareStatusNotificationRequest(Message, frozen=True, kw_only=True):
    """FirmwareStatusNotification.req"""

    status: Literal[
        "Downloaded", "DownloadFailed", "Downloading", "Idle", "InstallationFailed", "Installing", "Installed"
    ]


class FirmwareStatusNotificationResponse(Message, frozen=True, kw_only=True):
    """FirmwareStatusNotification.conf"""


class GetCompositeScheduleRequest(Message, frozen=True, kw_only=True):
    """GetCompositeSchedule.req"""

    connectorId: Integer
    duration: Integer
    chargingRateUnit: Literal["A", "W"] | UnsetType = UNSET


class ChargingSchedulePeriod(Message, frozen=True, kw_only=True):
    """Part of ChargingSchedule."""

    startPeriod: Integer
    limit: Decimal
    numberPhases: Integer | UnsetType = UNSET


class ChargingSchedule(Message, frozen=True, kw_only=True):
    """Part of GetCompositeScheduleResponse."""

    duration: Integer | UnsetType = UNSET
    startSchedule: DateTime | UnsetType = UNSET
    chargingRateUnit: Literal["A", "W"]
    chargingSchedulePeriod: list[ChargingSchedulePeriod]
    minChargingRate: Decimal | UnsetType = UNSET


class GetCompositeScheduleResponse(Message, frozen=True, kw_only=True):
    """GetCompositeSchedule.conf"""

    status: Literal["Accepted", "Rejected"]
    connectorId: Integer | UnsetType = UNSET
    scheduleStart: DateTime | UnsetType = UNSET
    chargingSchedule: ChargingSchedule | UnsetType = UNSET


class GetConfigurationRequest(Message, frozen=True, kw_only=True):
    """GetConfiguration.req"""

    key: list[Annotated[str, Meta(max_length=50)]] | UnsetType = UNSET


class ConfigurationKey(Message, frozen=True, kw_only=True):
    """Part of GetConfigurationResponse."""

    key: Annotated[str, Meta(max_length=50)]
    readonly: bool
    value: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET


class GetConfigurationResponse(Message, frozen=True, kw_only=True):
    """GetConfiguration.conf"""

    configurationKey: list[ConfigurationKey] | UnsetType = UNSET
    unknownKey: list[Annotated[str, Meta(max_length=50)]] | UnsetType = UNSET


class GetDiagnosticsRequest(Message, frozen=True, kw_only=True):
    """GetDiagnostics.req"""

    location: str
    retries: Integer | UnsetType = UNSET
    retryInterval: Integer | UnsetType = UNSET
    startTime: DateTime | UnsetType = UNSET
    stopTime: DateTime | UnsetType = UNSET


class GetDiagnosticsResponse(Message, frozen=True, kw_only=True):
    """GetDiagnostics.conf"""

    fileName: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET


class GetInstalledCertificateIdsRequest(Message, frozen=True, kw_only=True):
    """GetInstalledCertificateIds.req"""

    certificateType: Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]


class GetInstalledCertificateIdsResponse(Message, frozen=True, kw_only=True):
    """GetInstalledCertificateIds.conf"""

    certificateHashData: Annotated[list[CertificateHashData], Meta(min_length=1)] | UnsetType = UNSET
    status: Literal["Accepted", "NotFound"]


class GetLocalListVersionRequest(Message, frozen=True, kw_only=True):
    """GetLocalListVersion.req"""


class GetLocalListVersionResponse(Message, frozen=True, kw_only=True):
    """GetLocalListVersion.conf"""

    listVersion: Integer


class LogParameters(Message, frozen=True, kw_only=True):
    """Part of GetLogRequest."""

    remoteLocation: Annotated[str, Meta(max_length=512)]
    oldestTimestamp: DateTime | UnsetType = UNSET
    latestTimestamp: DateTime | UnsetType = UNSET


class GetLogRequest(Message, frozen=True, kw_only=True):
    """GetLog.req"""

    log: LogParameters
    logType: Literal["DiagnosticsLog", "SecurityLog"]
    requestId: Integer
    retries: Integer | UnsetType = UNSET
    retryInterval: Integer | UnsetType = UNSET


class GetLogResponse(Message, frozen=True, kw_only=True):
    """GetLog.conf"""

    status: Literal["Accepted", "Rejected", "AcceptedCanceled"]
    filename: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET


class HeartbeatRequest(Message, frozen=True, kw_only=True):
    """Heartbeat.req"""


class HeartbeatResponse(Message, frozen=True, kw_only=True):
    """Heartbeat.conf"""

    currentTime: DateTime


class InstallCertificateRequest(Message, frozen=True, kw_only=True):
    """InstallCertificate.req"""

    certificateType: Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]
    certificate: Annotated[str, Meta(max_length=5500)]


class InstallCertificateResponse(Message, frozen=True, kw_only=True):
    """InstallCertificate.conf"""

    status: Literal["Accepted", "Failed", "Rejected"]


class LogStatusNotificationRequest(Message, frozen=True, kw_only=True):
    """LogStatusNotification.req"""

    status: Literal[
        "BadMessage",
        "Idle",
        "NotSupportedOperation",
        "PermissionDenied",
        "Uploaded",
        "UploadFailure",
        "Uploading",
    ]
    requestId: Integer | UnsetType = UNSET


class LogStatusNotificationResponse(Message, frozen=True, kw_only=True):
    """LogStatusNotification.conf"""


class SampledValue(Message, frozen=True, kw_only=True):
    """Part of MeterValue."""

    value: str
    context: (
        Literal[
            "Interruption.Begin",
            "Interruption.End",
            "Sample.Clock",
            "Sample.Periodic",
            "Transaction.Begin",
            "Transaction.End",
            "Trigger",
            "Other",
        ]
        | UnsetType
    ) = UNSET
    format: Literal["Raw", "SignedData"] | UnsetType = UNSET
    measurand: (
        Literal[
            "Energy.Active.Export.Register",
            "Energy.Active.Import.Register",
            "Energy.Reactive.Export.Register",
            "Energy.Reactive.Import.Register",
            "Energy.Active.Export.Interval",
            "Energy.Active.Import.Interval",
            "Energy.Reactive.Export.Interval",
            "Energy.Reactive.Import.Interval",
            "Power.Active.Export",
            "Power.Active.Import",
            "Power.Offered",
            "Power.Reactive.Export",
            "Power.Reactive.Import",
            "Power.Factor",
            "Current.Import",
            "Current.Export",
            "Current.Offered",
            "Voltage",
            "Frequency",
            "Temperature",
            "SoC",
            "RPM",
        ]
        | UnsetType
    ) = UNSET
    phase: Literal["L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"] | UnsetType = (
        UNSET
    )
    location: Literal["Cable", "EV", "Inlet", "Outlet", "Body"] | UnsetType = UNSET
    unit: (
        Literal[
            "Wh",
            "kWh",
            "varh",
            "kvarh",
            "W",
            "kW",
            "VA",
            "kVA",
            "var",
            "kvar",
            "A",
            "V",
            "K",
            "Celcius",
            "Celsius",
            "Fahrenheit",
            "Percent",
            "Hertz",
        ]
        | UnsetType
    ) = UNSET


class MeterValue(Message, frozen=True, kw_only=True):
    """Part of MeterValuesRequest."""

    timestamp: DateTime | UnsetType
    sampledValue: Annotated[list[SampledValue], Meta(min_length=1)] | UnsetType


class MeterValuesRequest(Message, frozen=True, kw_only=True):
    """MeterValues.req"""

    connectorId: Integer
    transactionId: Integer | UnsetType = UNSET
    meterValue: Annotated[list[MeterValue], Meta(min_length=1)]


class MeterValuesResponse(Message, frozen=True, kw_only=True):
    """MeterValues.conf"""


class ChargingProfile(Message, frozen=True, kw_only=True):
    """Part of RemoteStartTransactionRequest."""

    chargingProfileId: Integer
    transactionId: Integer | UnsetType = UNSET
    stackLevel: Integer
    chargingProfilePurpose: Literal["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"]
    chargingProfileKind: Literal["Absolute", "Recurring", "Relative"]
    recurrencyKind: Literal["Daily", "Weekly"] | UnsetType = UNSET
    validFrom: DateTime | UnsetType = UNSET
    validTo: DateTime | UnsetType = UNSET
    chargingSchedule: ChargingSchedule


class RemoteStartTransactionRequest(Message, frozen=True, kw_only=True):
    """RemoteStartTransaction.req"""

    connectorId: Integer | UnsetType = UNSET
    idTag: Annotated[str, Meta(max_length=20)]
    chargingProfile: ChargingProfile | UnsetType = UNSET


class RemoteStartTransactionResponse(Message, frozen=True, kw_only=True):
    """RemoteStartTransaction.conf"""

    status: Literal["Accepted", "Rejected"]


class RemoteStopTransactionRequest(Message, frozen=True, kw_only=True):
    """RemoteStopTransaction.req"""

    transactionId: Integer


class RemoteStopTransactionResponse(Message, frozen=True, kw_only=True):
    """RemoteStopTransaction.conf"""

    status: Literal["Accepted", "Rejected"]


class ReserveNowRequest(Message, frozen=True, kw_only=True):
    """ReserveNow.req"""

    connectorId: Integer
    expiryDate: DateTime
    idTag: Annotated[str, Meta(max_length=20)]
    parentIdTag: Annotated[str, Meta(max_length=20)] | UnsetType = UNSET
    reservationId: Integer


class ReserveNowResponse(Message, frozen=True, kw_only=True):
    """ReserveNow.conf"""

    status: Literal["Accepted", "Faulted", "Occupied", "Rejected", "Unavailable"]


class ResetRequest(Message, frozen=True, kw_only=True):
    """Reset.req"""

    type: Literal["Hard", "Soft"]


class ResetResponse(Message, frozen=True, kw_only=True):
    """Reset.conf"""

    status: Literal["Accepted", "Rejected"]


class SecurityEventNotificationRequest(Message, frozen=True, kw_only=True):
    """SecurityEventNotification.req"""

    type: Annotated[str, Meta(max_length=50)]
    timestamp: DateTime | UnsetType
    techInfo: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET


class SecurityEventNotificationResponse(Message, frozen=True, kw_only=True):
    """SecurityEventNotification.conf"""


class LocalAuthorization(Message, frozen=True, kw_only=True):
    """Part of SendLocalListRequest."""

    idTag: Annotated[str, Meta(max_length=20)]
    idTagInfo: IdTagInfo | UnsetType = UNSET


class SendLocalListRequest(Message, frozen=True, kw_only=True):
    """SendLocalList.req"""

    listVersion: Integer
    localAuthorizationList: list[LocalAuthorization] | UnsetType = UNSET
    updateType: Literal["Differential", "Full"]


class SendLocalListResponse(Message, frozen=True, kw_only=True):
    """SendLocalList.conf"""

    status: Literal["Accepted", "Failed", "NotSupported", "VersionMismatch"]


class SetChargingProfileRequest(Message, frozen=True, kw_only=True):
    """SetChargingProfile.req"""

    connectorId: Integer
    csChargingProfiles: ChargingProfile


class SetChargingProfileResponse(Message, frozen=True, kw_only=True):
    """SetChargingProfile.conf"""

    status: Literal["Accepted", "Rejected", "NotSupported"]


class SignCertificateRequest(Message, frozen=True, kw_only=True):
    """SignCertificate.req"""

    csr: Annotated[str, Meta(max_length=5500)]


class SignCertificateResponse(Message, frozen=True, kw_only=True):
    """SignCertificate.conf"""

    status: Literal["Accepted", "Rejected"]


class SignedFirmwareStatusNotificationRequest(Message, frozen=True, kw_only=True):
    """SignedFirmwareStatusNotification.req"""

    status: Literal[
        "Downloaded",
        "DownloadFailed",
        "Downloading",
        "DownloadScheduled",
        "DownloadPaused",
        "Idle",
        "InstallationFailed",
        "Installing",
        "Installed",
        "InstallRebooting",
        "InstallScheduled",
        "InstallVerificationFailed",
        "InvalidSignature",
        "SignatureVerified",
    ]
    requestId: Integer | UnsetType = UNSET


class SignedFirmwareStatusNotificationResponse(Message, frozen=True, kw_only=True):
    """SignedFirmwareStatusNotification.conf"""


class Firmware(Message, frozen=True, kw_only=True):
    """Part of SignedUpdateFirmwareRequest."""

    location: Annotated[str, Meta(max_length=512)]
    retrieveDateTime: DateTime
    installDateTime: DateTime | UnsetType = UNSET
    signingCertificate: Annotated[str, Meta(max_length=5500)]
    signature: Annotated[str, Meta(max_length=800)]


class SignedUpdateFirmwareRequest(Message, frozen=True, kw_only=True):
    """SignedUpdateFirmware.req"""

    retries: Integer | UnsetType = UNSET
    retryInterval: Integer | UnsetType = UNSET
    requestId: Integer
    firmware: Firmware


class SignedUpdateFirmwareResponse(Message, frozen=True, kw_only=True):
    """SignedUpdateFirmware.conf"""

    status: Literal["Accepted", "Rejected", "AcceptedCanceled", "InvalidCertificate", "RevokedCertificate"]


class StartTransactionRequest(Message, frozen=True, kw_only=True):
    """StartTransaction.req"""

    connectorId: Integer
    idTag: Annotated[str, Meta(max_length=20)] | UnsetType
    meterStart: Integer | UnsetType
    reservationId: Integer | UnsetType = UNSET
    timestamp: DateTime | UnsetType


class StartTransactionResponse(Message, frozen=True, kw_only=True):
    """StartTransaction.conf"""

    idTagInfo: IdTagInfo
    transactionId: Integer


class StatusNotificationRequest(Message, frozen=True, kw_only=True):
    """StatusNotification.req"""

    connectorId: Integer
    errorCode: (
        Literal[
            "ConnectorLockFailure",
            "EVCommunicationError",
            "GroundFailure",
            "HighTemperature",
            "InternalError",
            "LocalListConflict",
            "NoError",
            "OtherError",
            "OverCurrentFailure",
            "PowerMeterFailure",
            "PowerSwitchFailure",
            "ReaderFailure",
            "ResetFailure",
            "UnderVoltage",
            "OverVoltage",
            "WeakSignal",
        ]
        | UnsetType
    )
    info: Annotated[str, Meta(max_length=50)] | UnsetType = UNSET
    status: Literal[
        "Available",
        "Preparing",
        "Charging",
        "SuspendedEVSE",
        "SuspendedEV",
        "Finishing",
        "Reserved",
        "Unavailable",
        "Faulted",
    ]
    timestamp: DateTime | UnsetType = UNSET
    vendorId: Annotated[str, Meta(max_length=255)] | UnsetType = UNSET
    vendorErrorCode: Annotated[str, Meta(max_length=50)] | UnsetType = UNSET


class StatusNotificationResponse(Message, frozen=True, kw_only=True):
    """StatusNotification.conf"""


class StopTransactionRequest(Message, frozen=True, kw_only=True):
    """StopTransaction.req"""

    idTag: Annotated[str, Meta(max_length=20)] | UnsetType = UNSET
    meterStop: Integer | UnsetType
    timestamp: DateTime | UnsetType
    transactionId: Integer
    reason: (
        Literal[
            "EmergencyStop",
            "EVDisconnected",
            "HardReset",
            "Local",
            "Other",
            "PowerLoss",
            "Reboot",
            "Remote",
            "SoftReset",
            "UnlockCommand",
            "DeAuthorized",
        ]
        | UnsetType
    ) = UNSET
    transactionData: list[MeterValue] | UnsetType = UNSET


class StopTransactionResponse(Message, frozen=True, kw_only=True):
    """StopTransaction.conf"""

    idTagInfo: IdTagInfo | UnsetType = UNSET


class TriggerMessageRequest(Message, frozen=True, kw_only=True):
    """TriggerMessage.req"""

    requestedMessage: Literal[
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    ]
    connectorId: Integer | UnsetType = UNSET


class TriggerMessageResponse(Message, frozen=True, kw_only=True):
    """TriggerMessage.conf"""

    status: Literal["Accepted", "Rejected", "NotImplemented"]


class UnlockConnectorRequest(Message, frozen=True, kw_only=True):
    """UnlockConnector.req"""

    connectorId: Integer


class UnlockConnectorResponse(Message, frozen=True, kw_only=True):
    """UnlockConnector.conf"""

    status: Literal["Unlocked", "UnlockFailed", "NotSupported"]


class UpdateFirmwareRequest(Message, frozen=True, kw_only=True):
    """UpdateFirmware.req"""

    location: str
    retries: Integer | UnsetType = UNSET
    retrieveDate: DateTime
    retryInterval: Integer | UnsetType = UNSET


class UpdateFirmwareResponse(Message, frozen=True, kw_only=True):
    """UpdateFirmware.conf"""


class Action(NamedTuple):
    """Both messages of an action, and who may send the request."""

    request: type[Message]
    response: type[Message]
    sender: Literal["station", "csms", "both"]


ACTIONS: dict[str, Action] = {
    "Authorize": Action(AuthorizeRequest, AuthorizeResponse, "station"),
    "BootNotification": Action(BootNotificationRequest, BootNotificationResponse, "station"),
    "CancelReservation": Action(CancelReservationRequest, CancelReservationResponse, "csms"),
    "CertificateSigned": Action(CertificateSignedRequest, CertificateSignedResponse, "csms"),
    "ChangeAvailability": Action(ChangeAvailabilityRequest, ChangeAvailabilityResponse, "csms"),
    "ChangeConfiguration": Action(ChangeConfigurationRequest, ChangeConfigurationResponse, "csms"),
    "ClearCache": Action(ClearCacheRequest, ClearCacheResponse, "csms"),
    "ClearChargingProfile": Action(ClearChargingProfileRequest, ClearChargingProfileResponse, "csms"),
    "DataTransfer": Action(DataTransferRequest, DataTransferResponse, "both"),
    "DeleteCertificate": Action(DeleteCertificateRequest, DeleteCertificateResponse, "csms"),
    "DiagnosticsStatusNotification": Action(
        DiagnosticsStatusNotificationRequest, DiagnosticsStatusNotificationResponse, "station"
    ),
    "ExtendedTriggerMessage": Action(ExtendedTriggerMessageRequest, ExtendedTriggerMessageResponse, "csms"),
    "FirmwareStatusNotification": Action(
        FirmwareStatusNotificationRequest, FirmwareStatusNotificationResponse, "station"
    ),
    "GetCompositeSchedule": Action(GetCompositeScheduleRequest, GetCompositeScheduleResponse, "csms"),
    "GetConfiguration": Action(GetConfigurationRequest, GetConfigurationResponse, "csms"),
    "GetDiagnostics": Action(GetDiagnosticsRequest, GetDiagnosticsResponse, "csms"),
    "GetInstalledCertificateIds": Action(
        GetInstalledCertificateIdsRequest, GetInstalledCertificateIdsResponse, "csms"
    ),
    "GetLocalListVersion": Action(GetLocalListVersionRequest, GetLocalListVersionResponse, "csms"),
    "GetLog": Action(GetLogRequest, GetLogResponse, "csms"),
    "Heartbeat": Action(HeartbeatRequest, HeartbeatResponse, "station"),
    "InstallCertificate": Action(InstallCertificateRequest, InstallCertificateResponse, "csms"),
    "LogStatusNotification": Action(LogStatusNotificationRequest, LogStatusNotificationResponse, "station"),
    "MeterValues": Action(MeterValuesRequest, MeterValuesResponse, "station"),
    "RemoteStartTransaction": Action(RemoteStartTransactionRequest, RemoteStartTransactionResponse, "csms"),
    "RemoteStopTransaction": Action(RemoteStopTransactionRequest, RemoteStopTransactionResponse, "csms"),
    "ReserveNow": Action(ReserveNowRequest, ReserveNowResponse, "csms"),
    "Reset": Action(ResetRequest, ResetResponse, "csms"),
    "SecurityEventNotification": Action(
        SecurityEventNotificationRequest, SecurityEventNotificationResponse, "station"
    ),
    "SendLocalList": Action(SendLocalListRequest, SendLocalListResponse, "csms"),
    "SetChargingProfile": Action(SetChargingProfileRequest, SetChargingProfileResponse, "csms"),
    "SignCertificate": Action(SignCertificateRequest, SignCertificateResponse, "station"),
    "SignedFirmwareStatusNotification": Action(
        SignedFirmwareStatusNotificationRequest, SignedFirmwareStatusNotificationResponse, "station"
    ),
    "SignedUpdateFirmware": Action(SignedUpdateFirmwareRequest, SignedUpdateFirmwareResponse, "csms"),
    "StartTransaction": Action(StartTransactionRequest, StartTransactionResponse, "station"),
    "StatusNotification": Action(StatusNotificationRequest, StatusNotificationResponse, "station"),
    "StopTransaction": Action(StopTransactionRequest, StopTransactionResponse, "station"),
    "TriggerMessage": Action(TriggerMessageRequest, TriggerMessageResponse, "csms"),
    "UnlockConnector": Action(UnlockConnectorRequest, UnlockConnectorResponse, "csms"),
    "UpdateFirmware": Action(UpdateFirmwareRequest, UpdateFirmwareResponse, "csms"),
}
