"""The other end of a link: a peer that writes down what it is sent, and speaks OCPP-J as it is told to."""

import json
from typing import cast

Payload = dict[str, object]


class RecordingLink:
    """A link that keeps what goes out (`core.ports.Link`)."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.closed: tuple[int, str] | None = None

    def send(self, frame: bytes) -> None:
        assert self.closed is None, "nothing is sent after a CLOSE"
        self.sent.append(frame)

    def close(self, code: int, reason: str) -> None:
        self.closed = (code, reason)


def call(id: str, action: str, payload: object) -> bytes:
    return json.dumps([2, id, action, payload]).encode()


def read(frame: bytes) -> list[object]:
    return cast(list[object], json.loads(frame))
