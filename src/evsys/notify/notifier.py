"""What every notifier is: it takes a finished message to an address, or says why it did not.

A notifier is a file of this room with two things: `Config`, its keys in the configuration, and one class made
from them. Its name is the channel of a subscription and the name of its section, and it is found by it
(`evsys.plug`). It knows nothing of events, subscriptions or the database.

What is sent, to whom and how often again is decided by `office.notices`. A notifier does one thing, `send`,
within `SEND_S`, and says how it ended:

* it returns: the message is with the other side;
* `TryLater`: it is not, or nobody knows; the same message comes again, with the same `Message.key`;
* `Refused`: this address takes no messages, now or later; the subscription is paused and says why.

A heavy library is loaded in `open`, never with the file: who does not use the channel does not wait for it.
No error's text and no entry of the log holds a secret.
"""

from abc import ABC, abstractmethod
from datetime import datetime
from typing import ClassVar, Final, Literal

from msgspec import Raw, Struct

from evsys.core.records import Language, Severity
from evsys.plug import Section

SEND_S: Final = 30.0
"""The longest that sending one message may take; a notifier's own limits are shorter."""
MAX_REASON: Final = 300
"""Characters of an error that are kept."""
LONGEST_WAIT_S: Final = 3600.0
"""The longest that the other side may have us wait (Retry-After and the like)."""

ActionKind = Literal["acknowledge", "reset", "unlock", "stop"]


class NotifierConfig(Section, frozen=True, kw_only=True):
    """What all notifiers have in the configuration."""

    enabled: bool = False


class Action(Struct, frozen=True, kw_only=True):
    """What somebody who gets a message may want to do about it, where the channel can offer that: the same as
    the command or the alarm's acknowledgement of the API, for whoever may do that."""

    kind: ActionKind
    label: str
    """In the language of the message."""
    alarm_id: str = ""
    station_id: str = ""
    evse_id: int = 0
    connector_id: int = 0
    transaction_id: str = ""


class Message(Struct, frozen=True, kw_only=True):
    """A message, finished: in the language and the time zone of who gets it."""

    key: str
    """The idempotency key: a message that comes twice comes with the same."""
    kind: str
    """The kind of the event, or `Test`, `Summary`, `Digest`."""
    subscription_id: str
    language: Language = "en"
    severity: Severity = "info"
    at: datetime
    """When it happened."""
    seq: int = 0
    """The number of the event; 0 where it is of none."""
    station_id: str = ""
    alarm_id: str = ""
    """The alarm that it tells of; empty without one."""
    subject: str
    """One line."""
    text: str
    """What happened, where, since when and what to do: plain text of a few lines, without the subject."""
    html: str = ""
    """The same as a page, where the notifier `wants_html`."""
    facts: Raw = Raw(b"{}")
    """What programs read: a JSON object, for an event `core.events.LoggedEvent`."""
    actions: tuple[Action, ...] = ()


class Recipient(Struct, frozen=True, kw_only=True):
    """Who a message is for. `address` is what `check` returned; `secrets` are those that the subscription's
    messages are signed with, the newest first (two while they are being changed)."""

    address: str
    secrets: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return "Recipient(…)"


class NotSent(Exception):
    """A message was not sent; the text says why, in one line without secrets."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason[:MAX_REASON])
        self.reason = reason[:MAX_REASON]


class TryLater(NotSent):
    """It was not sent, or nobody knows: it is to be sent again, not before `after_s` where that is known."""

    def __init__(self, reason: str, after_s: float | None = None) -> None:
        super().__init__(reason)
        self.after_s = None if after_s is None else min(max(after_s, 0.0), LONGEST_WAIT_S)


class Refused(NotSent):
    """This address takes no messages, however often one tries."""


class BadAddress(Exception):
    """The address is none of this channel; the text says what one is like."""


class Notifier(ABC):
    """A channel. It is made once per process, on its event loop."""

    wants_html: ClassVar[bool] = False
    """Whether messages are to have `html`."""
    signs: ClassVar[bool] = False
    """Whether each subscription has a secret that its messages are signed with."""
    secret_address: ClassVar[bool] = False
    """Whether an address holds a secret: it is then kept encrypted, and shown as `shown` says."""
    for_admins: ClassVar[bool] = False
    """Whether only administrators may subscribe with it."""
    per_minute: ClassVar[int | None] = 20
    """How many messages a subscription gets in a minute, unless it says so itself; what is beyond is folded
    into one. None: any number, as for programs."""
    parallel: ClassVar[int] = 8
    """How many messages may be under way at once, to all addresses together."""

    @abstractmethod
    def check(self, address: str) -> str:
        """The address as it is to be kept. Asks nobody; called in a thread, for a library may be loaded.
        Raises BadAddress."""

    def shown(self, address: str) -> str:
        """The address as people may see it."""
        return address

    @abstractmethod
    async def open(self) -> None:
        """Called once before the first `send`: what takes long to load is loaded here, in a thread."""

    @abstractmethod
    async def send(self, recipient: Recipient, message: Message) -> None:
        """Take a message to an address. Raises TryLater or Refused; may be called many times at once."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of what is open. May be called without `open`, and more than once."""
