"""POSTs with an Idempotency-Key: done once, answered the same however often they come."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Final

import httpx
import msgspec
import pytest

from evsys.api.repeats import SHOWN_ONCE
from evsys.core.records import KeyedRequest
from evsys.core.work import Committed, Failed, Settlement, Unknown, Work
from evsys.office import repeats
from evsys.office.repeats import KEPT_FOR, MAX_ANSWER_BYTES, UNDER_WAY_FOR
from kit.central import station
from kit.office import RunningOffice

KEY: Final = {"Idempotency-Key": "5cf0a6c2"}


async def rows(office: RunningOffice) -> list[tuple[object, ...]]:
    sql = "SELECT key, status, answer FROM keyed_requests"
    return await office.reader.read(
        lambda connection: [tuple(row) for row in connection.exec_driver_sql(sql)]
    )


async def test_a_repeat_is_answered_as_it_was_and_nothing_is_done_again(admin: httpx.AsyncClient) -> None:
    for path, body in (
        ("/api/v1/tokens", {"id": "card", "label": "Öl ☃"}),
        ("/api/v1/stations", {"id": "CP9"}),
        ("/api/v1/locations", {"id": "yard", "latitude": 48.25}),
        ("/api/v1/users", {"id": "ann"}),
    ):
        headers = {"Idempotency-Key": path}
        first = await admin.post(path, json=body, headers=headers)
        assert first.status_code == 201, first.text
        assert "idempotent-replayed" not in first.headers
        again = await admin.post(path, json=body, headers=headers)
        assert (again.status_code, again.content) == (201, first.content)
        assert again.headers["content-type"] == first.headers["content-type"]
        assert again.headers["idempotent-replayed"] == "true"
        assert (await admin.post(path, json=body)).status_code == 409, "without the key it is another request"


async def test_what_was_made_and_its_answer_are_one_commit(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the end of the server between the commit and the answer."""

    async def not_recorded(*_: object) -> None:
        pass

    monkeypatch.setattr(office.office.repeats, "end", not_recorded)
    first = await admin.post("/api/v1/tokens", json={"id": "A"}, headers=KEY)
    again = await admin.post("/api/v1/tokens", json={"id": "A"}, headers=KEY)
    assert (again.status_code, again.content) == (201, first.content)


async def test_a_command_is_sent_once(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station())
    wallbox = await office.station({"Reset": {"status": "Accepted"}, "GetConfiguration": {"a": 1}})
    path = "/api/v1/stations/CP1/commands"
    first = await admin.post(path, json={"type": "Reset"}, headers=KEY)
    again = await admin.post(path, json={"type": "Reset"}, headers=KEY)
    assert (again.status_code, again.content) == (200, first.content)
    assert [action for action, _ in wallbox.calls].count("Reset") == 1

    begun = [
        await admin.post(f"{path}?wait=0", json={"type": "Reset"}, headers={"Idempotency-Key": "b"})
        for _ in range(2)
    ]
    assert [each.status_code for each in begun] == [202, 202]
    assert begun[0].content == begun[1].content
    assert begun[0].headers["location"] == begun[1].headers["location"]
    assert (await admin.get(begun[1].headers["location"])).json()["type"] == "Reset"

    raw = [
        await admin.post(
            "/api/v1/stations/CP1/ocpp/GetConfiguration", json={}, headers={"Idempotency-Key": "c"}
        )
        for _ in range(2)
    ]
    assert [each.json() for each in raw] == [{"payload": {"a": 1}}] * 2
    assert [action for action, _ in wallbox.calls].count("GetConfiguration") == 1


async def test_a_command_that_failed_at_the_station_is_not_sent_again(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    wallbox = await office.station({"Reset": ("InternalError", "out of order")})
    path = "/api/v1/stations/CP1/commands"
    both = [await admin.post(path, json={"type": "Reset"}, headers=KEY) for _ in range(2)]
    assert [each.status_code for each in both] == [502, 502]
    assert both[0].content == both[1].content
    assert both[1].headers["content-type"] == both[0].headers["content-type"] == "application/problem+json"
    assert [action for action, _ in wallbox.calls].count("Reset") == 1


async def test_repeats_at_the_same_time_do_it_once(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station())
    wallbox = await office.station({"Reset": {"status": "Accepted"}})
    path = "/api/v1/stations/CP1/commands"
    answers = await asyncio.gather(
        *(admin.post(path, json={"type": "Reset"}, headers=KEY) for _ in range(20))
    )
    assert {each.status_code for each in answers} <= {200, 409}
    (done,) = {each.content for each in answers if each.status_code == 200}
    assert all("under way" in each.text for each in answers if each.status_code == 409)
    assert [action for action, _ in wallbox.calls].count("Reset") == 1
    assert (await admin.post(path, json={"type": "Reset"}, headers=KEY)).content == done


async def test_a_repeat_of_a_request_under_way_is_a_conflict(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    wallbox = await office.station()
    path = "/api/v1/stations/CP1/commands"
    waiting = asyncio.create_task(admin.post(path, json={"type": "ClearCache"}, headers=KEY))
    async with asyncio.timeout(10):
        while "ClearCache" not in [action for action, _ in wallbox.calls]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    again = await admin.post(path, json={"type": "ClearCache"}, headers=KEY)
    assert again.status_code == 409
    assert "under way" in again.json()["detail"]
    await office.pass_time(60)
    assert (await waiting).status_code == 504
    assert (await admin.post(path, json={"type": "ClearCache"}, headers=KEY)).status_code == 504


async def test_a_key_is_for_one_request(admin: httpx.AsyncClient) -> None:
    await admin.post("/api/v1/tokens", json={"id": "A"}, headers=KEY)
    others = [
        await admin.post("/api/v1/tokens", json={"id": "B"}, headers=KEY),
        await admin.post("/api/v1/users", json={"id": "A"}, headers=KEY),
        await admin.post("/api/v1/stations/CP1/commands?wait=1", json={"type": "Reset"}, headers=KEY),
    ]
    for each in others:
        assert each.status_code == 422
        assert "the client is wrong" in each.json()["detail"]
    assert (await admin.get("/api/v1/tokens/B")).status_code == 404


async def test_keys_of_two_programs_have_nothing_to_do_with_each_other(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    assert (await admin.post("/api/v1/tokens", json={"id": "A"}, headers=KEY)).status_code == 201
    async with office.client("operator") as other:
        assert (await other.post("/api/v1/tokens", json={"id": "B"}, headers=KEY)).status_code == 201


async def test_after_a_refusal_the_key_is_free_again(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    await office.put(station())
    path = "/api/v1/stations/CP1/commands"
    assert (await admin.post(path, json={"type": "Reset"}, headers=KEY)).status_code == 409, "not connected"
    assert (await admin.post(path, json={"type": "Rest"}, headers=KEY)).status_code == 400
    await office.station({"Reset": {"status": "Accepted"}})
    assert (await admin.post(path, json={"type": "Reset"}, headers=KEY)).status_code == 200
    async with office.client("viewer") as viewer:
        for _ in range(2):
            assert (await viewer.post(path, json={"type": "Reset"}, headers=KEY)).status_code == 403
    async with office.client(None) as nobody:
        assert (await nobody.post(path, json={"type": "Reset"}, headers=KEY)).status_code == 401
    assert [row[1] for row in await rows(office)] == [200]


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "ö"])
async def test_a_key_that_is_none_is_refused(admin: httpx.AsyncClient, key: str) -> None:
    headers = {"Idempotency-Key": key.encode()}
    answer = await admin.post("/api/v1/tokens", json={"id": "A"}, headers=headers)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["detail"]
    twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
    assert (await admin.post("/api/v1/tokens", json={"id": "A"}, headers=twice)).status_code == 400


async def test_a_secret_is_shown_once_and_kept_nowhere(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    body = {"name": "shop", "role": "viewer"}
    made = await admin.post("/api/v1/keys", json=body, headers=KEY)
    assert made.status_code == 201
    again = await admin.post("/api/v1/keys", json=body, headers=KEY)
    assert again.status_code == 409
    assert "shown once" in again.json()["detail"]
    assert (
        len([key for key in (await admin.get("/api/v1/keys")).json()["items"] if key["name"] == "shop"]) == 1
    )
    assert [row[1:] for row in await rows(office)] == [(201, None)]

    await office.put(station())
    configuration = {"configurationKey": [{"key": "AuthorizationKey", "readonly": False, "value": "hush"}]}
    await office.station({"GetConfiguration": configuration})
    path, headers = "/api/v1/stations/CP1/ocpp/GetConfiguration", {"Idempotency-Key": "raw"}
    assert (await admin.post(path, json={}, headers=headers)).json() == {"payload": configuration}
    assert (await admin.post(path, json={}, headers=headers)).status_code == 409
    assert b"hush" not in on_disk(office.path)


def on_disk(path: Path) -> bytes:
    return path.read_bytes() + Path(f"{path}-wal").read_bytes()


async def test_every_route_that_answers_with_a_secret_shows_it_once(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    """And every POST says in the document that it takes the header."""
    document = (await admin.get("/api/v1/openapi.json")).json()
    posts = {path: item["post"] for path, item in document["paths"].items() if "post" in item}
    del posts["/api"]
    secrets = set()
    for path, operation in posts.items():
        (header,) = [each for each in operation["parameters"] if each["in"] == "header"]
        assert header["name"] == "Idempotency-Key"
        assert {"409", "422", "429"} <= operation["responses"].keys()
        for status, response in operation["responses"].items():
            schema = json.dumps(response.get("content", {}))
            if status[0] == "2" and any(f'/{name}"' in schema for name in with_secret(document)):
                secrets.add(path)
    routes = office.app.routes
    shown_once = {
        route.path_format
        for route in routes
        for handler in getattr(route, "route_handlers", ())
        if SHOWN_ONCE in handler.opt
    }
    assert secrets <= shown_once
    assert shown_once == {
        "/api/v1/keys",
        "/api/v1/stations/{station_id}/security/key",
        "/api/v1/subscriptions",
        "/api/v1/subscriptions/{subscription_id}/rotate-secret",
        "/api/v1/telegram/invites",
        "/api/v1/users/{user_id}/sign-in-link",
    }


def with_secret(document: dict[str, dict[str, dict[str, dict[str, object]]]]) -> set[str]:
    return {name for name, schema in document["components"]["schemas"].items() if name.startswith("Made")}


async def test_a_request_that_was_cut_short_is_never_done_again(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server ended after the command was reserved; nobody knows whether it was sent."""

    async def not_recorded(*_: object) -> None:
        pass

    await office.put(station())
    wallbox = await office.station({"Reset": {"status": "Accepted"}})
    monkeypatch.setattr(office.office.repeats, "end", not_recorded)
    path = "/api/v1/stations/CP1/commands"
    await admin.post(path, json={"type": "Reset"}, headers=KEY)
    monkeypatch.undo()
    soon = await admin.post(path, json={"type": "Reset"}, headers=KEY)
    assert (soon.status_code, "under way" in soon.text) == (409, True)
    office.clock.step(UNDER_WAY_FOR.total_seconds())
    later = await admin.post(path, json={"type": "Reset"}, headers=KEY)
    assert (later.status_code, "cut short" in later.text) == (409, True)
    assert [action for action, _ in wallbox.calls].count("Reset") == 1


class Sick:
    """A store whose commits of this kind of record end otherwise."""

    def __init__(self, office: RunningOffice, settlement: Settlement) -> None:
        self._commit = office.store.commit
        self._settlement = settlement

    async def commit(self, work: Work) -> Settlement:
        if any(op == "add" and not isinstance(record, KeyedRequest) for op, record in work.ops):
            return self._settlement
        return await self._commit(work)


@pytest.mark.parametrize(("settlement", "again"), [(Failed("disk full"), 201), (Unknown("silence"), 409)])
async def test_after_a_failed_commit_it_may_be_sent_again_unless_nobody_knows(
    office: RunningOffice,
    admin: httpx.AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    settlement: Settlement,
    again: int,
) -> None:
    monkeypatch.setattr(office.store, "commit", Sick(office, settlement).commit)
    failed = await admin.post("/api/v1/tokens", json={"id": "A"}, headers=KEY)
    assert failed.status_code == 503
    monkeypatch.undo()
    assert (await admin.post("/api/v1/tokens", json={"id": "A"}, headers=KEY)).status_code == again


async def test_keys_are_forgotten_after_a_day(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    assert (await admin.post("/api/v1/tokens", json={"id": "A"}, headers=KEY)).status_code == 201
    office.clock.step((KEPT_FOR - timedelta(seconds=1)).total_seconds())
    assert await office.office.repeats.sweep() == 0
    assert (await admin.post("/api/v1/tokens", json={"id": "B"}, headers=KEY)).status_code == 422
    office.clock.step(1)
    assert (await admin.post("/api/v1/tokens", json={"id": "B"}, headers=KEY)).status_code == 201
    assert len(await rows(office)) == 1
    office.clock.step(KEPT_FOR.total_seconds())
    assert await office.office.repeats.sweep() == 1
    assert await rows(office) == []


async def test_an_api_key_has_room_for_so_many(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repeats, "MAX_KEPT", 2)
    answers = [
        await admin.post("/api/v1/tokens", json={"id": f"A{n}"}, headers={"Idempotency-Key": str(n)})
        for n in range(3)
    ]
    assert [each.status_code for each in answers] == [201, 201, 429]
    assert (await admin.post("/api/v1/tokens", json={"id": "A2"})).status_code == 201
    assert (
        await admin.post("/api/v1/tokens", json={"id": "A1"}, headers={"Idempotency-Key": "1"})
    ).status_code == 201


async def test_an_answer_that_is_too_long_is_not_kept(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    wallbox = await office.station({"Long": {"a": "x" * MAX_ANSWER_BYTES}})
    path = "/api/v1/stations/CP1/ocpp/Long"
    assert (await admin.post(path, json={}, headers=KEY)).status_code == 200
    again = await admin.post(path, json={}, headers=KEY)
    assert (again.status_code, "too long" in again.text) == (409, True)
    assert [action for action, _ in wallbox.calls].count("Long") == 1
    assert msgspec.json.decode(again.content, type=dict[str, object])["title"] == "Conflict"


async def test_a_reservation_is_durable_before_anything_is_done(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, order = office.store.commit, []

    async def noted(work: Work) -> Settlement:
        settlement = await commit(work)
        assert isinstance(settlement, Committed)
        if any(isinstance(record, KeyedRequest) for _, record in work.ops):
            order.append([(op, type(record).__name__) for op, record in work.ops])
        return settlement

    monkeypatch.setattr(office.store, "commit", noted)
    await admin.post("/api/v1/tokens", json={"id": "A"}, headers=KEY)
    assert order == [
        [("add", "KeyedRequest")],
        [("add", "Token"), ("change", "KeyedRequest")],
    ]
