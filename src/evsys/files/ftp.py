"""Files over FTP, or FTPS, for stations that know nothing else.

A station logs in with the user and the secret of its job and finds one folder: empty, where a file is to be
delivered, or with the one image that it may fetch. What a file is called is noted and never looked for; there
are no folders to be made and nothing to be removed or renamed. Bytes are kept as they are: many stations
forget to ask for binary transfer.

The server (pyftpdlib) has a loop and a thread of its own. What it asks of the office waits for the answer
there: a transfer is acknowledged when its file is durable.

FTPS comes in two kinds, and stations know the one or the other: implicit, with TLS from the first byte on,
and explicit, begun by AUTH TLS (RFC 4217). One port serves both, since who speaks TLS at once does not wait
to be greeted. Nothing is served without TLS then, on neither connection.
"""

import asyncio
import errno
import logging
import os
import socket
import time
import warnings
from collections.abc import Callable, Coroutine, Sequence
from io import BufferedReader
from threading import Event, Thread
from typing import Final, cast

import structlog
from msgspec import Struct

with warnings.catch_warnings():
    warnings.simplefilter(
        "ignore", DeprecationWarning
    )  # of asyncore, which left the standard library in 3.12
    from OpenSSL import SSL
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.exceptions import AuthenticationFailed, FilesystemError
    from pyftpdlib.filesystems import AbstractedFS
    from pyftpdlib.handlers import DTPHandler, FTPHandler, TLS_DTPHandler, TLS_FTPHandler
    from pyftpdlib.ioloop import IOLoop
    from pyftpdlib.servers import FTPServer

from evsys.core.errors import EvsysError
from evsys.core.records import StoredFile
from evsys.office.files import Files, Part, shown
from evsys.office.jobs import Jobs, Ticket, user_of

MAX_CONNECTIONS: Final = 200
"""Sockets at once: a session has two."""
MAX_PER_ADDRESS: Final = 20
"""Sessions of one address: the stations of a site may share one."""
IDLE_S: Final = 120
"""How long a session may say nothing."""
STALL_S: Final = 60
"""How long a transfer may stand still."""
TRANSFER_S: Final = 6 * 3600.0
"""How long an upload may take in all."""
OFFICE_S: Final = 20.0
"""How long the office may take for a commit."""
POLL_S: Final = 0.25
"""How often the thread looks whether it is to stop."""
GREETING_S: Final = 1.0
"""How long a client may take to begin with TLS before it is greeted in plain text: it needs no round trip."""
ROOT: Final = "/"
LEFT_OUT: Final = frozenset(
    ["APPE", "DELE", "MFMT", "MKD", "RMD", "RNFR", "RNTO", "SITE CHMOD", "SITE HELP", "STOU", "XMKD", "XRMD"]
)
"""Commands of FTP that have no meaning here."""

log = structlog.get_logger()


class FtpSettings(Struct, frozen=True, kw_only=True):
    """How the server is reached. With a certificate it is FTPS."""

    public_address: str = ""
    """The IPv4 address that stations are told for their data connections; empty: the one they came to."""
    passive_ports: Sequence[int] = ()
    """Ports of data connections; empty: any."""
    cert_file: str = ""
    key_file: str = ""


class FtpExchange:
    """The server on a listening socket, from `start` to `stop`."""

    def __init__(self, jobs: Jobs, files: Files, settings: FtpSettings, listening: socket.socket) -> None:
        """Raises SSL.Error for a certificate that is no good."""
        self.jobs = jobs
        self.files = files
        self._settings = settings
        logger = logging.getLogger("pyftpdlib")
        logger.setLevel(logging.ERROR)
        logger.addHandler(logging.NullHandler())
        handler = _Secure if settings.cert_file else _Plain
        members = {
            "exchange": self,
            "authorizer": _Authorizer(self),
            "masquerade_address": settings.public_address or None,
            "passive_ports": settings.passive_ports or None,
            "proto_cmds": {name: each for name, each in handler.proto_cmds.items() if name not in LEFT_OUT},
        }
        self._session = cast("type[_Session]", type("Session", (handler,), members))
        if settings.cert_file:
            self._session.ssl_context = self._context()
        self._io = IOLoop()
        self._server = FTPServer(listening, self._session, ioloop=self._io)
        self._server.max_cons = MAX_CONNECTIONS
        self._server.max_cons_per_ip = MAX_PER_ADDRESS
        self._stopping = Event()
        self._thread = Thread(target=self._serve, name="ftp", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Serve, from a thread of its own."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def renew(self) -> None:
        """Serve sessions from now on with the certificate as its files are now."""
        try:
            self._session.ssl_context = self._context()
        except SSL.Error as error:
            log.error("the certificate is no good: the one before stays in force", reason=repr(error))

    async def stop(self) -> None:
        """End all sessions."""
        self._stopping.set()
        await asyncio.to_thread(self._thread.join)

    def _serve(self) -> None:
        while not self._stopping.is_set():
            self._io.loop(timeout=POLL_S, blocking=False)
        self._server.close_all()

    def _context(self) -> SSL.Context:
        context = SSL.Context(SSL.TLS_SERVER_METHOD)
        context.set_min_proto_version(SSL.TLS1_2_VERSION)
        context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
        context.use_certificate_chain_file(self._settings.cert_file)
        context.use_privatekey_file(self._settings.key_file)
        context.check_privatekey()
        return context

    # -- for the sessions, in their thread

    def ticket(self, user: str, secret: str) -> Ticket | None:
        """What a login opens. Raises EvsysError."""
        ticket = self.jobs.ticket(secret)
        return ticket if ticket is not None and user == user_of(ticket.job) else None

    def tell(self, telling: Coroutine[None, None, object]) -> None:
        """Let the office do something. Raises EvsysError, TimeoutError."""
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(telling, self._loop).result(OFFICE_S)


class _Upload:
    """A file that a station delivers: what the library takes for an open file."""

    def __init__(self, exchange: FtpExchange, ticket: Ticket, name: str) -> None:
        self.name = name
        self.closed = False
        self._exchange = exchange
        self._job = ticket.job
        self._part: Part = exchange.files.begin()
        self._until = time.monotonic() + TRANSFER_S

    def write(self, data: bytes) -> None:
        if time.monotonic() > self._until:
            raise OSError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
        try:
            self._part.write(data)
        except EvsysError as error:
            log.warning("an upload is refused", job=self._job.id, reason=str(error))
            raise OSError(errno.ENOSPC, str(error)) from None

    def keep(self) -> str:
        """The whole file is here. Why it is not kept; empty where it is."""
        try:
            self._exchange.tell(self._exchange.jobs.arrived(self._job, self._part, self.name))
        except (EvsysError, TimeoutError) as error:
            log.warning("an upload is refused", job=self._job.id, reason=str(error))
            return str(error) or "it took too long"
        finally:
            self.close()
        return ""

    def close(self) -> None:
        """What was not kept is forgotten."""
        self.closed = True
        self._part.discard()


class _Folder(AbstractedFS):  # type: ignore[misc]  # the library has no types
    """The one folder of a session. Paths are those of the station and never leave this class."""

    def ftp2fs(self, ftppath: str) -> str:
        return str(self.ftpnorm(ftppath))

    def fs2ftp(self, fspath: str) -> str:
        return fspath

    def validpath(self, path: str) -> bool:
        return True

    def realpath(self, path: str) -> str:
        return path

    def isdir(self, path: str) -> bool:
        return path == ROOT

    def isfile(self, path: str) -> bool:
        return path != ROOT and self.cmd_channel.image is not None

    lexists = isfile

    def chdir(self, path: str) -> None:
        if path != ROOT:
            raise FilesystemError("There is one folder only")
        self.cwd = ROOT

    def listdir(self, path: str) -> list[str]:
        image = self.cmd_channel.image
        return [image.name] if image is not None else []

    def stat(self, path: str) -> os.stat_result:
        return os.stat(self._place(path))

    lstat = stat

    def getsize(self, path: str) -> int:
        return self.stat(path).st_size

    def getmtime(self, path: str) -> float:
        return self.stat(path).st_mtime

    def open(self, filename: str, mode: str) -> "_Upload | BufferedReader":
        session = self.cmd_channel
        exchange: FtpExchange = session.exchange
        try:
            ticket = exchange.ticket(session.username, session.password)
            if ticket is None:
                raise FilesystemError("The job is over")
            if (mode == "rb") != (ticket.image is not None) or mode not in ("rb", "wb"):
                raise FilesystemError("Not here")
            exchange.tell(exchange.jobs.began(ticket.job))
            if mode == "rb":
                return open(self._place(filename), "rb")
            return _Upload(exchange, ticket, shown(filename))
        except (EvsysError, TimeoutError) as error:
            raise FilesystemError(f"Not now: {error}") from None

    def _place(self, path: str) -> str:
        """Where the image lies, whatever the station calls it."""
        image: StoredFile | None = self.cmd_channel.image
        if path == ROOT or image is None:
            raise FilesystemError("There is no such file")
        return str(self.cmd_channel.exchange.files.path(image))


class _Authorizer(DummyAuthorizer):  # type: ignore[misc]  # the library has no types
    """Lets in who brings the secret of a job that is under way. What may be done is the folder's to say."""

    def __init__(self, exchange: FtpExchange) -> None:
        super().__init__()
        self._exchange = exchange

    def validate_authentication(self, username: str, password: str, handler: FTPHandler) -> None:
        try:
            ticket = self._exchange.ticket(username, password)
        except EvsysError as error:
            raise AuthenticationFailed(f"not now: {error}") from None
        if ticket is None:
            raise AuthenticationFailed("Authentication failed.")
        handler.image = ticket.image

    def get_home_dir(self, username: str) -> str:
        return ROOT

    def has_user(self, username: str) -> bool:
        return True

    def has_perm(self, username: str, perm: str, path: str | None = None) -> bool:
        return perm in self.get_perms(username)

    def get_perms(self, username: str) -> str:
        return "elrw"

    def get_msg_login(self, username: str) -> str:
        return "Logged in."

    def get_msg_quit(self, username: str) -> str:
        return "Goodbye."


class _Data:
    """What is particular of a data connection here: an upload is acknowledged when it is kept."""

    timeout = STALL_S
    cmd_channel: FTPHandler
    file_obj: object
    transfer_finished: bool
    _closed: bool
    _resp: tuple[str, Callable[[str], None]]

    def close(self) -> None:
        upload = self.file_obj
        if not self._closed and isinstance(upload, _Upload) and not upload.closed and self.transfer_finished:
            failure = upload.keep()
            if failure:
                self.transfer_finished = False
                self._resp = (f"451 {failure}.", self.cmd_channel.log)
        super().close()  # type: ignore[misc]  # the library's, beside this class


class _PlainData(_Data, DTPHandler):  # type: ignore[misc]  # the library has no types
    pass


class _SecureData(_Data, TLS_DTPHandler):  # type: ignore[misc]  # the library has no types
    pass


class _Session:
    """What is particular of a session here."""

    banner = "EVSYS"
    timeout = IDLE_S
    abstracted_fs = _Folder
    exchange: FtpExchange
    image: StoredFile | None = None
    ssl_context: SSL.Context | None = None
    username: str
    password: str
    _current_type = property(lambda self: "i", lambda self, value: None)

    def on_file_sent(self, file: str) -> None:
        ticket = self.exchange.ticket(self.username, self.password)
        if ticket is not None:
            self.exchange.tell(self.exchange.jobs.fetched(ticket.job))


class _Plain(_Session, FTPHandler):  # type: ignore[misc]  # the library has no types
    dtp_handler = _PlainData


class _Secure(_Session, TLS_FTPHandler):  # type: ignore[misc]  # the library has no types
    """TLS on both connections, whichever way it begins."""

    dtp_handler = _SecureData
    tls_control_required = True
    tls_data_required = True
    _implicit = False
    _awaited: Callable[[], None] | None = None
    """Ends the wait for a client that speaks first."""

    def handle(self) -> None:
        self._awaited = self.call_later(GREETING_S, self._greet).cancel

    def handle_read_event(self) -> None:
        if self._awaited is not None:
            self._awaited()
            self._awaited = None
            self._implicit = True
            self.secure_connection(self.ssl_context)
        super().handle_read_event()

    def handle_ssl_established(self) -> None:
        if self._implicit:
            super().handle()

    def _greet(self) -> None:
        self._awaited = None
        super().handle()
