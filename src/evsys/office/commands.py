"""Commands: on their way to a station over the bus, and what came of them.

Every door sends commands by this one road. The gateway that holds the station's socket records who asked for
what, so that nothing is sent unrecorded.
"""

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from evsys.core import errors
from evsys.core.commands import AnyCommand, Outcome, RawCall, SentCommand, SetVariables
from evsys.core.errors import (
    BadAnswer,
    BadCommand,
    CallFailed,
    ConnectionLost,
    EvsysError,
    NoAnswer,
    NotFound,
    StationOffline,
    StationUnknown,
)
from evsys.core.ports import Bus, BusTimeout, CommandReply, CommandRequest, NobodyThere, station_subject
from evsys.core.records import CommandRecord, QueuedCommand
from evsys.office.security import Security
from evsys.store.views import commands, stations
from evsys.store.views.reader import Reader

BUS_MARGIN_S: Final = 1.0
"""How much longer than the station's own time the bus waits: for two commits and the way."""
FINISHED_WITHIN_S: Final = 600.0
"""How long a queued command may take with all its CALLs, before the next one goes."""
RECORDED_WITHIN_S: Final = 10.0
"""How long it may take until a command is recorded that nobody waits for."""

AUTHORIZATION_KEY: Final = "authorizationkey"
"""The configuration key that is a password, folded."""

_OF_TEXT: Final[dict[str, Callable[[str], EvsysError]]] = {
    kind.__name__: kind
    for kind in (
        errors.StationOffline,
        errors.NotSupportedByStation,
        errors.BadCommand,
        errors.NoAnswer,
        errors.ConnectionLost,
        errors.TooManyCalls,
        errors.StoreUnavailable,
    )
}
"""The errors that are made of a text alone."""


class Commands:
    """Sends commands to stations. A command that gives a station a password is known to `security` before it
    leaves: the station may come back with it at once, and nobody is to be shut out by a key that was set by a
    plain ChangeConfiguration."""

    def __init__(self, bus: Bus, reader: Reader, security: Security | None = None) -> None:
        self._bus = bus
        self._reader = reader
        self._security = security

    async def send(self, station_id: str, command: SentCommand, by: str, timeout_s: float) -> Outcome:
        """What the station said, as it said it. `timeout_s` is how long it may take. Raises StationUnknown,
        StationOffline, and what `core.errors` has of commands."""
        reply = await self._ask(station_id, _request(command, by, timeout_s), timeout_s)
        return reply.outcome or Outcome(accepted=False)

    async def perform(
        self, station_id: str, command: SentCommand, by: str, timeout_s: float
    ) -> CommandRecord:
        """The same as it is recorded: without secrets."""
        request = _request(command, by, timeout_s)
        outcome = (await self._ask(station_id, request, timeout_s)).outcome
        record = await self.find(request.command_id)
        if outcome is None or record.finished_at is not None:
            return record
        # Its end could not be recorded; what the station said is the truth all the same.
        return replace(record, accepted=outcome.accepted, status=outcome.status)

    async def begin(self, station_id: str, command: SentCommand, by: str) -> CommandRecord:
        """Send a command without waiting for the station: it is recorded, and on its way. The station may
        take the time that it is allowed for any CALL. Raises as `send`."""
        request = _request(command, by, None)
        await self._ask(station_id, request, RECORDED_WITHIN_S)
        return await self.find(request.command_id)

    async def deliver(self, queued: QueuedCommand) -> None:
        """Send a command that was queued, and wait until it is finished: the station may take the time that
        it is allowed for any CALL. What was sent before is not sent again, BadCommand is raised; else raises
        as `send`."""
        try:
            command = msgspec.json.decode(queued.request, type=AnyCommand)
        except msgspec.DecodeError as error:
            raise BadCommand(f"the command cannot be read any more: {error}") from None
        request = CommandRequest(
            command=command,
            command_id=queued.id,
            by=queued.requested_by,
            expires_at=queued.expires_at,
        )
        await self._ask(queued.station_id, request, FINISHED_WITHIN_S)

    async def find(self, command_id: str) -> CommandRecord:
        """What is recorded of a command. Raises NotFound."""
        record = await self._reader.read(partial(commands.command, command_id=command_id))
        if record is None:
            raise NotFound(f"no command {command_id}")
        return record

    async def _ask(self, station_id: str, request: CommandRequest, timeout_s: float) -> CommandReply:
        key = key_in(request.command) if self._security is not None else None
        if self._security is None or key is None:
            return await self._say(station_id, request, timeout_s)
        number = await self._security.learn(station_id, key, request.by)
        try:
            reply = await self._say(station_id, request, timeout_s)
            refused = reply.outcome is not None and not reply.outcome.accepted
        except (NoAnswer, ConnectionLost):
            raise  # the station may have it
        except EvsysError:
            if number is not None:
                await self._security.remove_keys(station_id, request.by, number)
            raise
        if refused and number is not None:
            await self._security.remove_keys(station_id, request.by, number)
        return reply

    async def _say(self, station_id: str, request: CommandRequest, timeout_s: float) -> CommandReply:
        try:
            answer = await self._bus.request(
                station_subject(station_id), msgspec.json.encode(request), timeout_s + BUS_MARGIN_S
            )
        except NobodyThere:
            if await self._reader.read(partial(stations.station, station_id=station_id)) is None:
                raise StationUnknown(f"no station {station_id}") from None
            raise StationOffline(f"{station_id} is not connected") from None
        except BusTimeout as error:
            raise NoAnswer(str(error)) from None
        except ValueError as error:
            raise BadCommand(str(error)) from None
        reply = msgspec.json.decode(answer, type=CommandReply)
        if reply.error:
            raise error_of(reply)
        return reply


def key_in(command: SentCommand) -> str | None:
    """The AuthorizationKey that a command gives a station."""
    if isinstance(command, SetVariables):
        keys = [each.value for each in command.variables if each.name.lower() == AUTHORIZATION_KEY]
        return keys[-1] if keys else None
    if isinstance(command, RawCall) and command.action == "ChangeConfiguration":
        try:
            given = msgspec.json.decode(command.payload, type=_Change)
        except msgspec.DecodeError:
            return None
        return given.value if given.key.lower() == AUTHORIZATION_KEY else None
    return None


class _Change(Struct):
    """What is read of a raw ChangeConfiguration."""

    key: str
    value: str


def _request(command: SentCommand, by: str, timeout_s: float | None) -> CommandRequest:
    return CommandRequest(
        command=command, command_id=str(uuid4()), by=by, timeout_s=timeout_s, wait=timeout_s is not None
    )


def error_of(reply: CommandReply) -> EvsysError:
    """The error that a reply tells of."""
    match reply.error:
        case "CallFailed":
            return CallFailed(reply.code, reply.text, reply.payload)
        case "BadAnswer":
            return BadAnswer(reply.text.removeprefix(str(BadAnswer("", ""))), reply.payload)
        case name if name in _OF_TEXT:
            return _OF_TEXT[name](reply.text)
        case name:
            return EvsysError(f"{name}: {reply.text}")
