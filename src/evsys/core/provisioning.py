"""Provisioning: boots and registration (OCPP 1.6 §4.2; 2.x chapter B).

An operator decides how a station's boot is answered. A boot ends no transaction: the session may go on, or
its stop may come later. A station that was accepted and reconnects without a boot stays accepted.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from evsys.core.events import StationBooted
from evsys.core.records import Registration
from evsys.core.work import Turn

BEFORE_ACCEPTANCE: Final = frozenset(
    (
        "BootNotification",
        "StatusNotification",
        "StartTransaction",
        "StopTransaction",
        "MeterValues",
        "TransactionEvent",
        "FirmwareStatusNotification",
        "DiagnosticsStatusNotification",
        "SignedFirmwareStatusNotification",
        "LogStatusNotification",
        "SecurityEventNotification",
        "SignCertificate",
        "Heartbeat",
    )
)
"""What is heard from a station that is not accepted (yet): there is money in transaction messages, and the
others may have been triggered by us. In strict conformance it is the boot alone."""


class Boot(Struct, frozen=True, kw_only=True):
    """A boot as reported."""

    vendor: str
    model: str
    serial_number: str = ""
    charge_box_serial_number: str = ""
    firmware_version: str = ""
    iccid: str = ""
    imsi: str = ""
    meter_type: str = ""
    meter_serial_number: str = ""


def boot(turn: Turn, reported: Boot) -> tuple[Registration, int]:
    """Record a boot. Returns the status and the interval in seconds: of heartbeats where accepted, else until
    the next boot may be tried."""
    settings, policy = turn.station.settings, turn.facts.policy
    status: Registration = settings.registration if settings.enabled else "Rejected"
    if turn.station.open_transactions():
        turn.quirks.append("boot_in_session")
    turn.work.save(
        replace(
            turn.station.status,
            registration=status,
            booted_at=turn.now,
            vendor=reported.vendor,
            model=reported.model,
            serial_number=reported.serial_number,
            charge_box_serial_number=reported.charge_box_serial_number,
            firmware_version=reported.firmware_version,
            iccid=reported.iccid,
            imsi=reported.imsi,
            meter_type=reported.meter_type,
            meter_serial_number=reported.meter_serial_number,
        )
    )
    turn.work.tell(
        StationBooted(
            station_id=turn.station.id,
            status=status,
            vendor=reported.vendor,
            model=reported.model,
            firmware_version=reported.firmware_version,
            serial_number=reported.serial_number,
        )
    )
    return status, policy.heartbeat_interval_s if status == "Accepted" else policy.boot_retry_s


def admits(turn: Turn, action: str) -> bool:
    """Whether a CALL of the station is heard in its state of registration."""
    settings = turn.station.settings
    if settings.conformance == "strict":
        return action == "BootNotification" or turn.station.status.registration == "Accepted"
    return settings.registration == "Accepted" or action in BEFORE_ACCEPTANCE
