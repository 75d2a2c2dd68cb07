"""An office with its API on a free port, a node on the same database and the same bus, and stations on links.

The inline store commits as soon as the loop is free; the clock is stepped by the test.
"""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import httpx
from prometheus_client import CollectorRegistry

from evsys.api.app import create_app
from evsys.api.metrics import create_metrics_app
from evsys.api.serving import HttpServer, http_server
from evsys.app import by_path
from evsys.bus.local import LocalHub
from evsys.console.app import create_console
from evsys.console.visitors import Settings
from evsys.console.visitors import Visitor as VisitorSeen
from evsys.core.facts import Policy
from evsys.core.records import Record, Role
from evsys.core.work import Committed, Work
from evsys.csms.connection import Connection
from evsys.csms.node import Node, NodeSettings
from evsys.files.ftp import FtpExchange, FtpSettings
from evsys.files.http import FileExchange
from evsys.metrics import OfficeMetrics
from evsys.model_profiles.loading import load
from evsys.notify.notifier import Notifier
from evsys.ocpp.v16 import V16
from evsys.office.authority import Signer
from evsys.office.files import FileSettings
from evsys.office.office import Office
from evsys.office.outlet import Pace
from evsys.office.wirelog import Wire
from evsys.store.inline import InlineStore
from evsys.store.views.reader import Reader
from evsys.store.wirelog import WireStore
from kit.central import BOOT
from kit.clock import SteppedClock
from kit.database import new_database
from kit.link import Payload, call

SERVER_KEY = b"the key of a server, for its tests"
MODELS = load(None)

PASSWORD = "correct horse battery"

Answer = Payload | tuple[str, str] | None
"""What a station answers a CALL with: a payload, a CALLERROR's code and description, or nothing."""


class AnsweringStation:
    """A station on a link that answers CALLs as it is told to, and remembers them."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self.answers = dict(answers)
        self.calls: list[tuple[str, Payload]] = []
        self.replies: dict[str, Payload] = {}
        self.errors: dict[str, str] = {}
        """Codes of CALLERRORs, by the ids that they answer."""
        self.connection: Connection | None = None

    def send(self, frame: bytes) -> None:
        message = json.loads(frame)
        if message[0] == 3:
            self.replies[message[1]] = message[2]
        if message[0] == 4:
            self.errors[message[1]] = message[2]
        if message[0] != 2:
            return
        _, id, action, payload = message
        self.calls.append((action, payload))
        answer = self.answers.get(action)
        if isinstance(answer, tuple):
            self._say([4, id, *answer, {}])
        elif answer is not None:
            self._say([3, id, answer])

    def close(self, code: int, reason: str) -> None:
        self.connection = None

    def _say(self, message: list[object]) -> None:
        assert self.connection is not None
        asyncio.get_running_loop().call_soon(self.connection.received, json.dumps(message).encode())

    async def ask(self, action: str, payload: object) -> Payload:
        """A CALL to the central system and the payload of its CALLRESULT."""
        assert self.connection is not None
        id = f"s{len(self.replies)}"
        self.connection.received(call(id, action, payload))
        async with asyncio.timeout(5):
            while id not in self.replies:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
        return self.replies[id]


class RunningOffice:
    """See the module. `client` brings the key of an administrator."""

    def __init__(
        self,
        path: Path,
        key_required: bool = False,
        signer: Signer | None = None,
        organisation: str = "",
        ftp: bool = False,
        ftp_tls: tuple[str, str] | None = None,
        notifiers: Mapping[str, Notifier] | None = None,
        pace: Pace | None = None,
    ) -> None:
        self.path = path
        self._ftp_tls = ftp_tls
        self._doors = [socket.create_server(("127.0.0.1", 0)) for _ in range(1 + ftp)]
        ports = [door.getsockname()[1] for door in self._doors]
        self.clock = SteppedClock()
        self.store = InlineStore(path)
        self.bus = LocalHub()
        self.node = Node(
            self.store,
            self.bus,
            {"ocpp1.6": V16},
            Policy(),
            NodeSettings(wire_log=True, models=MODELS),
            self.clock,
        )
        self.reader = Reader(path)
        self.wire = Wire(WireStore(Path(f"{path}.wire"), days=7, max_bytes=2**30), self.bus, self.clock)
        self.files = FileSettings(
            folder=Path(f"{path}.files"),
            max_file_bytes=2**20,
            max_total_bytes=3 * 2**20,
            http_url=f"http://127.0.0.1:{ports[0]}",
            ftp_url=f"{'ftps' if ftp_tls else 'ftp'}://127.0.0.1:{ports[1]}" if ftp else "",
        )
        self.office = Office(
            self.store,
            self.reader,
            self.bus,
            self.clock,
            SERVER_KEY,
            self.files,
            self.wire,
            signer,
            organisation,
            MODELS,
            notifiers=notifiers,
            pace=pace,
        )
        self._ftp = self._ftp_exchange(self._doors[1]) if ftp else None
        self.registry = CollectorRegistry()
        self.app = create_app(self.office, OfficeMetrics(self.registry), key_required)
        self._apps = [
            by_path(self.app, lambda: create_console(self.office, Settings())),
            create_metrics_app(self.office, self.registry),
        ]
        self._servers: list[HttpServer] = []
        self._tasks: list[asyncio.Task[None]] = []
        self.url = ""
        self.metrics_url = ""

    @classmethod
    @asynccontextmanager
    async def run(
        cls,
        folder: Path,
        key_required: bool = False,
        signer: Signer | None = None,
        organisation: str = "",
        ftp: bool = False,
        ftp_tls: tuple[str, str] | None = None,
        notifiers: Mapping[str, Notifier] | None = None,
        pace: Pace | None = None,
    ) -> AsyncIterator["RunningOffice"]:
        database = new_database(folder)
        running = cls(database, key_required, signer, organisation, ftp, ftp_tls, notifiers, pace)
        await running.start()
        try:
            yield running
        finally:
            await running.stop()

    async def start(self) -> None:
        await self.node.start()
        self._tasks.append(asyncio.create_task(self._flush()))
        self.office.files.start()
        self._keeping = asyncio.gather(self.wire.run(), self.office.work())
        if self._ftp is not None:
            self._ftp.start()
        urls = []
        for app in self._apps:
            listening = socket.create_server(("127.0.0.1", 0))
            server = http_server(app)
            self._servers.append(server)
            self._tasks.append(asyncio.create_task(server.serve(sockets=[listening])))
            urls.append(f"http://127.0.0.1:{listening.getsockname()[1]}")
        self.url, self.metrics_url = urls
        exchange = http_server(FileExchange(self.office.jobs, self.office.files))
        self._servers.append(exchange)
        self._tasks.append(asyncio.create_task(exchange.serve(sockets=[self._doors[0]])))

    async def stop(self) -> None:
        await self.office.feed.close()
        for server in self._servers:
            server.stop()
        await asyncio.gather(*self._tasks[1:])
        if self._ftp is not None:
            await self._ftp.stop()
        await self.node.stop()
        self._tasks[0].cancel()
        with suppress(asyncio.CancelledError):
            await self._tasks[0]
        self._keeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._keeping
        self.wire.close()
        self.reader.close()
        await self.store.close()
        await self.bus.close()

    def _ftp_exchange(self, door: socket.socket) -> FtpExchange:
        certificate, key = self._ftp_tls or ("", "")
        settings = FtpSettings(cert_file=certificate, key_file=key)
        return FtpExchange(self.office.jobs, self.office.files, settings, door)

    async def _flush(self) -> None:
        while True:
            self.store.flush()
            await asyncio.sleep(0.001)

    async def put(self, *added: Record) -> None:
        work = Work(self.clock.now())
        for record in added:
            work.add(record)
        assert isinstance(await self.store.commit(work), Committed)

    async def key(self, role: Role = "admin") -> str:
        return await self.office.keys.create(f"the {role}", role, by="test")

    @asynccontextmanager
    async def client(self, role: Role | None = "admin") -> AsyncIterator[httpx.AsyncClient]:
        """A client with a key of this role, or without one."""
        headers = {"Authorization": f"Bearer {await self.key(role)}"} if role else {}
        async with httpx.AsyncClient(base_url=self.url, headers=headers, timeout=20) as client:
            yield client

    @asynccontextmanager
    async def visitor(self, role: Role | None, id: str = "", **members: object) -> AsyncIterator["Visitor"]:
        """Somebody of this role in a browser, signed in; nobody with None."""
        async with httpx.AsyncClient(base_url=self.url, timeout=20) as client:
            visitor = Visitor(client)
            if role is not None:
                name = id or f"the {role}"
                await self.office.users.create(name, {"role": role, **members}, "test")
                secret, _ = await self.office.sign_in.make_link(name, "test")
                session = await self.office.sign_in.with_link(secret, PASSWORD, "", "a browser")
                client.cookies.set("evsys", session, domain="127.0.0.1", path="/")
                visitor.token = VisitorSeen(secret=session).token
            yield visitor

    async def station(self, answers: Mapping[str, Answer] | None = None, id: str = "CP1") -> AnsweringStation:
        """A registered station connects and boots."""
        station = AnsweringStation(answers or {})
        station.connection = self.node.connect(id, "ocpp1.6", "127.0.0.1", station)
        await station.ask("BootNotification", BOOT)
        return station

    async def pass_time(self, seconds: float) -> None:
        """Let time pass for the node, whose time-outs are noticed by its tick."""
        self.clock.step(seconds)
        self.node.tick()
        await asyncio.sleep(0.01)


class Visitor:
    """A browser at the console, without a screen: it says where it comes from, as browsers do."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.token = ""

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def post(self, path: str, form: Mapping[str, object] | None = None) -> httpx.Response:
        """A form of a page of ours."""
        return await self.client.post(
            path, data={"csrf": self.token, **(form or {})}, headers={"Sec-Fetch-Site": "same-origin"}
        )


def json_of(response: httpx.Response) -> Payload:
    return cast(Payload, response.json())
