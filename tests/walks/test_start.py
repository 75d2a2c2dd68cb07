"""Starting: where everything is, and one clear line where the machine refuses."""

import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import httpx
import pytest

from evsys.app import OFFICE_NICENESS
from kit.pki import Authority, station_context
from kit.program import EVSYS, Program, free_port, running, wait_until


def refused(program: Program) -> str:
    """The line of a start that is refused; it ends with status 1 and leaves no process behind."""
    done = program.run("serve")
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("evsys: ")
    assert done.stderr.count("\n") == 1, done.stderr
    return done.stderr.removeprefix("evsys: ").rstrip()


def test_a_start_says_where_everything_is(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        wait_until(lambda: "everything is kept" in program.log.read_text(), "greeted")
        wait_until(lambda: "sign in" in program.log.read_text(), "the first link")
        *lines, link = program.log.read_text().splitlines()
        assert link.startswith(
            f"sign in for the first time, within a day, at http://127.0.0.1:{program.api_port}/link/"
        )
        assert lines == [
            f"stations connect to ws://127.0.0.1:{program.ocpp_port}/ws",
            f"the console is at http://127.0.0.1:{program.api_port}",
            f"the API is at http://127.0.0.1:{program.api_port}/api/v1",
            f"metrics are at http://127.0.0.1:{program.metrics_port}/metrics",
            "everything is kept in data/evsys.db",
        ]


def test_a_second_server_of_the_same_database_refuses(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        assert "another evsys serves this database" in refused(program)
        assert program.get("/health/ready").status_code == 200


@pytest.mark.parametrize("section", ["listen", "api", "metrics"])
def test_a_port_in_use_is_refused(tmp_path: Path, section: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        line = refused(Program(tmp_path, {section: {"port": port}}))
    assert line == f"{section}: cannot listen on 127.0.0.1:{port}: Address already in use"


def test_an_address_that_is_not_of_this_machine_is_refused(tmp_path: Path) -> None:
    program = Program(tmp_path, {"listen": {"bind_ip": "192.0.2.1"}})
    assert refused(program).startswith("listen: cannot listen on 192.0.2.1:")


def test_a_certificate_that_is_not_there_is_refused(tmp_path: Path) -> None:
    tls = {"tls_enabled": True, "cert_file": "nowhere.pem", "key_file": "nowhere.pem"}
    line = refused(Program(tmp_path, {"listen": tls}))
    assert line == "listen.cert_file or listen.key_file: nowhere.pem, nowhere.pem: No such file or directory"


def test_a_second_port_speaks_tls_and_its_certificates_are_changed_by_a_signal(tmp_path: Path) -> None:
    authority, port = Authority(tmp_path), free_port()
    certificate = authority.issue("localhost", server=True)
    tls = {"tls_port": port, "cert_file": certificate.cert_file, "key_file": certificate.key_file}
    with running(tmp_path, {"listen": tls}) as program:
        assert f"and to wss://127.0.0.1:{port}/ws" in program.log.read_text()
        shown = shown_certificate(port, authority)
        newer = authority.issue("localhost", server=True)
        hang_up(program)
        wait_until(lambda: shown_certificate(port, authority) != shown, "the new certificate is shown")
        assert int(str(shown_certificate(port, authority)), 16) == newer.certificate.serial_number
        assert program.get("/health/ready").status_code == 200


def test_certificates_of_the_api_and_of_the_doors_for_files_are_changed_by_a_signal(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.issue("localhost", server=True)
    tls = {"tls_enabled": True, "cert_file": certificate.cert_file, "key_file": certificate.key_file}
    ports = {name: free_port() for name in ("api", "http", "ftp")}
    doors = {name: {"enabled": True, "port": ports[name], **tls} for name in ("http", "ftp")}
    program = Program(tmp_path, {"api": {"port": ports["api"], **tls}, "files": doors})
    try:
        program.start(ready=False)
        for port in ports.values():
            wait_until(lambda port=port: answers(port, authority), "it is served")  # type: ignore[misc]
        with httpx.Client(verify=station_context(authority.root), trust_env=False) as going_on:
            api = f"https://localhost:{ports['api']}"
            assert going_on.get(f"{api}/health/live").status_code == 200
            newer = authority.issue("localhost", server=True).certificate.serial_number
            hang_up(program)
            for port in ports.values():
                wait_until(
                    lambda port=port: int(str(shown_certificate(port, authority)), 16) == newer,  # type: ignore[misc]
                    "the new certificate is shown",
                )
            assert going_on.get(f"{api}/health/live").status_code == 200
    finally:
        program.close()


def answers(port: int, authority: Authority) -> bool:
    try:
        return bool(shown_certificate(port, authority))
    except OSError:
        return False


def test_a_program_without_certificates_takes_no_notice_of_a_hang_up(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        pids = [program.pid_of(role) for role in ("supervisor", "gateway", "office", "writer")]
        hang_up(program)
        time.sleep(0.5)
        assert program.get("/health/ready").status_code == 200
        assert [program.pid_of(role) for role in ("supervisor", "gateway", "office", "writer")] == pids


def hang_up(program: Program) -> None:
    supervisor = program.pid_of("supervisor")
    assert supervisor is not None
    os.kill(supervisor, signal.SIGHUP)


def shown_certificate(port: int, authority: Authority) -> object:
    """The serial number of the certificate that a TLS port shows."""
    with socket.create_connection(("127.0.0.1", port)) as plain:
        tls = station_context(authority.root)
        with tls.wrap_socket(plain, server_hostname="localhost") as secure:
            shown = secure.getpeercert()
            assert shown is not None
            return shown["serialNumber"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"a letter to a friend", "file is not a database"), (b"", "")],
    ids=["a letter", "an empty file is a new database"],
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(
    tmp_path: Path, content: bytes, said: str
) -> None:
    file = tmp_path / "x.db"
    file.write_bytes(content)
    program = Program(tmp_path, {"database": {"url": f"sqlite:///{file}"}})
    if said:
        assert refused(program) == f"database.url: {said}"
        assert file.read_bytes() == content
    else:
        program.start()
        program.close()


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    program = Program(tmp_path, {"database": {"url": "sqlite:///file/evsys.db"}})
    assert refused(program) == f"database.url: {tmp_path}/file: File exists"


def test_a_module_in_the_working_directory_does_not_stand_in_for_one_of_ours(tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('taken over')")
    with running(tmp_path) as program:
        assert program.get("/health/ready").status_code == 200


def test_the_processes_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        pids = [program.pid_of(role) for role in ("writer", "gateway", "office")]
        assert None not in pids
        program.kill("supervisor")
        wait_until(lambda: not any(alive(pid) for pid in pids), "all have ended", 10)


def test_people_give_way_to_stations(tmp_path: Path) -> None:
    """The office and all its threads are put back; what a station waits for never is."""
    own = os.getpriority(os.PRIO_PROCESS, 0)
    with running(tmp_path) as program:
        assert program.get("/api/v1/status").status_code in (200, 401)  # a thread that reads is there
        found = {role: priorities(program.pid_of(role)) for role in ("writer", "gateway", "office")}
    office = min(own + OFFICE_NICENESS, 19)
    assert found == {"writer": {own}, "gateway": {own}, "office": {office}}


def priorities(pid: int | None) -> set[int]:
    """Those of all threads of a process."""
    return {os.getpriority(os.PRIO_PROCESS, int(task.name)) for task in Path(f"/proc/{pid}/task").iterdir()}


def alive(pid: int | None) -> bool:
    try:
        return f"{pid} " in Path(f"/proc/{pid}/stat").read_text()[:20]
    except OSError:
        return False


def test_a_stop_before_it_is_ready_ends_it_too(tmp_path: Path) -> None:
    program = Program(tmp_path)
    try:
        program.start(ready=False)
        wait_until(lambda: program.pid_of("writer") is not None, "a process is there")
        status, seconds = program.stop()
        assert status == 0
        assert seconds < 5
    finally:
        program.close()


def test_without_a_file_it_says_so_and_listens_on_this_machine_only(tmp_path: Path) -> None:
    """The ports are fixed then, so they may be taken on a developer's machine: either way the note comes
    first."""
    done = subprocess.Popen(
        [EVSYS],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert done.stdout is not None
    first = done.stdout.readline()
    done.terminate()
    done.communicate(timeout=10)
    assert "no config.yml here" in first
    assert "every listener is on 127.0.0.1" in first


def test_a_database_of_a_folder_with_a_long_name_is_served(tmp_path: Path) -> None:
    """The sockets between the processes are elsewhere: their paths have a limit of about a hundred bytes."""
    folder = tmp_path / ("x" * 120)
    folder.mkdir()
    with running(folder) as program:
        assert program.get("/health/ready").status_code == 200
