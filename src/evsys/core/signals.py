"""What events are signals of: that something happens, that it holds from now on, or that it ends.

What becomes of a signal is decided in `core.alarms`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

from evsys.core.events import (
    RESTARTED,
    STOPPING,
    AuthorizationAnswered,
    CertificateEnding,
    CertificateIssued,
    CertificateRefused,
    ChannelFailed,
    ConnectionRefused,
    ConnectorStatusChanged,
    Event,
    EventSetAside,
    SecurityEventReported,
    SecurityUpgradeChanged,
    StationConnected,
    StationDisconnected,
    TransactionEnded,
    TransactionStarted,
)
from evsys.core.records import AlarmKind, AlarmSeverity, ConnectorStatus, Transaction

HEARD: Final = (
    StationConnected,
    StationDisconnected,
    ConnectorStatusChanged,
    TransactionStarted,
    TransactionEnded,
    AuthorizationAnswered,
    SecurityEventReported,
    ConnectionRefused,
    CertificateRefused,
    CertificateEnding,
    CertificateIssued,
    SecurityUpgradeChanged,
    EventSetAside,
    ChannelFailed,
)
"""The events that are signals."""
CRITICAL: Final = frozenset(
    (
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
    )
)
"""The security events that are pushed because somebody should know of them (OCPP 1.6 security extension,
annex A; 2.x appendix 1)."""
ALARMING: Final = frozenset(("SecurityLogWasCleared", "MemoryExhaustion", "TamperDetectionActivated"))
"""Those of them that never happen in the ordinary course of things."""
CRITICAL_DAYS: Final = 7
"""A certificate that ends within so many shuts its station out before long."""


class Signal(Struct, frozen=True, kw_only=True):
    """What an event says of one thing. What is of an `ends` with the name `*` ends all of the kind."""

    station_id: str
    kind: AlarmKind
    name: str = ""
    sort: Literal["happens", "holds", "ends"]
    severity: AlarmSeverity = "warning"
    detail: str = ""
    facts: Mapping[str, object] = {}
    times: int = 1
    is_ours: bool = False
    """Whether it is our doing: it is not counted as a flap."""


def signals(event: Event, at: datetime, clock_off_s: int) -> list[Signal]:
    """What an event is a signal of. A station's clock is off that says a time so many seconds away."""
    match event:
        case StationDisconnected(station_id=station_id, reason=reason):
            ours = reason in (STOPPING, RESTARTED)
            facts = {"reason": reason, "since": at}
            return [_holds(station_id, "station_offline", "", "warning", reason, facts, is_ours=ours)]
        case StationConnected(station_id=station_id):
            return [_ends(station_id, "station_offline")]
        case ConnectorStatusChanged(connector=connector):
            return _of_connector(connector, at, clock_off_s)
        case TransactionStarted(transaction=transaction):
            return _of_start(transaction)
        case TransactionEnded(transaction=transaction):
            return _of_end(transaction)
        case AuthorizationAnswered(station_id=station_id, id_token=token, status=status):
            return [] if status == "Accepted" else [_refused(station_id, token, status)]
        case CertificateIssued(station_id=station_id):
            return [_ends(station_id, "certificate_ends", "*")]
        case CertificateEnding(station_id=station_id, serial=serial, valid_until=until, days=days):
            severity: AlarmSeverity = "critical" if days <= CRITICAL_DAYS else "warning"
            detail = f"it ends at {until:%Y-%m-%d %H:%M} UTC"
            facts = {"serial": serial, "valid_until": until, "days": days}
            return [_holds(station_id, "certificate_ends", serial, severity, detail, facts)]
        case _:
            happened = _happened(event)
            return [happened] if happened is not None else []


def _happened(event: Event) -> Signal | None:
    match event:
        case SecurityEventReported(station_id=station_id, type=name, info=info) if name in CRITICAL:
            severity: AlarmSeverity = "critical" if name in ALARMING else "warning"
            return _happens(station_id, "security_event", name, severity, info, {"type": name, "info": info})
        case ConnectionRefused(station_id=station_id, reason=reason, address=address, detail=detail):
            facts: dict[str, object] = {"reason": reason, "address": address, "detail": detail}
            detail = f"{address}: {detail}"
            signal = _happens(station_id, "connection_refused", reason, "warning", detail, facts)
            return replace(signal, times=event.times)
        case CertificateRefused(station_id=station_id, reason=why):
            return _happens(station_id, "certificate_refused", "", "warning", why, {"reason": why})
        case SecurityUpgradeChanged(state="failed", station_id=station_id, profile=profile, error=error):
            facts = {"profile": profile, "error": error}
            return _happens(station_id, "upgrade_failed", f"profile {profile}", "warning", error, facts)
        case EventSetAside(station_id=station_id, consumer=consumer, reason=why):
            facts = {"consumer": consumer, "seq": event.seq, "kind": event.event_kind, "reason": why}
            return _happens(station_id, "event_set_aside", consumer, "warning", why, facts)
        case ChannelFailed(channel=channel, reason=why):
            return _happens("", "channel_failed", channel, "critical", why, {"reason": why})
        case _:
            return None


def _of_connector(connector: ConnectorStatus, at: datetime, clock_off_s: int) -> list[Signal]:
    station_id, name = connector.station_id, f"{connector.evse_id}-{connector.connector_id}"
    found = [_ends(station_id, "connector_faulted", name)]
    if connector.status == "Faulted":
        facts = {
            "evse_id": connector.evse_id,
            "connector_id": connector.connector_id,
            "error_code": connector.error_code,
            "vendor_id": connector.vendor_id,
            "vendor_error_code": connector.vendor_error_code,
            "info": connector.info,
        }
        said = (connector.error_code, connector.vendor_error_code, connector.info)
        detail = " ".join(part for part in said if part)
        found = [_holds(station_id, "connector_faulted", name, "critical", detail, facts)]
    if connector.reported_at is not None:
        off_s = round((connector.reported_at - connector.received_at).total_seconds())
        if abs(off_s) >= clock_off_s > 0:
            detail, facts = f"{off_s:+d} s", {"off_s": off_s}
            found.append(_holds(station_id, "clock_off", "", "warning", detail, facts))
        else:
            found.append(_ends(station_id, "clock_off"))
    return found


def _of_start(transaction: Transaction) -> list[Signal]:
    station_id, facts = transaction.station_id, _session(transaction)
    found = [
        _holds(station_id, "no_energy", transaction.id, "warning", "", facts),
        _holds(station_id, "meter_silent", transaction.id, "warning", "", facts),
    ]
    if transaction.authorization != "Accepted":
        found.append(_refused(station_id, transaction.id_token, transaction.authorization))
    return found if transaction.ended_at is None else found[2:]


def _of_end(transaction: Transaction) -> list[Signal]:
    station_id, facts = transaction.station_id, _session(transaction)
    found = [
        _ends(station_id, "no_energy", transaction.id),
        _ends(station_id, "meter_silent", transaction.id),
    ]
    if transaction.ended_by == "sweep":
        found.append(_happens(station_id, "session_abandoned", "", "warning", transaction.id, facts))
    backwards = [flag for flag in transaction.flags if flag in ("negative_meter", "register_restart")]
    if backwards:
        facts = {**facts, "flags": backwards}
        found.append(
            _happens(
                station_id, "meter_backwards", str(transaction.evse_id), "warning", transaction.id, facts
            )
        )
    return found


def _session(transaction: Transaction) -> dict[str, object]:
    return {
        "transaction_id": transaction.id,
        "evse_id": transaction.evse_id,
        "connector_id": transaction.connector_id,
        "started_at": transaction.started_at,
        "energy_wh": transaction.energy_wh,
    }


def _refused(station_id: str, token: str, status: str) -> Signal:
    facts = {"id_token": token, "status": status}
    return _happens(station_id, "authorization_refused", "", "warning", status, facts)


def _happens(
    station_id: str,
    kind: AlarmKind,
    name: str,
    severity: AlarmSeverity,
    detail: str,
    facts: Mapping[str, object],
) -> Signal:
    return Signal(
        station_id=station_id,
        kind=kind,
        name=name,
        sort="happens",
        severity=severity,
        detail=detail,
        facts=facts,
    )


def _holds(
    station_id: str,
    kind: AlarmKind,
    name: str,
    severity: AlarmSeverity,
    detail: str,
    facts: Mapping[str, object],
    is_ours: bool = False,
) -> Signal:
    happens = _happens(station_id, kind, name, severity, detail, facts)
    return replace(happens, sort="holds", is_ours=is_ours)


def _ends(station_id: str, kind: AlarmKind, name: str = "") -> Signal:
    """The end of what holds; `*`: of all of the kind at the station."""
    return Signal(station_id=station_id, kind=kind, name=name, sort="ends")
