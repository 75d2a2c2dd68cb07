"""Webhooks: a message as JSON, posted to a program elsewhere.

Each is signed as the receiver can check it:

    EVSYS-Signature: t=1767268800,v1=<HMAC-SHA-256 of "<t>.<body>", in hex digits>

While a secret is being changed there are two `v1`, one of each. A receiver refuses what is much older than
`t`, and takes a message once: one that comes again has the same `Idempotency-Key`, which is also the `id` in
the body. Any answer of 2xx says that it is taken; 410 says that nobody is there any more.

A URL leads out of the house only. Addresses of the machine itself and of private networks are refused unless
the configuration allows them. What is checked is the address that is then connected to, whatever the name
resolves to a moment later, and no redirect is followed.
"""

import asyncio
import hmac
import time
from collections.abc import Sequence
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from importlib.metadata import version
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, urlsplit

import msgspec
from msgspec import Raw, Struct

from evsys.core.records import Severity
from evsys.notify.notifier import (
    BadAddress,
    Message,
    Notifier,
    NotifierConfig,
    Recipient,
    Refused,
    TryLater,
)

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession, TCPConnector

SIGNATURE: Final = "EVSYS-Signature"
KEY: Final = "Idempotency-Key"
KIND: Final = "EVSYS-Event"

WITHIN_S: Final = 10.0
"""How long a receiver has for all of it: one that has more to do answers first."""
CONNECT_S: Final = 5.0
MAX_URL: Final = 2000
MAX_ANSWER_BYTES: Final = 64 * 1024
"""Of an answer that are read, so that the connection can be used again; behind a longer one it is closed."""
MAX_BODY_BYTES: Final = 256 * 1024
"""An event is some kilobytes; one with a certificate or a whole configuration may be more."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

NAT64: Final = IPv6Network("64:ff9b::/96")


class Config(NotifierConfig, frozen=True, kw_only=True):
    """What programs elsewhere are told of."""

    allow_http: bool = False
    private_networks: tuple[str, ...] = ()


class Body(Struct, frozen=True, kw_only=True):
    """What is posted."""

    id: str
    kind: str
    at: datetime
    subscription_id: str
    seq: int
    station_id: str
    severity: Severity
    alarm_id: str
    language: str
    subject: str
    text: str
    event: Raw


def signature(secrets: Sequence[str], at_s: int, body: bytes) -> str:
    """The header of a body that is sent at `at_s`, seconds since 1970."""
    signed = b"%d." % at_s + body
    digests = [hmac.new(secret.encode(), signed, sha256).hexdigest() for secret in secrets]
    return ",".join([f"t={at_s}", *(f"v1={digest}" for digest in digests)])


def networks(written: Sequence[str]) -> tuple[Network, ...]:
    """Networks such as `10.0.0.0/8`; an address stands for itself. Raises ValueError."""
    return tuple(ip_network(each) for each in written)


class Webhooks(Notifier):
    """See the module."""

    signs = True
    per_minute = None
    parallel = 16

    def __init__(self, config: Config) -> None:
        self._schemes = ("https", "http") if config.allow_http else ("https",)
        self._allowed = networks(config.private_networks)
        self._agent = f"EVSYS/{version('evsys')}"
        self._session: ClientSession | None = None

    def check(self, address: str) -> str:
        parts = self._parts(address)
        literal = _literal(parts.hostname or "")
        if literal is not None and not self._may_reach(literal):
            raise BadAddress(
                f"{literal} is not an address that webhooks may reach (webhooks.private_networks)"
            )
        return address

    async def open(self) -> None:
        if self._session is None:
            await asyncio.to_thread(__import__, "aiohttp")
            from aiohttp import ClientSession, ClientTimeout

            self._session = ClientSession(
                connector=self._connector(),
                timeout=ClientTimeout(total=WITHIN_S, connect=CONNECT_S),
                headers={"User-Agent": self._agent, "Content-Type": "application/json"},
                auto_decompress=False,
                max_line_size=8190,
            )

    async def send(self, recipient: Recipient, message: Message) -> None:
        from aiohttp import ClientError, InvalidURL

        if self._session is None:
            await self.open()
        assert self._session is not None
        try:
            self.check(recipient.address)
        except BadAddress as error:
            raise Refused(str(error)) from None
        body = _body(message)
        headers = {KEY: message.key, KIND: message.kind}
        if recipient.secrets:
            headers[SIGNATURE] = signature(recipient.secrets, int(time.time()), body)
        host = self._parts(recipient.address).hostname
        try:
            async with self._session.post(
                recipient.address, data=body, headers=headers, allow_redirects=False
            ) as answer:
                await _drain(answer)
        except _NotReachable as error:
            raise Refused(str(error)) from None
        except InvalidURL:
            raise Refused(f"{host} is in no URL that can be used") from None
        except TimeoutError:
            raise TryLater(f"{host} did not answer within {WITHIN_S:.0f} s") from None
        except (ClientError, OSError) as error:
            raise TryLater(f"{host} cannot be reached: {_cause(error)}") from None
        _judge(answer, str(host))

    async def close(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    def _parts(self, address: str) -> SplitResult:
        """The parts of a URL. Raises BadAddress."""
        wrong = BadAddress(
            f"a webhook's address is a URL with {' or '.join(self._schemes)}, without a password"
        )
        if len(address) > MAX_URL or not address.isascii() or not address.isprintable() or " " in address:
            raise wrong
        try:
            parts = urlsplit(address)
            _ = parts.port
        except ValueError:
            raise wrong from None
        if parts.scheme not in self._schemes or not parts.hostname or parts.fragment or "\\" in address:
            raise wrong
        if parts.username is not None or parts.password is not None:
            raise wrong
        return parts

    def _may_reach(self, address: Address) -> bool:
        """Whether an address is out of the house, or in a network that is allowed."""
        meant = _meant(address)
        if any(each.version == meant.version and meant in each for each in self._allowed):
            return True
        return meant.is_global and not meant.is_multicast

    def _connector(self) -> "TCPConnector":
        """Connections go to the very addresses that were checked."""
        from aiohttp import TCPConnector
        from aiohttp.abc import ResolveResult
        from aiohttp.resolver import ThreadedResolver

        may_reach = self._may_reach

        class Checked(ThreadedResolver):
            async def resolve(self, host: str, port: int = 0, family: object = 0) -> list[ResolveResult]:
                found = await super().resolve(host, port)
                good = [each for each in found if may_reach(ip_address(each["host"].partition("%")[0]))]
                if not good:
                    raise _NotReachable(f"{host} is at no address that webhooks may reach")
                return good

        return TCPConnector(resolver=Checked(), use_dns_cache=False, limit=self.parallel, limit_per_host=0)


class _NotReachable(Exception):
    """A name that leads into the house."""


def _body(message: Message) -> bytes:
    """Raises Refused nowhere: what is too large goes without the event, which the API has."""
    body = Body(
        id=message.key,
        kind=message.kind,
        at=message.at,
        subscription_id=message.subscription_id,
        seq=message.seq,
        station_id=message.station_id,
        severity=message.severity,
        alarm_id=message.alarm_id,
        language=message.language,
        subject=message.subject,
        text=message.text,
        event=message.facts if len(bytes(message.facts)) <= MAX_BODY_BYTES else Raw(b"{}"),
    )
    return msgspec.json.encode(body)


async def _drain(answer: "ClientResponse") -> None:
    """Read an answer to its end, so that the connection can be used again; close it where it is long."""
    read = 0
    async for piece in answer.content.iter_any():
        read += len(piece)
        if read > MAX_ANSWER_BYTES:
            answer.close()
            return


def _judge(answer: "ClientResponse", host: str) -> None:
    """Whether the message is taken. Raises TryLater or Refused."""
    status = answer.status
    if 200 <= status < 300:
        return
    if status == 410:
        raise Refused(f"{host} answered 410: nobody is there any more")
    if 300 <= status < 400:
        raise TryLater(f"{host} answered {status}: redirects are not followed")
    raise TryLater(f"{host} answered {status}", _retry_after(answer.headers.get("Retry-After", "")))


def _retry_after(header: str) -> float | None:
    """Seconds, or a date (RFC 9110 §10.2.3)."""
    if header.isascii() and header.isdigit():
        return float(header[:9])
    try:
        return parsedate_to_datetime(header).timestamp() - time.time()
    except (ValueError, OverflowError):
        return None


def _cause(error: Exception) -> str:
    """What went wrong, without the URL, which may hold a secret."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror
    return type(error).__name__


def _literal(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _meant(address: Address) -> Address:
    """The address that one with another inside leads to."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in NAT64:
            return IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
