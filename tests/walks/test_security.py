"""Security profiles at the real program: a simulated station rises by commands alone and never falls, and who
proves the wrong thing is refused with a recorded reason."""

import base64
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import httpx
import pytest

from kit.gateway import request
from kit.pki import station_context
from kit.program import EVSYS, Program, free_port, wait_until

PATIENCE_S = 60.0
STATION = "SIM0001"


@pytest.fixture
def secured(tmp_path: Path) -> Iterator[tuple[Program, int]]:
    """A central system that is its own authority, with a port without TLS and one with it."""
    port = free_port()
    host = "127.0.0.1"
    files = {"cert_file": f"tls/{host}-ecdsa.pem", "key_file": f"tls/{host}-ecdsa.key"}
    second = {"second_cert_file": f"tls/{host}-rsa.pem", "second_key_file": f"tls/{host}-rsa.key"}
    program = Program(tmp_path, {"listen": {"tls_port": port, **files, **second}})
    try:
        assert program.run("ca", "init").returncode == 0
        for kind in ("ecdsa", "rsa"):
            issued = program.run("ca", "issue", host, "--kind", kind, "--out", "tls")
            assert issued.returncode == 0, issued.stderr
        program.start()
        yield program, port
    finally:
        program.close()


@contextmanager
def simulated(program: Program, port: int) -> Iterator[None]:
    """A station that nobody charges at."""
    with (program.folder / "simulator.log").open("ab") as log:
        process = subprocess.Popen(
            [
                *(EVSYS, "simulate", program.url, "--tls-url", f"wss://127.0.0.1:{port}/ws"),
                *("--ca", str(root_of(program)), "--stations", "1", "--sessions", "0"),
                *("--connectors", "1", "--no-offline-spells"),
            ],
            cwd=program.folder,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(PATIENCE_S)


def root_of(program: Program) -> Path:
    return program.folder / "data" / "ca" / "ca.pem"


class Office:
    """The API of a program, for an administrator."""

    def __init__(self, program: Program) -> None:
        self._client = httpx.Client(
            base_url=f"{program.api}/api/v1",
            headers={"Authorization": f"Bearer {program.key('admin')}"},
            timeout=30,
            trust_env=False,
        )

    def get(self, path: str) -> dict[str, object]:
        return cast(dict[str, object], self._client.get(path).json())

    def post(self, path: str, body: object) -> httpx.Response:
        return self._client.post(path, json=body)

    def security(self) -> dict[str, object]:
        return self.get(f"/stations/{STATION}/security")

    def upgrade(self, profile: int) -> None:
        """Bring the station to a profile, and wait until it is there."""
        begun = self.post(f"/stations/{STATION}/security-profile", {"profile": profile})
        assert begun.status_code == 202, begun.text

        def latest() -> dict[str, object]:
            items = self.get(f"/stations/{STATION}/security-profile")["items"]
            return cast(list[dict[str, object]], items)[0]

        wait_until(lambda: latest()["state"] in ("done", "failed"), f"profile {profile}", PATIENCE_S)
        assert latest()["state"] == "done", latest()
        assert self.security()["profile"] == profile

    def refusals(self) -> set[tuple[str, str]]:
        """Station and reason of each refused connection."""
        items = cast(list[dict[str, object]], self.get("/events?kind=ConnectionRefused")["items"])
        events = [cast(dict[str, str], each["event"]) for each in items]
        return {(each.get("station_id", ""), each["reason"]) for each in events}

    def close(self) -> None:
        self._client.close()


def knock(port: int, tls: ssl.SSLContext | None = None, name: str = STATION, **headers: str) -> int:
    """The status of a handshake."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain:
        peer = tls.wrap_socket(plain, server_hostname="127.0.0.1") if tls is not None else plain
        try:
            peer.sendall(request(f"/ws/{name}", **headers))
            answer = peer.recv(4096)
            return int(answer.split()[1]) if answer else 0
        finally:
            if tls is not None:
                peer.close()


@pytest.mark.timeout(300)
def test_a_station_rises_to_profile_3_by_commands_alone_renews_and_never_falls(
    secured: tuple[Program, int],
) -> None:
    program, port = secured
    with simulated(program, port):
        office = Office(program)
        wait_until(
            lambda: program.rows("SELECT * FROM station_status WHERE registration = 'Accepted'"), "booted"
        )
        for profile in (1, 2, 3):
            office.upgrade(profile)
            if profile == 1:
                assert knock(program.ocpp_port) == 401
        lower = office.post(f"/stations/{STATION}/security-profile", {"profile": 2})
        assert lower.status_code == 400

        serial = office.security()["certificate_serial"]
        asked = office.post(
            f"/stations/{STATION}/commands",
            {"type": "TriggerMessage", "message": "SignChargingStationCertificate"},
        )
        assert asked.json()["accepted"], asked.text
        wait_until(lambda: office.security()["certificate_serial"] != serial, "renewed", PATIENCE_S)
        wait_until(
            lambda: program.rows(
                f"SELECT * FROM station_certificates WHERE serial = '{serial}' AND revoked_at IS NOT NULL"
            ),
            "the old certificate has ended",
            PATIENCE_S,
        )

        bare = station_context(str(root_of(program)))
        guess = {"Authorization": "Basic " + base64.b64encode(f"{STATION}:guess".encode()).decode()}
        assert knock(program.ocpp_port) == 401
        assert knock(port, bare) == 401
        assert knock(port, bare, **guess) == 401
        wait_until(
            lambda: office.refusals() >= {(STATION, "no certificate"), (STATION, "no password")}, "recorded"
        )
        office.close()


@pytest.mark.timeout(300)
def test_an_upgrade_goes_on_after_a_restart_of_the_office(secured: tuple[Program, int]) -> None:
    program, port = secured
    with simulated(program, port):
        office = Office(program)
        wait_until(
            lambda: program.rows("SELECT * FROM station_status WHERE registration = 'Accepted'"), "booted"
        )
        begun = office.post(f"/stations/{STATION}/security-profile", {"profile": 1})
        assert begun.status_code == 202
        again = office.post(f"/stations/{STATION}/security-profile", {"profile": 1})
        assert again.status_code == 409
        wait_until(
            lambda: program.rows("SELECT * FROM security_upgrades WHERE state NOT IN ('requested')"), "keyed"
        )
        pid = program.pid_of("office")
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        wait_until(
            lambda: program.rows("SELECT * FROM security_upgrades WHERE state = 'done'"), "done", PATIENCE_S
        )
        office.close()
