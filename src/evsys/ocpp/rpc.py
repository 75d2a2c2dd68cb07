"""OCPP-J: the RPC framework of all versions (OCPP-J 1.6 §4, OCPP 2.1 Part 4 §4), without I/O.

A `Conversation` is one connection's protocol state, the same for a central system and for a station. Frames
go in and come out as typed messages; no bytes whatever make it raise. One CALL of ours may be open at a time:
the rule of the standard that both sides hold to. What the other side pipelines is simply read in order.

Broken frames: a CALL whose id can be read is refused with that id; a broken answer fails the open CALL at
once instead of letting it time out; everything else is ignored, with a reason for the log. Text that is not
UTF-8 ends the connection (1007).
"""

import re
from typing import Final

import msgspec
from msgspec import Raw, Struct, structs

from evsys.ocpp.errors import Code, Refusal, spelled

MAX_ID_CHARS: Final = 255
"""OCPP says 36; longer ids are echoed, but beyond this an id counts as unreadable."""
MAX_DESCRIPTION_CHARS: Final = 255
LATE_IDS: Final = 100
"""Ids of our timed-out CALLs that are remembered, so that a late answer can be told from nonsense."""

EMPTY: Final = Raw(b"{}")


class Call(Struct, frozen=True, gc=False):
    """A request of the other side (or, where `awaits_answer` is false, an unconfirmed SEND of 2.1)."""

    id: str
    action: str
    payload: Raw
    awaits_answer: bool = True
    quirk: str = ""
    """A repair that the frame itself needed; empty for a clean one."""


class CallResult(Struct, frozen=True, gc=False):
    """The answer to our open CALL. `late` where we had given it up."""

    id: str
    payload: Raw
    late: bool = False


class CallError(Struct, frozen=True, gc=False):
    """The refusal of our open CALL; also made of an answer that cannot be read."""

    id: str
    code: str
    description: str
    details: str = "{}"
    late: bool = False
    broken: bool = False
    """Whether it was made of an answer that cannot be read."""


class ResultRefused(Struct, frozen=True, gc=False):
    """CALLRESULTERROR of 2.1: the station could not process an answer of ours. For the log."""

    id: str
    code: str
    description: str


class Refused(Struct, frozen=True, gc=False):
    """A CALL that cannot be read, to be answered with `Conversation.error`."""

    id: str
    refusal: Refusal


class Ignored(Struct, frozen=True, gc=False):
    """Nothing to answer and nothing to do; `reason` is for the log."""

    reason: str
    quirk: str = "ignored_frame"
    """What is counted of it."""


class Undecodable(Struct, frozen=True, gc=False):
    """Not UTF-8: the connection is to be closed with 1007."""


Received = Call | CallResult | CallError | ResultRefused | Refused | Ignored | Undecodable

_fast_call = msgspec.json.Decoder(tuple[int, str, str, Raw]).decode
_fast_result = msgspec.json.Decoder(tuple[int, str, Raw]).decode
_elements = msgspec.json.Decoder(list[Raw]).decode
_text = msgspec.json.Decoder(str).decode
_any = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder(decimal_format="number").encode

_TYPES = {b"2": 2, b"3": 3, b"4": 4, b"5": 5, b"6": 6}
_TYPE_AS_TEXT = re.compile(rb'"([2-6])"|([2-6])\.0+')
_HEAD = re.compile(r'\s*\[\s*"?([234])"?\s*,\s*("(?:[^"\\\x00-\x1f]|\\.){1,1600}?")\s*(?:,|\])')
"""The first two elements of a frame that is no JSON as a whole."""
_FRAME_QUIRK = "frame"
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s\[\]{}:,"]+')
"""What JSON is made of: strings, signs, and words."""


class Conversation:
    """One connection. `prefix` makes our message ids unique over all connections of a station (OCPP-J
    errata)."""

    __slots__ = ("_count", "_late", "mends", "open_id", "prefix", "version")

    def __init__(self, version: str, prefix: str = "") -> None:
        self.version = version
        self.prefix = prefix
        self.open_id: str | None = None
        """The id of our CALL that waits for its answer; None: none does."""
        self.mends = False
        """Whether missing values and surplus commas are mended: for stations that are known for them."""
        self._count = 0
        self._late: list[str] | None = None

    # -- out ---

    def call(self, action: str, payload: bytes) -> tuple[str, bytes]:
        """The id and the frame of a new CALL of ours. The caller has seen the last one answered or given it
        up."""
        assert self.open_id is None, "one CALL at a time"
        self._count += 1
        self.open_id = f"{self.prefix}{self._count}"
        return self.open_id, b'[2,"%b",%b,%b]' % (self.open_id.encode(), _encode(action), payload)

    def give_up(self) -> None:
        """The open CALL has timed out; another may be sent. A late answer to it will be recognised."""
        if self.open_id is None:
            return
        if self._late is None:
            self._late = []
        self._late.append(self.open_id)
        del self._late[:-LATE_IDS]
        self.open_id = None

    @staticmethod
    def result(id: str, payload: object) -> bytes:
        """The CALLRESULT frame for a CALL. `payload` is a message Struct, or Raw."""
        return _encode((3, id, payload))

    def error(self, id: str, code: Code, description: str) -> bytes:
        """The CALLERROR frame for a CALL."""
        return _encode(
            (4, id, spelled(code, self.version), _printable(description)[:MAX_DESCRIPTION_CHARS], {})
        )

    # -- in ---

    def receive(self, frame: bytes) -> Received:
        """What a whole text message says. Never raises."""
        try:
            kind, id, action, payload = _fast_call(frame)
            if kind == 2 and 0 < len(id) <= MAX_ID_CHARS:
                return Call(id, action, payload)
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass
        if frame[:2] == b"[3":
            try:
                kind, id, payload = _fast_result(frame)
                if kind == 3:
                    return self._answer(id, payload)
            except (msgspec.DecodeError, ValueError, RecursionError):
                pass
        try:
            return self._receive_odd(frame)
        except RecursionError:
            return self._salvage(frame.decode("utf-8", "replace"), "nested too deeply")

    def _receive_odd(self, frame: bytes) -> Received:
        """All that is not a plain CALL or CALLRESULT: repairs and refusals, at leisure."""
        try:
            text = frame.decode()
        except UnicodeDecodeError:
            return Undecodable()
        text = text.removeprefix("\ufeff").strip(" \t\r\n\x00")
        if not text:
            return Ignored("empty frame")
        try:
            elements = _elements(text)
            _any(text)
        except (msgspec.DecodeError, ValueError, UnicodeEncodeError) as error:
            if self.mends and (mended := _mended(text)) is not None:
                return self._receive_mended(mended)
            return self._salvage(text, str(error))
        if not elements:
            return Ignored("no elements")
        head = bytes(elements[0])
        kind = _TYPES.get(head, 0)
        quirk = "" if kind and text.encode() == frame else _FRAME_QUIRK
        if not kind and (match := _TYPE_AS_TEXT.fullmatch(head)):
            kind = int(match[1] or match[2])
            quirk = "message_type_as_text"
        if kind == 0 or (kind > 4 and self.version != "ocpp2.1"):
            return Ignored("unknown message type")
        id = _text_or_none(elements[1]) if len(elements) > 1 else None
        if not id or len(id) > MAX_ID_CHARS:
            return self._without_id(kind)
        match kind:
            case 2 | 6:
                return self._call(kind, id, elements, quirk)
            case 3:
                return self._answer(id, Raw(bytes(elements[2])) if len(elements) > 2 else EMPTY)
            case 4:
                return self._refusal(id, elements)
            case _:
                code, description = (_loose_text(elements, 2), _loose_text(elements, 3))
                return ResultRefused(id, code, description)

    def _receive_mended(self, text: str) -> Received:
        """Text that is JSON by now."""
        received = self._receive_odd(text.encode())
        return structs.replace(received, quirk="broken_json") if isinstance(received, Call) else received

    def _call(self, kind: int, id: str, elements: list[Raw], quirk: str) -> Received:
        action = _text_or_none(elements[2]) if len(elements) > 2 else None
        if action is None:
            if kind == 6:
                return Ignored("SEND without an action")
            return Refused(id, Refusal("FormatViolation", "the action must be a string"))
        if len(elements) != 4:
            quirk = "missing_payload" if len(elements) < 4 else "surplus_elements"
        payload = EMPTY
        if len(elements) > 3:
            payload = Raw(bytes(elements[3]))
        return Call(id, action, payload, kind == 2, quirk)

    def _answer(self, id: str, payload: Raw) -> Received:
        if id == self.open_id:
            self.open_id = None
            return CallResult(id, payload)
        if self._late is not None and id in self._late:
            self._late.remove(id)
            return CallResult(id, payload, late=True)
        return Ignored("answer to no open CALL", "answer_to_nothing")

    def _refusal(self, id: str, elements: list[Raw]) -> Received:
        code, description = _loose_text(elements, 2) or "GenericError", _loose_text(elements, 3)
        details = bytes(elements[4]).decode() if len(elements) > 4 else "{}"
        if id == "-1" and self.open_id is not None:
            id = self.open_id  # the station could not read the id of our CALL: only one can be meant
        if id == self.open_id:
            self.open_id = None
            return CallError(id, code, description, details)
        if self._late is not None and id in self._late:
            self._late.remove(id)
            return CallError(id, code, description, details, late=True)
        return Ignored("error for no open CALL", "answer_to_nothing")

    def _without_id(self, kind: int) -> Received:
        if kind == 2 and self.version != "ocpp1.6":
            return Refused("-1", Refusal("RpcFrameworkError", "the message id cannot be read"))
        return Ignored("unreadable message id")

    def _salvage(self, text: str, why: str) -> Received:
        """Text that is no JSON: its type and id, if the beginning has them, decide who hears of it."""
        match = _HEAD.match(text)
        id = None
        if match is not None:
            id = _text_or_none(match[2].encode("utf-8", "replace"))
        if match is None or not id or len(id) > MAX_ID_CHARS:
            if self.version != "ocpp1.6":
                return Refused("-1", Refusal("RpcFrameworkError", "not a JSON array"))
            return Ignored(f"not JSON: {why}")
        if match[1] == "2":
            return Refused(id, Refusal("FormatViolation", f"not JSON: {why}"))
        if id == self.open_id:
            self.open_id = None
            details = msgspec.json.encode(text).decode()
            return CallError(id, "FormationViolation", f"the answer is not JSON: {why}", details, broken=True)
        return Ignored("broken answer to no open CALL", "answer_to_nothing")


def _mended(text: str) -> str | None:
    """Text with null for each missing value and without surplus commas; None where it is no JSON then."""
    pieces = _PIECE.findall(text)
    kept: list[str] = []
    for piece in pieces:
        last = kept[-1] if kept else ""
        if piece in ",]}" and last == ":":
            kept.append("null")
        elif piece in "]},":
            if last == ",":
                kept.pop()
            elif piece == "," and last in ("[", "{"):
                continue
        kept.append(piece)
    mended = "".join(kept)
    try:
        _any(mended)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return None
    return mended


def _text_or_none(element: bytes | Raw) -> str | None:
    try:
        text = _text(element)
        text.encode()
    except (msgspec.DecodeError, ValueError):
        return None
    return text


def _loose_text(elements: list[Raw], index: int) -> str:
    """An element that should be text, as text; errors of stations are accepted in any shape."""
    if len(elements) <= index:
        return ""
    text = _text_or_none(elements[index])
    if text is None:
        text = "" if bytes(elements[index]) == b"null" else bytes(elements[index]).decode()
    return text[:MAX_DESCRIPTION_CHARS]


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
