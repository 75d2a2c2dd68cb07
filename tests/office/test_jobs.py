"""Jobs in a running office: diagnostics by HTTP and by FTP, what may go wrong, and what is shut behind it."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from ftplib import FTP, error_perm
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from kit.link import Payload
from kit.office import AnsweringStation, RunningOffice, json_of
from kit.samples import station
from kit.waiting import until

BOOT = {"chargePointVendor": "Acme", "chargePointModel": "One"}
LOG = b"what happened, line by line\r\n" * 1000


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[RunningOffice]:
    async with RunningOffice.run(tmp_path, ftp=True) as running:
        await running.put(station("CP1"))
        yield running


async def asked(station: AnsweringStation, action: str) -> Payload:
    """The payload of the next CALL with this action."""
    await until(lambda: any(name == action for name, _ in station.calls))
    index = next(index for index, (name, _) in enumerate(station.calls) if name == action)
    return station.calls.pop(index)[1]


async def job_in(admin: httpx.AsyncClient, job: Payload, *states: str) -> Payload:
    """The job as soon as it is in one of these states."""
    for _ in range(3000):
        found = json_of(await admin.get(f"/api/v1/jobs/{job['id']}"))
        if found["state"] in states:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(found)


async def until_said(admin: httpx.AsyncClient, job: Payload, status: str) -> None:
    """Until the job has heard a status of its station."""
    for _ in range(3000):
        if json_of(await admin.get(f"/api/v1/jobs/{job['id']}"))["status"] == status:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"never {status}")


async def diagnostics(admin: httpx.AsyncClient, **members: object) -> Payload:
    response = await admin.post("/api/v1/stations/CP1/diagnostics", json=members)
    assert response.status_code == 201, response.text
    return json_of(response)


Deliver = Callable[[str], Awaitable[None]]


async def by_put(location: str) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.put(f"{location}CP1.log", content=LOG)
    assert response.status_code == 200, response.text


async def by_post_of_a_form(location: str) -> None:
    async with httpx.AsyncClient() as client:
        response = await client.post(
            location, data={"why": "asked"}, files={"file": ("../../CP1.log", LOG, "text/plain")}
        )
    assert response.status_code == 200, response.text


async def by_ftp(location: str) -> None:
    await asyncio.to_thread(store, location, LOG)


def store(location: str, content: bytes, name: str = "CP1.log") -> None:
    """An upload by FTP of a station that never says TYPE I."""
    with login(location) as ftp:
        ftp.storbinary(f"STOR {name}", io.BytesIO(content))


def login(location: str) -> FTP:
    url = urlsplit(location)
    ftp = FTP(timeout=20)
    assert url.hostname is not None
    ftp.connect(url.hostname, url.port or 21)
    ftp.login(url.username or "", url.password or "")
    return ftp


@pytest.mark.parametrize(("via", "deliver"), [("http", by_put), ("http", by_post_of_a_form), ("ftp", by_ftp)])
async def test_diagnostics_arrive_and_can_be_downloaded(
    office: RunningOffice, admin: httpx.AsyncClient, via: str, deliver: Deliver
) -> None:
    charger = await office.station({"GetDiagnostics": {"fileName": "CP1.log"}})
    job = await diagnostics(admin, via=via, from_at="2026-01-01T00:00:00Z")
    request = await asked(charger, "GetDiagnostics")
    location = str(request["location"])
    assert location.startswith(f"{via}://")
    assert (request["startTime"], request["retries"]) == ("2026-01-01T00:00:00Z", 0)
    await charger.ask("DiagnosticsStatusNotification", {"status": "Uploading"})
    await job_in(admin, job, "transferring")
    await deliver(location)
    done = await job_in(admin, job, "done")
    await charger.ask("DiagnosticsStatusNotification", {"status": "Uploaded"})
    file = json_of(await admin.get(f"/api/v1/files/{done['file_id']}"))
    assert (file["name"], file["size_bytes"], file["station_id"]) == ("CP1.log", len(LOG), "CP1")
    content = await admin.get(f"/api/v1/files/{file['id']}/content")
    assert content.content == LOG
    assert content.headers["content-disposition"] == 'attachment; filename="CP1.log"'
    listed = json_of(await admin.get("/api/v1/files?station=CP1&kind=diagnostics"))
    assert listed["items"] == [file]


async def image(admin: httpx.AsyncClient, content: bytes = b"image" * 1000, **query: str) -> Payload:
    response = await admin.post("/api/v1/files", params={"name": "charger.bin", **query}, content=content)
    assert response.status_code == 201, response.text
    return json_of(response)


async def firmware(admin: httpx.AsyncClient, **members: object) -> Payload:
    response = await admin.post("/api/v1/stations/CP1/firmware", json=members)
    assert response.status_code == 201, response.text
    return json_of(response)


async def test_firmware_is_fetched_installed_and_booted_with(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    charger = await office.station({"UpdateFirmware": {}})
    content = bytes(range(256)) * 100
    file = await image(admin, content, firmware_version="2.0")
    job = await firmware(admin, file_id=file["id"], via="http")
    location = str((await asked(charger, "UpdateFirmware"))["location"])
    assert location.endswith("/charger.bin")
    await charger.ask("FirmwareStatusNotification", {"status": "Downloading"})
    async with httpx.AsyncClient() as client:
        head = await client.head(location)
        assert (head.status_code, head.headers["content-length"]) == (200, str(len(content)))
        middle = await client.get(location, headers={"Range": "bytes=100-199"})
        assert (middle.status_code, middle.content) == (206, content[100:200])
        assert (await client.get(location, headers={"Range": "bytes=999999-"})).status_code == 416
        assert (await client.put(location, content=b"x")).status_code == 405
        await job_in(admin, job, "transferring")
        assert (await client.get(location)).content == content
    await job_in(admin, job, "installing")
    await charger.ask("FirmwareStatusNotification", {"status": "Installed"})
    await charger.ask("BootNotification", {**BOOT, "firmwareVersion": "2.0"})
    await job_in(admin, job, "done")
    async with httpx.AsyncClient() as client:
        assert (await client.get(location)).status_code == 404, "what was opened is shut"


async def test_a_station_that_boots_with_another_version_has_failed(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    charger = await office.station({"UpdateFirmware": {}})
    file = await image(admin, firmware_version="2.0")
    job = await firmware(admin, file_id=file["id"], via="http")
    await asked(charger, "UpdateFirmware")
    await charger.ask("FirmwareStatusNotification", {"status": "Installed"})
    await charger.ask("BootNotification", {**BOOT, "firmwareVersion": "1.9"})
    failed = await job_in(admin, job, "failed")
    assert failed["reason"] == "it booted with 1.9, not 2.0"


@pytest.mark.parametrize(("version", "state"), [("1.9", "failed"), ("2.0", "done")])
async def test_a_station_that_says_installed_after_a_boot_with_another_version_has_a_minute_for_one_more(
    office: RunningOffice, admin: httpx.AsyncClient, version: str, state: str
) -> None:
    charger = await office.station({"UpdateFirmware": {}})
    file = await image(admin, firmware_version="2.0")
    job = await firmware(admin, file_id=file["id"], via="http")
    await asked(charger, "UpdateFirmware")
    await charger.ask("FirmwareStatusNotification", {"status": "Installing"})
    await charger.ask("BootNotification", {**BOOT, "firmwareVersion": "1.9"})
    await charger.ask("FirmwareStatusNotification", {"status": "Installed"})
    await job_in(admin, job, "installing")
    await until_said(admin, job, "Installed")
    if state == "done":
        await charger.ask("BootNotification", {**BOOT, "firmwareVersion": version})
    else:
        await office.pass_time(61)
    ended = await job_in(admin, job, "failed", "done")
    reason = "it booted with 1.9, not 2.0" if state == "failed" else ""
    assert (ended["state"], ended["reason"]) == (state, reason)


async def test_firmware_by_ftp(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    charger = await office.station({"UpdateFirmware": {}})
    file = await image(admin, LOG)
    job = await firmware(admin, file_id=file["id"], via="ftp")
    location = str((await asked(charger, "UpdateFirmware"))["location"])

    def fetch() -> bytes:
        found = io.BytesIO()
        with login(location) as ftp:
            assert ftp.nlst() == ["charger.bin"]
            ftp.cwd("..")
            assert ftp.pwd() == "/"
            for outside in ("/etc", "../../etc"):
                with pytest.raises(error_perm):
                    ftp.cwd(outside)
            with pytest.raises(error_perm):
                ftp.delete("charger.bin")
            with pytest.raises(error_perm):
                ftp.storbinary("STOR charger.bin", io.BytesIO(b"other"))
            ftp.retrbinary("RETR charger.bin", found.write)
        return found.getvalue()

    assert await asyncio.to_thread(fetch) == LOG
    await job_in(admin, job, "installing")


async def test_signed_firmware_is_asked_for_as_such(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    charger = await office.station({"SignedUpdateFirmware": {"status": "Accepted"}})
    file = await image(admin, signature="c2ln", signing_certificate="-----BEGIN CERTIFICATE-----")
    job = await firmware(admin, file_id=file["id"], via="http")
    request = await asked(charger, "SignedUpdateFirmware")
    assert request["requestId"] == json_of(await admin.get(f"/api/v1/jobs/{job['id']}"))["request_id"]
    said = {"status": "Installed", "requestId": 1 if request["requestId"] != 1 else 2}
    await charger.ask("SignedFirmwareStatusNotification", said)
    await charger.ask("SignedFirmwareStatusNotification", {**said, "requestId": request["requestId"]})
    await job_in(admin, job, "done")


async def test_a_log_and_diagnostics_at_once_are_told_apart(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    answers = {"GetDiagnostics": {"fileName": "d"}, "GetLog": {"status": "Accepted", "filename": "l"}}
    charger = await office.station(answers)
    first = await diagnostics(admin, via="http")
    response = await admin.post("/api/v1/stations/CP1/logs", json={"log": "security", "via": "http"})
    assert response.status_code == 201, response.text
    second = json_of(response)
    await asked(charger, "GetDiagnostics")
    request = await asked(charger, "GetLog")
    assert request["logType"] == "SecurityLog"
    told = {"status": "UploadFailure", "requestId": request["requestId"]}
    await charger.ask("LogStatusNotification", told)
    await job_in(admin, second, "failed")
    assert json_of(await admin.get(f"/api/v1/jobs/{first['id']}"))["state"] == "requested"


async def test_a_cancelled_job_is_shut(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    charger = await office.station({"GetDiagnostics": {"fileName": "d"}})
    job = await diagnostics(admin, via="http")
    location = str((await asked(charger, "GetDiagnostics"))["location"])
    assert (await admin.post(f"/api/v1/jobs/{job['id']}/cancel")).status_code == 200
    assert (await admin.post(f"/api/v1/jobs/{job['id']}/cancel")).status_code == 409
    async with httpx.AsyncClient() as client:
        assert (await client.put(f"{location}x", content=LOG)).status_code == 404


async def test_an_upload_is_limited_and_needs_its_secret(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    charger = await office.station({"GetDiagnostics": {"fileName": "d"}})
    job = await diagnostics(admin, via="http", retries=1)
    location = str((await asked(charger, "GetDiagnostics"))["location"])
    root, _, secret = location.rstrip("/").rpartition("/")
    async with httpx.AsyncClient() as client:
        assert (await client.put(f"{root}/{'0' * 32}/x", content=LOG)).status_code == 404
        assert (await client.put(f"{root}/{secret}/../../../etc/passwd", content=LOG)).status_code == 404
        assert (await client.put(f"{location}x", content=b"x" * (2**20 + 1))).status_code == 413
        assert (await client.put(f"{location}x", content=b"")).status_code == 400
        assert (await client.put(f"{location}x", content=LOG)).status_code == 200
        assert (await client.put(f"{location}x", content=LOG)).status_code == 404, "it was for one file"
    await job_in(admin, job, "done")
    shown = (await admin.get("/api/v1/commands", params={"station": "CP1"})).text
    log = (await admin.get("/api/v1/stations/CP1/messages")).text
    assert "GetDiagnostics" in log
    assert secret not in shown + log


async def test_a_stranger_does_not_log_in_by_ftp(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    charger = await office.station({"GetDiagnostics": {"fileName": "d"}})
    await diagnostics(admin, via="ftp")
    url = urlsplit(str((await asked(charger, "GetDiagnostics"))["location"]))

    def knock(user: str, password: str) -> None:
        with FTP(timeout=20) as ftp:
            ftp.connect(str(url.hostname), url.port or 21)
            ftp.login(user, password)

    for user, password in (
        ("anonymous", ""),
        (str(url.username), "0" * 32),
        ("job-00000000", str(url.password)),
    ):
        with pytest.raises(error_perm):
            await asyncio.to_thread(knock, user, password)


async def test_what_a_station_does_not_do_in_time_has_failed_and_is_tried_again(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    charger = await office.station({"GetDiagnostics": {"fileName": "d"}})
    job = await diagnostics(admin, via="http", retries=1, phase_s=10)
    first = await asked(charger, "GetDiagnostics")
    await office.pass_time(11)
    await job_in(admin, job, "waiting")
    await office.pass_time(61)
    second = await asked(charger, "GetDiagnostics")
    assert first["location"] != second["location"]
    await office.pass_time(11)
    failed = await job_in(admin, job, "failed")
    assert failed["reason"] == "the station did not begin in time"


async def test_a_job_waits_for_its_station_and_one_of_an_unknown_station_is_none(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    job = await diagnostics(admin)
    charger = await office.station({"GetDiagnostics": {"fileName": "d"}})
    await office.pass_time(61)
    await asked(charger, "GetDiagnostics")
    await job_in(admin, job, "requested")
    assert (await admin.post("/api/v1/stations/NO/diagnostics", json={})).status_code == 404
    assert (await admin.post("/api/v1/stations/CP1/firmware", json={"file_id": "none"})).status_code == 404


async def test_a_campaign_is_paused_resumed_and_cancelled(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station("CP2"), station("CP3"))
    wanted = {"diagnostics": {}, "stations": {"ids": ["CP1", "CP2", "CP3"]}, "concurrency": 1}
    response = await admin.post("/api/v1/campaigns", json=wanted)
    assert response.status_code == 201, response.text
    path = f"/api/v1/campaigns/{json_of(response)['id']}"
    assert json_of(await admin.post(f"{path}/pause"))["state"] == "paused"
    assert (await admin.post(f"{path}/pause")).status_code == 409
    charger = await office.station({"GetDiagnostics": {"fileName": "d"}})
    await office.pass_time(61)
    assert json_of(await admin.get(path))["counts"] == {"waiting": 3}
    assert json_of(await admin.post(f"{path}/resume"))["state"] == "running"
    await asked(charger, "GetDiagnostics")
    cancelled = json_of(await admin.post(f"{path}/cancel"))
    assert (cancelled["state"], cancelled["counts"]) == ("cancelled", {"requested": 1, "cancelled": 2})
    assert (
        await admin.post("/api/v1/campaigns", json={**wanted, "firmware": {"file_id": "x"}})
    ).status_code == 400


async def test_a_file_that_a_job_needs_stays(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    file = await image(admin, firmware_version="2.0")
    path = f"/api/v1/files/{file['id']}"
    job = await firmware(admin, file_id=file["id"])
    assert (await admin.delete(path)).status_code == 409
    await admin.post(f"/api/v1/jobs/{job['id']}/cancel")
    assert (await admin.delete(path)).status_code == 204
    assert (await admin.get(f"{path}/content")).status_code == 404


async def test_a_file_whose_bytes_are_gone_is_404(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    file = await image(admin)
    (office.files.folder / str(file["id"])).unlink()
    response = await admin.get(f"/api/v1/files/{file['id']}/content")
    assert response.status_code == 404
    assert "not in a backup" in json_of(response)["detail"]  # type: ignore[operator]


async def test_an_image_must_be_what_it_is_said_to_be(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    query = {"name": "../../charger.bin", "sha256": "0" * 64}
    assert (await admin.post("/api/v1/files", params=query, content=b"image")).status_code == 400
    too_large = await admin.post("/api/v1/files", params={"name": "x"}, content=b"x" * (2**20 + 1))
    assert too_large.status_code == 413
    kept = await image(admin, b"image", name="../../charger.bin")
    assert kept["name"] == "charger.bin"
    assert sorted(path.name for path in office.files.folder.iterdir()) == [kept["id"]]


async def test_what_is_kept_in_all_is_limited(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    for _ in range(3):
        await image(admin, b"x" * (2**20 - 1))
    refused = await admin.post("/api/v1/files", params={"name": "x"}, content=b"x" * 1000)
    assert refused.status_code == 507
