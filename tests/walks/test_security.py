"""Security profiles at the real program: a simulated station rises by commands alone and never falls, and who
proves the wrong thing is refused with a recorded reason."""

import base64
import os
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import cast

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from kit.gateway import request
from kit.pki import Authority, Files, name_of, new_key, station_context
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


@contextmanager
def handshake(
    port: int, tls: ssl.SSLContext | None = None, name: str = STATION, **headers: str
) -> Iterator[int]:
    """The status of a handshake, whose link stays open during the block."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as plain:
        peer = tls.wrap_socket(plain, server_hostname="127.0.0.1") if tls is not None else plain
        with peer:
            peer.sendall(request(f"/ws/{name}", **headers))
            answer = peer.recv(4096)
            yield int(answer.split()[1]) if answer else 0


def knock(port: int, tls: ssl.SSLContext | None = None, name: str = STATION, **headers: str) -> int:
    """The status of a handshake."""
    with handshake(port, tls, name, **headers) as status:
        return status


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


def is_cut_off(port: int, tls: ssl.SSLContext) -> bool:
    """Whether TLS itself refuses: of TLS 1.3 the client hears it with the first bytes alone."""
    try:
        return knock(port, tls, "CP2") == 0
    except OSError:
        return True


def basic(name: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
@pytest.mark.timeout(300)
def test_who_proves_the_wrong_thing_is_refused_with_a_reason_that_people_see(tmp_path: Path) -> None:
    theirs = Authority(tmp_path, "theirs")
    server, port = theirs.issue("localhost", server=True), free_port()
    listen = {"cert_file": server.cert_file, "key_file": server.key_file, "client_ca_file": theirs.root}
    program = Program(tmp_path, {"listen": {"tls_port": port, **listen}})
    assert program.run("ca", "init").returncode == 0
    with closing(program):
        program.start()
        is_refused_and_told(program, port, theirs, tmp_path)


def is_refused_and_told(program: Program, port: int, theirs: Authority, folder: Path) -> None:
    with closing(Office(program)) as office:
        for name in ("CP1", "CP2", "CP3"):
            assert office.post("/stations", {"id": name}).status_code == 201
        password = office.post("/stations/CP1/security/key", {}).json()["key"]
        bare = station_context(theirs.root)
        own_key = new_key()
        csr = x509.CertificateSigningRequestBuilder().subject_name(name_of("CP3"))
        pem = csr.sign(own_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        signed = office.post("/stations/CP3/certificates", {"csr": pem}).json()
        ours = Files(folder, "ours", x509.load_pem_x509_certificate(signed["chain"].encode()), own_key)

        assert knock(port, bare, "CP1", **basic("CP1", "guess")) == 401
        assert knock(port, bare, "CP1") == 401
        with handshake(port, bare, "CP1", **basic("CP1", password)) as status:
            assert status == 101
            proved = partial(office.get, "/stations/CP1/security")
            wait_until(lambda: proved()["floor"] == 2, "what it has proved is its floor", PATIENCE_S)
        assert knock(program.ocpp_port, None, "CP1", **basic("CP1", password)) == 403
        assert knock(port, station_context(theirs.root, theirs.issue("CP9")), "CP2") == 403
        own = station_context(theirs.root, ours)
        assert knock(port, own, "CP3") == 101
        assert office.post(f"/certificates/{signed['serial']}/revoke", {}).status_code == 200
        wait_until(lambda: knock(port, own, "CP3") == 403, "it is refused once it is revoked")
        expired = station_context(theirs.root, theirs.issue("CP2", valid=-timedelta(seconds=1)))
        old = station_context(theirs.root)
        old.set_ciphers("DEFAULT@SECLEVEL=0")  # or the station's own library refuses
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
        assert is_cut_off(port, expired)
        assert is_cut_off(port, old)
        seen = {
            ("CP1", "wrong password"),
            ("CP1", "no password"),
            ("CP1", "profile too low"),
            ("CP2", "wrong certificate name"),
            ("CP3", "certificate revoked"),
            ("", "certificate expired"),
            ("", "TLS version"),
        }
        wait_until(lambda: office.refusals() >= seen, "recorded", PATIENCE_S)
        assert office.refusals() == seen
