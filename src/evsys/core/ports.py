"""The ports: what the floors above the ground floor may ask of the bus, and the subjects spoken on it.

The bus joins gateways and offices: request/reply to whoever serves a subject, and publish/subscribe. Nothing
on it is durable: rows and events are in the store, and a message lost on the bus costs a delay, never a fact.
"""

from collections.abc import Awaitable, Callable
from typing import Protocol
from urllib.parse import quote

from msgspec import Struct

from evsys.core.commands import Outcome, SentCommand


class NobodyThere(Exception):
    """No one serves the subject of a request: known at once, nothing was delivered."""


class BusTimeout(Exception):
    """The one who serves the subject did not answer in time."""


Answerer = Callable[[bytes], Awaitable[bytes]]
Listener = Callable[[str, bytes], None]
Cancel = Callable[[], None]


class Bus(Protocol):
    """One contract, `bus.local` on one machine and NATS on many."""

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        """The answer of whoever serves `subject`. Raises NobodyThere or BusTimeout."""

    def serve(self, subject: str, answerer: Answerer) -> Cancel:
        """Answer the requests of a subject; the newest server of a subject wins. Returns how to stop."""

    def publish(self, subject: str, payload: bytes) -> None:
        """Tell all who listen. Never blocks; dropped where a listener's buffer is full."""

    def subscribe(self, subject: str, listener: Listener) -> Cancel:
        """Hear what is published on `subject`; one that ends in `.>` hears all below it."""


EVENTS = "events"
"""Published with the last `seq` (decimal) after commits that told events: look into the log."""
SAMPLES = "samples"
"""Published with the latest meter samples as JSON; nothing is kept of them here."""


def station_subject(station_id: str) -> str:
    """Where the gateway that holds the station's socket answers `CommandRequest`s with `CommandReply`s."""
    return "station." + quote(station_id, safe="").replace(".", "%2E")


class CommandRequest(Struct, frozen=True, kw_only=True):
    """A command on its way to a station. JSON on the bus."""

    command: SentCommand
    command_id: str = ""
    by: str = ""
    timeout_s: float | None = None


class CommandReply(Struct, frozen=True, kw_only=True):
    """Its outcome, or the name of an error of `core.errors` with its text."""

    outcome: Outcome | None = None
    error: str = ""
    """Class name: StationOffline, NotSupportedByStation, BadCommand, CallFailed, BadAnswer, NoAnswer,
    ConnectionLost, TooManyCalls."""
    text: str = ""
    code: str = ""
    """CallFailed: the station's error code; `text` is its description."""
    payload: str = ""
    """BadAnswer: what it sent; CallFailed: its error details."""
