"""Firmware and diagnostics: how far an update or an upload has come (OCPP 1.6 §4.4, §4.5; 2.x chapters L
and N).

A status that names its request tells of one job; one without tells of whatever the station is doing.
"""

from msgspec.structs import replace

from evsys.core.events import DiagnosticsStatusChanged, FirmwareStatusChanged
from evsys.core.work import Turn


def report_firmware(turn: Turn, status: str, request_id: int | None = None) -> None:
    """Record the status of a firmware update. A repeat changes nothing."""
    known, station_id = turn.station.status, turn.station.id
    if (status, request_id) != (known.firmware_status, known.firmware_request_id):
        turn.work.save(replace(known, firmware_status=status, firmware_request_id=request_id))
        turn.work.tell(FirmwareStatusChanged(station_id=station_id, status=status, request_id=request_id))


def report_diagnostics(turn: Turn, status: str, request_id: int | None = None) -> None:
    """Record the status of an upload of diagnostics or of a log. A repeat changes nothing."""
    known, station_id = turn.station.status, turn.station.id
    if (status, request_id) != (known.diagnostics_status, known.diagnostics_request_id):
        turn.work.save(replace(known, diagnostics_status=status, diagnostics_request_id=request_id))
        turn.work.tell(DiagnosticsStatusChanged(station_id=station_id, status=status, request_id=request_id))
