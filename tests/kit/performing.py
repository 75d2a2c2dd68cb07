"""Perform a command against a station that answers as the test says."""

import json

from msgspec import Raw

from evsys.core.commands import Command, Outcome, RawCall
from evsys.ocpp.dialect import Answered
from evsys.ocpp.v16 import V16
from kit.desk import Desk
from kit.schemas import faults

Said = tuple[str, object]
"""An action and the payload of its CALL."""


def perform(command: Command, *answers: object, desk: Desk | None = None) -> tuple[Outcome, list[Said]]:
    """The outcome, and the CALLs that were sent. Each is held against its schema, and each must have been
    answered. Raises what the performance raises."""
    performance = V16.perform(command, (desk or Desk()).station)
    said: list[Said] = []
    waiting = list(answers)
    request = next(performance)
    while True:
        payload = request.encoded()
        if not isinstance(command, RawCall):
            assert faults(request.action, "request", payload) == []
        said.append((request.action, json.loads(payload)))
        answer = waiting.pop(0)
        raw = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        try:
            request = performance.send(Answered(Raw(raw)))
        except StopIteration as finished:
            assert waiting == []
            outcome: Outcome = finished.value
            return outcome, said
