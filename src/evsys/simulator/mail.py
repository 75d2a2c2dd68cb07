"""A charge point's messages on their way: what waits, what is open, and what is sent again (OCPP 1.6 §3.7).

Transaction messages wait in a queue that survives a lost link: they leave in their order, one at a time, and
each is sent again with the same content until it is answered. Other messages die with the link.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Raw, Struct

from evsys.ocpp.dialect import encode
from evsys.ocpp.errors import Refusal
from evsys.ocpp.rpc import Call, Conversation, Received

CALL_TIMEOUT_S: Final = 30.0
"""How long an answer is waited for (real seconds)."""


class Session(Struct, kw_only=True):
    """A charging session as the station knows it; also a line of the report."""

    station: str
    connector: int
    token: str
    started_at: datetime
    meter_start_wh: int
    transaction_id: int | None = None
    authorization: str = ""
    stopped_at: datetime | None = None
    meter_stop_wh: int | None = None
    reason: str = ""
    start_acknowledged: bool = False
    stop_acknowledged: bool = False
    meter_values_acknowledged: int = 0
    given_up: int = 0
    """Transaction messages that were refused as often as they may be, and dropped."""


class Outgoing(Struct):
    """A CALL of the station. `build` makes the payload when it leaves; `content` keeps what was sent, so that
    a retry says the same."""

    action: str
    build: Callable[[], Struct]
    answered: Callable[[Raw], None]
    session: Session | None = None
    content: bytes = b""
    refusals: int = 0
    not_before: datetime | None = None


class Mail:
    """The messages of one charge point, over all its links. `attempts` and `retry_s` say how often, and after
    how long, a transaction message that was refused is sent again."""

    def __init__(self, attempts: Callable[[], int], retry_s: Callable[[], float]) -> None:
        self.last_sent = ""
        self.answered = 0
        self._attempts = attempts
        self._retry_s = retry_s
        self._conversation: Conversation | None = None
        self._open: tuple[Outgoing, datetime] | None = None
        self._queue: deque[Outgoing] = deque()
        self._others: deque[Outgoing] = deque()

    @property
    def waiting(self) -> int:
        """Transaction messages that are not acknowledged."""
        return len(self._queue)

    @property
    def up(self) -> bool:
        """Whether there is a link."""
        return self._conversation is not None

    @property
    def idle(self) -> bool:
        return not self._queue and self._open is None

    @property
    def due_at(self) -> datetime | None:
        """When something happens by itself: the open CALL times out, or one may be sent again."""
        if self._open is not None:
            return self._open[1]
        return self._queue[0].not_before if self._queue else None

    def connected(self, prefix: str) -> None:
        """A link is there. `prefix` makes its message ids its own."""
        self._conversation = Conversation("ocpp1.6", prefix)

    def disconnected(self) -> None:
        """The link is gone, and with it what waited for nothing but an answer."""
        self._conversation = None
        self._open = None
        self._others.clear()

    def queue(self, outgoing: Outgoing) -> None:
        """A transaction message."""
        self._queue.append(outgoing)

    def say(self, outgoing: Outgoing) -> None:
        """Any other message; without a link it is forgotten."""
        if self._conversation is not None:
            self._others.append(outgoing)

    def say_first(self, outgoing: Outgoing) -> None:
        """A message before all others: the boot."""
        if self._conversation is not None:
            self._others.appendleft(outgoing)

    def next_frame(self, now: datetime, registration: str) -> bytes | None:
        """The next CALL, if none is open and one may be sent: others first, then the queue. What is said
        while Pending was asked for by TriggerMessage."""
        if self._conversation is None or self._open is not None:
            return None
        outgoing: Outgoing | None = None
        heard = registration in ("Accepted", "Pending")
        if self._others and (heard or self._others[0].action == "BootNotification"):
            outgoing = self._others.popleft()
        elif registration == "Accepted" and self._queue and (self._queue[0].not_before or now) <= now:
            outgoing = self._queue[0]
        if outgoing is None:
            return None
        outgoing.content = outgoing.content or encode(outgoing.build())
        _, frame = self._conversation.call(outgoing.action, outgoing.content)
        self._open = (outgoing, now + timedelta(seconds=CALL_TIMEOUT_S))
        self.last_sent = outgoing.action
        return frame

    def receive(self, frame: bytes) -> Received | None:
        """What a message of the central system says; None without a link."""
        return self._conversation.receive(frame) if self._conversation is not None else None

    def resolved(self, payload: Raw) -> None:
        """The open CALL was answered."""
        outgoing = self._close()
        if outgoing is not None:
            self.answered += 1
            if self._queue and self._queue[0] is outgoing:
                self._queue.popleft()
            outgoing.answered(payload)

    def refused(self, now: datetime) -> str:
        """The open CALL was refused: a transaction message is sent again, ever later, as often as it may be.
        Returns its action."""
        outgoing = self._close()
        if outgoing is None:
            return ""
        if self._queue and self._queue[0] is outgoing:
            outgoing.refusals += 1
            outgoing.not_before = now + timedelta(seconds=outgoing.refusals * self._retry_s())
            if outgoing.refusals >= self._attempts():
                self._queue.popleft()
                if outgoing.session is not None:
                    outgoing.session.given_up += 1
        return outgoing.action

    def timed_out(self, now: datetime) -> bool:
        """Whether the open CALL has waited too long: then it is given up, and the link is as good as dead."""
        if self._open is None or self._open[1] > now:
            return False
        self._close()
        if self._conversation is not None:
            self._conversation.give_up()
        return True

    def result(self, call: Call, answer: Struct) -> bytes:
        """The frame that answers a CALL."""
        return Conversation.result(call.id, answer)

    def error(self, id: str, refusal: Refusal) -> bytes:
        """The frame that refuses a CALL."""
        assert self._conversation is not None
        return self._conversation.error(id, refusal.code, refusal.description)

    def _close(self) -> Outgoing | None:
        outgoing = self._open[0] if self._open is not None else None
        self._open = None
        return outgoing
