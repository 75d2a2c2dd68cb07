"""What every bus keeps to (`core.ports.Bus`), tried on each pair of ends that a deployment can have."""

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from evsys.bus.local import LocalClient, LocalHub
from evsys.core.ports import Bus, BusTimeout, NobodyThere
from kit.waiting import until

Ends = tuple[Bus, Bus]
"""Two ends of one bus: tests serve and listen on the first, ask and tell on the second."""


@pytest.fixture(params=["one process", "client to hub", "hub to client", "client to client"])
async def ends(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Ends]:
    hub, clients = LocalHub(), [LocalClient(str(tmp_path / "bus")) for _ in range(2)]
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "bus"))
        listening.listen()
        await hub.start(listening)
        for client in clients:
            await client.start()
            assert await client.wait_connected(5)
        yield {
            "one process": (hub, hub),
            "client to hub": (hub, clients[0]),
            "hub to client": (clients[0], hub),
            "client to client": (clients[0], clients[1]),
        }[request.param]
        for client in clients:
            await client.close()
        await hub.close()


async def shout(payload: bytes) -> bytes:
    return payload.upper()


async def eventually(bus: Bus, subject: str, payload: bytes = b"") -> bytes:
    """Ask until somebody serves the subject: what one end offers reaches the other a moment later."""
    async with asyncio.timeout(5):
        while True:
            try:
                return await bus.request(subject, payload, 5)
            except NobodyThere:
                await asyncio.sleep(0.005)


class Heard:
    """A listener that remembers."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []

    def __call__(self, subject: str, payload: bytes) -> None:
        self.messages.append((subject, payload))

    async def wait(self, count: int) -> list[tuple[str, bytes]]:
        await until(lambda: len(self.messages) >= count)
        return self.messages


async def listening(here: Bus, there: Bus, *subjects: str) -> Heard:
    """A listener to whom publications already arrive."""
    heard = Heard()
    for subject in subjects:
        here.subscribe(subject, heard)
    ready = Heard()
    cancel = here.subscribe("ready", ready)
    while not ready.messages:
        there.publish("ready", b"")
        await asyncio.sleep(0.005)
    cancel()
    return heard


async def test_a_request_is_answered_by_who_serves_the_subject(ends: Ends) -> None:
    server, asker = ends
    server.serve("station.A", shout)
    assert await eventually(asker, "station.A", b"hello") == b"HELLO"


async def test_a_request_to_nobody_fails_at_once(ends: Ends) -> None:
    began = asyncio.get_running_loop().time()
    with pytest.raises(NobodyThere):
        await ends[1].request("station.B", b"", 30)
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_server_that_stopped_is_nobody(ends: Ends) -> None:
    server, asker = ends
    cancel = server.serve("station.A", shout)
    await eventually(asker, "station.A")
    cancel()
    cancel()
    async with asyncio.timeout(5):
        while True:
            try:
                await asker.request("station.A", b"", 5)
            except NobodyThere:
                return
            await asyncio.sleep(0.005)


async def test_the_newest_server_of_a_subject_wins_and_the_older_ones_end_changes_nothing(ends: Ends) -> None:
    server, asker = ends

    async def newer(payload: bytes) -> bytes:
        return b"newer"

    cancel = server.serve("station.A", shout)
    await eventually(asker, "station.A")
    server.serve("station.A", newer)
    cancel()
    for _ in range(1000):
        if await eventually(asker, "station.A", b"x") == b"newer":
            return
    pytest.fail("the older one still answers")


async def test_an_answer_that_does_not_come_in_time_is_a_timeout_and_the_answerer_runs_to_its_end(
    ends: Ends,
) -> None:
    server, asker = ends
    ended = asyncio.Event()

    async def slow(payload: bytes) -> bytes:
        if payload == b"slow":
            await asyncio.sleep(0.2)
            ended.set()
        return b""

    server.serve("station.A", slow)
    await eventually(asker, "station.A")
    with pytest.raises(BusTimeout):
        await asker.request("station.A", b"slow", 0.05)
    async with asyncio.timeout(5):
        await ended.wait()


async def test_an_answerer_that_raises_costs_one_request(ends: Ends) -> None:
    server, asker = ends

    async def bug(payload: bytes) -> bytes:
        if payload == b"bad":
            raise RuntimeError("a bug")
        return b"fine"

    server.serve("station.A", bug)
    await eventually(asker, "station.A")
    with capture_logs() as log, pytest.raises(BusTimeout):
        await asker.request("station.A", b"bad", 5)
    assert log[0]["event"] == "an answerer failed"
    assert await asker.request("station.A", b"", 5) == b"fine"


async def test_answers_come_to_their_own_requests_whatever_the_order(ends: Ends) -> None:
    server, asker = ends

    async def sleepy(payload: bytes) -> bytes:
        await asyncio.sleep(int(payload or b"0") / 1000)
        return payload

    server.serve("station.A", sleepy)
    await eventually(asker, "station.A")
    asked = [str(n % 20).encode() for n in range(200)]
    assert await asyncio.gather(*(asker.request("station.A", each, 5) for each in asked)) == asked


async def test_publications_reach_each_listener_in_order(ends: Ends) -> None:
    here, there = ends
    heard = await listening(here, there, "events")
    for n in range(100):
        there.publish("events", str(n).encode())
    assert [payload for _, payload in await heard.wait(100)] == [str(n).encode() for n in range(100)]


async def test_a_wildcard_hears_all_below_it_once_per_subscription(ends: Ends) -> None:
    here, there = ends
    heard = await listening(here, there, "a.>", "a.b.>", "a.b.c")
    for subject in ("a", "ab.c", "a.x", "a.b.x", "a.b.c", "end"):
        there.publish(subject, b"")
    last = await listening(here, there, "end")
    there.publish("end", b"")
    await last.wait(1)
    subjects = [subject for subject, _ in heard.messages]
    assert subjects == ["a.x", "a.b.x", "a.b.x", "a.b.c", "a.b.c", "a.b.c"]


async def test_a_cancelled_subscription_is_silent_and_the_others_are_not(ends: Ends) -> None:
    here, there = ends
    stays, goes = Heard(), Heard()
    here.subscribe("events", stays)
    cancel = here.subscribe("events", goes)
    await listening(here, there)
    cancel()
    cancel()
    there.publish("events", b"1")
    await stays.wait(1)
    assert goes.messages == []


async def test_a_listener_that_raises_does_not_harm_the_others(ends: Ends) -> None:
    here, there = ends

    def bug(subject: str, payload: bytes) -> None:
        raise RuntimeError("a bug")

    here.subscribe("events", bug)
    heard = await listening(here, there, "events")
    with capture_logs() as log:
        there.publish("events", b"1")
        await heard.wait(1)
    assert log[0]["event"] == "a listener failed"


async def test_large_and_binary_payloads_pass_unharmed(ends: Ends) -> None:
    server, asker = ends

    async def echo(payload: bytes) -> bytes:
        return payload

    server.serve("station.A", echo)
    await eventually(asker, "station.A")
    large = bytes(range(256)) * 8192
    assert await asker.request("station.A", large, 5) == large


async def test_a_payload_beyond_the_bound_is_the_callers_mistake(ends: Ends) -> None:
    with pytest.raises(ValueError, match="too large"):
        await ends[1].request("station.A", bytes(5 * 1024 * 1024), 5)
    with pytest.raises(ValueError, match="too large"):
        ends[1].publish("events", bytes(5 * 1024 * 1024))
