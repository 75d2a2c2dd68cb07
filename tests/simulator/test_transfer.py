"""Files that are really carried, over HTTP and FTP."""

from collections.abc import Iterator

import pytest

from evsys.simulator import transfer
from evsys.simulator.configuration import SETTINGS
from evsys.simulator.transfer import PROTOCOLS, Transfer
from kit.file_server import FileServer, file_server
from kit.ftp_server import ftp_server


@pytest.fixture
def server() -> Iterator[FileServer]:
    with file_server() as server:
        yield server


def carry(url: str, content: bytes | None = None, name: str = "a log.txt") -> bytes:
    return Transfer(url, lambda found, now: None, name, content).carry_out()


def test_a_file_is_put_into_a_directory_or_under_its_own_name(server: FileServer) -> None:
    assert carry(server.url + "in/", b"content") == b""
    assert carry(server.url + "in/own.txt?key=1", b"") == b""
    assert server.received == [
        ("PUT", "/in/a%20log.txt", "", b"content"),
        ("PUT", "/in/own.txt?key=1", "", b""),
    ]


def test_a_file_may_be_delivered_as_a_form(server: FileServer) -> None:
    content = b"line\r\n--line\r\n"
    Transfer(server.url + "up/", lambda found, now: None, "CP1.log", content, form=True).carry_out()
    ((method, path, _, body),) = server.received
    assert (method, path) == ("POST", "/up/")
    head, _, rest = body.partition(b"\r\n\r\n")
    assert b'filename="CP1.log"' in head
    assert rest.startswith(content + b"\r\n--")


def test_a_server_that_takes_no_put_is_given_a_post(server: FileServer) -> None:
    server.takes = {"POST"}
    carry(server.url, b"content")
    assert server.received == [("POST", "/a%20log.txt", "", b"content")]


def test_a_password_in_the_url_is_used_and_never_told(server: FileServer) -> None:
    url = server.url.replace("//", "//me:s3cr%40t@")
    carry(url, b"x")
    assert server.received[0][2] == "Basic bWU6czNjckB0"
    server.takes = set()
    with pytest.raises(OSError, match="405") as failed:
        carry(url, b"x")
    assert "s3cr" not in str(failed.value)


def test_a_file_is_fetched(server: FileServer) -> None:
    server.files["/f.bin"] = bytes(range(256)) * 1000
    assert carry(server.url + "f.bin") == bytes(range(256)) * 1000


def test_a_file_that_is_too_large_is_not_kept(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MAX_FILE_BYTES", 1000)
    server.files["/f.bin"] = bytes(1001)
    with pytest.raises(OSError, match="too large"):
        carry(server.url + "f.bin")


def test_a_file_is_delivered_and_fetched_over_ftp() -> None:
    with ftp_server() as server:
        server.folders.add("/in")
        carry(server.url, b"root")
        carry(server.url + "in/", b"slash")
        carry(server.url + "in", b"folder", "other.txt")
        carry(server.url + "in/own.txt", b"own")
        assert server.files == {
            "/a log.txt": b"root",
            "/in/a log.txt": b"slash",
            "/in/other.txt": b"folder",
            "/in/own.txt": b"own",
        }
        server.files["/in/f.bin"] = bytes(range(256)) * 1000
        assert carry(server.url + "in/f.bin") == server.files["/in/f.bin"]


def test_what_an_ftp_server_refuses_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with ftp_server() as server:
        server.files["/f.bin"] = bytes(1001)
        for url, content in ((server.url + "none", None), (server.url + "no/folder", b"")):
            with pytest.raises(OSError, match="550"):
                carry(url, content)
        with pytest.raises(OSError, match="530"):
            carry(server.url.replace("s3cr", "wrong"), b"")
        with pytest.raises(OSError, match="newline"):
            carry(server.url, b"", "a\r\nDELE b")
        monkeypatch.setattr(transfer, "MAX_FILE_BYTES", 1000)
        with pytest.raises(OSError, match="too large"):
            carry(server.url + "f.bin")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "http://",
        "http://[::1",
        "http://127.0.0.1:port/",
        "http://127.0.0.1:1/",
        "https://127.0.0.1:1/",
        "ftp://127.0.0.1:1/",
        "ftps://127.0.0.1:1/",
        "gopher://127.0.0.1/",
        "http://127.0.0.1:1/a b\r\nc",
    ],
)
def test_whatever_goes_wrong_is_one_kind_of_error(url: str) -> None:
    for content in (None, b"x"):
        with pytest.raises(OSError):
            carry(url, content)


def test_a_file_that_is_not_there_or_a_server_of_another_kind_is_an_error(server: FileServer) -> None:
    with pytest.raises(OSError, match="404"):
        carry(server.url + "nothing")
    with pytest.raises(OSError, match=r"(?i)ssl|record|EOF"):
        carry(server.url.replace("http:", "https:"))


def test_the_key_tells_the_protocols() -> None:
    assert SETTINGS["SupportedFileTransferProtocols"].value == ",".join(PROTOCOLS)
