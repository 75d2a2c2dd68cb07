"""The official JSON schemas of OCPP 1.6, as the `ocpp` package carries them."""

import json
from decimal import Decimal
from functools import cache
from pathlib import Path

from jsonschema import Draft4Validator, FormatChecker

import ocpp.v16
from evsys.ocpp import timestamps

SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_time(value: object) -> bool:
    """RFC 3339 as a strict reader has it: with a zone."""
    if not isinstance(value, str):
        return True
    read = timestamps.parse(value)
    return read is not None and read[1] and value[-1] in "Zz0123456789" and "," not in value


@cache
def schema(action: str, kind: str) -> dict[str, object]:
    """`kind` is request or response."""
    path = SCHEMAS / f"{action}{'' if kind == 'request' else 'Response'}.json"
    found: dict[str, object] = json.loads(path.read_text(), parse_float=Decimal)
    return found


@cache
def validator(action: str, kind: str) -> Draft4Validator:
    return Draft4Validator(schema(action, kind), format_checker=_FORMATS)


def faults(action: str, kind: str, payload: bytes) -> list[str]:
    """What the schema has against a payload. Decimals are read exactly: 8.1 is a multiple of 0.1."""
    return [each.message for each in validator(action, kind).iter_errors(load(payload))]


def load(payload: bytes | str) -> object:
    return json.loads(payload, parse_float=Decimal)
