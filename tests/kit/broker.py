"""A real MQTT broker (rumqttd, as iotcore carries it), and a client that looks at what it has."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from aiomqtt import Client

from kit.program import free_port

STARTS_WITHIN_S: Final = 20.0
PATIENCE_S: Final = 150.0
CONFIG: Final = """\
id = 0
[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 2000
max_segment_size = 104857600
max_segment_count = 10
[v4.1]
name = "v4-1"
listen = "127.0.0.1:{port}"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 5000
max_payload_size = 65536
max_inflight_count = 100
dynamic_filters = true
"""
AUTH: Final = """\
[v4.1.connections.auth]
evsys = "correct horse"
"""
TLS: Final = """\
[v4.1.tls]
certpath = "{cert}"
keypath = "{key}"
"""


class Broker:
    """A broker on a free port. What is retained is gone when it ends."""

    def __init__(
        self, folder: Path, password: bool = False, certificate: tuple[str, str] | None = None
    ) -> None:
        """`password`: it wants the user `evsys` with the password `correct horse`; `certificate`: it speaks
        TLS with this certificate and key."""
        self.port = free_port()
        self._config = folder / "broker.toml"
        text = CONFIG.format(port=self.port) + (AUTH if password else "")
        if certificate is not None:
            text += TLS.format(cert=certificate[0], key=certificate[1])
        self._config.write_text(text)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "iotcore", "--config", str(self._config), "--log-level", "CRITICAL"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        last = time.monotonic() + STARTS_WITHIN_S
        while True:
            assert self._process.poll() is None, "the broker does not start"
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                assert time.monotonic() < last, "the broker does not listen"
                time.sleep(0.02)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running_broker(
    folder: Path, password: bool = False, certificate: tuple[str, str] | None = None
) -> Iterator[Broker]:
    broker = Broker(folder, password, certificate)
    try:
        broker.start()
        yield broker
    finally:
        broker.kill()


class Onlooker:
    """Another client: it remembers the last value of each topic, as any program would see it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.retained: dict[str, bytes] = {}
        """What the broker had when it came."""
        self.now: dict[str, bytes] = {}
        self.heard: list[tuple[str, bytes]] = []
        """All that came afterwards."""

    async def look(self) -> None:
        async for message in self.client.messages:
            topic, payload = str(message.topic), bytes(message.payload)
            if message.retain:
                self.retained[topic] = payload
            else:
                self.heard.append((topic, payload))
            if payload:
                self.now[topic] = payload
            else:
                self.now.pop(topic, None)


async def see(
    broker: Broker, happened: Callable[[Onlooker], bool], *say: tuple[str, bytes], retain: bool = False
) -> Onlooker:
    """What a client sees that comes now, says some messages, and waits until something is so."""
    client = Client("127.0.0.1", broker.port, max_queued_incoming_messages=10_000)
    async with client:
        onlooker = Onlooker(client)
        looking = asyncio.create_task(onlooker.look())
        try:
            await client.subscribe("#", 1)
            for topic, payload in say:
                await client.publish(topic, payload, 1, retain=retain)
            last = time.monotonic() + PATIENCE_S
            while not happened(onlooker):
                assert time.monotonic() < last, f"waited in vain; there is {sorted(onlooker.now.items())}"
                await asyncio.sleep(0.01)
            return onlooker
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
