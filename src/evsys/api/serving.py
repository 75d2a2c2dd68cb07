"""Serving an application on a socket that was bound before: uvicorn, with the signals left to the program.

The head of a request is bounded in size (by h11) and in time (here): a client that dribbles its request, or
connects and says nothing, is let go.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from typing import Final

import uvicorn
from litestar.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

HEAD_S: Final = 10.0
"""How long a client may take for the head of a request."""
KEEP_ALIVE_S: Final = 15
"""How long a connection may idle between requests."""
MAX_HEAD_BYTES: Final = 32 * 1024
MAX_CONNECTIONS: Final = 500
"""Connections at once; further ones are told 503. People's tower has a few clients, not stations."""
GRACE_S: Final = 3
"""How long requests under way may still take when the server stops."""


ABORT: Final = "evsys.abort"


class _Protocol(H11Protocol):
    """Cuts a connection whose request head is not complete in time. The application finds in its state how to
    cut one whose reader takes nothing (`ABORT`)."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        inner = self.app

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            scope["state"][ABORT] = transport.abort
            await inner(scope, receive, send)

        self.app = app
        self._await_head()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _await_head(self) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete:
            self._stop_waiting()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self._cut)

    def on_response_complete(self) -> None:
        self._stop_waiting()
        super().on_response_complete()

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut(self) -> None:
        self._deadline = None
        if not self.transport.is_closing():
            self.transport.close()


class HttpServer(uvicorn.Server):
    """`await serve(sockets=[...])` until `stop()`; requests under way are finished for `GRACE_S`."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # the program owns the signals

    def stop(self) -> None:
        self.should_exit = True


def http_server(app: ASGIApp, tls: Callable[[], ssl.SSLContext] | None = None) -> HttpServer:
    """A server of `app`; with TLS where `tls` says the context that a connection which begins now is to have.
    Serve it on listening sockets."""
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        ssl_context_factory=(lambda *_: _renewing(tls)) if tls is not None else None,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACE_S,
        limit_concurrency=MAX_CONNECTIONS,
        h11_max_incomplete_event_size=MAX_HEAD_BYTES,
    )
    return HttpServer(config)


def _renewing(present: Callable[[], ssl.SSLContext]) -> ssl.SSLContext:
    """A context that hands each connection on to the present one when it begins: the server keeps the one
    that it was started with."""
    first = present()

    def begins(connection: ssl.SSLObject, _name: str | None, _first: ssl.SSLContext) -> None:
        connection.context = present()

    first.sni_callback = begins
    return first
