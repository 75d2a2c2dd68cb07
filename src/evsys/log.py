"""The log: one line per entry on stderr, readable on a terminal, logfmt everywhere else.

Every room asks `structlog.get_logger()` and says what happened as a short sentence with the particulars as
keyword values: `log.warning("station refused", station=id, reason="unknown")`. What comes from outside (a
station's id, a frame, an exception's text) goes into values only, and every character that is not printable
is escaped, so nobody can write a line of their own into the log. Records of the standard library's `logging`
(uvicorn, SQLAlchemy, picows) leave by the same road.
"""

import logging
import sys
import time
from typing import Final, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

MAX_VALUE: Final = 2_000
"""Characters of one value; a station may send 64 KiB where a serial number is meant."""


def configure(component: str, *, debug: bool = False, stream: TextIO | None = None) -> None:
    """Send all log entries of this process to `stream` (stderr), each with the name of its component."""
    stream = sys.stderr if stream is None else stream
    terminal = stream.isatty()

    def name_component(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
        entry["component"] = component
        return entry

    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        name_component,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        escape_unprintable,
    ]
    render: Processor = (
        structlog.dev.ConsoleRenderer(colors=True)
        if terminal
        else structlog.processors.LogfmtRenderer(
            key_order=["timestamp", "level", "component", "event"], bool_as_flag=False
        )
    )
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if debug else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(stream),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def escape_unprintable(_logger: WrappedLogger, _method: str, entry: EventDict) -> EventDict:
    """Escape what is not printable in every value and cut what is too long: one entry stays one line."""
    for key, value in entry.items():
        if isinstance(value, str):
            text = value
        elif isinstance(value, int | float | None):
            continue
        else:
            text = str(value)
        limit = MAX_VALUE if key != "exception" else 20 * MAX_VALUE
        entry[key] = escaped(text if len(text) <= limit else text[:limit] + "…")
    return entry


def escaped(text: str) -> str:
    """The text with every character that is not printable as a Python escape."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class Seldom:
    """Lets an entry through once in `interval_s` for each key, so that a fault that repeats a thousand times
    a second does not fill the disk with its own report."""

    MAX_KEYS: Final = 10_000
    """Beyond so many keys all are forgotten: an entry too many is better than memory without bound."""

    def __init__(self, interval_s: float) -> None:
        self._interval_s = interval_s
        self._last: dict[str, float] = {}

    def lets(self, key: str) -> bool:
        """Whether the entry of this key is due now."""
        now = time.monotonic()
        last = self._last.get(key)
        if last is not None and now - last < self._interval_s:
            return False
        if len(self._last) >= self.MAX_KEYS:
            self._last.clear()
        self._last[key] = now
        return True
