"""A fleet with real sockets, against a central system of the `ocpp` package: one that nobody here wrote."""

import asyncio
import json
import os
import pty
import signal
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path

import pytest
import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from websockets.http11 import Request, Response

from evsys.simulator.cabinet import PointSettings
from evsys.simulator.fleet import CONNECTING_AT_ONCE, Fleet, Settings, station_ids
from evsys.simulator.report import sessions_of, summary
from kit.central_system import CentralSystem, central_system
from kit.certificates import Authority, pem_of
from kit.file_server import file_server
from kit.pki import new_key
from kit.program import evsys, free_port
from kit.waiting import until
from ocpp.v16 import call

PATIENCE_S = 20.0


def settings(url: str, stations: int = 1, **points: object) -> Settings:
    chosen = PointSettings(**{"speed": 3600.0, "offline_spells": False} | points)  # type: ignore[arg-type]
    return Settings(url=url, stations=stations, points=chosen)


@asynccontextmanager
async def fleet(wanted: Settings) -> AsyncIterator[Fleet]:
    """A fleet that lives until the end of the block."""
    start, began = datetime.now(UTC), asyncio.get_running_loop().time()
    found = Fleet(wanted, lambda: start + timedelta(seconds=asyncio.get_running_loop().time() - began))
    stopped = asyncio.Event()
    living = asyncio.create_task(found.run(stopped.is_set))
    try:
        yield found
    finally:
        stopped.set()
        await living
        await found.stop()


async def both(wanted: Callable[[str], Settings], central: CentralSystem) -> Fleet:
    """A fleet that has had all its sessions at a central system."""
    async with fleet(wanted(central.url)) as found:
        await until(lambda: found.done, PATIENCE_S)
    return found


def test_ids_come_from_a_pattern() -> None:
    assert station_ids("SIM####", 2) == ["SIM0001", "SIM0002"]
    assert station_ids("DE*A#*1", 10)[-1] == "DE*A10*1"
    for unfit in ("SIM", "S#M#"):
        with pytest.raises(ValueError, match="one place for a number"):
            station_ids(unfit, 1)


async def test_sessions_at_a_central_system_that_somebody_else_wrote_agree_to_the_wh() -> None:
    async with central_system() as central:
        wanted = settings("", stations=4, sessions=2, transaction_data=True)
        found = await both(
            lambda url: Settings(url=url, stations=wanted.stations, points=wanted.points), central
        )
    sessions = sessions_of(found.points)
    assert len(sessions) == 16
    assert {each.transaction_id: each.meter_stop_wh for each in sessions} == central.stops
    assert len(central.starts) == 16
    for session in sessions:
        assert session.transaction_id is not None
        assert session.meter_values_acknowledged == central.meter_values[session.transaction_id] > 0
    lines = list(summary(found.points))
    assert len(lines) == 5
    assert lines[-1].startswith("16 sessions begun, 16 ended with ")
    assert lines[-1].endswith(" 0 starts and stops not acknowledged")


async def test_links_that_break_in_the_middle_cost_nothing() -> None:
    async with central_system() as central:
        wanted = PointSettings(speed=1200, sessions=1)
        async with fleet(Settings(url=central.url, stations=4, points=wanted)) as found:
            for _ in range(3):
                await asyncio.sleep(0.7)
                for charger in list(central.chargers.values()):
                    charger.socket.transport.abort()
            await until(lambda: found.done, 60)
        sessions = sessions_of(found.points)
        assert {each.transaction_id: each.meter_stop_wh for each in sessions} == central.stops


async def test_every_command_of_the_package_is_answered() -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 16.0}],
        },
    }
    commands = [
        (call.GetConfiguration(), None),
        (call.ChangeConfiguration("MeterValueSampleInterval", "600"), "Accepted"),
        (call.ChangeAvailability(0, "Operative"), "Accepted"),
        (call.ClearCache(), "Accepted"),
        (call.DataTransfer("EVSYS", data="x"), "Accepted"),
        (call.GetLocalListVersion(), None),
        (call.SendLocalList(1, "Full"), "Accepted"),
        (call.SetChargingProfile(1, profile), "Accepted"),
        (call.GetCompositeSchedule(1, 3600), "Accepted"),
        (call.ClearChargingProfile(id=1), "Accepted"),
        (call.ReserveNow(2, tomorrow, "T1", 5), "Accepted"),
        (call.CancelReservation(5), "Accepted"),
        (call.RemoteStartTransaction("T1", connector_id=1), "Accepted"),
        (call.RemoteStopTransaction(9), "Rejected"),
        (call.TriggerMessage("MeterValues"), "Accepted"),
        (call.UnlockConnector(2), "Unlocked"),
        (call.ExtendedTriggerMessage("LogStatusNotification"), "Accepted"),
        (call.Reset("Soft"), "Accepted"),
    ]
    async with central_system() as central, fleet(settings(central.url, sessions=0)):
        await until(lambda: ("SIM0001", 2) in central.statuses, PATIENCE_S)
        for command, status in commands:
            answer = await central.chargers["SIM0001"].call(command, suppress=False)
            assert getattr(answer, "status", None) == status, command
        await until(lambda: len(central.stops) == 1, PATIENCE_S)
        await until(lambda: central.boots == ["SIM0001"] * 2, PATIENCE_S)
        await until(lambda: "ResetOrReboot" in central.security_events, PATIENCE_S)


async def test_files_are_really_carried_and_firmware_starts_the_station_anew() -> None:
    now = datetime.now(UTC)
    key, maker = new_key(), Authority()
    content = b"version: 7.1\n"
    with file_server() as files:
        files.files["/f.bin"] = content
        firmware = {
            "location": files.url + "f.bin",
            "retrieveDateTime": now.isoformat(),
            "signingCertificate": pem_of(maker.issue("signer", key)),
            "signature": b64encode(key.sign(content, ec.ECDSA(hashes.SHA256()))).decode(),
        }
        log = {"remoteLocation": files.url + "logs/"}
        async with central_system() as central, fleet(settings(central.url, sessions=0)) as found:
            await until(lambda: ("SIM0001", 2) in central.statuses, PATIENCE_S)
            charger = central.chargers["SIM0001"]
            await charger.call(call.GetDiagnostics(files.url), suppress=False)
            await until(lambda: "Uploaded" in central.files, PATIENCE_S)
            await charger.call(call.GetLog(log, "SecurityLog", 7), suppress=False)
            await until(lambda: "log 7: Uploaded" in central.files, PATIENCE_S)
            await charger.call(call.UpdateFirmware(files.url + "none", now.isoformat()), suppress=False)
            await until(lambda: "DownloadFailed" in central.files, PATIENCE_S)
            await charger.call(call.SignedUpdateFirmware(9, firmware), suppress=False)
            await until(lambda: "firmware 9: Installed" in central.files, PATIENCE_S)
            assert found.points[0].files.version == "7.1"
        assert [each[0] for each in files.received] == ["PUT", "PUT"]
        assert b"StartupOfTheDevice" in files.received[1][3]


async def test_certificates_are_installed_listed_asked_for_taken_and_deleted() -> None:
    root, use = Authority(), "CentralSystemRootCertificate"
    async with central_system() as central, fleet(settings(central.url, sessions=0)) as found:
        await until(lambda: ("SIM0001", 2) in central.statuses, PATIENCE_S)
        charger = central.chargers["SIM0001"]
        answer = await charger.call(call.InstallCertificate(use, root.pem), suppress=False)
        assert answer.status == "Accepted"
        listed = await charger.call(call.GetInstalledCertificateIds(use), suppress=False)
        (named,) = listed.certificate_hash_data
        trigger = call.ExtendedTriggerMessage("SignChargePointCertificate")
        await charger.call(trigger, suppress=False)
        await until(lambda: bool(central.requests), PATIENCE_S)
        public = x509.load_pem_x509_csr(central.requests[0].encode()).public_key()
        chain = pem_of(root.issue("SIM0001", public=public))
        answer = await charger.call(call.CertificateSigned(chain), suppress=False)
        assert answer.status == "Accepted"
        assert found.points[0].security.chain == chain
        wanted = {
            "hashAlgorithm": named["hash_algorithm"],
            "issuerNameHash": named["issuer_name_hash"],
            "issuerKeyHash": named["issuer_key_hash"],
            "serialNumber": named["serial_number"],
        }
        answer = await charger.call(call.DeleteCertificate(wanted), suppress=False)
        assert answer.status == "Accepted"


async def test_pings_are_answered_and_messages_in_pieces_are_read() -> None:
    async with central_system() as central, fleet(settings(central.url, sessions=0)):
        await until(lambda: ("SIM0001", 2) in central.statuses, PATIENCE_S)
        socket = central.chargers["SIM0001"].socket
        await asyncio.wait_for(await socket.ping(), PATIENCE_S)
        frame = json.dumps([2, "x", "TriggerMessage", {"requestedMessage": "Heartbeat"}])
        central.statuses.clear()
        await socket.send([frame[:10], "", frame[10:30], frame[30:]])
        wanted = json.dumps([2, "y", "TriggerMessage", {"requestedMessage": "StatusNotification"}])
        await socket.send(wanted)
        await until(lambda: ("SIM0001", 2) in central.statuses, PATIENCE_S)


async def test_a_server_that_does_not_take_our_subprotocol_is_left_again() -> None:
    async with central_system("ocpp2.0.1") as central, fleet(settings(central.url)) as found:
        await until(lambda: bool(found.last_error), PATIENCE_S)
        assert not found.points[0].mail.up
        assert found.points[0].mail.answered == 0


async def test_only_so_many_links_are_made_at_once_and_all_are_made() -> None:
    connecting, most = set[int](), 0
    async with central_system() as central:

        async def admit(socket: websockets.ServerConnection, request: Request) -> Response | None:
            nonlocal most
            connecting.add(id(socket))
            most = max(most, len(connecting))
            await asyncio.sleep(0.2)
            connecting.discard(id(socket))
            return None

        async with websockets.serve(
            central.serve,
            "127.0.0.1",
            0,
            subprotocols=[websockets.Subprotocol("ocpp1.6")],
            process_request=admit,
        ) as server:
            url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/"
            stations = 2 * CONNECTING_AT_ONCE + 10
            async with fleet(settings(url, stations=stations, sessions=0, connectors=1)) as found:
                await until(lambda: all(point.mail.up for point in found.points), PATIENCE_S)
    assert most == CONNECTING_AT_ONCE


async def test_a_station_that_is_refused_says_why_and_tries_again() -> None:
    refused = 0

    def refuse(socket: websockets.ServerConnection, request: Request) -> Response:
        nonlocal refused
        refused += 1
        return socket.respond(HTTPStatus.NOT_FOUND, "nobody knows you\n")

    async with websockets.serve(CentralSystem().serve, "127.0.0.1", 0, process_request=refuse) as server:
        url = f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}"
        async with fleet(settings(url)) as found:
            await until(lambda: refused == 2, PATIENCE_S)
            assert "404" in found.last_error


# -- the command line ---


def test_a_fleet_that_nobody_admits_says_so_and_fails(tmp_path: Path) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    done = evsys("simulate", url, "--stations", "2", "--duration", "0.5", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("0 of 2 connected")
    assert "no charge point could connect" in done.stdout.splitlines()[-1]
    wrong = evsys("simulate", url, "--ids", "SIM", cwd=tmp_path)
    assert wrong.returncode == 2
    assert "one place for a number" in wrong.stderr


@pytest.mark.parametrize("terminal", [False, True], ids=["lines", "table"])
async def test_ctrl_c_ends_it_with_sums_and_a_report(tmp_path: Path, terminal: bool) -> None:
    ours, theirs = pty.openpty() if terminal else os.pipe()
    async with central_system() as central:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "evsys", "simulate", central.url, "--stations", "2", "--speed", "1200"),
            *("--report", "report.json", "--token", "T1"),
            cwd=tmp_path,
            stdout=theirs,
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
        )
        os.close(theirs)
        shown = asyncio.create_task(asyncio.to_thread(read_all, ours))
        await until(lambda: len(central.stops) >= 2, 30)
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        text = await shown
    os.close(ours)
    assert "SIM0001" in text
    assert " sessions begun, " in text
    assert " of 2 connected" in text
    assert ("last message" in text) == terminal
    assert process.stderr is not None
    assert await process.stderr.read() == b""
    report = json.loads((tmp_path / "report.json").read_text())
    ended = {each["transaction_id"]: each["meter_stop_wh"] for each in report if each["stop_acknowledged"]}
    assert ended.items() <= central.stops.items()
    assert {each["token"] for each in report} == {"T1"}


def read_all(descriptor: int) -> str:
    """What comes until the end; a terminal ends with an error."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65_536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode(errors="replace")
