"""The link to an MQTT broker, and what is to stand on it: retained topics, of each the latest value.

Whoever has news puts it and goes on: nothing here waits for the broker. What is due is sent as fast as the
broker takes it, each topic with the value that it has by then, so that a slow broker gets fewer values and
never a longer queue. After each connection everything is told anew, whatever the broker remembers; retained
topics of ours that nobody wants any more are taken off it. *Availability* says whether all this is kept up:
the broker itself says `offline` when the link breaks (last will), and we when we leave.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final

import structlog
from aiomqtt import Client, Message, MqttError, Will
from msgspec import Struct

from evsys.office.patience import later_s

MAX_TOPICS: Final = 200_000
"""Topics at once, some tens of megabytes; further ones are left out."""
EVERY_S: Final = 0.5
"""What changes faster is told at most so often."""
AT_ONCE: Final = 10
"""Messages that wait for the broker's word at a time."""
ANSWER_S: Final = 10.0
"""A broker that takes longer to acknowledge a message is given up, and connected to again."""
KEEPALIVE_S: Final = 30
"""A dead link is noticed by either side after one and a half of it."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
SWEEP_S: Final = 2.0
"""How long a broker may take to say what of ours it has kept."""
MAX_PASSING: Final = 100
"""Messages that are told once and wait for the broker; further ones are dropped."""
MAX_INCOMING: Final = 10_000
"""Messages of the broker that wait for us; further ones are dropped."""
AT_LEAST_ONCE: Final = 1
ONLINE: Final = b"online"
OFFLINE: Final = b"offline"

log = structlog.get_logger()
_silent = logging.getLogger("evsys.mqtt")
_silent.setLevel(logging.CRITICAL)
"""What the library would say of each message that it drops; what matters is said here."""


class MqttSettings(Struct, frozen=True, kw_only=True):
    """Where the broker is, and who we are there."""

    host: str
    port: int
    username: str = ""
    password: str = ""
    tls: bool = False
    ca_file: str = ""
    """PEM: what its certificate is signed with; empty: what the machine trusts."""
    client_id: str
    """The same after each start: the broker then ends what is left of the link before."""
    availability: str
    """The topic of it."""


class MqttLink:
    """See the module. One task runs it; all methods belong to its loop."""

    def __init__(
        self,
        settings: MqttSettings,
        listen_to: Sequence[str] = (),
        hear: Callable[[str, bytes], None] = lambda topic, payload: None,
        kept: Sequence[str] = (),
        ours: Callable[[str], bool] = lambda topic: False,
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        """`hear` is told, and must not wait, what others say on `listen_to`; what is retained there is not
        heard: it would be said again at each connection. `kept`: where retained topics are found of which
        `ours` says that nobody else writes them."""
        self.connected = False
        self._settings = settings
        self._listen_to = listen_to
        self._hear = hear
        self._kept = kept
        self._ours = ours
        self._first_retry_s = first_retry_s
        self._wanted: dict[str, bytes] = {}
        self._unwanted: set[str] = set()
        """What is still to be taken off the broker."""
        self._due: dict[str, None] = {}
        self._passing: dict[str, bytes] = {}
        """What is told once, without being retained."""
        self._news = asyncio.Event()
        self._leaving = False
        self._full = False

    # -- what is to stand there

    def put(self, topic: str, value: bytes) -> None:
        """From now on the topic has this value, which is not empty."""
        if self._wanted.get(topic) == value:
            return
        if topic not in self._wanted and len(self._wanted) >= MAX_TOPICS:
            if not self._full:
                self._full = True
                log.warning("there are too many MQTT topics: further ones are left out", limit=MAX_TOPICS)
            return
        self._wanted[topic] = value
        self._unwanted.discard(topic)
        self._tell(topic)

    def remove(self, topic: str) -> None:
        """From now on the topic is not there."""
        if self._wanted.pop(topic, None) is not None:
            self._take_off(topic)

    def say(self, topic: str, value: bytes) -> None:
        """Tell this once, to those who listen now; it is not told where there is no link."""
        if self.connected and len(self._passing) < MAX_PASSING:
            self._passing[topic] = value
            self._news.set()

    def _take_off(self, topic: str) -> None:
        if len(self._unwanted) < MAX_TOPICS:
            self._unwanted.add(topic)
            self._tell(topic)

    def _tell(self, topic: str) -> None:
        self._due[topic] = None
        self._news.set()

    # -- the link

    async def run(self) -> None:
        """Keep the link up, until cancelled."""
        self._leaving = False
        linking = asyncio.create_task(self._stay_linked())
        try:
            await asyncio.wait((linking,))
            linking.result()
        finally:
            self._leaving = True
            linking.cancel()
            await asyncio.gather(linking, return_exceptions=True)

    async def _stay_linked(self) -> None:
        tries = 0
        while True:
            client = self._client()
            try:
                async with client:
                    self._end_if_leaving()
                    log.info("connected to the MQTT broker", host=self._settings.host)
                    tries = 0
                    await self._serve(client)
            except* (MqttError, OSError) as errors:
                where = f"{self._settings.host}:{self._settings.port}"
                log.warning("no link to the MQTT broker", broker=where, reason=str(errors.exceptions[0]))
            finally:
                client._client._sock_close()  # what is given up half-way would stay open for ever
            self._end_if_leaving()
            tries += 1
            await asyncio.sleep(later_s(tries, self._first_retry_s, LONGEST_RETRY_S))

    def _end_if_leaving(self) -> None:
        """The same as `_end_if_cancelled` for a task that has a TaskGroup, which may leave it looking as if
        it were cancelled (before Python 3.13)."""
        if self._leaving:
            raise asyncio.CancelledError

    def _client(self) -> Client:
        settings = self._settings
        return Client(
            settings.host,
            settings.port,
            username=settings.username or None,
            password=settings.password or None,
            identifier=settings.client_id,
            will=Will(settings.availability, OFFLINE, AT_LEAST_ONCE, retain=True),
            clean_session=True,
            timeout=ANSWER_S,
            keepalive=KEEPALIVE_S,
            max_queued_incoming_messages=MAX_INCOMING,
            tls_context=ssl.create_default_context(cafile=settings.ca_file or None) if settings.tls else None,
            logger=_silent,
        )

    async def _serve(self, client: Client) -> None:
        """Until the link breaks, which raises an ExceptionGroup of MqttErrors, or until cancelled."""
        try:
            async with asyncio.TaskGroup() as serving:
                serving.create_task(self._listen(client))
                serving.create_task(self._keep_up(client))
        except asyncio.CancelledError:
            with suppress(MqttError):
                await self._publish(client, self._settings.availability, OFFLINE)
            raise
        finally:
            self.connected = False
            self._passing.clear()

    async def _listen(self, client: Client) -> None:
        """Ends, with an MqttError, when the link does."""
        for pattern in self._listen_to:
            await client.subscribe(pattern, AT_LEAST_ONCE)
            _end_if_cancelled()
        async for message in client.messages:
            self._heard(message)

    def _heard(self, message: Message) -> None:
        topic, payload = str(message.topic), bytes(message.payload)
        if not message.retain:
            self._hear(topic, payload)
        elif payload and self._ours(topic) and topic not in self._wanted:
            self._take_off(topic)

    async def _keep_up(self, client: Client) -> None:
        """Tell everything, then what changes."""
        self._due = dict.fromkeys((*self._unwanted, *self._wanted))
        for pattern in self._kept:
            await client.subscribe(pattern, AT_LEAST_ONCE)
            _end_if_cancelled()
        await self._flush(client)
        await self._publish(client, self._settings.availability, ONLINE)
        _end_if_cancelled()
        self.connected = True
        sweeping = asyncio.get_running_loop().time() + SWEEP_S if self._kept else None
        while True:
            left_s = None if sweeping is None else sweeping - asyncio.get_running_loop().time()
            with suppress(TimeoutError):
                async with asyncio.timeout(left_s):
                    await self._news.wait()
            if left_s is not None and left_s <= 0:
                sweeping = None
                await client.unsubscribe(list(self._kept))
                _end_if_cancelled()
            self._news.clear()
            await self._flush(client)
            await asyncio.sleep(EVERY_S)

    async def _flush(self, client: Client) -> None:
        passing, self._passing = self._passing, {}
        for topic, value in passing.items():
            await client.publish(topic, value, AT_LEAST_ONCE)
            _end_if_cancelled()
        due, self._due = iter(self._due), {}
        while some := list(islice(due, AT_ONCE)):
            await asyncio.gather(*(self._tell_now(client, topic) for topic in some))

    async def _tell_now(self, client: Client, topic: str) -> None:
        value = self._wanted.get(topic, b"")
        await self._publish(client, topic, value)
        if not value and topic not in self._wanted:
            self._unwanted.discard(topic)

    async def _publish(self, client: Client, topic: str, value: bytes) -> None:
        await client.publish(topic, value, AT_LEAST_ONCE, retain=True)


def _end_if_cancelled() -> None:
    """To be called after each wait for the library: what it waits with (`asyncio.wait_for` before Python
    3.12) loses a cancellation that comes as the wait ends."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError
