"""A server of files over FTP (RFC 959, 2428), as small as it can be: one user, one folder in memory."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import StreamRequestHandler, ThreadingTCPServer

USER, PASSWORD = "me", "s3cr@t"


class FtpServer(ThreadingTCPServer):
    """`files` are those that are there, by their whole path; `folders` may be entered."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.files: dict[str, bytes] = {}
        self.folders = {"/"}

    @property
    def url(self) -> str:
        return f"ftp://{USER}:s3cr%40t@127.0.0.1:{self.server_address[1]}/"


class _Session(StreamRequestHandler):
    server: FtpServer

    def handle(self) -> None:
        self._folder, self._user = "/", ""
        self._passive: socket.socket | None = None
        self._reply("220 here")
        while line := self.rfile.readline():
            verb, _, argument = line.decode().strip().partition(" ")
            if verb == "QUIT":
                break
            self._obey(verb, argument)
        if self._passive is not None:
            self._passive.close()

    def _obey(self, verb: str, argument: str) -> None:
        match verb:
            case "USER":
                self._user = argument
                self._reply("331 password")
            case "PASS":
                known = (self._user, argument) == (USER, PASSWORD)
                self._reply("230 in" if known else "530 no")
            case "TYPE":
                self._reply("200 well")
            case "CWD":
                wanted = self._path(argument)
                if wanted in self.server.folders:
                    self._folder = wanted
                self._reply("250 there" if wanted in self.server.folders else "550 no")
            case "PASV":
                self._passive = socket.create_server(("127.0.0.1", 0))
                port = self._passive.getsockname()[1]
                self._reply(f"227 (127,0,0,1,{port >> 8},{port & 255})")
            case "STOR":
                with self._data() as data:
                    found = b"".join(iter(lambda: data.recv(65536), b""))
                self.server.files[self._path(argument)] = found
                self._reply("226 done")
            case "RETR" if self._path(argument) in self.server.files:
                with self._data() as data:
                    data.sendall(self.server.files[self._path(argument)])
                self._reply("226 done")
            case _:
                self._reply("550 no")

    def _data(self) -> socket.socket:
        self._reply("150 now")
        assert self._passive is not None
        data, _ = self._passive.accept()
        self._passive.close()
        return data

    def _path(self, argument: str) -> str:
        whole = argument if argument.startswith("/") else f"{self._folder}/{argument}"
        return "/" + whole.strip("/")

    def _reply(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def ftp_server() -> Iterator[FtpServer]:
    """A server on a free port, until the end of the block."""
    with FtpServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
