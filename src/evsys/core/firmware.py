"""Firmware and diagnostics: how far an update or an upload has come (OCPP 1.6 §4.4, §4.5; 2.x chapters L
and N)."""

from msgspec.structs import replace

from evsys.core.events import DiagnosticsStatusChanged, FirmwareStatusChanged
from evsys.core.work import Turn


def report_firmware(turn: Turn, status: str) -> None:
    """Record the status of a firmware update. A repeat changes nothing."""
    if status != turn.station.status.firmware_status:
        turn.work.save(replace(turn.station.status, firmware_status=status))
        turn.work.tell(FirmwareStatusChanged(station_id=turn.station.id, status=status))


def report_diagnostics(turn: Turn, status: str) -> None:
    """Record the status of a diagnostics upload. A repeat changes nothing."""
    if status != turn.station.status.diagnostics_status:
        turn.work.save(replace(turn.station.status, diagnostics_status=status))
        turn.work.tell(DiagnosticsStatusChanged(station_id=turn.station.id, status=status))
