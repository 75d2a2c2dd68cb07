"""The log of events over HTTP: in pages, and as a stream that goes on where it was."""

import asyncio
import json

import httpx
import pytest
from sqlalchemy import Connection

from evsys.api import app, events
from evsys.core.events import LoggedEvent, TokenRegistered
from evsys.core.work import Work
from evsys.office import feed
from evsys.store.views import events as log_view
from evsys.store.views.events import EventFilter, events_after
from kit.central import station, token
from kit.link import Payload
from kit.office import RunningOffice


async def test_what_happened_is_read_in_order_and_in_pages(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    await office.station()
    await admin.post("/api/v1/tokens", json={"id": "CARD"})
    seen: list[Payload] = []
    after = 0
    while True:
        page = (await admin.get("/api/v1/events", params={"after": after, "limit": 2})).json()
        seen += page["items"]
        if page["next"] == after:
            break
        after = page["next"]
    kinds = [each["event"]["kind"] for each in seen]  # type: ignore[index]
    assert kinds == ["ApiKeyCreated", "StationConnected", "StationBooted", "TokenRegistered"]
    assert [each["seq"] for each in seen] == sorted(each["seq"] for each in seen)  # type: ignore[type-var]
    of_station = (await admin.get("/api/v1/events?station=CP1&kind=StationBooted")).json()
    assert [each["event"]["vendor"] for each in of_station["items"]] == ["Acme"]
    assert of_station["next"] == seen[2]["seq"]
    assert (await admin.get("/api/v1/events?kind=Nonsense")).status_code == 400


async def test_a_page_is_full_however_seldom_its_filter_fits(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_view, "LOOKED_AT", 3)
    for number in range(4):
        await admin.post("/api/v1/users", json={"id": f"u{number}"})
        await admin.post("/api/v1/users", json={"id": f"w{number}"})
        await admin.post("/api/v1/tokens", json={"id": f"T{number}"})
    page = (await admin.get("/api/v1/events?kind=TokenRegistered&limit=3")).json()
    assert [each["event"]["token"]["id"] for each in page["items"]] == ["T0", "T1", "T2"]
    after = page["next"]
    page = (await admin.get(f"/api/v1/events?kind=TokenRegistered&limit=3&after={after}")).json()
    assert [each["event"]["token"]["id"] for each in page["items"]] == ["T3"]
    monkeypatch.setattr(events, "LOOKS", 1)
    cut = (await admin.get("/api/v1/events?kind=TokenRegistered&limit=3")).json()
    assert len(cut["items"]) < 3
    assert 0 < cut["next"] < after


async def test_a_role_reads_no_events_of_what_it_may_not_read(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await admin.post("/api/v1/users", json={"id": "ann", "email": "ann@example.com"})
    await admin.post("/api/v1/tokens", json={"id": "CARD"})
    hidden = {"viewer": {"UserChanged", "ApiKeyCreated"}, "operator": {"ApiKeyCreated"}, "admin": set()}
    everything = {"UserChanged", "ApiKeyCreated", "TokenRegistered"}
    for role in ("viewer", "operator", "admin"):
        async with office.client(role) as client:  # type: ignore[arg-type]
            page = (await client.get("/api/v1/events")).json()
            assert {each["event"]["kind"] for each in page["items"]} == everything - hidden[role]
            assert page["next"] > 0


class Stream:
    """The messages of a stream of events: name, id and data."""

    def __init__(self, response: httpx.Response) -> None:
        self._lines = response.aiter_lines()

    async def next(self) -> tuple[str, str, Payload]:
        message: dict[str, str] = {}
        async with asyncio.timeout(10):
            async for line in self._lines:
                if line:
                    name, _, value = line.partition(":")
                    message[name] = value.strip()
                elif "data" in message:
                    break
        return message["event"], message.get("id", ""), json.loads(message["data"])


async def test_a_stream_tells_what_happens_and_goes_on_where_it_was(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    async with admin.stream("GET", "/api/v1/events/stream") as response:
        assert response.headers["content-type"].startswith("text/event-stream")
        stream = Stream(response)
        await joined(office)
        await admin.post("/api/v1/tokens", json={"id": "A"})
        name, id, told = await stream.next()
        assert (name, told["event"]["token"]["id"]) == ("TokenRegistered", "A")  # type: ignore[index]
        assert told["seq"] == int(id)
    await admin.post("/api/v1/tokens", json={"id": "B"})
    async with admin.stream("GET", "/api/v1/events/stream", headers={"Last-Event-ID": id}) as response:
        stream = Stream(response)
        assert (await stream.next())[2]["event"]["token"]["id"] == "B"  # type: ignore[index]
        await admin.post("/api/v1/tokens", json={"id": "C"})
        assert (await stream.next())[2]["event"]["token"]["id"] == "C"  # type: ignore[index]
    assert (await admin.get("/api/v1/events/stream", headers={"Last-Event-ID": "x"})).status_code == 400


async def test_no_event_is_lost_or_doubled_while_readers_join(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PAGE", 3)
    stop = asyncio.Event()

    async def write() -> int:
        number = 0
        while not stop.is_set():
            number += 1
            await admin.post("/api/v1/tokens", json={"id": f"T{number}"})
        return number

    async def read() -> list[int]:
        found: list[int] = []
        async with admin.stream("GET", "/api/v1/events/stream?after=0&kind=TokenRegistered") as response:
            stream = Stream(response)
            while len(found) < 30:
                found.append(int((await stream.next())[1]))
        return found

    writing = asyncio.create_task(write())
    runs = await asyncio.gather(*(read() for _ in range(5)))
    stop.set()
    await writing
    page = (await admin.get("/api/v1/events?kind=TokenRegistered&limit=30")).json()
    assert runs == [[each["seq"] for each in page["items"]]] * 5


async def test_a_reader_ahead_of_the_feed_hears_nothing_twice(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "EVERY_S", 0.5)
    async with admin.stream("GET", "/api/v1/events/stream?kind=TokenRegistered") as first:
        stream = Stream(first)
        await joined(office)
        await admin.post("/api/v1/tokens", json={"id": "A"})
        await stream.next()
        await admin.post("/api/v1/tokens", json={"id": "B"})  # the feed rests, and has not read it
        async with admin.stream("GET", "/api/v1/events/stream?after=0&kind=TokenRegistered") as second:
            ahead = Stream(second)
            found = [(await ahead.next())[2] for _ in range(2)]
            await stream.next()
            await admin.post("/api/v1/tokens", json={"id": "C"})
            found.append((await ahead.next())[2])
    assert [each["event"]["token"]["id"] for each in found] == ["A", "B", "C"]  # type: ignore[call-overload, index]


async def test_a_reader_of_a_silent_station_reads_the_log_once(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await admin.post("/api/v1/tokens", json={"id": "A"})
    reads: list[int] = []

    def counted(
        connection: Connection, after: int, which: EventFilter, limit: int
    ) -> tuple[list[LoggedEvent], int]:
        if which.station_id:
            reads.append(after)
        return events_after(connection, after, which, limit)

    monkeypatch.setattr(log_view, "events_after", counted)
    async with admin.stream("GET", "/api/v1/events/stream?after=0&station=CP1"):
        await joined(office)
        await asyncio.sleep(0.3)
    assert len(reads) == 2


async def test_the_latest_samples_come_without_an_id(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station())
    charger = await office.station()
    async with admin.stream("GET", "/api/v1/events/stream?station=CP1") as response:
        stream = Stream(response)
        await joined(office)
        sampled = [{"value": "7200", "measurand": "Power.Active.Import"}]
        values = [{"timestamp": "2026-06-01T12:00:00Z", "sampledValue": sampled}]
        await charger.ask("MeterValues", {"connectorId": 1, "meterValue": values})
        await office.pass_time(1)
        name, id, told = await stream.next()
    assert (name, id) == ("samples", "")
    assert told == [{"station_id": "CP1", "evse_id": 1, "at": "2026-06-01T12:00:00Z", "power_w": 7200.0}]


async def test_a_silent_stream_shows_that_it_lives(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_S", 0.05)
    async with admin.stream("GET", "/api/v1/events/stream") as response:
        lines = response.aiter_lines()
        found = [await anext(lines) for _ in range(6)]
    assert found[0].startswith("retry:")
    assert found.count(":") == 2


async def test_a_reader_that_goes_is_forgotten(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    async with admin.stream("GET", "/api/v1/events/stream"):
        await joined(office)
    async with asyncio.timeout(5):
        while office.office.feed._readers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def test_beyond_the_readers_there_is_room_for_it_is_503(
    admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "MAX_READERS", 0)
    assert (await admin.get("/api/v1/events/stream")).status_code == 503


async def test_a_reader_that_takes_nothing_is_cut_off(
    office: RunningOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "SEND_S", 0.3)
    for _ in range(10):
        work = Work(office.clock.now())
        for _ in range(500):
            work.tell(TokenRegistered(token=token("CARD", note="x" * 4000)))
        await office.store.commit(work)
    host, _, port = office.url.removeprefix("http://").partition(":")
    _, writer = await asyncio.open_connection(host, int(port), limit=1024)
    key = await office.key("viewer")
    head = f"GET /api/v1/events/stream?after=0 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {key}\r\n\r\n"
    writer.write(head.encode())
    connections = office._servers[0].server_state.connections
    async with asyncio.timeout(5):
        while not connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    async with asyncio.timeout(15):
        while connections:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    writer.close()


async def joined(office: RunningOffice) -> None:
    """Wait until a reader is there."""
    async with asyncio.timeout(5):
        while not office.office.feed._readers:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
