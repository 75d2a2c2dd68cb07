"""What people do to a server, as a process of its own: many read the stream of events, some read lists.

`python -m bench.people PORT KEY READERS LISTS_PER_S`: says in a line on stdout when all streams are open,
goes on until its stdin ends, and says what it got in a line of JSON (`Got`).
"""

import asyncio
import sys

import msgspec
from msgspec import Struct

PATHS = ("/api/v1/stations?limit=50", "/api/v1/transactions?limit=50", "/api/v1/transactions?open=true")
LIST_TIMEOUT_S = 10.0


class Got(Struct):
    """What people got."""

    lists: int = 0
    failed_lists: int = 0
    """Not answered with 200, or not in time."""
    cut_streams: int = 0
    """Ended by the server."""
    stream_bytes: int = 0
    events: tuple[int, int] = (0, 0)
    """Of all streams the fewest and the most."""


class People:
    """They read until they are told to stop."""

    def __init__(self, port: int, key: str) -> None:
        self.got = Got()
        self._port = port
        self._key = key
        self._events: list[int] = []
        self._opened = asyncio.Semaphore(0)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self, readers: int, lists_per_s: float) -> None:
        """Returns when all streams are open."""
        self._events = [0] * readers
        self._tasks = [asyncio.create_task(self._read_events(each)) for each in range(readers)]
        for _ in range(readers):
            await self._opened.acquire()
        self._tasks.append(asyncio.create_task(self._read_lists(lists_per_s)))

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.got.events = (min(self._events, default=0), max(self._events, default=0))

    async def _read_events(self, number: int) -> None:
        """One stream of events, read as it comes."""
        reader, writer = await self._ask("/api/v1/events/stream")
        await reader.readuntil(b"\r\n\r\n")
        self._opened.release()
        while data := await reader.read(262_144):
            self.got.stream_bytes += len(data)
            self._events[number] += data.count(b"\nid: ") + data.startswith(b"id: ")
        self.got.cut_streams += 1
        writer.close()

    async def _read_lists(self, per_s: float) -> None:
        """Lists, at a steady rate, whether the one before has come or not."""
        asked: set[asyncio.Task[None]] = set()
        at, number = asyncio.get_running_loop().time(), 0
        while True:
            task = asyncio.create_task(self._read_list(PATHS[number % len(PATHS)]))
            asked.add(task)
            task.add_done_callback(asked.discard)
            at, number = at + 1 / per_s, number + 1
            await asyncio.sleep(at - asyncio.get_running_loop().time())

    async def _read_list(self, path: str) -> None:
        """A list, over a connection of its own."""
        try:
            async with asyncio.timeout(LIST_TIMEOUT_S):
                reader, writer = await self._ask(path)
                answer = await reader.read()
        except OSError:  # TimeoutError is one
            self.got.failed_lists += 1
            return
        writer.close()
        if answer.startswith(b"HTTP/1.1 200 "):
            self.got.lists += 1
        else:
            self.got.failed_lists += 1

    async def _ask(self, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {self._key}\r\n"
            "Connection: close\r\n\r\n".encode()
        )
        return reader, writer


async def main() -> None:
    port, key, readers, lists_per_s = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    people = People(port, key)
    await people.start(readers, lists_per_s)
    print("reading", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await people.stop()
    print(msgspec.json.encode(people.got).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
