"""The bus on one machine: a hub in the gateway's process, and clients that reach it over a unix socket.

`LocalHub` lives with the stations: it answers and asks in the same process without a socket, and hosts the
clients of other processes on a listening socket that its caller gives. `LocalClient` lives in the office. It
connects again by itself when the hub comes back and renews what it listens to and answers; while the hub is
away its requests fail at once, and what is published meanwhile is lost (what must not be lost is in the
store).

An answerer is never cancelled because its requester gave up: a command that is under way is taken to its end.
One that raises is a bug of its own and costs the requester a BusTimeout.
"""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from typing import Generic, TypeVar

import structlog

from evsys.bus.wire import Hello, Listen, Message, Offer, Peer, Tell, check_size
from evsys.core.ports import Answerer, BusTimeout, Cancel, Listener, NobodyThere

MAX_CLIENTS = 64
"""Connections to one hub: an office, its restarts, and room for a few more."""
MAX_ANSWERING = 10_000
"""Answers being made at once in one process; the next requests hear at once that no answer will come."""
RECONNECT_FIRST_S = 0.05
RECONNECT_MOST_S = 1.0
"""A client asks for the hub after these pauses, each twice the last: a gateway is back within a second."""

log = structlog.get_logger()
T = TypeVar("T")


class _Subscriptions(Generic[T]):
    """Who listens to which subject; `a.>` hears all below `a`."""

    def __init__(self) -> None:
        self._listeners: dict[str, list[T]] = {}

    def add(self, subject: str, listener: T) -> bool:
        """Whether it is the subject's first."""
        listeners = self._listeners.setdefault(subject, [])
        listeners.append(listener)
        return len(listeners) == 1

    def remove(self, subject: str, listener: T) -> bool:
        """Whether it was the subject's last."""
        listeners = self._listeners.get(subject, [])
        if listener not in listeners:
            return False
        listeners.remove(listener)
        if listeners:
            return False
        del self._listeners[subject]
        return True

    def forget(self, listener: T) -> None:
        for subject in list(self._listeners):
            while listener in self._listeners.get(subject, ()):
                self.remove(subject, listener)

    def subjects(self) -> list[str]:
        return list(self._listeners)

    def of(self, subject: str) -> list[T]:
        found: list[T] = []
        for pattern in _patterns(subject):
            found += self._listeners.get(pattern, ())
        return found


def _patterns(subject: str) -> Iterator[str]:
    yield subject
    at = subject.find(".")
    while at != -1:
        yield subject[: at + 1] + ">"
        at = subject.find(".", at + 1)


class _Local:
    """What hub and client have in common: the answerers and listeners of their own process."""

    def __init__(self) -> None:
        self._answerers: dict[str, Answerer] = {}
        self._listeners: _Subscriptions[Listener] = _Subscriptions()
        self._answering: set[asyncio.Task[bytes]] = set()

    def _tell_own(self, subject: str, payload: bytes) -> None:
        for listener in self._listeners.of(subject):
            try:
                listener(subject, payload)
            except Exception:
                log.exception("a listener failed", subject=subject)

    async def _answer_own(self, answerer: Answerer, subject: str, payload: bytes, timeout_s: float) -> bytes:
        if len(self._answering) >= MAX_ANSWERING:
            raise BusTimeout(f"too many requests at once, {subject} is not asked")
        task = asyncio.ensure_future(answerer(payload))
        self._answering.add(task)
        task.add_done_callback(self._answering.discard)
        try:
            await asyncio.wait({task}, timeout=timeout_s)
        finally:
            if not task.done():
                task.add_done_callback(_notice)
        if not task.done():
            raise BusTimeout(f"no answer on {subject} within {timeout_s:g} s")
        try:
            return task.result()
        except (NobodyThere, BusTimeout):
            raise
        except (Exception, asyncio.CancelledError) as error:
            if not isinstance(error, asyncio.CancelledError):
                log.exception("an answerer failed", subject=subject)
            raise BusTimeout(f"the answerer on {subject} failed") from None

    async def _stop_answering(self) -> None:
        tasks = list(self._answering)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _notice(task: asyncio.Task[bytes]) -> None:
    """Log what an answerer raised after its requester had gone."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("an answerer failed after its requester had gone", exc_info=error)


class LocalHub(_Local):
    """The bus in the gateway's process. Usable at once within the process; `start` lets others in."""

    def __init__(self) -> None:
        super().__init__()
        self._peers: set[Peer] = set()
        self._offers: dict[str, Peer] = {}
        self._far_listeners: _Subscriptions[Peer] = _Subscriptions()
        self._accepting: asyncio.Task[None] | None = None
        self._dropped = 0

    @property
    def dropped(self) -> int:
        """Publishes that clients did not get because they read too slowly."""
        return self._dropped + sum(peer.dropped for peer in self._peers)

    async def start(self, listening: socket.socket) -> None:
        """Let clients in on a unix socket that already listens. The socket stays the caller's: it is not
        closed, so that a gateway started later can accept on it."""
        listening.setblocking(False)
        self._accepting = asyncio.create_task(self._accept(listening))

    async def close(self) -> None:
        """Let go of clients and stop answering."""
        if self._accepting is not None:
            self._accepting.cancel()
            await asyncio.gather(self._accepting, return_exceptions=True)
        await self._stop_answering()
        for peer in list(self._peers):
            peer.close()

    # -- the contract of core.ports.Bus

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        check_size(payload)
        answerer = self._answerers.get(subject)
        if answerer is not None:
            return await self._answer_own(answerer, subject, payload, timeout_s)
        peer = self._offers.get(subject)
        if peer is not None:
            return await peer.request(subject, payload, timeout_s)
        raise NobodyThere(subject)

    def serve(self, subject: str, answerer: Answerer) -> Cancel:
        self._answerers[subject] = answerer
        self._offers.pop(subject, None)

        def cancel() -> None:
            if self._answerers.get(subject) is answerer:
                del self._answerers[subject]

        return cancel

    def publish(self, subject: str, payload: bytes) -> None:
        check_size(payload)
        self._tell_own(subject, payload)
        for peer in set(self._far_listeners.of(subject)):
            peer.send(Tell(subject, payload))

    def subscribe(self, subject: str, listener: Listener) -> Cancel:
        self._listeners.add(subject, listener)
        return lambda: _drop(self._listeners, subject, listener)

    # -- clients of other processes

    async def _accept(self, listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(listening)
            except OSError as error:
                log.error("the bus cannot accept a client", reason=str(error))
                await asyncio.sleep(RECONNECT_MOST_S)
                continue
            if len(self._peers) >= MAX_CLIENTS:
                log.error("the bus refuses a client, it has enough", clients=MAX_CLIENTS)
                sock.close()
                continue
            await loop.connect_accepted_socket(self._new_peer, sock)

    def _new_peer(self) -> Peer:
        return Peer(self.request, self._heard, self._lost, self._made)

    def _made(self, peer: Peer) -> None:
        self._peers.add(peer)
        peer.send(Hello())

    def _lost(self, peer: Peer) -> None:
        self._peers.discard(peer)
        self._dropped += peer.dropped
        self._far_listeners.forget(peer)
        for subject in [each for each, owner in self._offers.items() if owner is peer]:
            del self._offers[subject]

    def _heard(self, peer: Peer, message: Message) -> None:
        match message:
            case Tell(subject=subject, payload=payload):
                self.publish(subject, payload)
            case Listen(subject=subject, on=True):
                self._far_listeners.add(subject, peer)
            case Listen(subject=subject):
                self._far_listeners.remove(subject, peer)
            case Offer(subject=subject, on=True):
                self._answerers.pop(subject, None)
                self._offers[subject] = peer
            case Offer(subject=subject):
                if self._offers.get(subject) is peer:
                    del self._offers[subject]
            case _:
                pass


class LocalClient(_Local):
    """The bus in another process, reached through the unix socket at `address`."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self._address = address
        self._hub: Peer | None = None
        """The hub, once it has said hello."""
        self._connected = asyncio.Event()
        self._keeping: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        """Whether the hub is there."""
        return self._hub is not None

    async def start(self) -> None:
        """Begin to look for the hub, and never cease."""
        self._keeping = asyncio.create_task(self._keep_connected())

    async def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the hub is there. Whether it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._connected.wait()
        return self.connected

    async def close(self) -> None:
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        await self._stop_answering()

    # -- the contract of core.ports.Bus

    async def request(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        check_size(payload)
        if self._hub is None:
            raise NobodyThere("the gateway is not there")
        return await self._hub.request(subject, payload, timeout_s)

    def serve(self, subject: str, answerer: Answerer) -> Cancel:
        self._answerers[subject] = answerer
        self._send(Offer(subject, True))

        def cancel() -> None:
            if self._answerers.get(subject) is answerer:
                del self._answerers[subject]
                self._send(Offer(subject, False))

        return cancel

    def publish(self, subject: str, payload: bytes) -> None:
        check_size(payload)
        self._send(Tell(subject, payload))

    def subscribe(self, subject: str, listener: Listener) -> Cancel:
        if self._listeners.add(subject, listener):
            self._send(Listen(subject, True))

        def cancel() -> None:
            if self._listeners.remove(subject, listener):
                self._send(Listen(subject, False))

        return cancel

    # -- the connection to the hub

    async def _keep_connected(self) -> None:
        loop = asyncio.get_running_loop()
        pause_s = RECONNECT_FIRST_S
        while True:
            gone = asyncio.Event()
            peer = Peer(self._answer_hub, self._heard, partial(_set, gone))
            try:
                await loop.create_unix_connection(partial(_same, peer), self._address)
                await gone.wait()
            except OSError as error:
                log.debug("the gateway's bus is not there yet", reason=str(error))
            finally:
                if self._hub is not None:
                    self._hub = None
                    self._connected.clear()
                    pause_s = RECONNECT_FIRST_S
                peer.close()
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RECONNECT_MOST_S)

    def _heard(self, peer: Peer, message: Message) -> None:
        match message:
            case Hello():
                self._hub = peer
                for subject in self._listeners.subjects():
                    peer.send(Listen(subject, True))
                for subject in self._answerers:
                    peer.send(Offer(subject, True))
                self._connected.set()
            case Tell(subject=subject, payload=payload):
                self._tell_own(subject, payload)
            case _:
                pass

    async def _answer_hub(self, subject: str, payload: bytes, timeout_s: float) -> bytes:
        answerer = self._answerers.get(subject)
        if answerer is None:
            raise NobodyThere(subject)
        return await self._answer_own(answerer, subject, payload, timeout_s)

    def _send(self, message: Message) -> None:
        if self._hub is not None:
            self._hub.send(message)


def _set(event: asyncio.Event, _: Peer) -> None:
    event.set()


def _same(peer: Peer) -> Peer:
    return peer


def _drop(subscriptions: _Subscriptions[Listener], subject: str, listener: Listener) -> None:
    subscriptions.remove(subject, listener)
