"""Simulated stations at the real program: their sums agree to the Wh with the database, whatever dies in the
middle."""

import json
import time
from pathlib import Path
from typing import Final, cast

import pytest

from kit.program import Program, running, wait_until
from kit.simulation import finished, simulate

SPEED = "1800"
"""A session takes a few seconds."""


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
        " WHERE evse_id > 0"
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


def test_stations_that_break_every_rule_lose_not_a_wh_and_are_told_of(tmp_path: Path) -> None:
    """The sums agree as they do with good ones, and what the stations did is counted."""
    with running(tmp_path) as program:
        wanted = ("--stations", "4", "--sessions", "1", "--speed", SPEED, "--no-offline-spells")
        simulator = simulate(program, *wanted, "--misbehave", "all")
        assert "8 sessions begun, 8 ended" in finished(simulator)
        assert disagreements(program) == []
        wait_until(lambda: told_of(program) >= COUNTED, "the quirks are stored")
        assert "Traceback" not in program.log.read_text()


COUNTED: Final = {
    "answer_to_nothing",
    "boot_in_session",
    "enum_spelling",
    "frame",
    "implausible_time",
    "missing_member",
    "null_member",
    "object_for_list",
    "refused_call",
    "string_as_number",
    "timestamp_without_zone",
    "too_long",
    "two_sockets",
    "unknown_member",
    "unknown_transaction",
    "unnamed_transaction",
    "unreadable_call",
}


def told_of(program: Program) -> set[object]:
    return {kind for (kind,) in program.rows("SELECT DISTINCT kind FROM station_quirks")}
