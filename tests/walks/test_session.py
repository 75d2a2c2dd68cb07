"""The walk of a session through the real program: a client that nobody here wrote charges a car, and the
session with its energy is in the API."""

import asyncio
from pathlib import Path

import pytest
import websockets
from ocpp.v16.enums import RegistrationStatus
from websockets.exceptions import ConnectionClosed

from kit.program import running
from kit.wallbox import Wallbox, boot, wallbox
from ocpp.v16 import call

NOON = "2026-11-25T12:00:00Z"


async def start(station: Wallbox) -> int:
    """Authorise and start. The transaction's number."""
    authorized = await station.call(call.Authorize(id_tag="04AB12"))
    assert authorized.id_tag_info["status"] == "Accepted"
    started = await station.call(
        call.StartTransaction(connector_id=1, id_tag="04AB12", meter_start=1000, timestamp=NOON)
    )
    assert started.id_tag_info["status"] == "Accepted"
    return int(started.transaction_id)


async def meter(station: Wallbox, number: int, minute: int, energy_wh: int) -> None:
    sample = {"value": str(energy_wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    power = {"value": "7.2", "measurand": "Power.Active.Import", "unit": "kW"}
    value = {"timestamp": f"2026-11-25T12:{minute:02}:00Z", "sampledValue": [sample, power]}
    await station.call(call.MeterValues(connector_id=1, transaction_id=number, meter_value=[value]))


async def stop(station: Wallbox, number: int) -> None:
    stopped = await station.call(
        call.StopTransaction(
            transaction_id=number, meter_stop=8200, timestamp="2026-11-25T13:00:00Z", reason="EVDisconnected"
        )
    )
    assert stopped.id_tag_info is None or stopped.id_tag_info["status"] == "Accepted"


async def test_a_session_with_its_energy_is_in_the_api(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        async with wallbox(program) as station:
            booted = await boot(station)
            assert booted.status == RegistrationStatus.accepted  # type: ignore[attr-defined]
            assert booted.interval == 300  # type: ignore[attr-defined]
            number = await start(station)
            for minute in range(1, 4):
                await meter(station, number, minute, 1000 + 120 * minute)
            await stop(station, number)

        key = program.key()
        page = program.get("/api/v1/transactions?station=Wallbox3", key).json()
        (session,) = page["items"]
        assert page["next"] is None
        assert session["number"] == number
        assert session["energy_wh"] == 7200
        assert (session["meter_start_wh"], session["meter_stop_wh"]) == (1000, 8200)
        assert (session["started_at"], session["ended_at"]) == (NOON, "2026-11-25T13:00:00Z")
        assert session["stop_reason"] == "EVDisconnected"
        assert session["id_token"] == "04AB12"
        whole = program.get(f"/api/v1/transactions/{session['id']}", key).json()
        values = [(each["at"], each["energy_wh"], each["power_w"]) for each in whole["meter_values"]]
        assert values == [(f"2026-11-25T12:0{n}:00Z", 1000 + 120 * n, 7200) for n in (1, 2, 3)]


async def test_the_two_examples_of_the_readme_are_answered_as_it_shows(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        async with wallbox(program) as station:
            await boot(station)
            answer = await asyncio.to_thread(
                program.post_api,
                charge_point_id="Wallbox3",
                connector_id=0,
                feature_name="GetConfiguration",
                payload="AllowOfflineTxForUnknownId",
            )
            assert answer.status_code == 200
            assert answer.json() == {
                "configurationKey": [
                    {"key": "AllowOfflineTxForUnknownId", "readonly": False, "value": "true"}
                ],
                "unknownKey": [],
            }
            status = await asyncio.to_thread(
                program.post_api,
                charge_point_id="",
                connector_id=0,
                feature_name="GetServerStatus",
                payload="",
            )
            assert status.text == '{"connected_clients":"Wallbox3","total_clients":1}'


async def test_a_restart_in_the_middle_of_a_session_loses_nothing(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        async with wallbox(program) as station:
            await boot(station)
            number = await start(station)
            await meter(station, number, 1, 1500)
        status, _ = await asyncio.to_thread(program.stop)
        assert status == 0
        await asyncio.to_thread(program.start)
        async with wallbox(program) as station:  # it reconnects without a boot, as stations do
            await meter(station, number, 1, 1500)  # a repeat: it may not have heard the answer
            await meter(station, number, 2, 2000)
            again = await station.call(
                call.StartTransaction(connector_id=1, id_tag="04AB12", meter_start=1000, timestamp=NOON)
            )
            assert again.transaction_id == number
            await stop(station, number)
        (session,) = program.get("/api/v1/transactions", program.key()).json()["items"]
        assert (session["number"], session["energy_wh"]) == (number, 7200)
        assert program.rows("SELECT count(*) FROM meter_values") == [(2,)]


async def test_stations_hear_1001_and_the_program_ends_well_within_five_seconds(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        async with websockets.connect(f"{program.url}/CP1", subprotocols=["ocpp1.6"]) as socket:
            stopping = asyncio.create_task(asyncio.to_thread(program.stop))
            with pytest.raises(ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 5)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            status, seconds = await stopping
        assert status == 0
        assert seconds < 5
        assert (tmp_path / "log").read_text().count("level=error") == 0


async def test_a_key_counts_in_the_running_server_within_a_second(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        assert program.get("/api/v1/stations").status_code == 401
        key = program.key()
        await asyncio.sleep(1)
        assert program.get("/api/v1/stations", key).status_code == 200
        assert program.run("key", "revoke", "a viewer").returncode == 0
        await asyncio.sleep(1)
        assert program.get("/api/v1/stations", key).status_code == 401


async def test_the_metrics_tell_of_both_processes_under_evsys_names(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        async with wallbox(program) as station:
            await boot(station)
            await start(station)
            page = await asyncio.to_thread(program.metrics)
        assert "evsys_gateway_up 1.0\n" in page
        assert 'server_connections_active{location=""} 1.0\n' in page
        assert 'server_transactions_active{location=""} 1.0\n' in page
        assert "evsys_frames_received_total 3.0\n" in page
        assert "evsys_commit_works_count" in page
        names = [line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")]
        assert len(names) == len(set(names)), "a series told twice makes a scrape fail"


async def test_is_debug_puts_every_frame_into_the_log(tmp_path: Path) -> None:
    with running(tmp_path, {"is_debug": True}) as program:
        async with wallbox(program) as station:
            await boot(station)
        program.stop()
        frames = [line for line in program.log.read_text().splitlines() if " event=frame " in line]
        assert len(frames) == 2
        assert "direction=in" in frames[0]
        assert "BootNotification" in frames[0]
        assert "direction=out" in frames[1]
