"""Files on their way: up- and downloads of a charge point over HTTP(S) and FTP(S), as OCPP's URLs name them.

These calls wait for the network: the fleet makes them in threads. Whatever goes wrong is an OSError, whose
text never holds a URL: there may be a password in it. An HTTP URL that ends in a slash is a directory, to
which the file's name is added; any other is the file's own. An FTP URL is a directory if the server lets one
into it (OCPP 1.6 §5.9: the location is a directory).
"""

import ftplib
import ssl
from base64 import b64encode
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from io import BytesIO
from pathlib import Path
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlsplit

from msgspec import Struct

PROTOCOLS: Final = ("FTP", "FTPS", "HTTP", "HTTPS")
STEP_TIMEOUT_S: Final = 30.0
"""How long one step may take: to connect, to read, to write."""
MAX_FILE_BYTES: Final = 64 * 1024 * 1024
"""What a charge point has room for."""
PIECE_BYTES: Final = 64 * 1024
BOUNDARY: Final = "--charge-point-file--"
"""What stands between the parts of a form: no line of these files is this."""
NOT_PUT: Final = frozenset((404, 405, 501))
"""How a server answers a PUT where it takes files with POST."""


class Transfer(Struct):
    """A file to deliver (`content`), or to fetch. `done` hears the end of it: what came, or None where it
    failed."""

    url: str
    done: Callable[[bytes | None, datetime], None]
    name: str = ""
    content: bytes | None = None
    roots: tuple[str, ...] = ()
    """Certificates (PEM) that are trusted beside those of the system."""
    form: bool = False
    """Over HTTP it is delivered as a form, as by a browser, and not as the body of a PUT."""

    def carry_out(self, ca_file: Path | None = None) -> bytes:
        """Do it, trusting the roots of `ca_file` too. What came; empty after a delivery. Raises OSError."""
        if ca_file is not None:
            self.roots = (*self.roots, ca_file.read_text())
        try:
            url = urlsplit(self.url)
            port = url.port
            if not url.hostname:
                raise OSError("the URL names no host")
            match url.scheme.lower():
                case "http" | "https":
                    return _over_http(self, url, port)
                case "ftp" | "ftps":
                    return _over_ftp(self, url, port)
                case other:
                    raise OSError(f"{other!r} is no protocol for files")
        except (HTTPException, ValueError, EOFError, ftplib.Error) as error:
            raise OSError(str(error) or type(error).__name__) from error


def _trust(roots: tuple[str, ...]) -> ssl.SSLContext:
    context = ssl.create_default_context()
    for root in roots:
        context.load_verify_locations(cadata=root)
    return context


def _over_http(transfer: Transfer, url: SplitResult, port: int | None) -> bytes:
    if transfer.content is None:
        return _exchange(transfer, url, port, "GET")
    if transfer.form:
        return _exchange(transfer, url, port, "POST")
    try:
        return _exchange(transfer, url, port, "PUT")
    except _Refused as refused:
        if refused.status not in NOT_PUT:
            raise
    return _exchange(transfer, url, port, "POST")


class _Refused(OSError):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


def _exchange(transfer: Transfer, url: SplitResult, port: int | None, method: str) -> bytes:
    host, path, body = url.hostname or "", url.path or "/", transfer.content
    headers = {}
    if body is not None and transfer.form:
        headers["Content-Type"] = f"multipart/form-data; boundary={BOUNDARY}"
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="{transfer.name}"\r\n\r\n'
        )
        body = head.encode() + body + f"\r\n--{BOUNDARY}--\r\n".encode()
    elif body is not None:
        headers["Content-Type"] = "application/octet-stream"
        if path.endswith("/"):
            path += quote(transfer.name)
    if url.username is not None:
        secret = f"{unquote(url.username)}:{unquote(url.password or '')}"
        headers["Authorization"] = f"Basic {b64encode(secret.encode()).decode()}"
    link: HTTPConnection
    if url.scheme.lower() == "https":
        link = HTTPSConnection(host, port, timeout=STEP_TIMEOUT_S, context=_trust(transfer.roots))
    else:
        link = HTTPConnection(host, port, timeout=STEP_TIMEOUT_S)
    with closing(link):
        link.request(method, f"{path}?{url.query}" if url.query else path, body, headers)
        answer = link.getresponse()
        found = answer.read(MAX_FILE_BYTES + 1)
        if not 200 <= answer.status < 300:
            raise _Refused(answer.status, answer.reason)
        if len(found) > MAX_FILE_BYTES:
            raise OSError("the file is too large")
        return found if transfer.content is None else b""


def _over_ftp(transfer: Transfer, url: SplitResult, port: int | None) -> bytes:
    secure = url.scheme.lower() == "ftps"
    link = ftplib.FTP_TLS(context=_trust(transfer.roots)) if secure else ftplib.FTP()
    link.timeout = STEP_TIMEOUT_S
    with link:
        link.connect(url.hostname or "", port or ftplib.FTP_PORT)
        link.login(unquote(url.username or ""), unquote(url.password or ""))
        if isinstance(link, ftplib.FTP_TLS):
            link.prot_p()
        folder, _, file = unquote(url.path).strip("/").rpartition("/")
        if transfer.content is None:
            _enter(link, folder)
            return _retrieve(link, file)
        _enter(link, folder)
        name = transfer.name
        if file:
            try:
                link.cwd(file)
            except ftplib.error_perm:
                name = file
        link.storbinary(f"STOR {name}", BytesIO(transfer.content), PIECE_BYTES)
        return b""


def _enter(link: ftplib.FTP, folder: str) -> None:
    if folder:
        link.cwd(folder)


def _retrieve(link: ftplib.FTP, file: str) -> bytes:
    found = bytearray()

    def keep(piece: bytes) -> None:
        found.extend(piece)
        if len(found) > MAX_FILE_BYTES:
            raise OSError("the file is too large")

    link.retrbinary(f"RETR {file}", keep, PIECE_BYTES)
    return bytes(found)
