"""Everything else, by way of Apprise: an address is one of its URLs (`ntfy://…`, `slack://…`, `matrix://…`).

The library is an extra of the installation (`evsys[apprise]`) and knows some hundred services. Its URLs hold
passwords, and some lead into the machine itself; so they are kept encrypted, shown without secrets, and only
administrators subscribe with them.
"""

import asyncio
import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Final

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
    from apprise import NotifyBase, NotifyType

MAX_URL: Final = 2000
MISSING: Final = "the extra is not installed: pip install 'evsys[apprise]'"


class Config(NotifierConfig, frozen=True, kw_only=True):
    """Whether there is this channel."""


class Apprise(Notifier):
    """See the module."""

    secret_address = True
    for_admins = True
    parallel = 4

    def __init__(self, config: Config) -> None:
        pass

    def check(self, address: str) -> str:
        if len(address) > MAX_URL or _service(address) is None:
            raise BadAddress("the address is none of Apprise's URLs")
        return address

    def shown(self, address: str) -> str:
        service = _service(address)
        if service is None:
            return "…"
        return str(service.url(privacy=True))  # type: ignore[no-untyped-call]  # the library says nothing of it

    async def open(self) -> None:
        try:
            await asyncio.to_thread(__import__, "apprise")
        except ImportError:
            raise TryLater(MISSING) from None
        logging.getLogger("apprise").setLevel(logging.CRITICAL)  # what it says of a failure may name the URL

    async def send(self, recipient: Recipient, message: Message) -> None:
        await self.open()
        service = await asyncio.to_thread(_service, recipient.address)
        if service is None:
            raise Refused("the address is none of Apprise's URLs")
        try:
            taken = await service.async_notify(
                body=message.text, title=message.subject, notify_type=_type(message.severity)
            )
        except Exception as error:
            # The border to a hundred services: whatever goes wrong in one is told by its kind alone.
            raise TryLater(f"{service.service_name} failed: {type(error).__name__}") from None
        if not taken:
            raise TryLater(f"{service.service_name} did not take the message")

    async def close(self) -> None:
        pass


@lru_cache(maxsize=64)
def _service(address: str) -> "NotifyBase | None":
    """The service of a URL; None where it is none. Raises BadAddress where the library is missing."""
    try:
        import apprise
    except ImportError:
        raise BadAddress(MISSING) from None
    return apprise.Apprise.instantiate(address)


def _type(severity: Severity) -> "NotifyType":
    from apprise import NotifyType

    match severity:
        case "critical":
            return NotifyType.FAILURE
        case "warning":
            return NotifyType.WARNING
        case _:
            return NotifyType.INFO
