"""The supervisor: one command, behind it the processes that do the work (architecture §2).

It holds the lock on the database, binds every socket, loads what all processes need once, and forks the
writer, the gateway and the office. They load their own rooms side by side; the gateway and the office are
told to begin when the writer has brought the schema up to date. A process that dies is started again on the
same sockets: what arrives meanwhile waits in the kernel. It does nothing else, so it has nothing to die of;
if it is killed all the same, the others see the end of their standard input and stop by themselves.

Forking, and not starting Python anew, saves half a second of CPU in every process, at the start and when one
that died is replaced.
"""

import asyncio
import contextlib
import errno
import gc
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NoReturn

import structlog

from evsys.app import (
    BEGIN,
    LIFELINE,
    READY,
    REFUSED,
    REPORT,
    SHARED_ROOMS,
    Assignment,
    CannotStart,
    Role,
    check_certificates,
    run_assigned,
)
from evsys.config import Config, Loaded
from evsys.store.lock import DatabaseInUse, server_lock
from evsys.store.server_key import server_key

BIND_PATIENCE_S: Final = 2.0
"""How long a port may be in use yet: the processes of a killed supervisor let go of it within this."""
OCPP_BACKLOG: Final = 4096
"""Stations that wait in the kernel while the gateway is being restarted. The kernel may cut it."""
BACKLOG: Final = 128
OCPP_RECEIVE_BYTES: Final = 32 * 1024
"""The receive window of a station's socket, set before listening: the WebSocket library keeps a buffer as
large as one read for the life of the connection, and no OCPP message needs more at once."""
FIRST_PAUSE_S: Final = 0.05
LONGEST_PAUSE_S: Final = 5.0
"""Between a death and the next start: doubling from the first to the longest."""
WELL_AFTER_S: Final = 10.0
"""A process that lived so long starts over with the first pause."""
TRIES: Final = 3
"""A process that dies so often before it was ever ready will not do better the next time."""
FRONT_STOPS_WITHIN_S: Final = 4.0
"""Gateway and office; then they are killed. With the writer's time it is less than five seconds."""
WRITER_STOPS_WITHIN_S: Final = 0.8
REPORT_BYTES: Final = 4096
"""A report is one line, and a pipe takes so much in one piece."""

log = structlog.get_logger()


def serve(loaded: Loaded, say: Callable[[str], None]) -> None:
    """Run the central system until SIGTERM or SIGINT. `say` gets what a person wants to know at start.

    Raises CannotStart with what the machine refuses."""
    config = loaded.config
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to load again
    for note in loaded.notes:
        say(note)
    _raise_descriptor_limit()
    with ExitStack() as held:
        database = _take_database(config.database.path.absolute(), held)
        server_key = _server_key(config, database)
        check_certificates(config)
        sockets = {name: held.enter_context(bound) for name, bound in _bind_all(config)}
        folder = Path(held.enter_context(TemporaryDirectory(prefix="evsys-")))
        for name in ("writer", "bus"):
            sockets[name] = held.enter_context(_bind_unix(folder / name))
        asyncio.run(_Supervisor(config, database, server_key, folder, sockets, say).run())


def _take_database(path: Path, held: ExitStack) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        held.enter_context(server_lock(path))
        return path
    except DatabaseInUse as error:
        raise CannotStart(f"another evsys serves this database: {error}") from None
    except OSError as error:
        raise CannotStart(f"database.url: {error.filename or path}: {error.strerror}") from None


def _server_key(config: Config, database: Path) -> bytes:
    """The one of the configuration, else that of the file beside the database, made at the first start."""
    if config.security.server_key:
        return config.security.server_key.encode()
    try:
        return server_key(database)
    except ValueError as error:
        raise CannotStart(f"security.server_key: {error}") from None
    except OSError as error:
        raise CannotStart(f"security.server_key: {error.filename}: {error.strerror}") from None


def _raise_descriptor_limit() -> None:
    """Each connection takes a descriptor; the soft limit is often 1024, the hard one is what counts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


# -- sockets -------------------------------------------------------------------------------------------------


def _bind_all(config: Config) -> Iterator[tuple[str, socket.socket]]:
    listen, api, metrics = config.listen, config.api, config.metrics
    yield "ocpp", _for_stations(_bind("listen", listen.bind_ip, listen.port))
    if listen.tls_port:
        yield "ocpps", _for_stations(_bind("listen", listen.bind_ip, listen.tls_port))
    yield "api", _listening(_bind("api", api.bind_ip, api.port))
    if metrics.enabled:
        yield "metrics", _listening(_bind("metrics", metrics.bind_ip, metrics.port))
    for name, door in (("http", config.files.http), ("ftp", config.files.ftp)):
        if door.enabled:
            yield f"files.{name}", _listening(_bind(f"files.{name}", door.bind_ip, door.port))


def _bind(section: str, address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    last = time.monotonic() + BIND_PATIENCE_S
    while True:
        try:
            bound.bind((address, port))
            return bound
        except OSError as error:
            if error.errno == errno.EADDRINUSE and time.monotonic() < last:
                time.sleep(FIRST_PAUSE_S)
                continue
            bound.close()
            raise CannotStart(
                f"{section}: cannot listen on {address}:{port}: {error.strerror or error}"
            ) from None


def _for_stations(bound: socket.socket) -> socket.socket:
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, OCPP_RECEIVE_BYTES)
    bound.listen(OCPP_BACKLOG)
    return bound


def _listening(bound: socket.socket) -> socket.socket:
    bound.listen(BACKLOG)
    return bound


def _bind_unix(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        bound.bind(str(path))
    except OSError as error:
        bound.close()
        raise CannotStart(f"{path}: {error.strerror or error}") from None
    return _listening(bound)


# -- processes -----------------------------------------------------------------------------------------------


class _Process:
    """A forked process of a role. `ended` is its exit status, negative for a signal."""

    def __init__(self, role: Role, assignment: Assignment) -> None:
        inherited, self._lifeline = os.pipe()
        self._report, report = os.pipe()
        sys.stdout.flush()  # what waits there must not be written twice
        sys.stderr.flush()
        everything = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        self._pid = os.fork()
        if not self._pid:
            _become(role, assignment, inherited, report)
        signal.pthread_sigmask(signal.SIG_SETMASK, everything)
        os.close(inherited)
        os.close(report)
        loop = asyncio.get_running_loop()
        self.said: asyncio.Future[str] = loop.create_future()
        """The one line of its report, empty where it ended without one."""
        self.ended: asyncio.Future[int] = loop.create_future()
        self._line = bytearray()
        loop.add_reader(self._report, self._heard)

    def begin(self) -> None:
        """Let it begin its work."""
        with contextlib.suppress(OSError):
            os.write(self._lifeline, BEGIN)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal, where it still lives."""
        if not self.ended.done():
            os.kill(self._pid, number)

    def let_go(self) -> None:
        """End its lifeline."""
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def reap(self) -> None:
        """See whether it has ended."""
        if self.ended.done():
            return
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if pid:
            self.let_go()
            self._heard(last=True)
            self.ended.set_result(os.waitstatus_to_exitcode(status))

    def _heard(self, last: bool = False) -> None:
        if self.said.done():
            return
        piece = os.read(self._report, REPORT_BYTES)
        self._line += piece
        if last or not piece or piece.endswith(b"\n"):
            asyncio.get_running_loop().remove_reader(self._report)
            os.close(self._report)
            self.said.set_result(self._line.decode(errors="replace").strip())


def _become(role: Role, assignment: Assignment, lifeline: int, report: int) -> NoReturn:
    """Be a process of a role from here on: nothing of the supervisor's is left but what it loaded."""
    status = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to load again
        os.setpgid(0, 0)  # what a terminal sends to its foreground group is for the supervisor alone
        os.dup2(lifeline, LIFELINE)
        os.dup2(report, REPORT)
        lowest = 3
        for kept in sorted(assignment.sockets.values()):
            os.closerange(lowest, kept)
            lowest = kept + 1
        os.closerange(lowest, resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        signal.pthread_sigmask(signal.SIG_SETMASK, ())
        with contextlib.suppress(OSError):  # a system without /proc shows four processes of one name
            Path("/proc/self/comm").write_text(f"evsys-{role}")
        status = run_assigned(role, assignment)
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)  # the supervisor's stack lies below this frame, and must not be unwound here


class _Child:
    """A process of one role, and its successors."""

    def __init__(self, role: Role, assignment: Assignment) -> None:
        self.role = role
        self.begin = asyncio.Event()
        """Set when its processes may begin: until then they load what they need and wait."""
        self.ready = asyncio.Event()
        """Set when it was ready for the first time."""
        self.told = ""
        """What it said beside that it is."""
        self._assignment = assignment
        self._process: _Process | None = None
        self._stopping = asyncio.Event()

    async def keep(self) -> None:
        """Start the process, and again whenever it dies, until it is to stop. Raises CannotStart where it
        dies again and again before it was ever ready."""
        pause, deaths = FIRST_PAUSE_S, 0
        while not self._stopping.is_set():
            began = time.monotonic()
            reason = await self._live()
            if self._stopping.is_set():
                return
            deaths += 1
            if not self.ready.is_set() and deaths == TRIES:
                raise CannotStart(reason)
            if time.monotonic() - began > WELL_AFTER_S:
                pause = FIRST_PAUSE_S
            log.error("a process died and is started again", role=self.role, reason=reason, in_s=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _live(self) -> str:
        """One process from start to end. Returns why it ended."""
        self._process = process = _Process(self.role, self._assignment)
        await self.begin.wait()
        process.begin()
        said = await process.said
        if said.partition(" ")[0] == READY:
            self.told = said.removeprefix(READY).strip()
            self.ready.set()
        code = await process.ended
        if said.startswith(REFUSED) and not self.ready.is_set():
            raise CannotStart(said.removeprefix(REFUSED))
        if said and said.partition(" ")[0] != READY:
            return said
        return f"signal {-code}" if code < 0 else f"exit status {code}"

    def reap(self) -> None:
        """See whether its process has ended."""
        if self._process is not None:
            self._process.reap()

    def stop(self) -> None:
        """Let the process end its work: gateway and office at SIGTERM; the writer when its lifeline ends and
        its clients are gone."""
        self._stopping.set()
        self.begin.set()
        if self._process is None:
            return
        if self.role == "writer":
            self._process.let_go()
        else:
            self._process.signal(signal.SIGTERM)

    def kill(self) -> None:
        """End a process that did not stop."""
        self.signal(signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        """Send its process a signal, where there is one."""
        if self._process is not None:
            self._process.signal(number)


class _Supervisor:
    """Keeps the three processes and stops them in order."""

    def __init__(
        self,
        config: Config,
        database: Path,
        server_key: bytes,
        folder: Path,
        sockets: dict[str, socket.socket],
        say: Callable[[str], None],
    ) -> None:
        self._config = config
        self._say = say

        def child(role: Role, *names: str) -> _Child:
            assignment = Assignment(
                config=config,
                database=str(database),
                server_key=server_key,
                writer_address=str(folder / "writer"),
                bus_address=str(folder / "bus"),
                sockets={name: sockets[name].fileno() for name in names if name in sockets},
            )
            return _Child(role, assignment)

        self._writer = child("writer", "writer")
        self._front = [
            child("gateway", "ocpp", "ocpps", "bus"),
            child("office", "api", "metrics", "files.http", "files.ftp"),
        ]

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        loop.add_signal_handler(signal.SIGCHLD, self._reap)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        for room in SHARED_ROOMS:
            import_module(room)
        gc.collect()
        gc.freeze()  # pages that no collector writes to stay one page in all processes
        keeping = {each: asyncio.create_task(each.keep()) for each in (self._writer, *self._front)}
        stopping = asyncio.create_task(stop.wait())
        beginning = asyncio.create_task(self._begin())
        try:
            await asyncio.wait([stopping, *keeping.values()], return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            beginning.cancel()
            await _stop(self._front, keeping, FRONT_STOPS_WITHIN_S)
            await _stop([self._writer], keeping, WRITER_STOPS_WITHIN_S)
        for task in keeping.values():
            task.result()  # raises CannotStart, the only way in which one ends before it is told to

    def _reload(self) -> None:
        """Have the certificates of all listeners loaded again, where there are any."""
        for child in self._front:
            child.signal(signal.SIGHUP)

    def _reap(self) -> None:
        for child in (self._writer, *self._front):
            child.reap()

    async def _begin(self) -> None:
        """Let the writer begin, then the others; say where everything is as it becomes ready: stations do not
        wait for what people use."""
        self._writer.begin.set()
        await self._writer.ready.wait()
        for child in self._front:
            child.begin.set()
        for child, lines in zip(self._front, (stations_greeting, people_greeting), strict=True):
            await child.ready.wait()
            for line in lines(self._config):
                self._say(line)
            if child.told:
                self._say(
                    f"sign in for the first time, within a day, at {self._config.api.reached_at}{child.told}"
                )


async def _stop(children: list[_Child], keeping: dict[_Child, asyncio.Task[None]], within_s: float) -> None:
    """Stop these, kill those that take too long, and see their ends."""
    tasks = [keeping[child] for child in children]
    for child in children:
        child.stop()
    _, late = await asyncio.wait(tasks, timeout=within_s)
    for child in children:
        if keeping[child] in late:
            log.error("a process did not stop in time and is killed", role=child.role)
            child.kill()
    await asyncio.wait(tasks)


def stations_greeting(config: Config) -> Iterator[str]:
    """Where stations connect."""
    listen = config.listen
    for path in listen.paths:
        yield f"stations connect to {_url('ws', listen.tls_enabled, listen.bind_ip, listen.port)}{path}"
        if listen.tls_port:
            yield f"and to {_url('ws', True, listen.bind_ip, listen.tls_port)}{path}"


def people_greeting(config: Config) -> Iterator[str]:
    """Where people find everything."""
    api, metrics = config.api, config.metrics
    yield f"the console is at {api.reached_at}"
    yield f"the API is at {api.reached_at}/api/v1"
    if metrics.enabled:
        yield f"metrics are at {_url('http', False, metrics.bind_ip, metrics.port)}/metrics"
    for door in (config.files.http, config.files.ftp):
        if door.enabled:
            yield f"stations exchange files at {door.reached_at}"
    yield f"everything is kept in {config.database.path}"


def _url(scheme: str, secure: bool, address: str, port: int) -> str:
    host = f"[{address}]" if ":" in address else address
    return f"{scheme}{'s' if secure else ''}://{host}:{port}"
