"""Subscriptions over the API: whose they are, what may be in them, and what is never told."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from evsys.notify import apprise, webhook
from evsys.notify.notifier import Notifier
from kit.link import Payload
from kit.office import RunningOffice, json_of

PATH = "/api/v1/subscriptions"
HOOK = {"channel": "webhook", "address": "https://hooks.example.com/x"}

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated")  # by what Apprise loads


def notifiers() -> dict[str, Notifier]:
    return {
        "webhook": webhook.Webhooks(webhook.Config(enabled=True)),
        "apprise": apprise.Apprise(apprise.Config(enabled=True)),
    }


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[RunningOffice]:
    async with RunningOffice.run(tmp_path, notifiers=notifiers()) as running:
        yield running


@pytest.fixture
async def admin(office: RunningOffice) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client("admin") as client:
        yield client


@pytest.fixture
async def operator(office: RunningOffice) -> AsyncIterator[httpx.AsyncClient]:
    async with office.client("operator") as client:
        yield client


async def made(client: httpx.AsyncClient, **members: object) -> Payload:
    answer = await client.post(PATH, json={**HOOK, **members})
    assert answer.status_code == 201, answer.text
    return json_of(answer)


async def test_everybody_sees_their_own_and_administrators_all(
    office: RunningOffice, admin: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    mine = (await made(operator))["subscription"]["id"]
    theirs = (await made(admin))["subscription"]["id"]
    async with office.client("operator") as another:
        assert json_of(await another.get(PATH))["items"] == []
        for path in (f"{PATH}/{mine}", f"{PATH}/{mine}/health"):
            assert (await another.get(path)).status_code == 404
        assert (await another.delete(f"{PATH}/{mine}")).status_code == 404
        assert (await another.post(f"{PATH}/{mine}/test")).status_code == 404
        assert (await another.post(f"{PATH}/{mine}/rotate-secret", json={})).status_code == 404
    assert [each["id"] for each in json_of(await operator.get(PATH))["items"]] == [mine]
    assert {each["id"] for each in json_of(await admin.get(PATH))["items"]} == {mine, theirs}
    assert json_of(await admin.get(f"{PATH}/{mine}"))["id"] == mine


async def test_who_may_only_read_makes_none(office: RunningOffice) -> None:
    async with office.client("viewer") as viewer:
        assert (await viewer.post(PATH, json=HOOK)).status_code == 403
        assert (await viewer.get(PATH)).status_code == 200
        assert (await viewer.get("/api/v1/deliveries")).status_code == 200


async def test_nobody_subscribes_to_more_than_they_may_read(
    admin: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    asked = {**HOOK, "kinds": ["ApiKeyCreated"]}
    assert (await operator.post(PATH, json=asked)).status_code == 403
    assert (await admin.post(PATH, json=asked)).status_code == 201


@pytest.mark.parametrize(
    ("members", "status"),
    [
        ({"channel": "pigeon"}, 422),
        ({"address": "http://hooks.example.com/"}, 400),
        ({"address": "https://10.0.0.1/"}, 400),
        ({"kinds": ["Nonsense"]}, 400),
        ({"time_zone": "Mars/Olympus"}, 400),
        ({"quiet_from": "22:00"}, 400),
        ({"quiet_from": "25:00", "quiet_until": "06:00"}, 400),
        ({"language": "xx"}, 400),
        ({"per_minute": 0}, 400),
        ({"nonsense": 1}, 400),
    ],
)
async def test_what_is_wrong_is_told(admin: httpx.AsyncClient, members: Payload, status: int) -> None:
    answer = await admin.post(PATH, json={**HOOK, **members})
    assert answer.status_code == status, answer.text


async def test_a_change_is_made_from_the_present_version(admin: httpx.AsyncClient) -> None:
    subscription = (await made(admin, title="First"))["subscription"]
    path = f"{PATH}/{subscription['id']}"
    changed = json_of(await admin.patch(path, json={"version": 1, "title": "Second", "paused": True}))
    assert (changed["title"], changed["version"], changed["paused_reason"]) == (
        "Second",
        2,
        "by key:the admin",
    )
    assert (await admin.patch(path, json={"version": 1, "title": "Third"})).status_code == 409
    resumed = json_of(await admin.patch(path, json={"version": 2, "paused": False}))
    assert (resumed["paused_at"], resumed["paused_reason"]) == (None, "")


async def test_an_address_that_holds_a_secret_is_shown_without_and_only_administrators_give_it(
    office: RunningOffice, admin: httpx.AsyncClient, operator: httpx.AsyncClient
) -> None:
    asked = {"channel": "apprise", "address": "json://user:sesame@example.com/"}
    assert (await operator.post(PATH, json=asked)).status_code == 403
    answer = await admin.post(PATH, json=asked)
    assert answer.status_code == 201, answer.text
    assert "sesame" not in answer.text
    assert "sesame" not in (await admin.get(PATH)).text
    assert "sesame" not in (await admin.get("/api/v1/events")).text
    whole = b"".join(path.read_bytes() for path in office.path.parent.iterdir() if path.is_file())
    assert b"sesame" not in whole


async def test_the_log_of_events_tells_no_address(admin: httpx.AsyncClient) -> None:
    await made(admin)
    told = (await admin.get("/api/v1/events?kind=SubscriptionChanged")).text
    assert "SubscriptionChanged" in told
    assert "hooks.example.com" not in told


async def test_a_secret_is_told_once_though_the_request_comes_again(admin: httpx.AsyncClient) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await admin.post(PATH, json=HOOK, headers=headers)
    again = await admin.post(PATH, json=HOOK, headers=headers)
    assert first.status_code == 201
    assert json_of(first)["secret"] not in again.text
    assert len(json_of(await admin.get(PATH))["items"]) == 1
