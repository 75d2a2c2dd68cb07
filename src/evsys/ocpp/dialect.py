"""A dialect: what one version of OCPP has to say to the core, and the core to it.

A handler of a station's request is registered with `@answers`, a command's performance with `@performs`. Both
are pure. A performance is a generator: it yields the CALLs to send, one at a time, and receives each answer
typed; what it returns is the Outcome.

    @V16.performs(commands.ClearCache)
    def clear_cache(command, station):
        answer, raw = yield from call(Request("ClearCache", m.ClearCacheRequest(), m.ClearCacheResponse))
        return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)
"""

from collections.abc import Callable, Generator, Mapping
from typing import Generic, Protocol, TypeVar

import msgspec
from msgspec import Raw, Struct

from evsys.core.commands import Command, Outcome
from evsys.core.errors import BadAnswer, NotSupportedByStation
from evsys.core.station import Station
from evsys.core.work import Turn
from evsys.ocpp import lenient
from evsys.ocpp.errors import Refusal

R = TypeVar("R", bound=Struct)
R_co = TypeVar("R_co", bound=Struct, covariant=True)
"""Of a Request, which is read-only: one that is answered by a message is one that is answered by a Struct."""

encode = msgspec.json.Encoder(decimal_format="number").encode
"""Compact JSON; a Decimal limit goes out as the number it is: 8.1 and not "8.1" or 8.0999."""


class Request(Struct, Generic[R_co], frozen=True):
    """A CALL to send and the type of its answer. A Raw payload is JSON that goes out as it is."""

    action: str
    payload: Struct | Raw
    answer: type[R_co]

    def encoded(self) -> bytes:
        return encode(self.payload)


class Answered(Struct, frozen=True):
    """What came back for a Request: the raw payload, decoded by `call`. In `strict` conformance one that
    needs a repair is none."""

    payload: Raw
    strict: bool = False
    quirks: list[str] = msgspec.field(default_factory=list)
    """The repairs it needed, told by who decodes it."""


Performance = Generator["Request[Struct]", Answered, Outcome]


def call(request: Request[R]) -> Generator["Request[Struct]", Answered, tuple[R, Raw]]:
    """Send a CALL and give its typed answer and the answer's payload as sent. Raises BadAnswer."""
    answered = yield request
    answer = read_answer(request.answer, answered.payload, answered.quirks, answered.strict)
    return answer, answered.payload


def read_answer(kind: type[R], payload: Raw, quirks: list[str] | None = None, strict: bool = False) -> R:
    """An answer's payload, typed; repaired where it can be understood, with the repairs in `quirks`. Raises
    BadAnswer."""
    try:
        answer: R = lenient.decoder(kind).decode(payload)
        return answer
    except (msgspec.DecodeError, ValueError, RecursionError):
        pass
    try:
        answer, repairs = lenient.repair(kind, payload, strict, answer=True)
    except (Refusal, lenient.NotText) as error:
        raise BadAnswer(str(error), bytes(payload).decode("utf-8", "replace")) from error
    if quirks is not None:
        quirks.extend(repairs)
    return answer


class _Action(Protocol):
    """Both messages of an action and who may send the request."""

    @property
    def request(self) -> type[Struct]: ...
    @property
    def sender(self) -> str: ...


Handler = Callable[[Turn, R], Struct]
C = TypeVar("C", bound=Command)
Performer = Callable[[C, Station], Performance]


class Dialect:
    """One version: its subprotocol name, its actions, and the functions registered for them."""

    def __init__(self, version: str, actions: Mapping[str, _Action]) -> None:
        self.version = version
        self.actions = actions
        self.handlers: dict[str, tuple[Callable[[bytes | Raw], Struct], type[Struct], Handler[Struct]]] = {}
        self.performers: dict[type[Command], Performer[Command]] = {}
        self._action_of = {each.request: name for name, each in actions.items()}

    def answers(self, kind: type[R]) -> Callable[[Handler[R]], Handler[R]]:
        """Register the handler of a request type."""

        def register(handler: Handler[R]) -> Handler[R]:
            name = self._action_of[kind]
            self.handlers[name] = (lenient.decoder(kind).decode, kind, handler)  # type: ignore[assignment]  # keyed by its own type
            return handler

        return register

    def performs(self, kind: type[C]) -> Callable[[Performer[C]], Performer[C]]:
        """Register the performance of a command type."""

        def register(performer: Performer[C]) -> Performer[C]:
            self.performers[kind] = performer  # type: ignore[assignment]  # keyed by its own type
            return performer

        return register

    def answer(self, turn: Turn, action: str, payload: Raw, frame_quirk: str = "") -> Struct:
        """Decide a CALL: fills the turn's Work and returns the reply. `frame_quirk` is the repair that the
        frame around it needed, which strict conformance refuses as well.

        Raises Refusal, NotText or FactMissing.
        """
        station = turn.station
        strict = station.settings.conformance == "strict"
        if strict and frame_quirk:
            raise Refusal("FormatViolation", f"the frame needed a repair: {frame_quirk}")
        known = self.handlers.get(action)
        if known is None:
            raise self._unknown(action)
        decode, kind, handler = known
        try:
            request = decode(payload)
        except (msgspec.DecodeError, ValueError, RecursionError):
            time_zone = station.workarounds.time_zone
            request, repairs = lenient.repair(kind, payload, strict, time_zone=time_zone)
            turn.quirks.extend(repairs)
        return handler(turn, request)

    def perform(self, command: Command, station: Station) -> Performance:
        """The performance of a command. Raises NotSupportedByStation."""
        performer = self.performers.get(type(command))
        if performer is None:
            raise NotSupportedByStation(f"{type(command).__name__} cannot be said in {self.version}")
        return performer(command, station)

    def _unknown(self, action: str) -> Refusal:
        if action in self.actions:
            return Refusal("NotSupported", f"{action} is not for a station to send, or not supported here")
        return Refusal("NotImplemented", f"{action[:50]!r} is not an action of {self.version}")
