"""Moments that people name."""

from datetime import UTC, datetime

from evsys.core.errors import BadCommand


def in_utc(member: str, moment: datetime) -> datetime:
    """The moment in UTC. Raises BadCommand where that has no such time."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise BadCommand(f"{member}: no such time in UTC") from None
