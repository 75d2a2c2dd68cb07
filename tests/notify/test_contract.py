"""What every notifier does alike, each against a real server of its kind.

A new one joins with a `Side`: how its receiver is run, and what it has taken.
"""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest
from msgspec import Struct

import evsys.notify
from evsys.notify import apprise, mail, webhook
from evsys.notify.notifier import (
    BadAddress,
    Message,
    Notifier,
    NotifierConfig,
    Recipient,
    Refused,
    TryLater,
)
from evsys.plug import NoSuchPlugin, plugged
from kit.clock import NOON
from kit.receivers import HttpReceiver, MailServer, Receiver

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # by what Apprise loads

LOOPBACK = ("127.0.0.0/8",)
NOT_NOTIFIERS = {"notifier", "speech", "text"}


class Side(Struct):
    """The other side of a channel."""

    channel: str
    receiver: Receiver
    config: NotifierConfig
    address: str
    subjects: Callable[[], list[str]]
    """Of the messages that were taken, in order."""
    bad: tuple[str, ...]
    """What is no address."""
    library: str
    """What is loaded when it is opened, and not before."""
    refuses: bool = True
    """Whether it can say that an address is none for good."""


def mail_side() -> Side:
    server = MailServer()
    config = mail.Config(enabled=True, port=server.port, security="none", sender="EVSYS <evsys@example.com>")
    return Side(
        channel="mail",
        receiver=server,
        config=config,
        address="anna@example.com",
        subjects=lambda: [str(each["Subject"]) for each in server.mails],
        bad=("", "anna", "anna@", "a b@example.com", "anna@example.com\nBcc: x@example.com", "<a@b.c>"),
        library="aiosmtplib",
    )


def webhook_side() -> Side:
    receiver = HttpReceiver()
    return Side(
        channel="webhook",
        receiver=receiver,
        config=webhook.Config(enabled=True, allow_http=True, private_networks=LOOPBACK),
        address=receiver.url,
        subjects=lambda: [each["subject"] for each in receiver.taken],
        bad=("", "example.com", "ftp://example.com/", "https://", "https://a:b@example.com/", "https://a b/"),
        library="aiohttp",
    )


def apprise_side() -> Side:
    receiver = HttpReceiver()
    return Side(
        channel="apprise",
        receiver=receiver,
        config=apprise.Config(enabled=True),
        address=f"json://user:sesame@127.0.0.1:{receiver.port}/?rto=1",
        subjects=lambda: [each["title"] for each in receiver.taken],
        bad=("", "anna", "nonsense://x"),
        library="apprise",
        refuses=False,
    )


SIDES = {"mail": mail_side, "webhook": webhook_side, "apprise": apprise_side}
APART = {"telegram"}
"""Tried in a file of its own: it takes one message in a second."""


def message(key: str = "s:1", subject: str = "CP1 is offline", at: datetime = NOON) -> Message:
    return Message(
        key=key,
        kind="AlarmRaised",
        subscription_id="s",
        at=at,
        seq=1,
        station_id="CP1",
        severity="critical",
        subject=subject,
        text="CP1 is offline since 12:00.\nLook whether it has power.",
        html="<p>CP1 is offline since 12:00.</p>",
    )


@pytest.fixture(params=sorted(SIDES))
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Side]:
    made = SIDES[request.param]()
    await made.receiver.start()
    yield made
    await made.receiver.stop()


@pytest.fixture
async def notifier(side: Side) -> AsyncIterator[Notifier]:
    made = plugged("evsys.notify", side.channel, Notifier)(side.config)  # type: ignore[call-arg]  # each takes its Config
    await made.open()
    yield made
    await made.close()


def to(side: Side, notifier: Notifier) -> Recipient:
    return Recipient(address=notifier.check(side.address), secrets=("sesame",))


def test_every_notifier_is_tried_here() -> None:
    files = {path.stem for path in Path(evsys.notify.__path__[0]).glob("*.py")}
    assert files - NOT_NOTIFIERS - {"__init__"} == set(SIDES) | APART
    for name in APART:
        assert Path(__file__).with_name(f"test_{name}.py").is_file()


async def test_a_message_arrives_and_the_next_after_it(side: Side, notifier: Notifier) -> None:
    for number in range(3):
        await notifier.send(to(side, notifier), message(f"s:{number}", f"Message {number}"))
    assert side.subjects() == ["Message 0", "Message 1", "Message 2"]


async def test_many_are_sent_at_once(side: Side, notifier: Notifier) -> None:
    wanted = [f"Message {number}" for number in range(12)]
    await asyncio.gather(*(notifier.send(to(side, notifier), message(each, each)) for each in wanted))
    assert sorted(side.subjects()) == sorted(wanted)


async def test_where_nobody_listens_it_is_to_be_tried_later(side: Side, notifier: Notifier) -> None:
    await side.receiver.stop()
    with pytest.raises(TryLater):
        await notifier.send(to(side, notifier), message())
    await side.receiver.start()
    await notifier.send(to(side, notifier), message())
    assert side.subjects() == ["CP1 is offline"]


async def test_what_is_not_taken_now_is_to_be_tried_later(side: Side, notifier: Notifier) -> None:
    side.receiver.mode = "later"
    with pytest.raises(TryLater):
        await notifier.send(to(side, notifier), message())
    assert side.subjects() == []


async def test_who_takes_nothing_for_good_refuses(side: Side, notifier: Notifier) -> None:
    if not side.refuses:
        pytest.skip("it cannot say so")
    side.receiver.mode = "refuse"
    with pytest.raises(Refused):
        await notifier.send(to(side, notifier), message())


async def test_who_says_nothing_is_not_waited_for_long(
    side: Side, notifier: Notifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.modules[type(notifier).__module__], "WITHIN_S", 0.2, raising=False)
    await notifier.close()
    await notifier.open()
    side.receiver.mode = "hang"
    async with asyncio.timeout(25):
        with pytest.raises(TryLater):
            await notifier.send(to(side, notifier), message())


async def test_what_is_no_address_is_told(side: Side, notifier: Notifier) -> None:
    for each in side.bad:
        with pytest.raises(BadAddress):
            notifier.check(each)


async def test_a_secret_in_an_address_is_not_shown(side: Side, notifier: Notifier) -> None:
    assert "sesame" not in notifier.shown(notifier.check(side.address))
    assert "sesame" not in repr(to(side, notifier))


async def test_it_can_be_closed_twice_and_unopened(side: Side, notifier: Notifier) -> None:
    await notifier.close()
    await notifier.close()
    await plugged("evsys.notify", side.channel, Notifier)(side.config).close()  # type: ignore[call-arg]  # each takes its Config


@pytest.mark.parametrize("channel", sorted(SIDES))
def test_its_library_is_not_loaded_with_the_file(channel: str) -> None:
    library = SIDES[channel]().library
    said = f"import sys, evsys.config, evsys.notify.{channel}; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], check=False).returncode == 0


@pytest.mark.parametrize("name", ["nothing", "notifier", "__init__", "../mail", "mail.Config", ""])
def test_what_is_no_notifier_is_not_found(name: str) -> None:
    with pytest.raises(NoSuchPlugin):
        plugged("evsys.notify", name, Notifier)
