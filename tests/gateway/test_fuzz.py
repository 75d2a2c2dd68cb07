"""Mutated frames of every action over a real link: the gateway, the turns, the store and the log together."""

import io
import json
from contextlib import AsyncExitStack
from itertools import count as numbers

import pytest
import structlog
from hypothesis import strategies as st

from evsys import log
from kit.gateway import PING, Served, Wire, call, for_each, frame
from kit.mutation import FRAMES, mutated

CLOSE = 8
frames = st.builds(
    lambda message, chance, cut: mutated(message, chance).encode("utf-8", "surrogatepass")[:cut],
    st.sampled_from(FRAMES),
    st.randoms(use_true_random=False),
    st.one_of(st.none(), st.integers(0, 400)),
)


async def answered_or_closed(wire: Wire, id: str) -> bool:
    """Whether the CALL of this id was answered; False: the link was closed."""
    while True:
        kind, payload = await wire.frame()
        if kind == CLOSE:
            return False
        if kind != PING and json.loads(payload)[1] == id:
            return True


@pytest.mark.parametrize(
    "count", [300, pytest.param(50_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]
)
async def test_mutated_frames_over_a_link_harm_nobody_and_write_no_line_of_their_own(
    served: Served, count: int
) -> None:
    """After each the station is answered, or its link was closed as the standard says and it comes back; no
    entry tells of a bug, and every line of the log is one of ours."""
    ids, lines, wires = numbers(), io.StringIO(), list[Wire]()
    log.configure("gateway", stream=lines)
    try:
        async with AsyncExitStack() as links:
            neighbour = await links.enter_async_context(served.station("CP2"))

            async def send(message: bytes) -> None:
                if not wires:
                    wires.append(await links.enter_async_context(served.upgraded("CP1")))
                id = f"after-{next(ids)}"
                wires[0].send(frame(message) + frame(call("Heartbeat", {}, id)))
                if not await answered_or_closed(wires[0], id):
                    wires.clear()
                    assert await neighbour.is_answered()

            await for_each(frames, send, count)
            assert await neighbour.is_answered()
    finally:
        structlog.reset_defaults()
    told = served.node.shared.quirks.counts("CP1")
    assert sum(told.values()) > count / 4
    written = lines.getvalue()
    assert "a bug" not in written
    assert "Traceback" not in written
    for line in written.split("\n"):
        assert line == "" or (line.isprintable() and line.startswith("timestamp=")), line
