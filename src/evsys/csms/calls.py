"""Calls: what we ask of a station over one connection (OCPP-J §4.1: one CALL open at a time).

CALLs wait in a bounded queue; each has a time-out of its own that begins when it is sent. They do not wait
for the station's own CALLs, but none leaves while one of those is being handled: some stations deadlock on a
CALL that comes before the answer they wait for. A lost connection fails them all at once; what the station
did is then unknown, and nothing is sent again.

A `Performing` drives a dialect's performance of a command: CALL after CALL, each answer typed, to its
Outcome.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import structlog

from evsys.core.commands import Command, Outcome
from evsys.core.errors import CallFailed, ConnectionLost, EvsysError, NoAnswer, StationOffline, TooManyCalls
from evsys.ocpp.dialect import Answered, Performance
from evsys.ocpp.rpc import CallError, CallResult

if TYPE_CHECKING:
    from evsys.csms.connection import Connection
    from evsys.csms.shared import Shared
    from evsys.csms.turns import Running

MAX_WAITING: Final = 32
"""CALLs that may wait behind the open one: minutes of work for a slow station; people should know sooner."""

log = structlog.get_logger()

CallAnswer = CallResult | CallError | EvsysError


class PendingCall:
    """A CALL that waits or is open."""

    __slots__ = ("action", "done", "payload", "timeout_s")

    def __init__(
        self, action: str, payload: bytes, timeout_s: float, done: Callable[[CallAnswer], None]
    ) -> None:
        self.action = action
        self.payload = payload
        self.timeout_s = timeout_s
        self.done = done


class Calls:
    """The CALLs of one connection."""

    __slots__ = ("_connection", "_open", "_running", "_shared", "_waiting")

    def __init__(self, shared: "Shared", running: "Running", connection: "Connection") -> None:
        self._shared = shared
        self._running = running
        self._connection = connection
        self._open: PendingCall | None = None
        self._waiting: deque[PendingCall] = deque()

    def __len__(self) -> int:
        return len(self._waiting) + (self._open is not None)

    def ask(self, action: str, payload: bytes, timeout_s: float, done: Callable[[CallAnswer], None]) -> None:
        """Send a CALL as soon as it may go. `done` hears the answer, or why there is none, exactly once."""
        if not self._connection.open:
            done(ConnectionLost("the connection was lost before the call was sent"))
        elif len(self._waiting) >= MAX_WAITING:
            self._shared.counts.call("too_many")
            done(TooManyCalls(f"{MAX_WAITING} calls to this station wait already"))
        else:
            self._waiting.append(PendingCall(action, payload, timeout_s, done))
            self.go_on()

    @property
    def strict(self) -> bool:
        """Whether answers are taken only as the standard has them."""
        state = self._running.state
        return state is not None and state.settings.conformance == "strict"

    def repaired(self, answered: Answered) -> None:
        """An answer was understood although it is off the standard."""
        self._connection.repaired(answered.quirks, answered.payload)

    def go_on(self) -> None:
        """Send the next CALL where none is open and no CALL of the station is being handled."""
        if self._open is None and self._waiting and self._connection.open and not self._running.answering:
            self._open = call = self._waiting.popleft()
            self._shared.calling[self] = self._shared.clock.monotonic() + call.timeout_s
            _, frame = self._connection.conversation.call(call.action, call.payload)
            self._connection.send(frame)

    def answered(self, answer: CallResult | CallError) -> None:
        """What came back."""
        if answer.late:
            self._shared.counts.call("late")
            log.info("a late answer", station=self._running.id, message_id=answer.id)
            return
        self._shared.counts.call("answered" if isinstance(answer, CallResult) else "refused")
        self._close(answer)

    def timed_out(self) -> None:
        """The open CALL was not answered in time; the next may go. A late answer will be recognised."""
        if self._open is None:
            return
        self._shared.counts.call("no_answer")
        self._connection.conversation.give_up()
        self._close(NoAnswer(f"no answer to {self._open.action} within {self._open.timeout_s:g} s"))

    def end(self) -> None:
        """The connection is lost: all CALLs fail at once."""
        self._shared.calling.pop(self, None)
        lost = [self._open] if self._open is not None else []
        lost += self._waiting
        self._open = None
        self._waiting.clear()
        for call in lost:
            self._shared.counts.call("connection_lost")
            call.done(ConnectionLost(f"the connection was lost before {call.action} was answered"))

    def _close(self, answer: CallAnswer) -> None:
        call, self._open = self._open, None
        self._shared.calling.pop(self, None)
        if call is not None:
            call.done(answer)
        self.go_on()


class Performing:
    """A performance under way. `finished` hears its Outcome, or the error that ended it, exactly once."""

    __slots__ = ("_calls", "_finished", "_performance", "_timeout_s")

    def __init__(
        self,
        calls: Calls,
        performance: Performance,
        timeout_s: float,
        finished: Callable[[Outcome | EvsysError], None],
    ) -> None:
        self._calls = calls
        self._performance = performance
        self._timeout_s = timeout_s
        self._finished = finished

    def start(self) -> None:
        self._advance(None)

    def _advance(self, answer: CallAnswer | None) -> None:
        """Give the performance the answer it waits for, and send the next CALL it yields.

        Only the station's own refusal is its to handle; a lost connection or silence ends it.
        """
        performance, answered = self._performance, None
        try:
            match answer:
                case None:
                    request = next(performance)
                case CallResult(payload=payload):
                    answered = Answered(payload, self._calls.strict)
                    request = performance.send(answered)
                case CallError(code=code, description=description, details=details):
                    request = performance.throw(CallFailed(code, description, details))
                case error:
                    performance.close()
                    self._finished(error)
                    return
            payload_sent = request.encoded()
        except StopIteration as stop:
            self._finished(stop.value)
            return
        except EvsysError as error:
            self._finished(error)
            return
        except Exception:
            log.exception("a bug in a performance")
            self._finished(EvsysError("the command failed by a fault of the central system"))
            return
        finally:
            if answered is not None and answered.quirks:
                self._calls.repaired(answered)
        self._calls.ask(request.action, payload_sent, self._timeout_s, self._advance)


def perform(
    running: "Running",
    command: Command,
    finished: Callable[[Outcome | EvsysError], None],
    timeout_s: float | None = None,
) -> None:
    """Say a command to a station over its connection. `timeout_s` is for each CALL; where none is given the
    station's own holds, else the node's."""
    station, connection = running.state, running.connection
    try:
        if station is None or connection is None:
            raise StationOffline(f"{running.id} is not connected")
        performance = connection.dialect.perform(command, station)
    except EvsysError as error:
        finished(error)
        return
    own_s = station.settings.call_timeout_s or station.workarounds.call_timeout_s
    within_s = timeout_s or own_s or running.shared.call_timeout_s
    Performing(connection.calls_to(), performance, within_s, finished).start()
