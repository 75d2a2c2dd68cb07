"""The link to the broker: the latest value wins, nobody waits, and nothing grows without bound."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from evsys.bots import mqtt_link
from evsys.bots.mqtt_link import MqttLink, MqttSettings
from kit.broker import Broker, running_broker, see
from kit.waiting import until


@asynccontextmanager
async def linked(port: int) -> AsyncIterator[MqttLink]:
    settings = MqttSettings(host="127.0.0.1", port=port, client_id="evsys", availability="here")
    link = MqttLink(settings, first_retry_s=0.05)
    running = asyncio.create_task(link.run())
    try:
        yield link
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def test_what_was_put_without_a_broker_is_there_once_there_is_one(tmp_path: Path) -> None:
    broker = Broker(tmp_path)
    try:
        async with linked(broker.port) as link:
            for number in range(100):
                link.put("number", b"%d" % number)
            link.put("gone", b"x")
            link.remove("gone")
            broker.start()
            await until(lambda: link.connected)
            seen = await see(broker, lambda it: len(it.now) >= 2)
            assert seen.retained == {"number": b"99", "here": b"online"}
    finally:
        broker.kill()


async def test_a_broker_that_says_nothing_delays_nobody_and_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(mqtt_link, "ANSWER_S", 0.2)
    came = gone = 0

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal came, gone
        came += 1
        await reader.read()
        writer.close()
        await writer.wait_closed()
        gone += 1

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    try:
        async with linked(server.sockets[0].getsockname()[1]) as link:
            loop = asyncio.get_running_loop()
            began = loop.time()
            for number in range(10_000):
                link.put("number", b"%d" % number)
            assert loop.time() - began < 1
            await until(lambda: came >= 3)
            assert not link.connected
        await until(lambda: gone == came)
    finally:
        server.close()
        await server.wait_closed()


async def test_there_are_never_more_topics_than_may_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mqtt_link, "MAX_TOPICS", 3)
    with running_broker(tmp_path) as broker:
        async with linked(broker.port) as link:
            for number in range(5):
                link.put(f"topic/{number}", b"x")
            link.put("topic/1", b"y")
            await until(lambda: link.connected)
            seen = await see(broker, lambda it: it.now.get("topic/1") == b"y" and len(it.now) >= 4)
            assert sorted(seen.now) == ["here", "topic/0", "topic/1", "topic/2"]


async def test_what_is_told_once_is_not_kept(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        async with linked(broker.port) as link:
            link.say("once", b"nobody is there")
            await until(lambda: link.connected)
            link.say("once", b"x")
            link.put("after", b"x")
            seen = await see(broker, lambda it: "after" in it.now)
            assert "once" not in seen.retained
