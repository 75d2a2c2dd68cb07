"""Waiting for a wake-up that may be lost."""

import asyncio
from typing import Final

LOOK_S: Final = 2.0
"""A wake-up that was lost costs so much delay."""


async def woken(event: asyncio.Event, within_s: float = LOOK_S) -> None:
    """Return when the event is set, or after `within_s` without it."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass
