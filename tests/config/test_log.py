"""The log: one line per entry, whatever comes from outside."""

import io
import logging
from collections.abc import Iterator

import pytest
import structlog

from evsys import log


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before = logging.getLogger().handlers[:]
    log.configure("gateway", stream=stream)
    yield stream
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = before


def test_an_entry_names_its_component_and_its_particulars(stream: io.StringIO) -> None:
    structlog.get_logger().info("station connected", station="CP 1", count=3, first=True)
    line = stream.getvalue()
    assert line.startswith("timestamp=20")
    assert (
        line.endswith(
            'level=info component=gateway event="station connected" count=3 first=true station="CP 1"\n'
        )
        or 'station="CP 1" count=3 first=true\n' in line
    )


@pytest.mark.parametrize(
    "hostile",
    ["a\nlevel=error event=forged", "\x1b[2J", "\u2028x", "\x00"],
    ids=["newline", "escape", "line separator", "nul"],
)
def test_what_comes_from_outside_cannot_make_a_line_of_its_own(stream: io.StringIO, hostile: str) -> None:
    structlog.get_logger().warning("frame refused", frame=hostile)
    logging.getLogger("library").warning("it said %s", hostile)
    first, second = stream.getvalue().encode("utf-8").decode().splitlines()
    assert first.isprintable()
    assert second.isprintable()


def test_half_a_character_is_escaped_too(stream: io.StringIO) -> None:
    structlog.get_logger().warning("frame refused", frame="\ud800")
    assert stream.getvalue().encode("utf-8").decode().rstrip("\n").isprintable()


def test_an_exception_is_one_line(stream: io.StringIO) -> None:
    try:
        raise ValueError("over\ntwo lines")
    except ValueError:
        structlog.get_logger().exception("a bug")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError" in line


def test_a_long_value_is_cut(stream: io.StringIO) -> None:
    structlog.get_logger().info("boot", vendor="x" * 100_000)
    assert len(stream.getvalue()) < 2 * log.MAX_VALUE


def test_debug_entries_are_written_only_when_wanted(stream: io.StringIO) -> None:
    structlog.get_logger().debug("frame")
    assert stream.getvalue() == ""
    log.configure("gateway", debug=True, stream=stream)
    structlog.get_logger().debug("frame")
    assert "event=frame" in stream.getvalue()


def test_an_entry_that_repeats_is_let_through_once_in_an_interval() -> None:
    seldom = log.Seldom(60)
    assert [seldom.lets("a"), seldom.lets("a"), seldom.lets("b")] == [True, False, True]


def test_an_entry_is_let_through_again_after_the_interval() -> None:
    seldom = log.Seldom(0)
    assert [seldom.lets("a"), seldom.lets("a")] == [True, True]


def test_the_keys_remembered_are_bounded() -> None:
    seldom = log.Seldom(60)
    for number in range(2 * log.Seldom.MAX_KEYS):
        seldom.lets(str(number))
    assert len(seldom._last) <= log.Seldom.MAX_KEYS
