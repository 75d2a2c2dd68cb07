"""What people do to a server, as a process of its own: many read the stream of events, some read lists.

`python -m bench.people PORT KEY READERS LISTS_PER_S`: says in a line on stdout when all streams are open,
goes on until its stdin ends, and says what it got in a line of JSON.
"""

import asyncio
import json
import sys

PATHS = ("/api/v1/stations?limit=50", "/api/v1/transactions?limit=50", "/api/v1/transactions?open=true")


async def read_events(port: int, key: str, got: dict[str, int], opened: asyncio.Semaphore) -> None:
    """One stream of events, read as it comes."""
    reader, writer = await _ask(port, key, "/api/v1/events/stream")
    await reader.readuntil(b"\r\n\r\n")
    got["streams"] += 1
    opened.release()
    while data := await reader.read(65536):
        got["stream_bytes"] += len(data)
    writer.close()


async def read_lists(port: int, key: str, per_s: float, got: dict[str, int]) -> None:
    """Lists, at a steady rate, each over a connection of its own."""
    number = 0
    while True:
        await asyncio.sleep(1 / per_s)
        number += 1
        reader, writer = await _ask(port, key, PATHS[number % len(PATHS)])
        status = await reader.readline()
        await reader.read()
        writer.close()
        got["lists" if b" 200 " in status else "failed_lists"] += 1


async def _ask(port: int, key: str, path: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
        "Connection: close\r\n\r\n".encode()
    )
    return reader, writer


async def main() -> None:
    port, key, readers, per_s = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
    got = dict.fromkeys(("streams", "stream_bytes", "lists", "failed_lists"), 0)
    opened = asyncio.Semaphore(0)
    tasks = [asyncio.create_task(read_events(port, key, got, opened)) for _ in range(readers)]
    for _ in range(readers):
        await opened.acquire()
    tasks.append(asyncio.create_task(read_lists(port, key, per_s, got)))
    print(json.dumps(got), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    print(json.dumps(got), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
