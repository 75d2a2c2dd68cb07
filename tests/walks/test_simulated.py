"""Simulated stations at the real program: their sums agree to the Wh with the database, whatever dies in the
middle, and every command that people have is answered."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast, get_args

import httpx
import pytest

from evsys.core.commands import AnyCommand
from kit.program import Program, running, wait_until

SPEED = "1800"
"""A session takes a few seconds."""
FINISHES_WITHIN_S = 100.0


def simulate(program: Program, *options: str) -> subprocess.Popen[str]:
    """The simulator, as a process of its own; its report is `report.json`."""
    return subprocess.Popen(
        [sys.executable, "-m", "evsys", "simulate", program.url, "--report", "report.json", *options],
        cwd=program.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finished(simulator: subprocess.Popen[str]) -> str:
    """Its last words, once it has ended well."""
    told, _ = simulator.communicate(timeout=FINISHES_WITHIN_S)
    assert simulator.returncode == 0, told
    return told


@contextmanager
def simulated(program: Program, *options: str) -> Iterator[None]:
    """A simulation during the block."""
    simulator = simulate(program, *options)
    try:
        yield
    finally:
        simulator.send_signal(signal.SIGINT)
        finished(simulator)


def disagreements(program: Program) -> list[str]:
    """What the stations know of their sessions, and the database does not, or otherwise, or twice."""
    report = cast(list[dict[str, object]], json.loads((program.folder / "report.json").read_text()))
    rows = program.rows(
        "SELECT number, station_id, evse_id, id_token, meter_start_wh, meter_stop_wh,"
        " meter_stop_wh - meter_start_wh, stop_reason, ended_by FROM transactions"
    )
    wh = program.rows("SELECT number, energy_wh FROM transactions")
    known = {row[0]: row[1:] for row in rows}
    energies = dict(wh)
    told = []
    for each in report:
        energy_wh = cast(int, each["meter_stop_wh"]) - cast(int, each["meter_start_wh"])
        names = ("station", "connector", "token", "meter_start_wh", "meter_stop_wh")
        expected = (*(each[name] for name in names), energy_wh, each["reason"], "station")
        found = known.get(each["transaction_id"])
        if found != expected or energies[each["transaction_id"]] != energy_wh:
            told.append(f"{expected} is {found}")
        if not (each["start_acknowledged"] and each["stop_acknowledged"]) or each["given_up"]:
            told.append(f"not acknowledged: {each}")
    if len(rows) != len(report):
        told.append(f"{len(rows)} transactions of {len(report)} sessions")
    values = program.rows(
        "SELECT count(*), count(DISTINCT station_id || evse_id || reported_at) FROM meter_values"
    )
    acknowledged = sum(cast(int, each["meter_values_acknowledged"]) for each in report)
    if values != [(acknowledged, acknowledged)]:
        told.append(f"{values} meter values of {acknowledged}")
    return told


def test_all_sessions_are_in_the_database_to_the_wh(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        simulator = simulate(program, "--stations", "5", "--sessions", "2", "--speed", SPEED)
        assert "20 sessions begun, 20 ended" in finished(simulator)
        assert disagreements(program) == []


def cost_nothing(program: Program, roles: tuple[str, ...], kills: int) -> None:
    simulator = simulate(program, "--stations", "5", "--sessions", str(kills), "--speed", SPEED)
    for _ in range(kills):
        time.sleep(2.0)
        program.kill(*roles)
        if "supervisor" in roles:
            program.start()
    assert f"{10 * kills} sessions begun, {10 * kills} ended" in finished(simulator)
    assert disagreements(program) == []


def test_a_kill_in_the_middle_of_sessions_costs_not_a_wh(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        cost_nothing(program, ("supervisor",), kills=1)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "roles", [("gateway",), ("writer",), ("gateway", "writer"), ("supervisor",)], ids="+".join
)
def test_many_kills_cost_not_a_wh(tmp_path: Path, roles: tuple[str, ...]) -> None:
    with running(tmp_path) as program:
        cost_nothing(program, roles, kills=5)


def test_a_restart_in_the_middle_of_sessions_costs_not_a_wh(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        simulator = simulate(program, "--stations", "5", "--sessions", "1", "--speed", SPEED)
        time.sleep(3.0)
        status, _ = program.stop()
        assert status == 0
        program.start()
        assert "10 sessions begun, 10 ended" in finished(simulator)
        assert disagreements(program) == []


PROFILE = {
    "id": 1,
    "stack_level": 0,
    "purpose": "TxProfile",
    "kind": "Relative",
    "schedule": {"charging_rate_unit": "A", "periods": [{"start_period": 0, "limit": 8.1}]},
}
LATER = "2040-01-01T00:00:00Z"
RUNNING = "the transaction that runs"
COMMANDS: list[tuple[dict[str, object], str | None]] = [
    ({"type": "GetVariables", "names": ["HeartbeatInterval"]}, ""),
    (
        {"type": "SetVariables", "variables": [{"name": "MeterValueSampleInterval", "value": "30"}]},
        "Accepted",
    ),
    ({"type": "ClearCache"}, "Accepted"),
    ({"type": "DataTransfer", "vendor_id": "EVSYS", "data": "x"}, "Accepted"),
    (
        {"type": "SendLocalList", "version": 1, "entries": [{"id_token": "A", "status": "Accepted"}]},
        "Accepted",
    ),
    ({"type": "TriggerMessage", "message": "StatusNotification", "evse_id": 1}, "Accepted"),
    ({"type": "RequestStartTransaction", "id_token": "A", "evse_id": 1}, "Accepted"),
    ({"type": "SetChargingProfile", "evse_id": 1, "profile": PROFILE}, "Accepted"),
    ({"type": "GetCompositeSchedule", "evse_id": 1, "duration_s": 600}, "Accepted"),
    ({"type": "ClearChargingProfile", "id": 1}, "Accepted"),
    ({"type": "ChangeAvailability", "evse_id": 1, "operative": False}, "Scheduled"),
    ({"type": "RequestStopTransaction", "transaction_id": RUNNING}, "Accepted"),
    ({"type": "UnlockConnector", "evse_id": 2}, "Unlocked"),
    ({"type": "GetLocalListVersion"}, "1"),
    ({"type": "ReserveNow", "id": 5, "evse_id": 2, "id_token": "A", "expires_at": LATER}, "Accepted"),
    ({"type": "CancelReservation", "id": 5}, "Accepted"),
    ({"type": "GetDiagnostics", "location": "http://127.0.0.1/"}, None),
    (
        {
            "type": "UpdateFirmware",
            "request_id": 1,
            "location": "http://127.0.0.1/",
            "retrieve_at": LATER,
        },
        "",
    ),
    ({"type": "Reset", "when": "idle"}, "Accepted"),
]


NOT_SIMULATED = {
    "GetLog",
    "InstallCertificate",
    "DeleteCertificate",
    "GetInstalledCertificateIds",
    "CertificateSigned",
}
"""What the simulated stations answer with NotSupported."""


def test_every_command_of_the_api_is_answered_by_a_simulated_station(tmp_path: Path) -> None:
    said = {each["type"] for each, _ in COMMANDS}
    assert said | NOT_SIMULATED == {each.__name__ for each in get_args(AnyCommand)}
    options = ("--stations", "1", "--sessions", "0", "--no-offline-spells", "--speed", "60")
    with running(tmp_path) as program, simulated(program, *options):
        key = program.key("operator")
        booted = "SELECT 1 FROM station_status WHERE registration = 'Accepted' AND connected"
        wait_until(lambda: program.rows(booted), "booted")
        for command, status in COMMANDS:
            if command["type"] in ("SetChargingProfile", "RequestStopTransaction"):
                wait_until(lambda: program.rows("SELECT id FROM transactions"), "started")
            (id,) = next(iter(program.rows("SELECT id FROM transactions")), (None,))
            meant = {name: id if value == RUNNING else value for name, value in command.items()}
            answered = httpx.post(
                f"{program.api}/api/v1/stations/SIM0001/commands",
                json=meant,
                headers={"Authorization": f"Bearer {key}"},
                timeout=30,
                trust_env=False,
            )
            assert answered.status_code == 200, (command, answered.text)
            assert answered.json()["accepted"], command
            assert status in (None, answered.json()["status"]), command
        ended = "SELECT stop_reason FROM transactions WHERE ended_at IS NOT NULL"
        wait_until(lambda: program.rows(ended) == [("Remote",)], "stopped from afar")
