"""Refusals: what a CALL is answered with when it cannot be answered with a result.

The codes are those of OCPP-J 2.x; `spelled` gives a version's own spelling (OCPP-J 1.6 table 7 has two
misspellings that its errata forbid to correct).
"""

from typing import Literal

Code = Literal[
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormatViolation",
    "PropertyConstraintViolation",
    "OccurrenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
    "MessageTypeNotSupported",
    "RpcFrameworkError",
]

_SPELLED_16 = {
    "FormatViolation": "FormationViolation",
    "OccurrenceConstraintViolation": "OccurenceConstraintViolation",
    "MessageTypeNotSupported": "GenericError",
    "RpcFrameworkError": "FormationViolation",
}


class Refusal(Exception):
    """A CALL that cannot be processed, with the code and description of its CALLERROR."""

    def __init__(self, code: Code, description: str) -> None:
        super().__init__(f"{code}: {description}")
        self.code = code
        self.description = description


def spelled(code: Code, version: str) -> str:
    """The code as `version` (a subprotocol name) spells it."""
    return _SPELLED_16.get(code, code) if version == "ocpp1.6" else code
