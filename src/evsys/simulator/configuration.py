"""The configuration keys of a charge point (OCPP 1.6 §9)."""

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple, get_args

from msgspec import UNSET, UnsetType

from evsys.ocpp.v16.messages import ConfigurationKey
from evsys.simulator import profiles, tokens
from evsys.simulator.metering import Measurand

MAX_KEYS: Final = 50
"""Keys in one answer (GetConfigurationMaxKeys)."""
MAX_STOP_VALUES: Final = 50
"""Meter values kept for the transactionData of a stop (StopTransactionMaxMeterValues)."""
MAX_NUMBER_DIGITS: Final = 9
"""Of a numeric value: what fits 32 bits."""
MAX_TEXT: Final = 500

Answer = Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]


class Setting(NamedTuple):
    value: str
    kind: Literal["text", "number", "truth", "measurands"] = "text"
    readonly: bool = False
    reboot: bool = False
    """A change holds from the next start."""


def _fixed(value: object) -> Setting:
    return Setting(str(value), readonly=True)


_TRUE, _FALSE = Setting("true", "truth"), Setting("false", "truth")

SETTINGS: Final = {
    "AdditionalRootCertificateCheck": _fixed("false"),
    "AllowOfflineTxForUnknownId": _TRUE,
    "AuthorizationCacheEnabled": _TRUE,
    "AuthorizeRemoteTxRequests": _TRUE,
    "CertificateSignedMaxChainSize": _fixed(10_000),
    "CertificateStoreMaxLength": _fixed(10),
    "ChargeProfileMaxStackLevel": _fixed(profiles.MAX_STACK_LEVEL),
    "ChargingScheduleAllowedChargingRateUnit": _fixed("Current,Power"),
    "ChargingScheduleMaxPeriods": _fixed(profiles.MAX_PERIODS),
    "ClockAlignedDataInterval": Setting("0", "number"),
    "ConnectorPhaseRotation": Setting("0.RST"),
    "CpoName": Setting(""),
    "GetConfigurationMaxKeys": _fixed(MAX_KEYS),
    "HeartbeatInterval": Setting("300", "number"),
    "LocalAuthListEnabled": _TRUE,
    "LocalAuthListMaxLength": _fixed(tokens.MAX_LIST),
    "LocalAuthorizeOffline": _TRUE,
    "LocalPreAuthorize": _FALSE,
    "MaxChargingProfilesInstalled": _fixed(profiles.MAX_INSTALLED),
    "MeterValuesAlignedData": Setting("Energy.Active.Import.Register", "measurands"),
    "MeterValuesSampledData": Setting(
        "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC", "measurands"
    ),
    "MeterValueSampleInterval": Setting("60", "number"),
    "NumberOfConnectors": _fixed(1),
    "ReserveConnectorZeroSupported": _fixed("false"),
    "ResetRetries": _fixed(0),
    "SecurityProfile": Setting("0", "number"),
    "SendLocalListMaxLength": _fixed(tokens.MAX_UPDATE),
    "StopTransactionMaxMeterValues": _fixed(MAX_STOP_VALUES),
    "StopTransactionOnEVSideDisconnect": _fixed("true"),
    "StopTransactionOnInvalidId": _TRUE,
    "StopTxnAlignedData": _fixed(""),
    "StopTxnSampledData": Setting("", "measurands"),
    "SupportedFeatureProfiles": _fixed(
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger"
    ),
    "SupportedFileTransferProtocols": _fixed("FTP,FTPS,HTTP,HTTPS"),
    "TransactionMessageAttempts": Setting("3", "number"),
    "TransactionMessageRetryInterval": Setting("10", "number"),
    "UnlockConnectorOnEVSideDisconnect": _fixed("true"),
    "ConnectionTimeOut": Setting("120", "number"),
    "WebSocketPingInterval": Setting("0", "number", reboot=True),
}

_NAMES: Final = {name.lower(): name for name in SETTINGS}
_MEASURANDS: Final = frozenset(each.lower() for each in get_args(Measurand))


class Configuration:
    """The keys and their values. Names are compared without regard to case."""

    __slots__ = ("_changed",)

    def __init__(self, connectors: int) -> None:
        self._changed = {"NumberOfConnectors": str(connectors)}
        """The values that differ from `SETTINGS`: of ten thousand stations most have none."""

    def value(self, name: str) -> str:
        return self._changed.get(name, SETTINGS[name].value)

    def number(self, name: str) -> int:
        """The value of a numeric key."""
        return int(self.value(name))

    def true(self, name: str) -> bool:
        """The value of a key that is true or false."""
        return self.value(name) == "true"

    def members(self, name: str) -> list[str]:
        """The value of a key that holds a list."""
        return [member for each in self.value(name).split(",") if (member := each.strip())]

    def readable(self) -> Iterable[str]:
        """The names of all keys whose value may be told."""
        return SETTINGS

    def keys(self, names: list[str]) -> tuple[list[ConfigurationKey], list[str] | UnsetType]:
        """The keys asked for (all without any), and the names that are not known."""
        wanted = [_NAMES[name.lower()] for name in names if name.lower() in _NAMES] if names else SETTINGS
        unknown = [name for name in names if name.lower() not in _NAMES]
        return [self._key(name) for name in list(wanted)[:MAX_KEYS]], unknown or UNSET

    def change(self, name: str, value: str) -> Answer:
        """Change a key, if it is one and the value fits."""
        known = _NAMES.get(name.lower())
        if known is None:
            return "NotSupported"
        setting = SETTINGS[known]
        value = value.strip()
        if setting.readonly or not _fits(setting, value):
            return "Rejected"
        self._changed[known] = value.lower() if setting.kind == "truth" else value
        return "RebootRequired" if setting.reboot else "Accepted"

    def _key(self, name: str) -> ConfigurationKey:
        return ConfigurationKey(key=name, readonly=SETTINGS[name].readonly, value=self.value(name))


def canonical(name: str) -> str:
    """A key as the standard spells it; as given where it is none."""
    return _NAMES.get(name.lower(), name)


def _fits(setting: Setting, value: str) -> bool:
    match setting.kind:
        case "number":
            return value.isascii() and value.isdigit() and len(value) <= MAX_NUMBER_DIGITS
        case "truth":
            return value.lower() in ("true", "false")
        case "measurands":
            return all(each.strip().lower() in _MEASURANDS for each in value.split(",") if each.strip())
        case "text":
            return len(value) <= MAX_TEXT
