"""Firmware and diagnostics status."""

from evsys.core.events import DiagnosticsStatusChanged, FirmwareStatusChanged
from evsys.core.firmware import report_diagnostics, report_firmware
from kit.desk import Desk


def test_a_status_is_kept_and_told_once():
    desk = Desk()
    for _ in range(2):
        desk.turn(lambda turn: report_firmware(turn, "Installing"))
        desk.turn(lambda turn: report_diagnostics(turn, "Uploading"))
    desk.restart()
    assert desk.station.status.firmware_status == "Installing"
    assert desk.station.status.diagnostics_status == "Uploading"
    assert desk.events == [
        FirmwareStatusChanged(station_id="CP1", status="Installing"),
        DiagnosticsStatusChanged(station_id="CP1", status="Uploading"),
    ]
