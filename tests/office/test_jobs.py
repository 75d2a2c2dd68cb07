"""Jobs in a running office: diagnostics by HTTP and by FTP, what may go wrong, and what is shut behind it."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from ftplib import FTP
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from kit.link import Payload
from kit.office import AnsweringStation, RunningOffice, json_of
from kit.samples import station
from kit.waiting import until

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
