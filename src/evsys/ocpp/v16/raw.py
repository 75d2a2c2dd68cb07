"""Any CALL, as given: for programs that know what they want to say to a station."""

from typing import Final

import msgspec
from msgspec import Raw, Struct

from evsys.core.commands import Outcome, RawCall
from evsys.core.errors import BadCommand
from evsys.core.station import Station
from evsys.ocpp.dialect import Performance, Request
from evsys.ocpp.v16.dialect import V16

YES: Final = frozenset(("", "Accepted", "Scheduled", "RebootRequired", "Unlocked"))
"""The status words that say that it was or will be done; an answer without one says nothing against it."""


class _Answer(Struct):
    status: object = ""


@V16.performs(RawCall)
def raw_call(command: RawCall, station: Station) -> Performance:
    """The payload goes out with its members in the caller's order and its numbers as written, without white
    space; the answer comes back as it came."""
    payload = msgspec.json.format(bytes(command.payload), indent=-1)
    if not payload.startswith(b"{"):
        raise BadCommand("payload: must be an object")
    answered = yield Request(command.action, Raw(payload), _Answer)
    try:
        status = msgspec.json.decode(answered.payload, type=_Answer).status
    except (msgspec.DecodeError, ValueError):
        status = ""
    word = status if isinstance(status, str) else ""
    return Outcome(accepted=word in YES, status=word, detail=answered.payload)
