"""Who messages are sent to, for tests: real servers on the loopback interface, that can be killed, come back
on the same port, and answer as they are told."""

import asyncio
import json
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from kit.link import Payload


class Receiver(ABC):
    """A server on a port of its own. `mode`: what it does with what comes."""

    def __init__(self) -> None:
        self.mode = "take"
        """`take`, `later` (not now), `refuse` (never) or `hang` (say nothing)."""
        with socket.create_server(("127.0.0.1", 0)) as found:
            self.port: int = found.getsockname()[1]

    @abstractmethod
    async def start(self) -> None:
        """Listen, again if it did before."""

    @abstractmethod
    async def stop(self) -> None:
        """Gone, and every connection with it."""


class HttpReceiver(Receiver):
    """Takes POSTs of JSON."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.judge: Callable[[], web.Response | None] = lambda: None
        """What to answer, where that is not what `mode` says."""
        self.judge_body: Callable[[bytes], web.Response | None] = lambda body: self.judge()
        """The same by what came."""
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @property
    def taken(self) -> list[Payload]:
        return [cast(Payload, json.loads(body)) for body in self.bodies]

    async def start(self) -> None:
        app = web.Application()
        app.router.add_post("/{path:.*}", self._handle)
        self._runner = web.AppRunner(app, shutdown_timeout=0, handler_cancellation=True)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def stop(self) -> None:
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _handle(self, request: web.Request) -> web.Response:
        body = await request.read()
        if self.mode == "hang":
            await asyncio.sleep(60)
        answer = self.judge_body(body)
        if answer is None:
            answer = web.Response(status={"take": 200, "later": 503, "refuse": 410}[self.mode])
        if answer.status == 200:
            self.bodies.append(body)
            self.headers.append(dict(request.headers))
        return answer


class MailServer(Receiver):
    """Takes mails."""

    def __init__(self, **options: object) -> None:
        """`options` are aiosmtpd's."""
        super().__init__()
        self.mails: list[EmailMessage] = []
        self.mailboxes: list[str] = []
        self._options = options
        self._server: asyncio.Server | None = None
        self._connections: list[SMTP] = []

    async def start(self) -> None:
        def connection() -> SMTP:
            made = SMTP(self, hostname="localhost", enable_SMTPUTF8=False, **self._options)
            self._connections.append(made)
            return made

        self._server = await asyncio.get_running_loop().create_server(connection, "127.0.0.1", self.port)

    async def stop(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            server.close()
            for connection in self._connections:
                if connection.transport is not None:
                    connection.transport.abort()
            self._connections.clear()
            await server.wait_closed()

    async def handle_RCPT(  # noqa: N802 aiosmtpd calls it so
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        match self.mode:
            case "hang":
                await asyncio.sleep(60)
            case "later":
                return "451 the mailbox is busy"
            case "refuse":
                return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        content = envelope.content
        assert isinstance(content, bytes)
        self.mails.append(cast(EmailMessage, message_from_bytes(content, policy=policy.default)))
        self.mailboxes += envelope.rcpt_tos
        return "250 taken"
