"""The slow road of decoding: what a message with faults means, and which repairs that took.

Messages are decoded by msgspec against their strict types first. Where that fails, `repair` reads the payload
untyped and builds the message member by member: real charge points get nulls, lengths, enumerations, number
types and times wrong, and a session must not be lost for that. Each repair has a name, so that an operator
sees which station is off the standard. What has no meaning is refused with the RPC error code of the fault
(OCPP-J 1.6 table 7). A message that already is right comes out unchanged, with no repair.

Struct constructors do not validate, so an unknown enumeration value comes out as sent, in a member typed
Literal.
"""

import re
import typing
from datetime import datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Final, TypeVar, cast

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, inspect

from evsys.ocpp import timestamps
from evsys.ocpp.errors import Code, Refusal

MAX_TEXT_CHARS: Final = 1000
"""How much of an over-long text is believed; beyond, it is hostile."""
MAX_TOKEN_CHARS: Final = 255
"""The same for id tokens, which become keys of the database."""
UNLIMITED: Final = frozenset(("data", "value", "certificate", "certificateChain", "csr", "signature"))
"""Members whose length only the frame bounds: vendor data, signed values, certificates."""
TOKENS: Final = frozenset(("idTag", "parentIdTag"))
ROUNDED: Final = frozenset(("meterStart", "meterStop", "limit", "minChargingRate"))
"""Numbers that lose nothing of meaning when rounded to what the schema asks for."""
MAX_INTEGER: Final = 2**53
"""Beyond this an integer is no JSON number that everybody reads alike, nor one that a database keeps."""
DROPPED: Final = frozenset(("meterValue", "transactionData", "sampledValue"))
"""Lists of which an item that cannot be read is left out: the others are readings of a session."""

T = TypeVar("T", bound=Struct)


class NotText(Exception):
    """The payload is not UTF-8: the connection is to be closed with 1007."""


class Unreadable(Refusal):
    """The payload is not JSON."""


@cache
def decoder(kind: type[T]) -> msgspec.json.Decoder[T]:
    """The strict decoder of a message, made once."""
    return msgspec.json.Decoder(kind)


@cache
def _plan(kind: type[Struct]) -> dict[str, tuple[inspect.Field, bool]]:
    """The members of a message, and whether each may be missing although the schema asks for it."""
    info = cast(inspect.StructType, inspect.type_info(kind))
    hints = typing.get_type_hints(kind)
    return {each.name: (each, UnsetType in typing.get_args(hints[each.name])) for each in info.fields}


def repair(
    kind: type[T],
    payload: bytes | Raw,
    strict: bool = False,
    answer: bool = False,
    time_zone: str | None = None,
) -> tuple[T, list[str]]:
    """The message of a payload that the strict decoder refused, and the names of its repairs.

    `strict` refuses instead of repairing. `answer`: the payload answers a CALL of ours, so an unknown
    enumeration value is a failure and not something to keep. `time_zone`: where the station's clock is (an
    IANA name), for times without a zone; None: UTC. Raises Refusal, or NotText.
    """
    raw = bytes(payload)
    try:
        text = raw.decode()
        value = msgspec.json.decode(text)
        text.encode()
    except UnicodeDecodeError as error:
        raise NotText from error
    except (msgspec.DecodeError, ValueError) as error:
        raise Unreadable("FormatViolation", f"the payload is not JSON: {error}") from error
    except RecursionError as error:
        raise Unreadable("FormatViolation", "the payload is nested too deeply") from error
    walk = _Walk(strict, answer, time_zone)
    if value is None:
        walk.note("null_payload", "TypeConstraintViolation", "the payload is null")
        value = {}
    if not isinstance(value, dict):
        raise Refusal("FormatViolation", "the payload must be an object")
    return walk.struct(kind, value, kind.__name__), walk.quirks


class _Walk:
    """One pass over one payload."""

    def __init__(self, strict: bool, answer: bool, time_zone: str | None) -> None:
        self.strict = strict
        self.answer = answer
        self.time_zone = time_zone
        self.quirks: list[str] = []

    def note(self, quirk: str, code: Code, fault: str) -> None:
        """A deviation from the schema: recorded, or in strict conformance refused."""
        if self.strict:
            raise Refusal(code, fault)
        if quirk not in self.quirks:
            self.quirks.append(quirk)

    def struct(self, kind: type[T], value: dict[str, object], path: str) -> T:
        plan = _plan(kind)
        for name in value.keys() - plan.keys():
            self.note("unknown_member", "FormatViolation", f"{path} has no member {name[:50]!r}")
        members: dict[str, object] = {}
        for name, (field, may_miss) in plan.items():
            found = value.get(name, UNSET)
            if found is None and (may_miss or not field.required):
                self.note("null_member", "TypeConstraintViolation", f"{name} is null")
                found = UNSET
            if found is UNSET:
                if field.required:
                    self._missing(name, may_miss, path)
                    members[name] = UNSET
                continue
            made = self.value(field.type, found, name)
            if made is UNSET and field.required and not may_miss:
                raise Refusal("PropertyConstraintViolation", f"{name} cannot be read")
            members[name] = made
        return kind(**members)

    def _missing(self, name: str, may_miss: bool, path: str) -> None:
        if not may_miss:
            raise Refusal("OccurrenceConstraintViolation", f"{name} is missing")
        self.note("missing_member", "OccurrenceConstraintViolation", f"{name} is missing")

    def value(self, kind: inspect.Type, value: object, name: str) -> object:
        match kind:
            case inspect.StrType():
                return self._text(kind, value, name)
            case inspect.IntType():
                return self._integer(value, name)
            case inspect.DecimalType():
                return self._decimal(value, name)
            case inspect.BoolType():
                return self._boolean(value, name)
            case inspect.LiteralType():
                return self._choice(kind, value, name)
            case inspect.DateTimeType():
                return self._time(value, name)
            case inspect.ListType():
                return self._list(kind, value, name)
            case inspect.StructType():
                if not isinstance(value, dict):
                    raise Refusal("TypeConstraintViolation", f"{name} must be an object")
                return self.struct(kind.cls, value, name)
            case _:  # pragma: no cover - no message has another type; a new one must be named here
                raise AssertionError(kind)

    def _text(self, kind: inspect.StrType, value: object, name: str) -> str:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            if name != "data" or value is None:
                raise Refusal("TypeConstraintViolation", f"{name} must be a string")
            self.note("object_as_text", "TypeConstraintViolation", f"{name} must be a string")
            return msgspec.json.encode(value).decode()
        if not isinstance(value, str):
            self.note("number_as_string", "TypeConstraintViolation", f"{name} must be a string")
            return str(value)
        if kind.max_length is not None and len(value) > kind.max_length:
            fault = f"{name} has {len(value)} characters, {kind.max_length} are allowed"
            cap = MAX_TOKEN_CHARS if name in TOKENS else MAX_TEXT_CHARS
            if name not in UNLIMITED and len(value) > cap:
                raise Refusal("PropertyConstraintViolation", fault)
            self.note("too_long", "PropertyConstraintViolation", fault)
        return value

    def _integer(self, value: object, name: str) -> int:
        if isinstance(value, str):
            try:
                number: int | float = float(value) if "." in value else int(value)
            except ValueError:
                raise Refusal("TypeConstraintViolation", f"{name} must be an integer") from None
            self.note("string_as_number", "TypeConstraintViolation", f"{name} must be an integer")
            value = number
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Refusal("TypeConstraintViolation", f"{name} must be an integer")
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise Refusal("PropertyConstraintViolation", f"{name} is out of range")
        if isinstance(value, float) and not value.is_integer():
            if name not in ROUNDED:
                raise Refusal("TypeConstraintViolation", f"{name} must be an integer")
            self.note("fraction_rounded", "TypeConstraintViolation", f"{name} must be an integer")
        return round(value)

    def _decimal(self, value: object, name: str) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refusal("TypeConstraintViolation", f"{name} must be a number")
        if isinstance(value, str):
            self.note("string_as_number", "TypeConstraintViolation", f"{name} must be a number")
        try:
            number = Decimal(str(value))
            rounded = number.quantize(Decimal("0.1"))
        except InvalidOperation:
            raise Refusal("TypeConstraintViolation", f"{name} must be a number") from None
        if not number.is_finite():
            raise Refusal("TypeConstraintViolation", f"{name} must be a number")
        if rounded != number:
            self.note("fraction_rounded", "PropertyConstraintViolation", f"{name} has more than one decimal")
            return rounded
        return number

    def _boolean(self, value: object, name: str) -> bool:
        if isinstance(value, bool):
            return value
        word = str(value).strip().lower()
        if word not in ("true", "false", "1", "0"):
            raise Refusal("TypeConstraintViolation", f"{name} must be true or false")
        self.note("text_as_boolean", "TypeConstraintViolation", f"{name} must be true or false")
        return word in ("true", "1")

    def _choice(self, kind: inspect.LiteralType, value: object, name: str) -> str:
        if not isinstance(value, str):
            raise Refusal("TypeConstraintViolation", f"{name} must be a string")
        if value in kind.values:
            return value
        fault = f"{name} is {value[:50]!r}, which is not one of {', '.join(map(str, kind.values))}"
        plain = _plain(value)
        for known in kind.values:
            if _plain(str(known)) == plain:
                self.note("enum_spelling", "PropertyConstraintViolation", fault)
                return str(known)
        if self.answer:
            if plain == "notsupported" and "NotImplemented" in kind.values:
                self.note("enum_spelling", "PropertyConstraintViolation", fault)
                return "NotImplemented"
            raise Refusal("PropertyConstraintViolation", fault)
        if len(value) > MAX_TEXT_CHARS:
            raise Refusal("PropertyConstraintViolation", f"{name} is too long")
        self.note("unknown_enum", "PropertyConstraintViolation", fault)
        return value

    def _time(self, value: object, name: str) -> datetime | UnsetType:
        if not isinstance(value, str):
            self.note("timestamp_unreadable", "TypeConstraintViolation", f"{name} must be a string")
            return UNSET
        read = timestamps.parse(value)
        if read is None:
            self.note("timestamp_unreadable", "PropertyConstraintViolation", f"{name} is no date-time")
            return UNSET
        moment, zoned = read
        if not zoned:
            self.note("timestamp_without_zone", "PropertyConstraintViolation", f"{name} has no time zone")
            if self.time_zone is not None:
                return timestamps.local(moment, self.time_zone)
        elif not _RFC3339.fullmatch(value):
            self.note("timestamp_form", "PropertyConstraintViolation", f"{name} is not RFC 3339")
        return moment

    def _list(self, kind: inspect.ListType, value: object, name: str) -> list[object]:
        if isinstance(value, dict):
            self.note("object_for_list", "TypeConstraintViolation", f"{name} must be a list")
            value = [value]
        if not isinstance(value, list):
            raise Refusal("TypeConstraintViolation", f"{name} must be a list")
        if kind.min_length and len(value) < kind.min_length:
            self.note("empty_list", "OccurrenceConstraintViolation", f"{name} must not be empty")
        if name in DROPPED:
            return self._readable(kind.item_type, value, name)
        return [self.value(kind.item_type, item, name) for item in value]

    def _readable(self, kind: inspect.Type, items: list[object], name: str) -> list[object]:
        made = []
        for item in items:
            try:
                made.append(self.value(kind, item, name))
            except Refusal as refusal:
                self.note("item_dropped", refusal.code, refusal.description)
        return made


_RFC3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)")


def _plain(word: str) -> str:
    return word.replace(" ", "").replace("_", "").replace("-", "").lower()
