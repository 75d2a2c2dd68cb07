"""The dialect of OCPP 1.6, which the blocks of this package fill, and the words that they share.

A connector n of 1.6 is EVSE n, connector 1 of the core; connector 0 is the station as a whole.
"""

from datetime import datetime
from typing import Final, TypeVar

from msgspec import UNSET, UnsetType

from evsys.core.authorization import Verdict
from evsys.core.errors import BadCommand
from evsys.ocpp.dialect import Dialect
from evsys.ocpp.v16.messages import ACTIONS, IdTagInfo

V16: Final = Dialect("ocpp1.6", ACTIONS)

MAX_ID_TAG_CHARS: Final = 20
"""CiString20Type: what we send keeps to it, whatever stations send us."""

T = TypeVar("T")


def given(value: T | None) -> T | UnsetType:
    """An optional member to send: absent where there is none."""
    return UNSET if value is None else value


def said(value: str | UnsetType) -> str:
    """An optional text as the core keeps it: empty where it was absent."""
    return "" if value is UNSET else value


def named(number: int | UnsetType) -> int | None:
    """An optional number as the core keeps it."""
    return None if isinstance(number, UnsetType) else number


def seconds(moment: datetime | None) -> datetime | UnsetType:
    """An optional time to send."""
    return UNSET if moment is None else whole_seconds(moment)


def place(connector_id: int) -> tuple[int, int]:
    """EVSE and connector of the core. A number below 0 names no connector, as 0 does."""
    return (connector_id, 1) if connector_id > 0 else (0, 0)


def whole_seconds(moment: datetime) -> datetime:
    """A time to send: stations read `…:07Z`; many do not read microseconds (field problem 13)."""
    return moment.replace(microsecond=0)


def id_tag(id_token: str) -> str:
    """An id token to send. Raises BadCommand where 1.6 cannot say it."""
    if len(id_token) > MAX_ID_TAG_CHARS:
        raise BadCommand(
            f"id_token: OCPP 1.6 allows {MAX_ID_TAG_CHARS} characters, {len(id_token)} were given"
        )
    return id_token


def id_tag_info(verdict: Verdict) -> IdTagInfo:
    """What a station is told of a token. A parent that is too long for 1.6 is not told."""
    expires_at, parent = verdict.expires_at, verdict.parent
    return IdTagInfo(
        status=verdict.status,
        expiryDate=UNSET if expires_at is None else whole_seconds(expires_at),
        parentIdTag=parent if 0 < len(parent) <= MAX_ID_TAG_CHARS else UNSET,
    )
