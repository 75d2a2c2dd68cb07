"""A small model of a charge point of OCPP 1.6: what it does, wants told, and saw acknowledged.

It charges whether or not anybody listens. What must not be lost (starts, meter values, stops) waits in its
queue until a CALLRESULT comes; an error or silence makes it send the same content again, often under a new
message id. It is not a good station: it repeats what was answered, sends late values after stops, gives up
starts and stops them as number −1, boots or does not boot when it reconnects, and leaves CALLs unanswered.

Its ledger is the truth that the central system is held to.
"""

import json
import random
from collections import deque
from datetime import datetime
from typing import cast

from kit.clock import SteppedClock
from kit.link import Payload

ANSWER_WITHIN_S = 30
MAX_ATTEMPTS_OF_A_START = 3
"""So many times a station tries a start, before it gives its session the number −1."""


class Session:
    """One charging session, as the station lived it."""

    def __init__(self, evse_id: int, token: str, at: datetime, meter_wh: int) -> None:
        self.evse_id = evse_id
        self.token = token
        self.started_at = at
        self.meter_start_wh = meter_wh
        self.meter_wh = meter_wh
        self.stopped_at: datetime | None = None
        self.numbers: set[int] = set()
        """All that the start was answered with: there must be one."""
        self.given_up = False
        """The start was never answered; its stop names −1."""
        self.stop_acknowledged = False
        self.values: list[tuple[datetime, int]] = []
        """Meter values that were acknowledged under the session's number: time and register."""

    @property
    def number(self) -> int | None:
        return next(iter(self.numbers), None)

    @property
    def energy_wh(self) -> int:
        return self.meter_wh - self.meter_start_wh


class Message:
    """Something to tell, as often as it takes."""

    def __init__(
        self,
        action: str,
        session: Session | None,
        payload: Payload,
        values: tuple[datetime, int] | None = None,
    ) -> None:
        self.action = action
        self.session = session
        self.payload = payload
        self.values = values
        self.attempts = 0
        self.id = ""


class StationModel:
    """One charge point. `wire` takes what it sends; None: it is not connected."""

    def __init__(
        self, id: str, rng: random.Random, clock: SteppedClock, tokens: list[str], evses: int = 2
    ) -> None:
        self.id = id
        self.rng = rng
        self.clock = clock
        self.tokens = tokens
        self.wire: deque[bytes] | None = None
        self.sessions: list[Session] = []
        self.running: dict[int, Session] = {}
        self.registers = {evse_id: rng.randrange(1_000_000) for evse_id in range(1, evses + 1)}
        self.queue: deque[Message] = deque()
        self.open: Message | None = None
        self.open_until = 0.0
        self.unbooted = True
        self.acknowledged: list[Message] = []
        """Since it was last looked at."""
        self.refused = 0
        self._count = 1
        self._sent: dict[str, Message] = {}
        """What was sent under which id on this connection."""
        self._last_frame = b""

    # -- the link

    def connected(self, wire: deque[bytes]) -> None:
        self.wire = wire
        self.open = None
        self._sent.clear()
        if self.rng.random() < 0.3:
            self._count = 1  # message ids start again (field problem 19)
        if self.unbooted or self.rng.random() < 0.3:
            self.unbooted = True

    def disconnected(self) -> None:
        self.wire = None
        self.open = None

    # -- the world: cars come and go whether or not there is a link

    def live(self) -> None:
        """Something happens at one of its connectors."""
        evse_id = self.rng.choice(list(self.registers))
        session = self.running.get(evse_id)
        if session is None:
            self._begin(evse_id)
        elif self.rng.random() < 0.6:
            self._sample(session)
        else:
            self._end(session)

    def _begin(self, evse_id: int) -> None:
        guest = f"GUEST-{self.id}-{len(self.sessions)}"
        token = self.rng.choice([*self.tokens, guest])
        session = Session(evse_id, token, self._now(), self.registers[evse_id])
        self.running[evse_id] = session
        self.sessions.append(session)
        payload: Payload = {
            "connectorId": evse_id,
            "idTag": token,
            "meterStart": session.meter_start_wh,
            "timestamp": _text(session.started_at),
        }
        self.queue.append(Message("StartTransaction", session, payload))
        self._report(evse_id, "Charging")

    def _sample(self, session: Session) -> None:
        session.meter_wh += self.rng.randrange(1, 500)
        if session.given_up:
            return
        at = self._now()
        value = {"timestamp": _text(at), "sampledValue": [{"value": str(session.meter_wh)}]}
        payload: Payload = {"connectorId": session.evse_id, "meterValue": [value]}
        self.queue.append(Message("MeterValues", session, payload, (at, session.meter_wh)))

    def _end(self, session: Session) -> None:
        session.meter_wh += self.rng.randrange(0, 50)
        session.stopped_at = self._now()
        self.registers[session.evse_id] = session.meter_wh + self.rng.randrange(0, 2)
        del self.running[session.evse_id]
        payload: Payload = {
            "idTag": session.token,
            "meterStop": session.meter_wh,
            "timestamp": _text(session.stopped_at),
            "reason": "Local",
        }
        self.queue.append(Message("StopTransaction", session, payload))
        self._report(session.evse_id, "Available")

    def _report(self, evse_id: int, status: str) -> None:
        payload: Payload = {"connectorId": evse_id, "errorCode": "NoError", "status": status}
        message = Message("StatusNotification", None, payload)
        if self.rng.random() < 0.5:
            self.queue.appendleft(message)  # it is told before what waits from offline times
        else:
            self.queue.append(message)

    def _now(self) -> datetime:
        """Its clock shows milliseconds, and no two moments are the same."""
        self.clock.step(0.001)
        return self.clock.now()

    # -- talking

    def talk(self) -> None:
        """Send the next CALL, or see that an answer does not come any more."""
        if self.wire is None:
            return
        if self.open is not None:
            if self.clock.monotonic() > self.open_until:
                self.open = None
            elif self.rng.random() < 0.05:
                self.wire.append(self._last_frame)  # sent twice, under the same id
            return
        message = self._next()
        if message is not None:
            self._send(message)

    def _next(self) -> Message | None:
        if self.unbooted:
            return Message("BootNotification", None, {"chargePointVendor": "Acme", "chargePointModel": "M"})
        if not self.queue or self.rng.random() < 0.1:
            return Message("Heartbeat", None, {}) if self.rng.random() < 0.7 else self._repeat()
        if len(self.queue) > 1 and self.rng.random() < 0.15:
            later = self.rng.choice(list(self.queue))
            known = later.session is not None and later.session.number is not None
            if known or later.action == "StartTransaction":
                return later  # out of turn: it needs nothing of what waits before it
        head = self.queue[0]
        if head.session is not None and head.action == "StartTransaction":
            alone = head.session.token not in self.tokens
            if alone and head.attempts >= MAX_ATTEMPTS_OF_A_START:
                self._give_up(head)
                return None
        return head

    def _repeat(self) -> Message | None:
        """Something that was acknowledged long ago, told again (field problems 1 and 8)."""
        told = [each for each in self.acknowledged if each.session is not None]
        return self.rng.choice(told) if told else None

    def _give_up(self, start: Message) -> None:
        """Nobody ever answered the start: its values are forgotten, and its stop names no transaction. Only
        for a token of its own: nobody could tell which of two sessions of one token such a stop means."""
        session = start.session
        assert session is not None
        session.given_up = True
        kept = [
            each for each in self.queue if each.session is not session or each.action == "StopTransaction"
        ]
        self.queue = deque(kept)

    def _send(self, message: Message) -> None:
        assert self.wire is not None
        message.attempts += 1
        if self._sent.get(message.id) is not message or self.rng.random() < 0.7:
            while str(self._count) in self._sent:
                self._count += 1
            message.id = str(self._count)
            self._sent[message.id] = message
        payload = dict(message.payload)
        session = message.session
        if session is not None and message.action != "StartTransaction":
            payload["transactionId"] = -1 if session.number is None else session.number
        self._last_frame = json.dumps([2, message.id, message.action, payload]).encode()
        self.open = message
        self.open_until = self.clock.monotonic() + ANSWER_WITHIN_S
        self.wire.append(self._last_frame)

    # -- listening

    def heard(self, frame: bytes) -> Message | None:
        """A message of the central system. Gives the message of ours that it acknowledges."""
        content = cast(list[object], json.loads(frame))
        if content[0] == 2:
            self._answer(cast(str, content[1]), cast(str, content[2]))
            return None
        message = self.open
        if message is None or content[1] != message.id:
            return None  # late, or for something sent twice
        self.open = None
        if content[0] == 4:
            self.refused += 1
            assert content[2] == "InternalError", content
            return None
        self._acknowledge(message, cast(Payload, content[2]))
        return message

    def _acknowledge(self, message: Message, answer: Payload) -> None:
        session = message.session
        if message.action == "BootNotification":
            self.unbooted = False
        if message in self.queue:
            self.queue.remove(message)
        if session is None:
            return
        self.acknowledged.append(message)
        if message.action == "StartTransaction":
            session.numbers.add(cast(int, answer["transactionId"]))
        elif message.action == "StopTransaction":
            session.stop_acknowledged = True
        elif (
            message.values is not None and session.number is not None and message.values not in session.values
        ):
            session.values.append(message.values)

    def _answer(self, id: str, action: str) -> None:
        """A CALL of the central system: accepted, refused, or not answered at all."""
        if self.wire is None:
            return
        match self.rng.randrange(4):
            case 0:
                return
            case 1:
                self.wire.append(json.dumps([4, id, "NotSupported", "", {}]).encode())
            case _:
                answer: Payload = {} if action == "GetConfiguration" else {"status": "Accepted"}
                self.wire.append(json.dumps([3, id, answer]).encode())

    @property
    def told_everything(self) -> bool:
        return not self.queue and not self.unbooted and self.open is None


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
