"""A connection: one socket of a station, from its handshake to its end.

It reads frames into messages (`ocpp.rpc.Conversation`) and hands CALLs to the station's turns and answers to
its calls. Repairs that frames needed are counted per station (`csms.quirks`): an operator sees which station
is off the standard. A text that is not UTF-8 ends the connection (1007). No text of a frame reaches the log
other than as a value, which the log escapes.
"""

from collections.abc import Iterable
from typing import Final

import structlog
from msgspec import Raw

from evsys.core.credentials import NOTHING_PROVED, Proved
from evsys.core.ports import Link
from evsys.core.records import StationProof
from evsys.csms.calls import Calls
from evsys.csms.shared import Shared
from evsys.csms.turns import CLOSE_NOT_TEXT, Running
from evsys.ocpp.dialect import Dialect
from evsys.ocpp.rpc import (
    Call,
    CallError,
    CallResult,
    Conversation,
    Ignored,
    Received,
    Refused,
    ResultRefused,
    Undecodable,
)

CLOSE_REPLACED: Final = 1000

log = structlog.get_logger()


class Connection:
    """One socket. The gateway calls `received` for each whole text message and `lost` once at the end."""

    __slots__ = (
        "_link",
        "_running",
        "_shared",
        "_tape",
        "address",
        "booted",
        "calls",
        "conversation",
        "dialect",
        "open",
        "proof",
        "proved",
        "since",
    )

    def __init__(
        self,
        shared: Shared,
        running: Running,
        dialect: Dialect,
        address: str,
        link: Link,
        prefix: str,
        proved: Proved = NOTHING_PROVED,
    ) -> None:
        self.dialect = dialect
        self.address = address
        self.proved = proved
        """What its handshake proved."""
        self.proof: StationProof | None = None
        """The same as it is recorded, where that is new."""
        self.conversation = Conversation(dialect.version, prefix)
        self.open = True
        self.calls: Calls | None = None
        """The CALLs to the station, made when there is a first one."""
        self.booted = False
        """Whether a boot was heard on this connection."""
        self.since = shared.clock.monotonic()
        self._link = link
        self._running = running
        self._shared = shared
        self._tape = shared.wire.tape(running.id) if shared.wire is not None else None

    def received(self, frame: bytes) -> None:
        """A whole text message. No bytes make it raise."""
        shared, running = self._shared, self._running
        if not self.open or shared.stopping:
            return
        shared.counts.frames_in += 1
        if self._tape is not None:
            self._tape.note("in", frame)
        shared.heard.add(running)
        message = self.conversation.receive(frame)
        if type(message) is Call:
            if message.quirk:
                self.repaired((message.quirk,), frame)
            running.received(self, message, len(frame))
        else:
            self._other(message, frame)

    def lost(self, reason: str) -> None:
        """The socket has ended. Of a connection that was closed or replaced before, nothing follows."""
        if self.open:
            self._end(reason)

    def close(self, code: int, reason: str) -> None:
        """End the connection from our side."""
        if self.open:
            log.info("connection closed", station=self._running.id, code=code, reason=reason)
            self._end(reason)
            self._link.close(code, reason)

    def replaced(self) -> None:
        """A newer connection of the same station is there. This one's late death will change nothing."""
        self.open = False
        if self.calls is not None:
            self.calls.end()
        self._link.close(CLOSE_REPLACED, "replaced by a newer connection")

    def send(self, frame: bytes) -> None:
        """Send a message; on a connection that has ended it is dropped."""
        if not self.open:
            return
        shared = self._shared
        shared.counts.frames_out += 1
        if self._tape is not None:
            self._tape.note("out", frame)
        try:
            self._link.send(frame)
        except Exception:
            log.exception("a link failed", station=self._running.id)
            self.lost("the link failed")

    def calls_to(self) -> Calls:
        """The CALLs to the station over this connection."""
        if self.calls is None:
            self.calls = Calls(self._shared, self._running, self)
        return self.calls

    def repaired(self, quirks: Iterable[str], example: bytes | Raw = b"") -> None:
        """Count repairs that a message of the station needed."""
        for quirk in quirks:
            self._shared.quirks.note(self._running.id, quirk, bytes(example))

    def _end(self, reason: str) -> None:
        self.open = False
        if self.calls is not None:
            self.calls.end()
        self._running.lost(self, reason)

    def _other(self, message: Received, frame: bytes) -> None:
        match message:
            case CallResult() | CallError():
                if message.late:
                    self.repaired(("late_answer",), frame)
                elif isinstance(message, CallError) and message.broken:
                    self.repaired(("broken_answer",), frame)
                if self.calls is not None:
                    self.calls.answered(message)
            case Refused():
                self.repaired(("unreadable_call",), frame)
                self._running.received(self, message, len(frame))
            case Undecodable():
                self.close(CLOSE_NOT_TEXT, "not UTF-8")
            case ResultRefused(code=code, description=description):
                log.warning(
                    "the station could not process an answer",
                    station=self._running.id,
                    code=code,
                    description=description,
                )
            case Ignored(quirk=quirk):
                self.repaired((quirk,), frame)
