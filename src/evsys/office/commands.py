"""Commands: on their way to a station over the bus, and what came of them.

Every door sends commands by this one road. The gateway that holds the station's socket records who asked for
what, so that nothing is sent unrecorded.
"""

from collections.abc import Callable
from typing import Final
from uuid import uuid4

import msgspec

from evsys.core import errors
from evsys.core.commands import Outcome, SentCommand
from evsys.core.errors import BadAnswer, CallFailed, EvsysError, NoAnswer, StationOffline
from evsys.core.ports import Bus, BusTimeout, CommandReply, CommandRequest, NobodyThere, station_subject

BUS_MARGIN_S: Final = 1.0
"""How much longer than the station's own time the bus waits: for two commits and the way."""

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
    """Sends commands to stations."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def send(self, station_id: str, command: SentCommand, by: str, timeout_s: float) -> Outcome:
        """What the station said. `timeout_s` is how long it may take. Raises StationOffline, and what
        `core.errors` has of commands."""
        request = CommandRequest(command=command, command_id=str(uuid4()), by=by, timeout_s=timeout_s)
        try:
            answer = await self._bus.request(
                station_subject(station_id), msgspec.json.encode(request), timeout_s + BUS_MARGIN_S
            )
        except NobodyThere:
            raise StationOffline(f"{station_id} is not connected") from None
        except BusTimeout as error:
            raise NoAnswer(str(error)) from None
        except ValueError as error:
            raise errors.BadCommand(str(error)) from None
        reply = msgspec.json.decode(answer, type=CommandReply)
        if reply.outcome is not None:
            return reply.outcome
        raise error_of(reply)


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
