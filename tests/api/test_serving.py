"""The HTTP server: bounds on what a client may take, and an end that lets requests finish."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest
from litestar import Litestar, Request, get, post

from evsys.api import app, serving
from evsys.api.serving import HttpServer, http_server
from kit.office import RunningOffice

begun = asyncio.Event()


@get("/slow")
async def slow() -> str:
    begun.set()
    await asyncio.sleep(0.3)
    return "done"


@post("/read")
async def read(request: Request[None, None, object]) -> int:  # type: ignore[type-var]
    return len(await request.body())


@pytest.fixture
async def served() -> AsyncIterator[tuple[HttpServer, "asyncio.Task[None]", int]]:
    begun.clear()
    server = http_server(Litestar([slow, read], openapi_config=None, logging_config=None))
    listening = socket.create_server(("127.0.0.1", 0))
    task = asyncio.create_task(server.serve(sockets=[listening]))
    yield server, task, listening.getsockname()[1]
    server.stop()
    await task


async def send(port: int, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """All that comes back until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause_s)
        async with asyncio.timeout(5):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_request_under_way_is_finished_when_the_server_stops(
    served: tuple[HttpServer, "asyncio.Task[None]", int],
) -> None:
    server, task, port = served
    answer = asyncio.create_task(send(port, b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n"))
    await asyncio.wait_for(begun.wait(), 5)
    server.stop()
    assert (await answer).endswith(b"done")
    await asyncio.wait_for(task, 5)
    with pytest.raises(OSError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_a_client_that_says_nothing_or_dribbles_its_request_is_let_go(
    served: tuple[HttpServer, "asyncio.Task[None]", int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "HEAD_S", 0.3)
    port = served[2]
    assert await send(port) == b""
    assert await send(port, *(bytes([byte]) for byte in b"GET /slow HTTP/1.1\r\nX: "), pause_s=0.05) == b""
    whole = b"GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"
    assert (await send(port, whole, b"GET /no", pause_s=0.1)).startswith(b"HTTP/1.1 404")


async def test_a_head_without_end_is_refused(served: tuple[HttpServer, "asyncio.Task[None]", int]) -> None:
    lines = [b"X-%d: " % number + b"x" * 4000 + b"\r\n" for number in range(20)]
    answer = await send(served[2], b"GET / HTTP/1.1\r\n", *lines)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


@pytest.mark.parametrize("garbage", [b"\x16\x03\x01\x02\x00\x01", b"[2,1]\r\n\r\n", b"GET\r\n\r\n"])
async def test_what_is_not_http_is_refused(
    served: tuple[HttpServer, "asyncio.Task[None]", int], garbage: bytes
) -> None:
    answer = await send(served[2], garbage)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")


async def test_a_request_whose_body_dribbles_is_ended(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "REQUEST_S", 0.3)
    port = int(office.url.rpartition(":")[2])
    head = b"POST /api HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n{"
    answer = await send(port, head)
    assert answer.startswith(b"HTTP/1.1 503")
    assert b"application/problem+json" in answer
