"""The configuration keys of a charge point (OCPP 1.6 §9)."""

from typing import Final, Literal, NamedTuple

from msgspec import UNSET

from evsys.ocpp.v16.messages import ConfigurationKey

MAX_KEYS: Final = 50
"""Keys in one answer (GetConfigurationMaxKeys)."""


class Setting(NamedTuple):
    value: str
    readonly: bool = False
    reboot: bool = False
    kind: Literal["text", "number", "truth"] = "text"


_SETTINGS: Final = {
    "AllowOfflineTxForUnknownId": Setting("true", kind="truth"),
    "AuthorizationCacheEnabled": Setting("true", kind="truth"),
    "AuthorizeRemoteTxRequests": Setting("true", kind="truth"),
    "ClockAlignedDataInterval": Setting("0", kind="number"),
    "ConnectionTimeOut": Setting("120", kind="number"),
    "ConnectorPhaseRotation": Setting("0.RST"),
    "GetConfigurationMaxKeys": Setting(str(MAX_KEYS), readonly=True, kind="number"),
    "HeartbeatInterval": Setting("300", kind="number"),
    "LocalAuthorizeOffline": Setting("true", kind="truth"),
    "LocalPreAuthorize": Setting("false", kind="truth"),
    "MeterValuesAlignedData": Setting("Energy.Active.Import.Register"),
    "MeterValuesSampledData": Setting(
        "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,SoC"
    ),
    "MeterValueSampleInterval": Setting("60", kind="number"),
    "NumberOfConnectors": Setting("1", readonly=True, kind="number"),
    "ResetRetries": Setting("1", kind="number"),
    "StopTransactionOnEVSideDisconnect": Setting("true", kind="truth"),
    "StopTransactionOnInvalidId": Setting("true", kind="truth"),
    "StopTxnAlignedData": Setting(""),
    "StopTxnSampledData": Setting("Energy.Active.Import.Register"),
    "SupportedFeatureProfiles": Setting(
        "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
        readonly=True,
    ),
    "TransactionMessageAttempts": Setting("3", kind="number"),
    "TransactionMessageRetryInterval": Setting("10", kind="number"),
    "UnlockConnectorOnEVSideDisconnect": Setting("true", kind="truth"),
    "WebSocketPingInterval": Setting("0", reboot=True, kind="number"),
    "LocalAuthListEnabled": Setting("true", kind="truth"),
    "LocalAuthListMaxLength": Setting("10000", readonly=True, kind="number"),
    "SendLocalListMaxLength": Setting("500", readonly=True, kind="number"),
    "ReserveConnectorZeroSupported": Setting("false", readonly=True, kind="truth"),
    "ChargeProfileMaxStackLevel": Setting("10", readonly=True, kind="number"),
    "ChargingScheduleAllowedChargingRateUnit": Setting("Current,Power", readonly=True),
    "ChargingScheduleMaxPeriods": Setting("100", readonly=True, kind="number"),
    "MaxChargingProfilesInstalled": Setting("20", readonly=True, kind="number"),
}

_NAMES: Final = {name.lower(): name for name in _SETTINGS}


class Configuration:
    """The keys and their values. Names are compared without regard to case."""

    def __init__(self, connectors: int) -> None:
        self._values = {name: setting.value for name, setting in _SETTINGS.items()}
        self._values["NumberOfConnectors"] = str(connectors)

    def number(self, name: str) -> int:
        """The value of a numeric key."""
        return int(self._values[name])

    def members(self, name: str) -> list[str]:
        """The value of a key that holds a list."""
        return [member for each in self._values[name].split(",") if (member := each.strip())]

    def keys(self, names: list[str]) -> tuple[list[ConfigurationKey], list[str]]:
        """The keys asked for (all without any), and the names that are not known."""
        if not names:
            return [self._key(name) for name in list(self._values)[:MAX_KEYS]], []
        known = [_NAMES[name.lower()] for name in names if name.lower() in _NAMES]
        return [self._key(name) for name in known], [each for each in names if each.lower() not in _NAMES]

    def change(
        self, name: str, value: str
    ) -> Literal["Accepted", "Rejected", "RebootRequired", "NotSupported"]:
        """Change a key, if it is one and the value fits."""
        known = _NAMES.get(name.lower())
        if known is None:
            return "NotSupported"
        setting = _SETTINGS[known]
        if setting.readonly or not _fits(setting, value):
            return "Rejected"
        self._values[known] = value
        return "RebootRequired" if setting.reboot else "Accepted"

    def _key(self, name: str) -> ConfigurationKey:
        value = self._values[name]
        return ConfigurationKey(key=name, readonly=_SETTINGS[name].readonly, value=value if value else UNSET)


def _fits(setting: Setting, value: str) -> bool:
    match setting.kind:
        case "number":
            return value.isascii() and value.isdigit() and len(value) < 10
        case "truth":
            return value.lower() in ("true", "false")
        case "text":
            return len(value) <= 500
