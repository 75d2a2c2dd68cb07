"""Commands: what people ask of a station (architecture §1: a command is two turns).

The first turn records that it was sent; the CALLs follow, outside any turn; the second turn records what came
of it. Who asked may be gone by then: the record is finished all the same. A command that cannot be said, or
may not be said to this station now, is recorded with its error.
"""

from collections.abc import Callable
from typing import Final

import msgspec
import structlog
from msgspec import Raw
from msgspec.structs import replace

from evsys.core.authorization import canonical
from evsys.core.commands import (
    NOTHING,
    SECRET_KEYS,
    Outcome,
    RawCall,
    RequestStartTransaction,
    RequestStopTransaction,
    SentCommand,
    SetVariables,
    names_secret,
)
from evsys.core.errors import (
    BadAnswer,
    BadCommand,
    CallFailed,
    EvsysError,
    StoreUnavailable,
)
from evsys.core.events import CommandFinished, CommandSent
from evsys.core.ports import CommandReply, CommandRequest
from evsys.core.records import CommandRecord
from evsys.core.station import Station
from evsys.core.work import Committed, Conflict, Settlement, Turn
from evsys.csms.calls import perform
from evsys.csms.turns import Running
from evsys.csms.wirelog import masked
from evsys.ocpp.dialect import encode

REMOTE_CONTROL: Final = frozenset(
    (
        "RemoteStartTransaction",
        "RemoteStopTransaction",
        "RequestStartTransaction",
        "RequestStopTransaction",
    )
)
REDACTED: Final = "***"

log = structlog.get_logger()


class RunningCommand:
    """A command on its way. `replied` hears its reply, exactly once: when it is finished, or, where nobody
    waits for that, when it is recorded."""

    __slots__ = ("_record", "_replied", "_reply", "_request", "_running")

    def __init__(
        self,
        running: Running,
        request: CommandRequest,
        replied: Callable[[CommandReply], None],
    ) -> None:
        self._running = running
        self._request = request
        self._replied = replied
        self._record: CommandRecord | None = None
        self._reply = CommandReply()

    def start(self) -> None:
        expires_at = self._request.expires_at
        if expires_at is not None and expires_at <= self._running.shared.clock.now():
            self._replied(refusal(BadCommand("its time is over: it was not sent")))
            return
        self._running.take(self._decide_sent, self._on_sent)

    def _decide_sent(self, turn: Turn) -> None:
        request, station_id = self._request, turn.station.id
        kind = type(request.command).__name__
        said = Raw(redacted(request.command))
        self._record = CommandRecord(
            id=request.command_id,
            station_id=station_id,
            type=kind,
            request=said,
            requested_by=request.by,
            requested_at=turn.now,
        )
        turn.work.add(self._record)
        turn.work.tell(
            CommandSent(
                command_id=request.command_id, station_id=station_id, type=kind, request=said, by=request.by
            )
        )

    def _on_sent(self, settlement: Settlement) -> None:
        if isinstance(settlement, Conflict):
            self._replied(refusal(BadCommand("a command of this id was sent before")))
        elif isinstance(settlement, Committed):
            if not self._request.wait:
                self._replied(CommandReply())
            self._perform()
        else:
            self._replied(refusal(StoreUnavailable("the command could not be recorded, and was not sent")))

    def _perform(self) -> None:
        command, station = self._request.command, self._running.state
        assert station is not None  # a turn has just been committed
        try:
            forbid(command, station)
        except BadCommand as error:
            self._finish(error)
            return
        if isinstance(command, RequestStartTransaction):
            station.remote_start(canonical(command.id_token), self._running.shared.clock.now())
        perform(self._running, command, self._finish, self._request.timeout_s)

    def _finish(self, result: Outcome | EvsysError) -> None:
        self._reply = CommandReply(outcome=result) if isinstance(result, Outcome) else refusal(result)
        self._running.take(self._decide_finished, self._on_finished)

    def _decide_finished(self, turn: Turn) -> None:
        record, reply = self._record, self._reply
        assert record is not None
        outcome = reply.outcome or Outcome(accepted=False)
        finished = replace(
            record,
            finished_at=turn.now,
            accepted=outcome.accepted if reply.outcome is not None else None,
            status=outcome.status,
            detail=without_secrets(outcome.detail) if outcome.detail is not NOTHING else None,
            error=reply.error and f"{reply.error}: {reply.text}",
        )
        turn.work.save(finished)
        turn.work.tell(
            CommandFinished(
                command_id=record.id,
                station_id=record.station_id,
                type=record.type,
                accepted=finished.accepted,
                status=finished.status,
                error=finished.error,
            )
        )

    def _on_finished(self, settlement: Settlement) -> None:
        """The station has answered whether or not the record could be written: the truth is told."""
        if not isinstance(settlement, Committed):
            log.error("the outcome of a command could not be recorded", command=self._request.command_id)
        if self._request.wait:
            self._replied(self._reply)


def forbid(command: SentCommand, station: Station) -> None:
    """What must not be said to a station that is not accepted (OCPP 1.6 §4.2). Raises BadCommand."""
    registration = station.status.registration
    if registration is None or registration == "Accepted":
        return
    if registration == "Rejected":
        raise BadCommand("the station's registration is Rejected: nothing is sent to it")
    control = isinstance(command, RequestStartTransaction | RequestStopTransaction) or (
        isinstance(command, RawCall) and command.action in REMOTE_CONTROL
    )
    if control:
        raise BadCommand("the station's registration is Pending: it takes no remote start or stop")


def refusal(error: EvsysError) -> CommandReply:
    """An error as it travels over the bus."""
    name = type(error).__name__
    if isinstance(error, CallFailed):
        return CommandReply(error=name, text=error.description, code=error.code, payload=error.details)
    payload = error.payload if isinstance(error, BadAnswer) else ""
    return CommandReply(error=name, text=str(error), payload=payload)


def redacted(command: SentCommand) -> bytes:
    """The command as JSON for the record and the log of events: without secrets, and without the passwords in
    its URLs."""
    if isinstance(command, SetVariables):
        variables = tuple(
            replace(each, value=REDACTED) if each.name.lower() in SECRET_KEYS else each
            for each in command.variables
        )
        return encode(replace(command, variables=variables))
    if isinstance(command, RawCall):
        command = replace(command, payload=without_secrets(command.payload))
    return masked(encode(command))


def without_secrets(payload: Raw) -> Raw:
    """A payload as sent, but for the values of secret configuration keys."""
    if not names_secret(bytes(payload)):
        return payload
    try:
        return Raw(encode(_redact(msgspec.json.decode(payload))))
    except (msgspec.DecodeError, ValueError, RecursionError):
        return Raw(b"null")  # nobody can say what is secret in it


def _redact(content: object) -> object:
    if isinstance(content, list):
        return [_redact(each) for each in content]
    if not isinstance(content, dict):
        return content
    if str(content.get("key", "")).lower() in SECRET_KEYS:
        return content | {"value": REDACTED}
    return {name: _redact(each) for name, each in content.items()}
