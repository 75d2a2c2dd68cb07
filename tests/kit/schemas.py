"""The official JSON schemas of OCPP 1.6, as the `ocpp` package carries them."""

import json
import re
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path

from jsonschema import Draft4Validator, FormatChecker

import ocpp.v16

SCHEMAS = Path(ocpp.v16.__file__).parent / "schemas"
_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:[Zz]|[+-](\d\d):(\d\d))", re.ASCII)
_FORMATS = FormatChecker(formats=())


@_FORMATS.checks("date-time")
def _is_time(value: object) -> bool:
    """RFC 3339, as far as a calendar goes that knows no leap seconds."""
    if not isinstance(value, str):
        return True
    match = _RFC3339.fullmatch(value)
    if match is None:
        return False
    try:
        datetime.fromisoformat(f"{match[1]}T{match[2]}")
    except ValueError:
        return False
    return match[3] is None or (int(match[3]) < 24 and int(match[4]) < 60)


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
