"""Trouble from outside, in the log: it may come a thousand times a second, its report may not.

Each kind is told once in a while for each who makes it, and so many times at most over all: whoever changes
his address or makes up names does not fill the log either. What is not told is counted by the metrics.
"""

from collections import Counter
from typing import Final

import structlog

from evsys.log import Seldom

SAY_EVERY_S: Final = 10.0
"""How often the same trouble of the same station or address is told."""
LINES_PER_KIND: Final = 20
"""Lines of one kind in `SAY_EVERY_S`; the last one says that more are not told."""

log = structlog.get_logger()


class Trouble:
    """Times are monotonic seconds."""

    def __init__(self) -> None:
        self._seldom = Seldom(SAY_EVERY_S)
        self._said: Counter[str] = Counter()
        self._since = 0.0

    def say(self, now: float, kind: str, who: str, text: str, **values: object) -> None:
        """Log `text` of a station or an address, unless it was said just now. `kind` is one of a few."""
        if now - self._since >= SAY_EVERY_S:
            self._since = now
            self._said.clear()
        if self._said[kind] >= LINES_PER_KIND or not self._seldom.lets(f"{kind} {who}"):
            return
        self._said[kind] += 1
        if self._said[kind] == LINES_PER_KIND:
            values["more"] = "not told for some seconds"
        log.warning(text, who=who, **values)
