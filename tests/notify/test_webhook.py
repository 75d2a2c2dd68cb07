"""Webhooks: what is signed, what may be reached, and what answers mean."""

import asyncio
import hashlib
import hmac
import socket
import time
from collections.abc import AsyncIterator, Sequence

import pytest
from aiohttp import web

from evsys.notify.notifier import BadAddress, Message, NotSent, Recipient, Refused, TryLater
from evsys.notify.webhook import Config, Webhooks, signature
from kit.clock import NOON
from kit.receivers import HttpReceiver


@pytest.fixture
async def receiver() -> AsyncIterator[HttpReceiver]:
    made = HttpReceiver()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def hooks() -> AsyncIterator[Webhooks]:
    """May reach this machine."""
    made = Webhooks(Config(enabled=True, allow_http=True, private_networks=("127.0.0.0/8",)))
    yield made
    await made.close()


MESSAGE = Message(
    key="s-1", kind="StationBooted", subscription_id="s", at=NOON, subject="CP1: started up", text="It has."
)


async def failure(hooks: Webhooks, address: str, secrets: Sequence[str] = ()) -> NotSent:
    with pytest.raises(NotSent) as caught:
        await hooks.send(Recipient(address=address, secrets=tuple(secrets)), MESSAGE)
    return caught.value


def test_a_signature_is_of_the_time_and_the_body() -> None:
    made = signature(("new", "old"), 1767268800, b'{"a":1}')
    digests = [
        hmac.new(secret, b'1767268800.{"a":1}', hashlib.sha256).hexdigest() for secret in (b"new", b"old")
    ]
    assert made == f"t=1767268800,v1={digests[0]},v1={digests[1]}"


async def test_the_signature_tells_the_time_of_sending(hooks: Webhooks, receiver: HttpReceiver) -> None:
    await hooks.send(Recipient(address=receiver.url, secrets=("sesame",)), MESSAGE)
    (headers,) = receiver.headers
    at_s = int(headers["EVSYS-Signature"].partition(",")[0].removeprefix("t="))
    assert abs(at_s - time.time()) < 60
    assert headers["EVSYS-Signature"] == signature(("sesame",), at_s, receiver.bodies[0])
    assert (headers["Idempotency-Key"], headers["EVSYS-Event"]) == ("s-1", "StationBooted")


INSIDE = [
    "https://127.0.0.1/",
    "https://10.1.2.3/",
    "https://172.16.0.1/",
    "https://192.168.1.1/",
    "https://169.254.169.254/latest/meta-data/",
    "https://0.0.0.0/",
    "https://100.64.0.1/",
    "https://224.0.0.1/",
    "https://[::1]/",
    "https://[fe80::1]/",
    "https://[fd00::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://[64:ff9b::7f00:1]/",
    "https://[2002:7f00:1::]/",
]


@pytest.mark.parametrize("address", INSIDE)
async def test_an_address_inside_is_no_address(address: str) -> None:
    hooks = Webhooks(Config(enabled=True))
    with pytest.raises(BadAddress):
        hooks.check(address)
    assert isinstance(await failure(hooks, address), Refused)
    await hooks.close()


@pytest.mark.parametrize(
    "address", ["https://93.184.216.34/", "https://[2606:4700::1111]/x", "https://a.example"]
)
def test_an_address_outside_is_one(address: str) -> None:
    assert Webhooks(Config(enabled=True)).check(address) == address


def test_http_must_be_allowed() -> None:
    with pytest.raises(BadAddress):
        Webhooks(Config(enabled=True)).check("http://example.com/")
    assert Webhooks(Config(enabled=True, allow_http=True)).check("http://example.com/")


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f000001"])
async def test_a_name_that_leads_inside_is_refused_and_nothing_is_sent(
    host: str, receiver: HttpReceiver
) -> None:
    hooks = Webhooks(Config(enabled=True, allow_http=True))
    refused = await failure(hooks, f"http://{host}:{receiver.port}/hook")
    assert isinstance(refused, Refused)
    assert receiver.bodies == []
    await hooks.close()


async def test_what_is_connected_to_is_what_was_checked(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves to something else each time it is asked reaches nothing inside."""
    asked: list[str] = []
    outside = Webhooks(Config(enabled=True, allow_http=True))
    real = socket.getaddrinfo

    def rebinding(host: str, port: int, *rest: object, **more: object) -> object:
        if host != "rebind.example":
            return real(host, port, *rest, **more)  # type: ignore[arg-type]  # as it was called
        asked.append(host)
        address = "192.0.2.1" if len(asked) == 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    for _ in range(3):
        await failure(outside, f"http://rebind.example:{receiver.port}/hook")
    assert asked
    assert receiver.bodies == []
    await outside.close()


async def test_a_redirect_is_not_followed(hooks: Webhooks, receiver: HttpReceiver) -> None:
    receiver.judge = lambda: web.Response(status=307, headers={"Location": receiver.url})
    failed = await failure(hooks, receiver.url)
    assert isinstance(failed, TryLater)
    assert "redirects are not followed" in failed.reason
    assert receiver.bodies == []


@pytest.mark.parametrize(
    ("status", "after", "wait_s"),
    [(503, "120", 120.0), (429, "999999999", 3600.0), (500, "", None), (503, "soon", None)],
)
async def test_a_receiver_may_say_when_to_come_again(
    hooks: Webhooks, receiver: HttpReceiver, status: int, after: str, wait_s: float | None
) -> None:
    receiver.judge = lambda: web.Response(status=status, headers={"Retry-After": after} if after else {})
    failed = await failure(hooks, receiver.url)
    assert isinstance(failed, TryLater)
    assert failed.after_s == wait_s


async def test_an_answer_without_end_is_not_read_to_its_end(hooks: Webhooks, receiver: HttpReceiver) -> None:
    receiver.judge = lambda: web.Response(body=b"x" * 10_000_000)
    async with asyncio.timeout(5):
        await hooks.send(Recipient(address=receiver.url), MESSAGE)


async def test_no_failure_tells_the_url(hooks: Webhooks, receiver: HttpReceiver) -> None:
    await receiver.stop()
    failed = await failure(hooks, f"{receiver.url}?token=sesame")
    assert "sesame" not in failed.reason
    assert "127.0.0.1" in failed.reason
