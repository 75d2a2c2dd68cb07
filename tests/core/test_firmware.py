"""Firmware and diagnostics status."""

from functools import partial

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


def test_the_same_status_of_another_request_is_another_fact():
    desk = Desk()
    desk.turn(lambda turn: report_firmware(turn, "Downloading", 1))
    for report in (report_firmware, report_diagnostics):
        for request_id in (1, 2, 2, None):
            desk.turn(partial(report, status="Idle", request_id=request_id))
    status = desk.station.status
    assert (status.firmware_request_id, status.diagnostics_request_id) == (None, None)
    assert [(type(each), each.request_id) for each in desk.events[1:]] == [
        (kind, request_id)
        for kind in (FirmwareStatusChanged, DiagnosticsStatusChanged)
        for request_id in (1, 2, None)
    ]
