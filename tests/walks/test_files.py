"""Files between the real program and simulated stations, which really carry them: diagnostics and logs that
arrive by HTTP and by FTP, and a campaign that stops itself."""

from collections.abc import Iterator
from pathlib import Path
from typing import Self, cast

import httpx
import pytest

from kit.link import Payload
from kit.pki import Authority
from kit.program import Program, free_port, running, wait_until
from kit.simulation import simulated

OPTIONS = ("--sessions", "0", "--no-offline-spells", "--speed", "60")
STATIONS = 50
CONCURRENCY = 2
FIRMWARE = b"version: 7.1\n"
CARRIED_S = 60.0
"""A machine under load is slow."""


class Desk:
    """An administrator at the program."""

    def __init__(self, program: Program) -> None:
        headers = {"Authorization": f"Bearer {program.key('admin')}"}
        self.program = program
        self.client = httpx.Client(
            base_url=f"{program.api}/api/v1", headers=headers, timeout=30, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def get(self, path: str) -> Payload:
        response = self.client.get(path)
        assert response.status_code == 200, response.text
        return cast(Payload, response.json())

    def post(self, path: str, **members: object) -> Payload:
        response = self.client.post(path, json=members)
        assert response.status_code in (200, 201), response.text
        return cast(Payload, response.json())

    def image(self, content: bytes = FIRMWARE, **told: str) -> str:
        """The id of an image that is uploaded."""
        response = self.client.post("/files", params={"name": "f.bin", **told}, content=content)
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def in_state(self, path: str, *states: str) -> Payload:
        """The job or campaign as soon as it is in one of these states."""
        wait_until(lambda: self.get(path)["state"] in states, f"{path} {states}", CARRIED_S)
        return self.get(path)

    def wait_booted(self, number: int) -> None:
        booted = "SELECT count(*) FROM station_status WHERE registration = 'Accepted' AND connected"
        wait_until(lambda: self.program.rows(booted) == [(number,)], "booted", CARRIED_S)


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    doors = {name: {"enabled": True, "port": free_port()} for name in ("http", "ftp")}
    with running(tmp_path, {"files": doors}) as program:
        yield program


def test_files_of_a_simulated_station_go_by_http_and_by_ftp(program: Program) -> None:
    with simulated(program, "--stations", "1", *OPTIONS), Desk(program) as desk:
        desk.wait_booted(1)
        secrets = "SELECT count(*) FROM transfer_secrets"
        for what in ("diagnostics", "logs"):
            for via in ("http", "ftp"):
                job = desk.post(f"/stations/SIM0001/{what}", via=via)
                done = desk.in_state(f"/jobs/{job['id']}", "done", "failed")
                assert done["state"] == "done", done
                file = desk.get(f"/files/{done['file_id']}")
                content = desk.client.get(f"/files/{done['file_id']}/content").content
                assert content
                assert len(content) == file["size_bytes"]
        for via in ("ftp", "http"):
            image = desk.image(firmware_version="7.1")
            job = desk.post("/stations/SIM0001/firmware", file_id=image, via=via)
            done = desk.in_state(f"/jobs/{job['id']}", "done", "failed")
            assert done["state"] == "done", done
        assert program.rows("SELECT firmware_version FROM station_status") == [("7.1",)]
        assert program.rows(secrets) == [(0,)]
        told = "SELECT count(*) FROM commands WHERE request LIKE '%/exchange/%'"
        masked = "SELECT count(*) FROM commands WHERE request LIKE '%/exchange/***/%'"
        assert program.rows(told) == program.rows(masked) != [(0,)]


def test_a_simulated_station_that_knows_forms_alone_delivers_its_diagnostics_too(program: Program) -> None:
    with (
        simulated(program, "--stations", "1", "--misbehave", "posted-files", *OPTIONS),
        Desk(program) as desk,
    ):
        desk.wait_booted(1)
        job = desk.post("/stations/SIM0001/diagnostics", via="http")
        done = desk.in_state(f"/jobs/{job['id']}", "done", "failed")
        assert done["state"] == "done", done
        file = desk.get(f"/files/{done['file_id']}")
        content = desk.client.get(f"/files/{done['file_id']}/content").content
        assert content.splitlines()[0].startswith(b"{"), "the file, and nothing of the form around it"
        assert content.endswith(b"}\n")
        assert str(file["name"]).startswith("SIM0001")


def test_files_of_a_simulated_station_go_by_https_and_by_ftps(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate = authority.issue("localhost", server=True)
    tls = {"tls_enabled": True, "cert_file": certificate.cert_file, "key_file": certificate.key_file}
    doors = {name: {"enabled": True, "port": free_port(), **tls} for name in ("http", "ftp")}
    options = ("--stations", "1", "--ca", authority.root, *OPTIONS)
    with (
        running(tmp_path, {"files": doors}) as program,
        simulated(program, *options),
        Desk(program) as desk,
    ):
        desk.wait_booted(1)
        for via in ("ftp", "http"):
            job = desk.post("/stations/SIM0001/diagnostics", via=via)
            done = desk.in_state(f"/jobs/{job['id']}", "done", "failed")
            assert done["state"] == "done", done
            assert b"SIM0001" in desk.client.get(f"/files/{done['file_id']}/content").content
            version = f"7.{via}"
            content = f"version: {version}\n".encode()
            image = desk.image(content, firmware_version=version)
            job = desk.post("/stations/SIM0001/firmware", file_id=image, via=via)
            done = desk.in_state(f"/jobs/{job['id']}", "done", "failed")
            assert done["state"] == "done", done
            assert program.rows("SELECT firmware_version FROM station_status") == [(version,)]
        schemes = program.rows("SELECT count(*) FROM commands WHERE request LIKE '%\"ftps://%'")
        assert schemes == [(2,)]


def test_a_campaign_over_fifty_stations_stops_itself_at_the_third_failure(program: Program) -> None:
    with simulated(program, "--stations", str(STATIONS), *OPTIONS), Desk(program) as desk:
        desk.wait_booted(STATIONS)
        # Signed by nobody that the stations know: each refuses it, or finds out when it has fetched it.
        image = desk.image(signature="bm8=", signing_certificate="none")
        stations = [f"SIM{number:04}" for number in range(1, STATIONS + 1)]
        campaign = desk.post(
            "/campaigns",
            firmware={"file_id": image},
            stations={"ids": stations},
            concurrency=CONCURRENCY,
            stop_after_failures=3,
        )
        path = f"/campaigns/{campaign['id']}"
        stopped = desk.in_state(path, "stopped", "done")
        assert stopped["state"] == "stopped"
        assert str(stopped["reason"]).endswith("jobs failed")
        ended = lambda: "requested" not in (counts := desk.get(path)["counts"]) and counts  # noqa: E731
        wait_until(ended, "what was under way has ended", CARRIED_S)
        program.kill("office")
        program.wait_ready()
        counts = cast(dict[str, int], desk.in_state(path, "stopped")["counts"])
        assert set(counts) == {"failed", "waiting"}
        assert 3 <= counts["failed"] <= 3 + CONCURRENCY - 1
        assert sum(counts.values()) == STATIONS
        desk.post(f"{path}/cancel")
        assert desk.get(path)["state"] == "cancelled"


@pytest.mark.timeout(300)
def test_a_campaign_goes_on_to_its_end_where_some_succeed_some_fail_and_one_is_away(tmp_path: Path) -> None:
    """Stations that do not trust the certificate of the door cannot fetch the image."""
    authority = Authority(tmp_path)
    certificate = authority.issue("localhost", server=True)
    tls = {"tls_enabled": True, "cert_file": certificate.cert_file, "key_file": certificate.key_file}
    door = {"http": {"enabled": True, "port": free_port(), **tls}}
    good = ("--stations", "3", "--ids", "GOOD#", "--ca", authority.root)
    bad = ("--stations", "2", "--ids", "BAD#")
    with (
        running(tmp_path, {"files": door}) as program,
        simulated(program, *good, *OPTIONS),
        simulated(program, *bad, *OPTIONS),
        Desk(program) as desk,
    ):
        desk.post("/stations", id="AWAY")
        desk.wait_booted(5)
        ids = ["GOOD1", "BAD1", "GOOD2", "BAD2", "GOOD3", "AWAY"]
        campaign = desk.post(
            "/campaigns",
            firmware={"file_id": desk.image(firmware_version="7.1"), "wait_s": 60},
            stations={"ids": ids},
            concurrency=2,
            stop_after_failures=4,
        )
        path = f"/campaigns/{campaign['id']}"
        under_way: set[int] = set()

        def is_done() -> bool:
            found = desk.get(path)
            counts = cast(dict[str, int], found["counts"])
            under_way.add(sum(counts.get(each, 0) for each in ("requested", "transferring", "installing")))
            return found["state"] == "done"

        wait_until(is_done, "every job has ended", 2 * CARRIED_S)
        assert desk.get(path)["counts"] == {"done": 3, "failed": 3}
        assert max(under_way) <= 2
        jobs = cast(list[Payload], desk.get(f"/jobs?campaign={campaign['id']}")["items"])
        assert {str(each["station_id"]): (each["state"], each["reason"]) for each in jobs} == {
            **dict.fromkeys(("GOOD1", "GOOD2", "GOOD3"), ("done", "")),
            **dict.fromkeys(("BAD1", "BAD2"), ("failed", "the station says DownloadFailed")),
            "AWAY": ("failed", "the station was not there in time"),
        }
        versions = program.rows("SELECT station_id FROM station_status WHERE firmware_version = '7.1'")
        assert {str(id) for (id,) in versions} == {"GOOD1", "GOOD2", "GOOD3"}
