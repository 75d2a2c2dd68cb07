"""Times as stations write them: RFC 3339, and what the field has made of it.

Seen in the field: no zone (taken as UTC, unless the station's is known), an offset without minutes or without
colon, a space for the T, any number of fraction digits, a comma for the point, lower case letters. What
cannot be read is None, and the caller uses the time of receipt.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from msgspec import UNSET, UnsetType

_FORM = re.compile(
    r"\s*(\d{4})-(\d\d?)-(\d\d?)[Tt ](\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?\s*"
    r"(?:([Zz])|([+-])(\d\d):?(\d\d)?)?\s*"
)


def utc(moment: datetime | UnsetType) -> datetime | None:
    """A decoded time in UTC; None where there is none, or none that the calendar has."""
    if moment is UNSET:
        return None
    if moment.tzinfo is UTC:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return None


def local(moment: datetime, time_zone: str) -> datetime:
    """A time that was read as UTC and is of this zone (an IANA name)."""
    return moment.replace(tzinfo=ZoneInfo(time_zone)).astimezone(UTC)


def parse(text: str) -> tuple[datetime, bool] | None:
    """The moment and whether a zone was given; None where the text is no time."""
    match = _FORM.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, zulu, sign, offset_h, offset_min = match.groups()
    zone: timezone = UTC
    if sign:
        offset = timedelta(hours=int(offset_h), minutes=int(offset_min or 0))
        if offset >= timedelta(days=1):
            return None
        zone = timezone(-offset if sign == "-" else offset)
    try:
        moment = datetime(
            int(year),
            int(month),
            int(day),
            int(hour),
            int(minute),
            min(int(second or 0), 59),
            int((fraction or "0")[:6].ljust(6, "0")),
            zone,
        )
        return moment.astimezone(UTC), bool(zulu or sign)
    except (ValueError, OverflowError):
        return None
