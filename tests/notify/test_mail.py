"""Mail over TLS and with a login, against a real mail server."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from evsys.notify.mail import Config, Mail
from evsys.notify.notifier import Message, Recipient, TryLater
from kit.pki import Authority
from kit.receivers import MailServer

ANNA = Recipient(address="anna@example.com")
MESSAGE = Message(
    key="k-1",
    kind="Test",
    subscription_id="s",
    at=datetime(2026, 6, 1, 12, tzinfo=UTC),
    subject="Hello",
    text="It works.",
)


class Locked(MailServer):
    """A mail server that takes nothing without TLS and a login."""

    def __init__(self, certificate: ssl.SSLContext) -> None:
        super().__init__(
            tls_context=certificate,
            require_starttls=True,
            auth_required=True,
            authenticator=self._authenticate,
        )

    def _authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, given: object
    ) -> AuthResult:
        right = LoginPassword(b"evsys", b"correct horse")
        return AuthResult(success=given == right, handled=False)


@asynccontextmanager
async def locked(folder: Path) -> AsyncIterator[tuple[MailServer, str]]:
    """The server, and the file of the authority that vouches for it."""
    authority = Authority(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("mail", server=True).pair)
    server = Locked(context)
    await server.start()
    try:
        yield server, authority.root
    finally:
        await server.stop()


def mail(server: MailServer, ca_file: str, password: str = "correct horse") -> Mail:
    return Mail(
        Config(
            enabled=True,
            port=server.port,
            user="evsys",
            password=password,
            sender="evsys@example.com",
            ca_file=ca_file,
        )
    )


async def test_a_mail_goes_out_behind_tls_and_a_login(tmp_path: Path) -> None:
    async with locked(tmp_path) as (server, ca_file):
        notifier = mail(server, ca_file)
        await notifier.open()
        await notifier.send(ANNA, MESSAGE)
        await notifier.close()
        assert [each["Subject"] for each in server.mails] == ["Hello"]


async def test_a_wrong_password_is_ours_to_mend_and_is_not_told(tmp_path: Path) -> None:
    async with locked(tmp_path) as (server, ca_file):
        notifier = mail(server, ca_file, password="wrong battery")
        await notifier.open()
        with pytest.raises(TryLater) as refused:
            await notifier.send(ANNA, MESSAGE)
        assert "wrong battery" not in refused.value.reason
        assert "535" in refused.value.reason
        assert server.mails == []


async def test_a_server_nobody_vouches_for_gets_no_password(tmp_path: Path) -> None:
    async with locked(tmp_path) as (server, _):
        notifier = mail(server, "")
        await notifier.open()
        with pytest.raises(TryLater):
            await notifier.send(ANNA, MESSAGE)
        assert server.mails == []
