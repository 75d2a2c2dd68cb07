"""Misbehaviour: what charge points in the field do to the standard, done to the frames of one as they leave.

What a message means stays as it was, so that the sums of a central system that understands it agree; messages
that mean nothing are said beside it. How a message is twisted follows from the seed and its content alone:
one that is sent again is twisted in the same way.
"""

import json
from collections.abc import Callable
from random import Random
from typing import Final
from zlib import crc32

Payload = dict[str, object]

TWISTED: Final = 0.5
"""The share of messages that each kind of twist is done to."""
BESIDE: Final = 0.08
"""The share of messages that something is said beside."""
SELDOM: Final = 60
"""Messages between two things that cost the link."""
HELD_FRAMES: Final = 4
"""Frames that leave before a late answer does."""
HUGE_BYTES: Final = 1024 * 1024 + 1
WORDS: Final = frozenset(
    ("status", "errorCode", "reason", "measurand", "context", "unit", "phase", "location")
)
NUMBERS: Final = frozenset(("connectorId", "meterStart", "meterStop", "transactionId"))
TIMES: Final = frozenset(("timestamp",))
NOBODYS: Final = 2_000_000_000
"""Transaction numbers from here on are nobody's."""


def _everywhere(node: object, names: frozenset[str], change: Callable[[object], object]) -> None:
    """Change the members of these names, however deep they are."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in names:
                node[name] = change(value)
            else:
                _everywhere(value, names, change)
    elif isinstance(node, list):
        for each in node:
            _everywhere(each, names, change)


def _numbers_as_text(action: str, payload: Payload, chance: Random) -> None:
    _everywhere(payload, NUMBERS, str)
    _everywhere(payload, frozenset(("value",)), _as_number)


def _as_number(value: object) -> object:
    """A reading as a number, where that says the same digit by digit."""
    try:
        number: object = json.loads(str(value))
    except ValueError:
        return value
    same = isinstance(number, int | float) and not isinstance(number, bool) and str(number) == value
    return number if same else value


def _odd_times(action: str, payload: Payload, chance: Random) -> None:
    form = chance.choice(("{}", "{}+00", "{}+0000"))
    _everywhere(payload, TIMES, lambda value: form.format(str(value).removesuffix("Z")))
    if action == "StatusNotification" and chance.random() < TWISTED:
        payload["timestamp"] = "1970-01-01T00:00:07Z"


def _missing(action: str, payload: Payload, chance: Random) -> None:
    if action == "StatusNotification":
        payload.pop(chance.choice(("timestamp", "errorCode")), None)


def _lower_case(action: str, payload: Payload, chance: Random) -> None:
    _everywhere(payload, WORDS, lambda value: value.lower() if isinstance(value, str) else value)


def _extra_members(action: str, payload: Payload, chance: Random) -> None:
    payload["messagesInQueue"] = chance.randrange(10)
    if action == "StatusNotification":
        payload["info"] = None
        payload["vendorErrorCode"] = "0x" + "F" * 200


def _objects_for_lists(action: str, payload: Payload, chance: Random) -> None:
    for name in ("meterValue", "transactionData"):
        content = payload.get(name)
        if isinstance(content, list) and len(content) == 1:
            payload[name] = content[0]


def _unnamed_transactions(action: str, payload: Payload, chance: Random) -> None:
    if action == "MeterValues" and "transactionId" in payload:
        payload["transactionId"] = chance.choice((0, -1))


Twist = Callable[[str, Payload, Random], None]
TWISTS: Final[dict[str, Twist]] = {
    "unnamed-transactions": _unnamed_transactions,
    "string-numbers": _numbers_as_text,
    "odd-times": _odd_times,
    "missing-members": _missing,
    "lower-case": _lower_case,
    "extra-members": _extra_members,
    "objects-for-lists": _objects_for_lists,
}
"""What is done to the payload of a CALL."""

BESIDES: Final = ("orphan-stops", "connector-0", "reboots", "broken-json", "nonsense")
"""What is said beside the messages."""
OTHERS: Final = (
    "duplicates",
    "white-space",
    "late-answers",
    "two-sockets",
    "huge",
    "no-pongs",
    "posted-files",
)
KINDS: Final = (*TWISTS, *BESIDES, *OTHERS)


class Misbehaviour:
    """The habits of one charge point."""

    def __init__(self, name: str, kinds: frozenset[str], seed: int) -> None:
        self.kinds = kinds
        self.wants_ghost = False
        """Whether a second socket is to be opened beside the one in use; the owner clears it."""
        self._name = name
        self._seed = seed
        self._chance = Random(f"{seed}/{name}/misbehaviour")
        self._said = 0
        self._held: list[tuple[int, bytes]] = []
        """Late answers, with the number of frames after which each leaves."""

    def connected(self) -> None:
        """A new link: what was held for the last one is lost with it."""
        self._held.clear()

    def frames(self, frame: bytes) -> list[bytes]:
        """What really leaves in the place of a frame."""
        self._said += 1
        due = [held for at, held in self._held if at <= self._said]
        self._held = [each for each in self._held if each[0] > self._said]
        return [*due, *self._instead(frame)]

    def _instead(self, frame: bytes) -> list[bytes]:
        message = json.loads(frame)
        if message[0] != 2:
            if "late-answers" in self.kinds and self._chance.random() < TWISTED:
                self._held.append((self._said + HELD_FRAMES, frame))
                return []
            return [frame]
        _, id, action, payload = message
        self._twist(action, payload)
        twisted = self._framed(json.dumps([2, id, action, payload]).encode())
        leaving = [*self._beside(), twisted]
        if self._does("duplicates"):
            again = self._chance.choice((id, f"again-{self._said}"))
            leaving.append(json.dumps([2, again, action, payload]).encode())
        if "two-sockets" in self.kinds and self._said % SELDOM == SELDOM // 2:
            self.wants_ghost = True
        if "huge" in self.kinds and self._said % SELDOM == SELDOM - 1:
            leaving.append(b'[2,"huge","DataTransfer",{"vendorId":"' + b"x" * HUGE_BYTES + b'"}]')
        return leaving

    def _does(self, kind: str) -> bool:
        return kind in self.kinds and self._chance.random() < BESIDE

    def _twist(self, action: str, payload: Payload) -> None:
        content = crc32(json.dumps([action, payload]).encode())
        chance = Random(f"{self._seed}/{self._name}/{content}")
        for kind, twist in TWISTS.items():
            if kind in self.kinds and chance.random() < TWISTED:
                twist(action, payload, chance)

    def _framed(self, frame: bytes) -> bytes:
        if not self._does("white-space"):
            return frame
        return self._chance.choice(
            (b"\xef\xbb\xbf" + frame, frame + b"\0", frame + b"\r\n \0", b" \n" + frame)
        )

    def _beside(self) -> list[bytes]:
        """Messages that mean nothing, or nothing of a session."""
        said = []
        number = NOBODYS + self._said
        meter = [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": str(self._said)}]}]
        boot = {"chargePointVendor": "EVSYS", "chargePointModel": "Simulator"}
        calls: dict[str, tuple[str, object]] = {
            "orphan-stops": (
                "StopTransaction",
                {"transactionId": number, "meterStop": 1, "timestamp": "2026-01-01T00:00:00Z"},
            ),
            "connector-0": ("MeterValues", {"connectorId": 0, "meterValue": meter}),
            "reboots": ("BootNotification", boot),
        }
        for kind, (action, payload) in calls.items():
            if self._does(kind):
                said.append(json.dumps([2, f"{kind}-{self._said}", action, payload]).encode())
        if self._does("broken-json"):
            said.append(b'[2,"broken-%d","StatusNotification",{"connectorId":1,"status":,}]' % self._said)
        if self._does("nonsense"):
            said.append(
                self._chance.choice(
                    (
                        b"",
                        b"[]",
                        b'[1,"a",{}]',
                        b'[3,"nobody",{"status":"Accepted"}]',
                        b'[4,"nobody","NoSuchCode",null]',
                        b'[2,"n","NoSuchAction",{}]',
                        b"\x1b[31mnot json\n",
                    )
                )
            )
        return said


def habits(kinds: str) -> frozenset[str]:
    """The kinds of a list with commas; `all` is all of them. Raises ValueError."""
    named = [each.strip() for each in kinds.split(",") if each.strip()]
    if named == ["all"]:
        return frozenset(KINDS)
    unknown = [each for each in named if each not in KINDS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is none of all, {', '.join(KINDS)}")
    return frozenset(named)
