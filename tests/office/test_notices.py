"""From an event to a message at the other side: who gets it, in which order, how often, and when not."""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from aiohttp import web
from msgspec import Raw

from evsys.core.events import (
    AlarmRaised,
    ConnectorStatusChanged,
    Event,
    StationBooted,
    StationConnected,
    StationDisconnected,
)
from evsys.core.ports import EVENTS
from evsys.core.records import Alarm, ConnectorStatus, Location, Station
from evsys.core.work import Committed, Work
from evsys.notify import mail, webhook
from evsys.notify.notifier import Notifier
from evsys.office.outlet import Pace
from kit.clock import NOON
from kit.link import Payload
from kit.office import RunningOffice, json_of
from kit.receivers import HttpReceiver, MailServer
from kit.waiting import until

SUBSCRIPTIONS = "/api/v1/subscriptions"
QUICK = Pace(first_retry_s=0.02, longest_retry_s=0.1)


class Post:
    """An office with a webhook's receiver and a mail server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.http = HttpReceiver()
        self.mail = MailServer()

    def notifiers(self) -> dict[str, Notifier]:
        hooks = webhook.Config(enabled=True, allow_http=True, private_networks=("127.0.0.0/8",))
        mails = mail.Config(enabled=True, port=self.mail.port, security="none", sender="evsys@example.com")
        return {"webhook": webhook.Webhooks(hooks), "mail": mail.Mail(mails)}

    async def subscribe(self, admin: httpx.AsyncClient, **members: object) -> Payload:
        asked = {"channel": "webhook", "address": self.http.url, "kinds": ["all"], **members}
        answer = await admin.post(SUBSCRIPTIONS, json=asked)
        assert answer.status_code == 201, answer.text
        return json_of(answer)


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    made = Post(tmp_path)
    await made.http.start()
    await made.mail.start()
    yield made
    await made.http.stop()
    await made.mail.stop()


@pytest.fixture
async def office(tmp_path: Path, post: Post) -> AsyncIterator[RunningOffice]:
    async with RunningOffice.run(tmp_path, notifiers=post.notifiers(), pace=QUICK) as running:
        yield running


async def tell(office: RunningOffice, *events: Event) -> None:
    work = Work(office.clock.now())
    for each in events:
        work.tell(each)
    assert isinstance(await office.store.commit(work), Committed)
    office.bus.publish(EVENTS, b"1")


def booted(number: int, station_id: str = "CP1") -> StationBooted:
    return StationBooted(
        station_id=station_id, status="Accepted", vendor="Acme", model="One", firmware_version=str(number)
    )


def alarm(severity: str = "warning", station_id: str = "CP1", name: str = "n") -> AlarmRaised:
    return AlarmRaised(
        alarm=Alarm(
            id=f"a-{name}",
            station_id=station_id,
            kind="security_event",
            name=name,
            severity="critical" if severity == "critical" else "warning",
            raised_at=NOON,
            last_at=NOON,
            last_seq=1,
            facts=Raw(b"{}"),
            told_at=NOON,
        )
    )


def versions(post: Post, station_id: str = "CP1") -> list[str]:
    """The firmware versions of the boots that were taken, in order, without what came twice."""
    found: dict[str, str] = {}
    for each in post.http.taken:
        if each["kind"] == "StationBooted" and each["station_id"] == station_id:
            found.setdefault(each["id"], each["event"]["event"]["firmware_version"])
    return list(found.values())


async def test_an_event_is_posted_as_it_is_with_words_and_a_signature(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    await office.put(
        Location(id="yard", name="The yard", address="Main St 1", time_zone="Europe/Madrid", created_at=NOON),
        Station(id="CP1", title="Gate", location_id="yard", created_at=NOON),
    )
    made = await post.subscribe(admin, language="es")
    await tell(office, booted(1))
    await until(lambda: any(each["kind"] == "StationBooted" for each in post.http.taken))
    (index,) = [i for i, each in enumerate(post.http.taken) if each["kind"] == "StationBooted"]
    taken, headers, body = post.http.taken[index], post.http.headers[index], post.http.bodies[index]
    assert taken["event"]["event"] == {
        "kind": "StationBooted",
        "station_id": "CP1",
        "status": "Accepted",
        "vendor": "Acme",
        "model": "One",
        "firmware_version": "1",
    }
    assert taken["id"] == headers["Idempotency-Key"] == f"{made['subscription']['id']}-{taken['seq']}"
    assert taken["subject"].startswith("Gate (CP1): ")
    assert "The yard, Main St 1" in taken["text"]
    assert "1 jun 2026 14:00 (Europe/Madrid)" in taken["text"]
    found = re.fullmatch(r"t=(\d+),v1=([0-9a-f]{64})", headers["EVSYS-Signature"])
    assert found
    signed = hmac.new(made["secret"].encode(), found[1].encode() + b"." + body, hashlib.sha256)
    assert hmac.compare_digest(signed.hexdigest(), found[2])


async def test_each_station_s_messages_come_in_order_though_every_other_try_fails(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    await post.subscribe(admin, kinds=["StationBooted"])
    calls = 0

    def every_other() -> web.Response | None:
        nonlocal calls
        calls += 1
        return web.Response(status=500) if calls % 2 else None

    post.http.judge = every_other
    stations = [f"CP{number}" for number in range(5)]
    for number in range(20):
        await tell(office, *(booted(number, each) for each in stations))
    patient = 0

    def all_there() -> bool:
        nonlocal patient
        office.clock.step(0.05)  # the pauses between tries pass
        patient += 1
        return all(len(versions(post, each)) == 20 for each in stations)

    await until(all_there)
    for each in stations:
        assert versions(post, each) == [str(number) for number in range(20)]
    assert max(Counter(each["id"] for each in post.http.taken).values()) == 1


async def test_what_waits_outlives_the_program(tmp_path: Path, post: Post) -> None:
    await post.http.stop()
    async with RunningOffice.run(tmp_path, notifiers=post.notifiers(), pace=QUICK) as first:
        async with first.client() as admin:
            await post.subscribe(admin, kinds=["StationBooted"])
        await tell(first, *(booted(number) for number in range(3)))
        query = "SELECT count(*) FROM deliveries WHERE tries > 0"
        await until(lambda: first.reader.read_here(lambda c: c.exec_driver_sql(query).scalar_one()) > 0)
    await post.http.start()
    again = RunningOffice(tmp_path / "evsys.db", notifiers=post.notifiers(), pace=QUICK)
    again.clock.step(60)
    await again.start()
    try:
        await until(lambda: len(versions(post)) == 3)
    finally:
        await again.stop()
    assert versions(post) == ["0", "1", "2"]


async def test_a_channel_that_says_nothing_delays_no_other(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    post.http.mode = "hang"
    for _ in range(3):
        await post.subscribe(admin, kinds=["StationBooted"])
    await post.subscribe(admin, channel="mail", address="anna@example.com", kinds=["StationBooted"])
    await tell(office, *(booted(number, f"CP{number}") for number in range(10)))
    await until(lambda: len(post.mail.mails) == 10, 8)
    assert post.http.taken == []


async def test_a_mail_has_text_and_html_and_nothing_of_a_station_is_markup(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    await post.subscribe(admin, channel="mail", address="anna@example.com", kinds=["StationDisconnected"])
    await tell(office, StationDisconnected(station_id="CP1", reason="<b>gone</b>\r\nBcc: eve@example.com"))
    await until(lambda: len(post.mail.mails) == 1)
    (mail_,) = post.mail.mails
    assert mail_["Subject"] == "CP1: disconnected"
    assert mail_["Bcc"] is None
    plain, html = mail_.get_body(("plain",)), mail_.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert "CP1 is no longer connected: <b>gone</b> Bcc: eve@example.com." in plain.get_content()
    assert "What to do: " in plain.get_content()
    assert "&lt;b&gt;gone&lt;/b&gt;" in html.get_content()
    assert "<b>gone" not in html.get_content()


async def test_who_refuses_for_good_is_paused_and_an_event_tells_of_it(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    made = await post.subscribe(admin, kinds=["StationBooted"])
    await post.subscribe(admin, channel="mail", address="anna@example.com", kinds=["SubscriptionPaused"])
    post.http.mode = "refuse"
    await tell(office, booted(1), booted(2))
    await until(lambda: len(post.mail.mails) == 1)
    path = f"{SUBSCRIPTIONS}/{made['subscription']['id']}"
    health = json_of(await admin.get(f"{path}/health"))
    assert health["paused"]
    assert "410" in health["paused_reason"]
    assert health["failures"] == 1
    assert health["waiting"] == 2
    post.http.mode = "take"
    await tell(office, booted(3))  # while it is paused, nothing is made for it
    version = json_of(await admin.get(path))["version"]
    office.clock.step(60)
    answer = await admin.patch(path, json={"version": version, "paused": False})
    assert answer.status_code == 200, answer.text
    await until(lambda: len(versions(post)) == 2)
    assert versions(post) == ["1", "2"]


async def test_where_nothing_goes_through_for_long_it_is_paused(tmp_path: Path, post: Post) -> None:
    pace = Pace(first_retry_s=0.02, longest_retry_s=0.1, pause_after_s=3600)
    async with (
        RunningOffice.run(tmp_path, notifiers=post.notifiers(), pace=pace) as office,
        office.client() as admin,
    ):
        made = await post.subscribe(admin, kinds=["StationBooted"])
        post.http.mode = "later"
        await tell(office, booted(1))
        path = f"{SUBSCRIPTIONS}/{made['subscription']['id']}"
        for _ in range(600):
            office.clock.step(30)
            office.office.deliveries.wake([made["subscription"]["id"]])
            health = json_of(await admin.get(f"{path}/health"))
            if health["paused"]:
                break
        assert health["paused"]
        assert "nothing could be sent for 1 h" in health["paused_reason"]


async def test_too_many_at_once_are_folded_into_one(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    await post.subscribe(admin, kinds=["StationBooted"], per_minute=3)
    for number in range(30):
        await tell(office, booted(number, f"CP{number % 2}"))
    await until(lambda: len(post.http.taken) == 3)

    def summed_up() -> bool:
        office.clock.step(1)
        return any(each["kind"] == "Summary" for each in post.http.taken)

    await until(summed_up)
    (summary,) = [each for each in post.http.taken if each["kind"] == "Summary"]
    assert summary["subject"] == "27 messages in one"
    assert re.findall(r"(\d+) × +started up +(CP\d)", summary["text"])[0][1] in ("CP0", "CP1")
    assert sum(int(n) for n in re.findall(r"(\d+) ×", summary["text"])) == 27
    deliveries = json_of(await admin.get("/api/v1/deliveries?state=folded"))["items"]
    assert {each["folded_into"] for each in deliveries} == {summary["id"]}


async def test_at_night_messages_wait_but_a_critical_alarm_passes(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    await post.subscribe(
        admin,
        kinds=["alarms", "StationBooted"],
        quiet_from="11:00",
        quiet_until="13:00",
        time_zone="UTC",
    )
    await tell(office, booted(1), alarm("warning", name="first"), alarm("critical", name="second"))
    await until(lambda: len(post.http.taken) == 1)
    assert post.http.taken[0]["severity"] == "critical"
    office.clock.step(3599)
    await tell(office, alarm("critical", name="third"))
    await until(lambda: len(post.http.taken) == 2)
    office.clock.step(2)
    await until(lambda: len(post.http.taken) == 4)
    assert [each["kind"] for each in post.http.taken[2:]] == ["StationBooted", "AlarmRaised"]


async def test_while_it_is_muted_messages_wait(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    until_then = (NOON + timedelta(hours=2)).isoformat()
    made = await post.subscribe(admin, muted_until=until_then, critical_passes=False, kinds=["alarms"])
    await tell(office, alarm("critical"))
    waiting = f"{SUBSCRIPTIONS}/{made['subscription']['id']}/health"
    for _ in range(200):
        if json_of(await admin.get(waiting))["waiting"]:
            break
    office.clock.step(7201)
    await until(lambda: len(post.http.taken) == 1)


async def test_only_what_was_asked_for_is_told(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    await office.put(
        Location(id="yard", created_at=NOON),
        Station(id="CP1", created_at=NOON),
        Station(id="CP2", location_id="yard", created_at=NOON),
        Station(id="CP3", created_at=NOON),
    )
    await post.subscribe(
        admin,
        kinds=["alarms", "stations"],
        station_ids=["CP1"],
        location_ids=["yard"],
        min_severity="critical",
    )
    fault = ConnectorStatus(station_id="CP1", evse_id=1, connector_id=1, status="Faulted", received_at=NOON)
    connected = StationConnected(station_id="CP1", address="a", protocol="ocpp1.6", epoch=1)
    await tell(
        office,
        ConnectorStatusChanged(connector=fault),  # of another kind
        alarm("warning"),  # of less severity
        booted(1, "CP3"),  # of another station
        alarm("critical", "CP1"),
        booted(2, "CP2"),
        connected,
    )
    await until(lambda: len(post.http.taken) == 3)
    told = {(each["kind"], each["station_id"]) for each in post.http.taken}
    assert told == {("AlarmRaised", "CP1"), ("StationBooted", "CP2"), ("StationConnected", "CP1")}


async def test_while_a_secret_is_changed_messages_are_signed_with_both(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    made = await post.subscribe(admin)
    path = f"{SUBSCRIPTIONS}/{made['subscription']['id']}"
    new = json_of(await admin.post(f"{path}/rotate-secret", json={"old_for_s": 60}))["secret"]
    assert new != made["secret"]

    async def signed_with() -> list[str]:
        before = len(post.http.headers)
        assert json_of(await admin.post(f"{path}/test"))["sent"]
        index = next(i for i in range(before, len(post.http.taken)) if post.http.taken[i]["kind"] == "Test")
        t, *signatures = post.http.headers[index]["EVSYS-Signature"].split(",")
        signed = t.removeprefix("t=").encode() + b"." + post.http.bodies[index]
        known = {"old": made["secret"], "new": new}
        right = {
            "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(): name
            for name, secret in known.items()
        }
        return [right[each] for each in signatures]

    assert await signed_with() == ["new", "old"]
    office.clock.step(61)
    assert await signed_with() == ["new"]


async def test_a_secret_is_not_in_the_database(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    made = await post.subscribe(admin)
    whole = b"".join(path.read_bytes() for path in office.path.parent.iterdir() if path.is_file())
    assert made["subscription"]["id"].encode() in whole
    assert made["secret"].encode() not in whole
    told = await admin.get(f"{SUBSCRIPTIONS}/{made['subscription']['id']}")
    assert made["secret"] not in told.text


async def test_what_was_missed_is_sent_again_with_the_same_keys(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    made = await post.subscribe(admin, kinds=["StationBooted"])
    await tell(office, booted(0))
    office.clock.step(3600)
    await tell(office, booted(1), booted(2))
    await until(lambda: len(post.http.taken) == 3)
    path = f"{SUBSCRIPTIONS}/{made['subscription']['id']}/replay"
    since = (NOON + timedelta(seconds=3600)).isoformat()
    answer = await admin.post(path, json={"since": since})
    assert (answer.status_code, json_of(answer)) == (202, {"messages": 2})
    await until(lambda: len(post.http.taken) == 5)
    keys = [each["id"] for each in post.http.taken]
    assert keys[3:] == keys[1:3]
    old = (NOON - timedelta(days=40)).isoformat()
    assert (await admin.post(path, json={"since": old})).status_code == 400


async def test_a_test_message_says_why_it_did_not_arrive(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    made = await post.subscribe(admin)
    path = f"{SUBSCRIPTIONS}/{made['subscription']['id']}/test"
    assert json_of(await admin.post(path)) == {"sent": True, "error": ""}
    post.http.mode = "later"
    assert json_of(await admin.post(path)) == {"sent": False, "error": "127.0.0.1 answered 503"}
    log = json_of(await admin.get(f"/api/v1/deliveries?subscription={made['subscription']['id']}"))["items"]
    tests = [each["state"] for each in log if each["kind"] == "Test"]
    assert sorted(tests) == ["failed", "sent"]


async def test_a_digest_comes_once_a_period(tmp_path: Path, post: Post) -> None:
    async with (
        RunningOffice.run(tmp_path, notifiers=post.notifiers(), pace=QUICK) as office,
        office.client() as admin,
    ):
        await office.put(Station(id="CP1", title="Gate", created_at=NOON - timedelta(days=9)))
        await post.subscribe(
            admin, channel="mail", address="anna@example.com", report="daily", kinds=["alarms"]
        )
        await tell(office, StationConnected(station_id="CP1", address="a", protocol="ocpp1.6", epoch=1))
        office.clock.step(6 * 3600)
        await tell(office, StationDisconnected(station_id="CP1", reason="r"))
        office.clock.step(13 * 3600 + 60)  # a minute past seven in the morning
        for _ in range(2):
            await office.office.deliveries._order_digests()
        await until(lambda: len(post.mail.mails) == 1)
        await office.office.deliveries._order_digests()
        plain = post.mail.mails[0].get_body(("plain",))
        assert plain is not None
        assert "Uptime: 25.0 %" in plain.get_content()
        assert "Gate (CP1)" in plain.get_content()
        assert post.mail.mails[0]["Subject"] == "0 sessions, 0.00 kWh: 1 Jun 2026 – 2 Jun 2026"
        assert len(json_of(await admin.get("/api/v1/deliveries"))["items"]) == 1


async def test_what_was_sent_long_ago_is_forgotten(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    made = await post.subscribe(admin, kinds=["AlarmRaised"])
    assert json_of(await admin.post(f"{SUBSCRIPTIONS}/{made['subscription']['id']}/test"))["sent"]
    of_it = f"/api/v1/deliveries?subscription={made['subscription']['id']}&state=sent"
    assert json_of(await admin.get(of_it))["items"]
    office.clock.step(36 * 86_400)
    await office.office.deliveries._sweep()
    assert not json_of(await admin.get(of_it))["items"]


async def test_a_subscription_that_is_removed_hears_no_more(
    office: RunningOffice, admin: httpx.AsyncClient, post: Post
) -> None:
    post.http.mode = "later"
    made = await post.subscribe(admin, kinds=["StationBooted"])
    await tell(office, booted(1))
    path = f"{SUBSCRIPTIONS}/{made['subscription']['id']}"
    for _ in range(500):
        if json_of(await admin.get(f"{path}/health"))["failures"]:
            break
    assert (await admin.delete(path)).status_code == 204
    post.http.mode = "take"
    office.clock.step(60)
    for _ in range(1000):
        log = json_of(await admin.get("/api/v1/deliveries"))["items"]
        if [each["state"] for each in log] == ["failed"]:
            break
    assert log[0]["error"] == "the subscription was removed"
    assert post.http.taken == []
