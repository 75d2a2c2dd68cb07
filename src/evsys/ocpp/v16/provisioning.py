"""Provisioning: BootNotification, Heartbeat, ChangeConfiguration, GetConfiguration, Reset (OCPP 1.6 §4.2,
§4.6, §5.3, §5.8, §5.14)."""

from collections.abc import Generator, Sequence
from typing import Final

from msgspec import UNSET, Raw, Struct

from evsys.core import commands
from evsys.core.commands import NOTHING, Outcome
from evsys.core.errors import BadCommand
from evsys.core.provisioning import Boot, boot
from evsys.core.station import Station
from evsys.core.work import Turn
from evsys.ocpp.dialect import Answered, Performance, Request, call, encode
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, said, whole_seconds

IGNORED: Final = "Ignored"
STANDARD_KEYS: Final = (
    "AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizeRemoteTxRequests", "BlinkRepeat",
    "ClockAlignedDataInterval", "ConnectionTimeOut", "ConnectorPhaseRotation",
    "ConnectorPhaseRotationMaxLength", "GetConfigurationMaxKeys", "HeartbeatInterval", "LightIntensity",
    "LocalAuthorizeOffline", "LocalPreAuthorize", "MaxEnergyOnInvalidId", "MeterValuesAlignedData",
    "MeterValuesAlignedDataMaxLength", "MeterValuesSampledData", "MeterValuesSampledDataMaxLength",
    "MeterValueSampleInterval", "MinimumStatusDuration", "NumberOfConnectors", "ResetRetries",
    "StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId", "StopTxnAlignedData",
    "StopTxnAlignedDataMaxLength", "StopTxnSampledData", "StopTxnSampledDataMaxLength",
    "SupportedFeatureProfiles", "SupportedFeatureProfilesMaxLength", "TransactionMessageAttempts",
    "TransactionMessageRetryInterval", "UnlockConnectorOnEVSideDisconnect", "WebSocketPingInterval",
    "LocalAuthListEnabled", "LocalAuthListMaxLength", "SendLocalListMaxLength",
    "ReserveConnectorZeroSupported",
    "ChargeProfileMaxStackLevel", "ChargingScheduleAllowedChargingRateUnit", "ChargingScheduleMaxPeriods",
    "ConnectorSwitch3to1PhaseSupported", "MaxChargingProfilesInstalled",
)  # fmt: skip
"""The keys of OCPP 1.6 §9."""
MAX_VALUE_CHARS: Final = 500
"""CiString500Type, the value of a configuration key."""


@V16.answers(m.BootNotificationRequest)
def boot_notification(turn: Turn, request: m.BootNotificationRequest) -> m.BootNotificationResponse:
    status, interval_s = boot(
        turn,
        Boot(
            vendor=request.chargePointVendor,
            model=request.chargePointModel,
            serial_number=said(request.chargePointSerialNumber),
            charge_box_serial_number=said(request.chargeBoxSerialNumber),
            firmware_version=said(request.firmwareVersion),
            iccid=said(request.iccid),
            imsi=said(request.imsi),
            meter_type=said(request.meterType),
            meter_serial_number=said(request.meterSerialNumber),
        ),
    )
    return m.BootNotificationResponse(status=status, currentTime=whole_seconds(turn.now), interval=interval_s)


@V16.answers(m.HeartbeatRequest)
def heartbeat(turn: Turn, request: m.HeartbeatRequest) -> m.HeartbeatResponse:
    return m.HeartbeatResponse(currentTime=whole_seconds(turn.now))


@V16.performs(commands.SetVariables)
def change_configuration(command: commands.SetVariables, station: Station) -> Performance:
    """One CALL per key; a key that is refused does not keep the next from being set. The status is the
    station's word where all answers agree, else each key with its own. Of a model that accepts what it does
    not do, the key is read again, and the word is *Ignored* where it has another value."""
    requests = [_change(each) for each in command.variables]
    answers = []
    raw = NOTHING
    for request in requests:
        answer, raw = yield from call(Request("ChangeConfiguration", request, m.ChangeConfigurationResponse))
        word: str = answer.status
        if station.workarounds.read_back and word == "Accepted":
            now = yield from read_configuration((request.key,), station)
            has = [
                each.value for each in now.configurationKey or () if each.key.lower() == request.key.lower()
            ]
            word = word if has == [request.value] else IGNORED
        answers.append(word)
    words = set(answers)
    each_with_its_own = (f"{request.key}: {word}" for request, word in zip(requests, answers, strict=True))
    return Outcome(
        accepted=words <= {"Accepted", "RebootRequired"},
        status=answers[0] if len(words) == 1 else ", ".join(each_with_its_own),
        detail=raw,
    )


def _change(variable: commands.SetVariable) -> m.ChangeConfigurationRequest:
    if len(variable.value) > MAX_VALUE_CHARS:
        raise BadCommand(f"{variable.name}: OCPP 1.6 allows values of {MAX_VALUE_CHARS} characters")
    return m.ChangeConfigurationRequest(key=variable.name, value=variable.value)


@V16.performs(commands.GetVariables)
def get_configuration(command: commands.GetVariables, station: Station) -> Performance:
    """Without names the list is left out: several stations refuse an empty one (field problem 32). A model
    that answers only for named keys is asked for those of the standard; asked in pieces, its answers are put
    together."""
    names = command.names
    if not names and station.workarounds.configuration_by_name:
        names = STANDARD_KEYS
    if len(names) > (station.workarounds.configuration_keys_per_request or len(names)):
        whole = yield from read_configuration(names, station)
        return Outcome(accepted=True, detail=Raw(encode(whole)))
    request = m.GetConfigurationRequest(key=list(names) or UNSET)
    _, raw = yield from call(Request("GetConfiguration", request, m.GetConfigurationResponse))
    return Outcome(accepted=True, detail=raw)


def read_configuration(
    names: Sequence[str], station: Station
) -> Generator[Request[Struct], Answered, m.GetConfigurationResponse]:
    """What the station says of these keys, asked for as many at a time as it takes."""
    at_once = station.workarounds.configuration_keys_per_request or len(names)
    known: list[m.ConfigurationKey] = []
    unknown: list[str] = []
    for first in range(0, len(names), at_once):
        request = m.GetConfigurationRequest(key=list(names[first : first + at_once]))
        answer, _ = yield from call(Request("GetConfiguration", request, m.GetConfigurationResponse))
        known += answer.configurationKey or ()
        unknown += answer.unknownKey or ()
    return m.GetConfigurationResponse(configurationKey=known, unknownKey=unknown)


@V16.performs(commands.Reset)
def reset(command: commands.Reset, station: Station) -> Performance:
    request = m.ResetRequest(type="Hard" if command.when == "now" else "Soft")
    answer, raw = yield from call(Request("Reset", request, m.ResetResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)
