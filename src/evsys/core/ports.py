"""The ports: what the floors above the ground floor may ask of the store, the bus, the clock and a link.

Nothing on the bus is durable: rows and events are in the store, and a message lost on the bus costs a delay,
never a fact. What turns need of the store is asked with callbacks, not coroutines: a turn makes no task, and
the simulation drives the same code on a stepped clock without an event loop.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Literal, Protocol
from urllib.parse import quote

from msgspec import Struct

from evsys.core import records
from evsys.core.commands import Outcome, SentCommand
from evsys.core.credentials import Credentials
from evsys.core.events import LoggedEvent
from evsys.core.facts import Fact
from evsys.core.records import StationProof, Token, Transaction
from evsys.core.station import Station
from evsys.core.work import Failed, Settled, Work

FactValue = Token | Transaction | range | None
"""TokenFact: the Token or None; TransactionFact, StartFact: the Transaction or None; NumbersFact: a range."""
Fetched = Callable[[FactValue | Failed], None]
Loaded = Callable[[Station | Failed | None], None]


class Clock(Protocol):
    """Time, from outside: real in the program, stepped in the simulation."""

    def now(self) -> datetime:
        """The wall clock, aware UTC. It may jump."""

    def monotonic(self) -> float:
        """Seconds that only go forward: for time-outs."""

    def microseconds(self) -> int:
        """The wall clock in microseconds since 1970, without the cost of a datetime."""


class Store(Protocol):
    """What the turns ask of the database. Every callback is called exactly once, from the loop of the process
    that asked, never from inside the asking call."""

    def submit(self, work: Work, settled: Settled) -> None:
        """Join the batch that is forming. Settled when durable (or not), in the order of submission."""

    def fetch(self, fact: Fact, fetched: Fetched) -> None:
        """A fact that is not in memory; Failed where the database cannot say."""

    def load(self, station_id: str, loaded: Loaded) -> None:
        """A station's whole state from disk: settings, status, connectors, open transactions and the last
        `RECENT_TRANSACTIONS` ended, their readings, its unresolved quarantine. None: not registered."""

    async def stations(self) -> Sequence[records.Station]:
        """Every registered station, for the StationIndex."""

    async def credentials(self, station_id: str = "") -> Sequence[Credentials]:
        """What is known of how stations prove who they are: of one, or of all of which anything is."""

    async def revoked_certificates(self) -> Sequence[str]:
        """The serial numbers of certificates that are refused."""

    async def stations_to_look_after(self) -> Sequence[str]:
        """Ids of the stations that matter although they may not be connected: they have open transactions, or
        disk believes that they are connected."""

    async def open_uses(self) -> Mapping[str, frozenset[str]]:
        """Ids of the open, accepted transactions by canonical token, over all stations."""

    async def people_events(self, after: int, limit: int = 1000) -> Sequence[LoggedEvent]:
        """Events of records that people write (`core.events.PEOPLE`) with a `seq` above `after`, in order."""

    async def last_seq(self) -> int:
        """The sequence number of the newest event, 0 without any."""


class Index(Protocol):
    """Who keeps what handshakes are decided from (`gateway.station_index`)."""

    def put(self, station_id: str, station: records.Station | None) -> None:
        """A station was registered, changed or removed (None)."""

    def secure(self, credentials: Credentials) -> None:
        """People changed a station's credentials."""

    def revoke(self, serial: str) -> None:
        """A certificate is not good any more."""

    def prove(self, proof: StationProof) -> None:
        """A station has proved this, and it is recorded."""


class Link(Protocol):
    """The socket of a station, as the running station sees it."""

    def send(self, frame: bytes) -> None:
        """Send a text message. A peer that does not read is disconnected by the gateway, not waited for."""

    def close(self, code: int, reason: str) -> None:
        """Send a CLOSE and end the link; nothing is sent after it."""


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
"""Published with the latest meter samples, a list of `LatestSample` as JSON; at most one of an EVSE in a
second. Nothing is kept of them here."""


class LatestSample(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What an EVSE measured last. Only what was measured is there."""

    station_id: str
    evse_id: int
    transaction_id: str = ""
    at: datetime
    energy_wh: float | None = None
    power_w: float | None = None
    current_a: float | None = None
    voltage_v: float | None = None
    soc_percent: float | None = None


GATEWAY_STATUS = "gateway.status"
"""Answered by the gateway with a `GatewayStatus` as JSON; the request's payload is empty."""
GATEWAY_METRICS = "gateway.metrics"
"""Answered by the gateway with its metrics in Prometheus' text format."""


GATEWAY_REFRESH = "gateway.refresh"
"""Answered by the gateway, with nothing, when it has taken over what people changed until then."""


GATEWAY_CLOSE = "gateway.close"
"""Answered by the gateway: a `CloseRequest` as JSON with a `CloseReply`."""


class CloseRequest(Struct, frozen=True, kw_only=True):
    """An operator ends a transaction that its station will not stop: taken in the station's turn, connected
    or not."""

    station_id: str
    transaction_id: str
    by: str = ""


class CloseReply(Struct, frozen=True, kw_only=True):
    """Whether the transaction is ended, durably; `failure` says why not."""

    found: bool = True
    """Whether the transaction is open: one that has ended is not closed again."""
    failure: str = ""


class GatewayStatus(Struct, frozen=True, kw_only=True):
    """What the office wants to know of the gateway."""

    connected: tuple[str, ...]
    """Ids of the connected stations, sorted."""
    store_failure: str = ""
    """Why the last commit failed, empty where it did not."""


WIRE = "wire"
"""Published by the gateway with a `WirePiece` as msgpack."""
GATEWAY_WIRE = "gateway.wire"
"""Answered by the gateway with the frames of a station that it has in memory. The request is the station's id
in UTF-8, the answer a `WirePiece` as msgpack."""

WireFrame = tuple[int, Literal["in", "out"], bytes]
"""A frame of a station: when (microseconds since 1970, no two of a station the same), whether it came in or
went out, and what it was, secrets masked."""


class WirePiece(Struct, frozen=True, array_like=True):
    """Frames of a station, oldest first, and when the first and the last were."""

    station_id: str
    first: int
    last: int
    frames: list[WireFrame]


def wire_piece(station_id: str, frames: list[WireFrame]) -> WirePiece:
    """A piece of these frames; without any its times are 0."""
    return WirePiece(station_id, frames[0][0] if frames else 0, frames[-1][0] if frames else 0, frames)


def station_subject(station_id: str) -> str:
    """Where the gateway that holds the station's socket answers `CommandRequest`s with `CommandReply`s."""
    return "station." + quote(station_id, safe="").replace(".", "%2E")


class CommandRequest(Struct, frozen=True, kw_only=True):
    """A command on its way to a station. JSON on the bus."""

    command: SentCommand
    command_id: str
    by: str = ""
    timeout_s: float | None = None
    wait: bool = True
    """Whether the reply is what came of it; else that it is recorded and on its way."""
    expires_at: datetime | None = None
    """From when on it is not to be sent any more."""


class CommandReply(Struct, frozen=True, kw_only=True):
    """Its outcome, or the name of an error of `core.errors` with its text; neither where nobody waits."""

    outcome: Outcome | None = None
    error: str = ""
    """Class name: StationOffline, NotSupportedByStation, BadCommand, CallFailed, BadAnswer, NoAnswer,
    ConnectionLost, TooManyCalls, StoreUnavailable."""
    text: str = ""
    code: str = ""
    """CallFailed: the station's error code; `text` is its description."""
    payload: str = ""
    """BadAnswer: what it sent; CallFailed: its error details."""
