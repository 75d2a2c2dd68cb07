"""Waiting for what happens in its own time."""

import asyncio
from collections.abc import Callable

PATIENCE_S = 30.0
"""Longer than anything takes that happens at all, on a busy machine too."""


async def until(happened: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
    """Return as soon as `happened` is true; fail when that takes too long."""
    loop = asyncio.get_running_loop()
    last = loop.time() + patience_s
    while not happened():
        assert loop.time() < last, "waited in vain"
        await asyncio.sleep(0.005)
