"""A charge point's messages on their way: what waits, what is open, and what is sent again (OCPP 1.6 §3.7).

Transaction messages wait in a queue that survives a lost link: they leave in their order, one at a time, and
each is sent again with the same content until it is answered. What is refused is sent again after a while,
as often as TransactionMessageAttempts says; what was lost with a link is sent again for ever. Other messages
die with the link.
"""

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from msgspec import Raw, Struct

from evsys.core.errors import BadAnswer
from evsys.ocpp.dialect import encode
from evsys.ocpp.errors import Refusal
from evsys.ocpp.rpc import Call, Conversation, Received
from evsys.simulator.session import Session

CALL_TIMEOUT_S: Final = 30.0
"""How long an answer is waited for."""
MAX_QUEUED: Final = 500
"""Transaction messages that wait at most. Beyond it meter values are dropped; starts and stops never are."""
MAX_OTHERS: Final = 100
"""Other messages that wait at most: a central system that triggers faster than it answers gets no more."""


def _ignore(payload: Raw, now: datetime) -> None:
    """Of an answer that says nothing."""


def _shrug(now: datetime) -> None:
    """Of a message that nothing hangs on."""


class Outgoing(Struct):
    """A CALL of the station. `build` makes the payload when it first leaves; `content` keeps what was sent,
    so that a retry says the same. `answered` reads the answer before it changes anything, and may raise
    BadAnswer. `failed` hears that a message that is no transaction's was refused or lost."""

    action: str
    build: Callable[[], Struct]
    answered: Callable[[Raw, datetime], None] = _ignore
    failed: Callable[[datetime], None] = _shrug
    session: Session | None = None
    content: bytes = b""
    refusals: int = 0
    not_before: datetime | None = None


class Mail:
    """The messages of one charge point, over all its links. `attempts` and `retry_s` say how often, and after
    how long, a transaction message that was refused is sent again."""

    __slots__ = (
        "_attempts",
        "_conversation",
        "_open",
        "_others",
        "_queue",
        "_retry_s",
        "_times_out_at",
        "answered",
        "last_sent",
    )

    def __init__(self, attempts: Callable[[], int], retry_s: Callable[[], int]) -> None:
        self.last_sent = ""
        """The last action; for whoever watches."""
        self.answered = 0
        """How many CALLs were answered."""
        self._attempts = attempts
        self._retry_s = retry_s
        self._conversation: Conversation | None = None
        self._open: Outgoing | None = None
        self._times_out_at: datetime | None = None
        self._queue: deque[Outgoing] = deque()
        self._others: deque[Outgoing] = deque()

    # -- how it stands ---

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
        """Whether nothing waits, for an answer or to be sent."""
        return not self._queue and not self._others and self._open is None

    @property
    def next_at(self) -> datetime | None:
        """When something happens by itself: the open CALL times out, or one may be sent again."""
        if self._open is not None:
            return self._times_out_at
        return self._queue[0].not_before if self._queue and self.up else None

    # -- the link ---

    def connected(self, prefix: str) -> None:
        """A link is there. `prefix` makes its message ids its own."""
        self._conversation = Conversation("ocpp1.6", prefix)

    def disconnected(self, now: datetime) -> None:
        """The link is gone, and with it what waited for nothing but an answer."""
        lost = [*([self._open] if self._open else []), *self._others]
        self._conversation = self._open = None
        self._others.clear()
        for each in lost:
            each.failed(now)

    # -- what is to be said ---

    def queue(self, outgoing: Outgoing) -> None:
        """A transaction message."""
        if len(self._queue) < MAX_QUEUED or outgoing.action != "MeterValues":
            self._queue.append(outgoing)
        elif outgoing.session is not None:
            outgoing.session.meter_values_dropped += 1

    def say(self, outgoing: Outgoing, now: datetime, first: bool = False) -> None:
        """Any other message, `first` before what waits already; without a link it fails."""
        if self._conversation is None or len(self._others) >= MAX_OTHERS:
            outgoing.failed(now)
        elif first:
            self._others.appendleft(outgoing)
        else:
            self._others.append(outgoing)

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
        self._open, self._times_out_at = outgoing, now + timedelta(seconds=CALL_TIMEOUT_S)
        self.last_sent = outgoing.action
        return frame

    # -- what comes back ---

    def receive(self, frame: bytes) -> Received | None:
        """What a message of the central system says; None without a link."""
        return self._conversation.receive(frame) if self._conversation is not None else None

    def resolved(self, payload: Raw, now: datetime) -> None:
        """The open CALL was answered. An answer that cannot be read is as good as a refusal."""
        outgoing = self._open
        if outgoing is None:
            return
        try:
            outgoing.answered(payload, now)
        except BadAnswer:
            self.refused(now)
            return
        self._open = None
        self.answered += 1
        if self._queue and self._queue[0] is outgoing:
            self._queue.popleft()

    def refused(self, now: datetime) -> None:
        """The open CALL was refused. A transaction message is sent again after `refusals` times the retry
        interval, until it was tried as often as it may be."""
        outgoing, self._open = self._open, None
        if outgoing is None:
            return
        if not self._queue or self._queue[0] is not outgoing:
            outgoing.failed(now)
            return
        outgoing.refusals += 1
        outgoing.not_before = now + timedelta(seconds=outgoing.refusals * self._retry_s())
        if outgoing.refusals >= max(1, self._attempts()):
            self._queue.popleft()
            if outgoing.session is not None:
                outgoing.session.given_up += 1

    def timed_out(self, now: datetime) -> bool:
        """Whether the open CALL has waited too long: the link is as good as dead, and to be ended."""
        return self._open is not None and self._times_out_at is not None and self._times_out_at <= now

    # -- answers of ours ---

    def result(self, call: Call, answer: Struct) -> bytes:
        """The frame that answers a CALL."""
        return Conversation.result(call.id, answer)

    def error(self, id: str, refusal: Refusal) -> bytes:
        """The frame that refuses a CALL."""
        assert self._conversation is not None
        return self._conversation.error(id, refusal.code, refusal.description)
