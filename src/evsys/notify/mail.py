"""E-mail: a message as plain text and as HTML, handed to a mail server (SMTP, RFC 5321).

Who sends much mail has a server for that, which keeps trying where a mailbox is away; so a message is sent
when this server has taken it. One that comes twice has the same Message-ID, by which mailboxes know it.
"""

import asyncio
import re
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Final, Literal

from msgspec import Meta

from evsys.notify.notifier import (
    BadAddress,
    Message,
    Notifier,
    NotifierConfig,
    NotSent,
    Recipient,
    Refused,
    TryLater,
)

if TYPE_CHECKING:
    from aiosmtplib import SMTPException

WITHIN_S: Final = 10.0
"""How long the mail server may take for each step."""
MAX_ADDRESS: Final = 254
"""Of a path (RFC 5321 §4.5.3.1.3)."""

_MAILBOX: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class Config(NotifierConfig, frozen=True, kw_only=True):
    """The mail server, and who the mails come from."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535)] = 587
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password: str = ""
    sender: str = ""
    ca_file: str = ""


def sender_of(config: Config) -> Address:
    """Who mails come from. Raises ValueError."""
    name, mailbox = parseaddr(config.sender)
    if not _MAILBOX.fullmatch(mailbox):
        raise ValueError("must be like EVSYS <evsys@example.com>")
    return Address(name, addr_spec=mailbox)


class Mail(Notifier):
    """See the module."""

    wants_html = True
    parallel = 4

    def __init__(self, config: Config) -> None:
        self._config = config
        self._sender = sender_of(config)
        self._context: ssl.SSLContext | None = None

    def check(self, address: str) -> str:
        if len(address) > MAX_ADDRESS or not _MAILBOX.fullmatch(address):
            raise BadAddress("a mail's address is one such as anna@example.com")
        mailbox, _, domain = address.rpartition("@")
        return f"{mailbox}@{domain.lower()}"

    async def open(self) -> None:
        await asyncio.to_thread(__import__, "aiosmtplib")
        if self._config.security != "none" and self._context is None:
            self._context = await asyncio.to_thread(
                ssl.create_default_context, cafile=self._config.ca_file or None
            )

    async def send(self, recipient: Recipient, message: Message) -> None:
        import aiosmtplib
        from aiosmtplib import SMTPException

        config = self._config
        try:
            await aiosmtplib.send(
                self._mail(recipient.address, message),
                sender=self._sender.addr_spec,
                recipients=[recipient.address],
                hostname=config.host,
                port=config.port,
                username=config.user or None,
                password=config.password or None,
                use_tls=config.security == "tls",
                start_tls=config.security == "starttls",
                tls_context=self._context,
                timeout=WITHIN_S,
            )
        except SMTPException as error:
            raise _not_sent(error) from None
        except (OSError, TimeoutError) as error:
            raise TryLater(f"the mail server cannot be reached: {_cause(error)}") from None

    async def close(self) -> None:
        pass

    def _mail(  # type: ignore[explicit-any]  # a header may be anything
        self, address: str, message: Message
    ) -> EmailMessage:
        mail = EmailMessage()
        digest = sha256(message.key.encode()).hexdigest()[:32]
        mail["From"] = self._sender
        mail["To"] = address
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{digest}@{self._sender.domain}>"
        mail["Auto-Submitted"] = "auto-generated"
        mail["Content-Language"] = message.language
        mail["Idempotency-Key"] = message.key
        mail.set_content(message.text)
        if message.html:
            mail.add_alternative(message.html, subtype="html")
        return mail


def _not_sent(error: "SMTPException") -> NotSent:
    """Only what the server says of the mailbox, and for good, is the mailbox' fault."""
    from aiosmtplib import SMTPRecipientsRefused, SMTPResponseException

    if isinstance(error, SMTPRecipientsRefused) and error.recipients:
        first = error.recipients[0]
        reason = f"the mail server refuses the mailbox: {first.code} {_shown(first.message)}"
        return Refused(reason) if first.code >= 500 else TryLater(reason)
    if isinstance(error, SMTPResponseException):
        return TryLater(f"the mail server said {error.code} {_shown(error.message)}")
    return TryLater(f"the mail server cannot be reached: {_cause(error)}")


def _cause(error: Exception) -> str:
    cause = error.__cause__ or error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return _shown(str(error)) or type(error).__name__


def _shown(text: str) -> str:
    return " ".join(text.split())
