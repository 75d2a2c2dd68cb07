"""Waiting for a wake-up that may be lost."""

import asyncio
from typing import Final

LOOK_S: Final = 2.0
"""A wake-up that was lost costs so much delay."""


async def woken(event: asyncio.Event) -> None:
    """Return when the event is set, or after `LOOK_S` without it."""
    try:
        async with asyncio.timeout(LOOK_S):
            await event.wait()
    except TimeoutError:
        pass
