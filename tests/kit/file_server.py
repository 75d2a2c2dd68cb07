"""A server of files over HTTP, in a thread: what it was given, and what it gives."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class FileServer(ThreadingHTTPServer):
    """`files` by path are given to whoever asks; `received` holds the method, the path, the Authorization and
    the body of what was delivered, with one of the methods that it `takes`."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.received: list[tuple[str, str, str, bytes]] = []
        self.takes = {"PUT", "POST"}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/"


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        content = self.server.files.get(self.path)
        self._answer(404 if content is None else 200, content or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.command not in self.server.takes:
            self._answer(405)
            return
        authorization = self.headers.get("Authorization", "")
        self.server.received.append((self.command, self.path, authorization, body))
        self._answer(201)

    do_POST = do_PUT

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test tells what it has to tell."""


@contextmanager
def file_server() -> Iterator[FileServer]:
    """A server on a free port, until the end of the block."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
