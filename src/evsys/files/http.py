"""Files over HTTP: a station fetches an image, or delivers its diagnostics, at the URL of its job.

    GET, HEAD  /exchange/SECRET/NAME     the image, whole or a range of it
    PUT, POST  /exchange/SECRET/[NAME]   the body is the file, or a form (multipart) with the file in it

The secret in the path is all that is needed and all that counts: the name behind it is noted and never looked
for. An unknown secret, one whose job is over, and any other path are the same 404. It is ASGI without a
framework: two verbs on one path, and bodies that never lie in memory.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from typing import BinaryIO, Final, cast
from urllib.parse import unquote

import structlog
from litestar.types import Receive, Scope, Send
from msgspec import Struct
from multipart import MultipartError, PushMultipartParser, parse_options_header

from evsys.core.errors import (
    AlreadyExists,
    BadCommand,
    EvsysError,
    NoRoom,
    NotFound,
    StoreUnavailable,
    TooLarge,
)
from evsys.core.records import Job, StoredFile
from evsys.office.files import Files, Part
from evsys.office.jobs import EXCHANGE, Jobs, Ticket

CHUNK_BYTES: Final = 64 * 1024
STALL_S: Final = 60.0
"""How long a station may neither send nor take a byte."""
TRANSFER_S: Final = 6 * 3600.0
"""How long a transfer may take in all: an image of 100 MB at 40 kbit/s."""
MAX_AT_ONCE: Final = 200
"""Transfers at once: each holds a file open."""

_PATH: Final = re.compile(re.escape(EXCHANGE) + r"([0-9a-f]{32})(?:/([^/]*))?")
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
STATUSES: Final[dict[type[EvsysError], int]] = {
    BadCommand: 400,
    NotFound: 404,
    AlreadyExists: 409,
    TooLarge: 413,
    StoreUnavailable: 503,
    NoRoom: 507,
}

Message = MutableMapping[str, object]
Receiving = Callable[[], Awaitable[Message]]
Sending = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
log = structlog.get_logger()


class Gone(Exception):
    """The station has closed the connection, or let it stall."""


class Asked(Struct, frozen=True):
    """The head of a request."""

    method: str
    name: str
    headers: dict[bytes, str]


class FileExchange:
    """The application; see the module."""

    def __init__(self, jobs: Jobs, files: Files) -> None:
        self._jobs = jobs
        self._files = files
        self._passing = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(cast(Message, scope), cast(Receiving, receive), cast(Sending, send))

    async def _answer(self, scope: Message, receive: Receiving, send: Sending) -> None:
        found = _PATH.fullmatch(str(scope["path"]))
        ticket = await asyncio.to_thread(self._jobs.ticket, found[1]) if found else None
        if ticket is None or found is None:
            await _say(send, 404, "there is nothing here")
            return
        if self._passing >= MAX_AT_ONCE:
            await _say(send, 503, "too many transfers at once")
            return
        self._passing += 1
        try:
            async with asyncio.timeout(TRANSFER_S):
                await self._pass(_asked(scope, found[2] or ""), ticket, receive, send)
        except (Gone, TimeoutError):
            log.warning("a transfer was broken off", job=ticket.job.id, station=ticket.job.station_id)
        finally:
            self._passing -= 1

    async def _pass(self, asked: Asked, ticket: Ticket, receive: Receiving, send: Sending) -> None:
        image = ticket.image
        allowed = ("PUT", "POST") if image is None else ("GET", "HEAD")
        if asked.method not in allowed:
            await _say(send, 405, "not here", [(b"allow", ", ".join(allowed).encode())])
        elif image is None:
            await self._take(asked, ticket.job, receive, send)
        else:
            await self._give(asked, ticket.job, image, send)

    async def _take(self, asked: Asked, job: Job, receive: Receiving, send: Sending) -> None:
        """An upload."""
        part: Part | None = None
        try:
            part = await asyncio.to_thread(self._files.begin)
            _fits(asked, self._files.settings.max_file_bytes)
            await self._jobs.began(job)
            name = await _write(part, asked, _body(receive))
            await self._jobs.arrived(job, part, name)
        except EvsysError as error:
            log.warning("an upload is refused", job=job.id, station=job.station_id, reason=str(error))
            await _say(send, STATUSES.get(type(error), 500), str(error), [(b"connection", b"close")])
        else:
            await _say(send, 200, "")
        finally:
            if part is not None:
                await asyncio.to_thread(part.discard)

    async def _give(self, asked: Asked, job: Job, image: StoredFile, send: Sending) -> None:
        """A download."""
        span = _span(asked.headers.get(b"range", ""), image.size_bytes)
        if span is None:
            whole = f"bytes */{image.size_bytes}".encode()
            await _say(send, 416, "there is no such range", [(b"content-range", whole)])
            return
        start, end = span
        headers = [
            (b"content-type", b"application/octet-stream"),
            (b"content-length", str(end - start).encode()),
            (b"accept-ranges", b"bytes"),
            (b"etag", f'"{image.sha256}"'.encode()),
        ]
        status = 200
        if end - start < image.size_bytes:
            status = 206
            headers.append((b"content-range", f"bytes {start}-{end - 1}/{image.size_bytes}".encode()))
        await _send(send, {"type": "http.response.start", "status": status, "headers": headers})
        if asked.method == "HEAD":
            await _send(send, {"type": "http.response.body", "body": b""})
            return
        await self._jobs.began(job)
        with await asyncio.to_thread(self._files.path(image).open, "rb") as file:
            await _pour(file, start, end, send)
        if end == image.size_bytes:
            await self._jobs.fetched(job)


def _asked(scope: Message, name: str) -> Asked:
    headers = scope["headers"]
    assert isinstance(headers, list)
    known = {key.lower(): value.decode("latin-1") for key, value in headers}
    return Asked(str(scope["method"]), unquote(name), known)


def _fits(asked: Asked, most_bytes: int) -> None:
    """Refuse what says itself that it is too large before a byte of it is read."""
    told = asked.headers.get(b"content-length", "")
    if told.isdigit() and int(told) > most_bytes + CHUNK_BYTES:  # a form has a little more than its file
        raise TooLarge(f"a file may have {most_bytes} bytes")


async def _body(receive: Receiving) -> AsyncIterator[bytes]:
    """The body as it comes. Raises Gone."""
    while True:
        try:
            async with asyncio.timeout(STALL_S):
                message = await receive()
        except TimeoutError:
            raise Gone from None
        if message["type"] == "http.disconnect":
            raise Gone
        body = message.get("body", b"")
        assert isinstance(body, bytes)
        if body:
            yield body
        if not message.get("more_body"):
            return


async def _write(part: Part, asked: Asked, body: AsyncIterator[bytes]) -> str:
    """Write the file in a body. What the station calls it."""
    kind, options = parse_options_header(asked.headers.get(b"content-type", ""))
    if kind != "multipart/form-data":
        async for piece in body:
            await asyncio.to_thread(part.write, piece)
        return asked.name
    try:
        name = await _write_form(part, PushMultipartParser(options.get("boundary", "")), body)
    except MultipartError as error:
        raise BadCommand(f"the form cannot be read: {error}") from None
    return name or asked.name


async def _write_form(part: Part, form: PushMultipartParser, body: AsyncIterator[bytes]) -> str:
    """Write the first file of a form; its other fields do not matter."""
    name, within, seen = "", False, False
    async for piece in body:
        if form.closed:
            continue
        for event in form.parse(piece):
            if event is None:
                within = False
            elif isinstance(event, bytes | bytearray):
                if within:
                    await asyncio.to_thread(part.write, bytes(event))
            elif event.filename is not None and not seen:
                name, within, seen = event.filename, True, True
    form.close()
    return name


def _span(told: str, size: int) -> tuple[int, int] | None:
    """Which bytes a Range header asks for: from, and up to without; None where there are none such. What is
    no single range is the whole."""
    found = _RANGE.fullmatch(told.strip())
    if found is None or not (found[1] or found[2]):
        return 0, size
    if not found[1]:
        start, end = max(size - int(found[2]), 0), size
    else:
        start, end = int(found[1]), min(int(found[2]) + 1, size) if found[2] else size
    return (start, end) if start < end else None


async def _pour(file: BinaryIO, start: int, end: int, send: Sending) -> None:
    """Send these bytes of a file."""
    file.seek(start)
    left = end - start
    while left:
        piece = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
        if not piece:
            raise Gone  # the file is shorter than its record: the station notices by the length
        left -= len(piece)
        await _send(send, {"type": "http.response.body", "body": piece, "more_body": left > 0})


async def _say(send: Sending, status: int, text: str, more: Headers | None = None) -> None:
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await _send(send, {"type": "http.response.start", "status": status, "headers": headers + (more or [])})
    await _send(send, {"type": "http.response.body", "body": body})


async def _send(send: Sending, message: Message) -> None:
    try:
        async with asyncio.timeout(STALL_S):
            await send(message)
    except TimeoutError:
        raise Gone from None
