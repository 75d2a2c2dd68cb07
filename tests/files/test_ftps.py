"""Files over FTPS, begun in both ways, by the client of the standard library; and what is refused."""

import asyncio
import ftplib
import io
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import httpx
import pytest

from kit.link import Payload
from kit.office import RunningOffice, json_of
from kit.pki import Authority, Files, station_context
from kit.samples import station
from kit.waiting import until

CONTENT = b"what happened, line by line\r\n" * 10_000
SUSPICIOUS = "../../CP1.log"
PATIENCE_S = 20.0


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def pair(authority: Authority) -> Files:
    return authority.issue("localhost", server=True)


@pytest.fixture
async def office(tmp_path: Path, pair: Files) -> AsyncIterator[RunningOffice]:
    async with RunningOffice.run(tmp_path, ftp=True, ftp_tls=pair.pair) as running:
        await running.put(station("CP1"))
        yield running


@pytest.fixture
async def admin(office: RunningOffice) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client() as client:
        yield client


class Implicit(ftplib.FTP_TLS):
    """TLS from the first byte on; what the library has is begun by AUTH TLS."""

    def open(self, address: tuple[str, int]) -> None:
        self.host, self.port = address
        plain = socket.create_connection(address, PATIENCE_S)
        self.sock = self.context.wrap_socket(plain, server_hostname=self.host)
        self.af = self.sock.family
        self.file = self.sock.makefile("r", encoding=self.encoding)
        self.welcome = self.getresp()


def session(url: SplitResult, kind: str, tls: ssl.SSLContext) -> ftplib.FTP_TLS:
    """A session that has logged in, data not yet protected."""
    address = (str(url.hostname), url.port or 21)
    ftp: ftplib.FTP_TLS
    if kind == "implicit":
        ftp = implicit = Implicit(context=tls, timeout=PATIENCE_S)
        implicit.open(address)
    else:
        ftp = ftplib.FTP_TLS(context=tls, timeout=PATIENCE_S)
        ftp.connect(*address)
    try:
        ftp.login(url.username or "", url.password or "")
    except (OSError, ftplib.Error):
        ftp.close()
        raise
    return ftp


async def requested(
    office: RunningOffice, admin: httpx.AsyncClient, action: str, path: str, **members: object
) -> tuple[str, SplitResult]:
    """A job by FTP that was requested of the station: its id and its URL."""
    charger = await office.station({"GetDiagnostics": {"fileName": "d"}, "UpdateFirmware": {}})
    response = await admin.post(f"/api/v1/stations/CP1/{path}", json={"via": "ftp", **members})
    assert response.status_code == 201, response.text
    await until(lambda: any(name == action for name, _ in charger.calls))
    location = next(str(payload["location"]) for name, payload in charger.calls if name == action)
    assert location.startswith("ftps://")
    return str(json_of(response)["id"]), urlsplit(location)


async def job(admin: httpx.AsyncClient, id: str) -> Payload:
    return json_of(await admin.get(f"/api/v1/jobs/{id}"))


@pytest.mark.parametrize("kind", ["explicit", "implicit"])
async def test_diagnostics_arrive_by_ftps(
    office: RunningOffice, admin: httpx.AsyncClient, authority: Authority, kind: str
) -> None:
    id, url = await requested(office, admin, "GetDiagnostics", "diagnostics")

    def deliver() -> None:
        with session(url, kind, station_context(authority.root)) as ftp:
            ftp.prot_p()
            ftp.storbinary(f"STOR {SUSPICIOUS}", io.BytesIO(CONTENT))

    await asyncio.to_thread(deliver)
    done = await job(admin, id)
    assert done["state"] == "done"
    content = await admin.get(f"/api/v1/files/{done['file_id']}/content")
    assert content.content == CONTENT
    assert content.headers["content-disposition"] == 'attachment; filename="CP1.log"'


@pytest.mark.parametrize("kind", ["explicit", "implicit"])
async def test_firmware_is_fetched_by_ftps(
    office: RunningOffice, admin: httpx.AsyncClient, authority: Authority, kind: str
) -> None:
    uploaded = await admin.post("/api/v1/files", params={"name": "charger.bin"}, content=CONTENT)
    file_id = json_of(uploaded)["id"]
    id, url = await requested(office, admin, "UpdateFirmware", "firmware", file_id=file_id)
    found = io.BytesIO()

    def fetch() -> None:
        with session(url, kind, station_context(authority.root)) as ftp:
            ftp.prot_p()
            assert ftp.nlst() == ["charger.bin"]
            ftp.retrbinary("RETR charger.bin", found.write)
            with pytest.raises(ftplib.error_perm):
                ftp.storbinary("STOR charger.bin", io.BytesIO(b"other"))

    await asyncio.to_thread(fetch)
    assert found.getvalue() == CONTENT
    assert (await job(admin, id))["state"] == "installing"


async def test_nothing_is_served_without_tls_or_without_the_secret(
    office: RunningOffice, admin: httpx.AsyncClient, authority: Authority
) -> None:
    id, url = await requested(office, admin, "GetDiagnostics", "diagnostics")
    tls = station_context(authority.root)

    def knock() -> None:
        with ftplib.FTP(timeout=PATIENCE_S) as plain:
            plain.connect(str(url.hostname), url.port or 21)
            with pytest.raises(ftplib.error_perm, match="TLS required on the control"):
                plain.login(url.username or "", url.password or "")
        refused = pytest.raises(ftplib.error_perm, match="TLS required on the data")
        with session(url, "explicit", tls) as ftp, refused:
            ftp.storbinary("STOR CP1.log", io.BytesIO(CONTENT))
        for kind in ("explicit", "implicit"):
            with pytest.raises(ftplib.error_perm, match="Authentication failed"):
                session(url._replace(netloc=url.netloc.replace(str(url.password), "0" * 32)), kind, tls)
            with pytest.raises(ssl.SSLCertVerificationError):
                session(url, kind, ssl.create_default_context())

    await asyncio.to_thread(knock)
    assert (await job(admin, id))["state"] == "requested"
    assert json_of(await admin.get("/api/v1/files"))["items"] == []


async def test_an_upload_that_is_too_large_is_refused_over_ftps_too(
    office: RunningOffice, admin: httpx.AsyncClient, authority: Authority
) -> None:
    id, url = await requested(office, admin, "GetDiagnostics", "diagnostics")

    def deliver() -> None:
        with session(url, "explicit", station_context(authority.root)) as ftp:
            ftp.prot_p()
            ftp.storbinary("STOR CP1.log", io.BytesIO(b"x" * (office.files.max_file_bytes + 1)))

    with pytest.raises((ftplib.Error, OSError, EOFError)):
        await asyncio.to_thread(deliver)
    assert (await job(admin, id))["state"] == "transferring"
    assert json_of(await admin.get("/api/v1/files"))["items"] == []
