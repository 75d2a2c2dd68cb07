"""The bot, against a Bot API on the loopback: who is let in, what it answers, and who commands stations."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import cast

import httpx
import pytest

from evsys.bots import telegram
from evsys.bots.telegram import MAX_CODES, MAX_OF_CHAT, MAX_OF_STRANGERS, TelegramDoor
from evsys.bots.telegram_texts import EN, ES
from evsys.core.events import SecurityEventReported
from evsys.core.records import ChatRole, TelegramChat
from evsys.core.work import Committed, Work
from evsys.notify.telegram import Config, Telegram
from evsys.office.sole import Sole
from kit.bot_api import TOKEN, BotApi, running_bot_api
from kit.link import Payload
from kit.office import AnsweringStation, RunningOffice
from kit.waiting import PATIENCE_S, until

ACCEPTED: Payload = {"status": "Accepted"}
CHATS = "/api/v1/telegram/chats"


class Bot:
    """An office with a bot, and the Telegram that it speaks to."""

    def __init__(self, api: BotApi, office: RunningOffice, admin: httpx.AsyncClient) -> None:
        self.api = api
        self.office = office
        self.admin = admin

    async def hears(self, chat: int, text: str, count: int = 1, **more: str) -> str:
        """What it answers to a message: the last of so many."""
        before = len(self.api.texts(chat))
        self.api.write(chat, text, **more)
        await until(lambda: len(self.api.texts(chat)) >= before + count)
        return self.api.texts(chat)[-1]

    async def feels(self, chat: int, data: str, who: int | None = None, count: int = 1) -> str:
        before = len(self.api.texts(chat))
        self.api.tap(chat, data, who)
        await until(lambda: len(self.api.texts(chat)) >= before + count)
        return self.api.texts(chat)[-1]

    async def let_in(self, chat: int, role: ChatRole = "viewer", **more: str) -> None:
        await self.hears(chat, "/start", **more)
        answer = await self.admin.post(f"{CHATS}/{chat}/approve", json={"role": role})
        assert answer.status_code == 200, answer.text

    async def station(self, answers: dict[str, Payload] | None = None) -> AnsweringStation:
        await self.office.office.stations.create("CP1", {}, "ann")
        return await self.office.station(answers or {})

    async def chat(self, chat: int) -> TelegramChat:
        return await self.office.office.chats.find(str(chat))

    async def kinds(self) -> list[str]:
        """The kinds of all that happened."""
        answer = await self.admin.get("/api/v1/events")
        return [each["event"]["kind"] for each in answer.json()["items"]]

    async def subscriptions(self) -> list[dict[str, object]]:
        answer = await self.admin.get("/api/v1/subscriptions")
        return cast(list[dict[str, object]], answer.json()["items"])


async def eventually(happened: Callable[[], Awaitable[object]]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await happened():  # noqa: ASYNC110, it is asked over HTTP
            await asyncio.sleep(0.05)


@asynccontextmanager
async def opened(
    api: BotApi, office: RunningOffice, token: str = TOKEN, first_retry_s: float = 0.05
) -> AsyncIterator[TelegramDoor]:
    config = Config(enabled=True, telegram_api_key=token, api_url=api.url)
    door = TelegramDoor(office.office, config, first_retry_s)
    running = asyncio.create_task(door.run())
    try:
        yield door
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evsys.notify.telegram.CHAT_PER_S", 1000.0)


@pytest.fixture
async def bot(tmp_path: Path, quickly: None) -> AsyncIterator[Bot]:
    async with running_bot_api() as api:
        notifier = Telegram(Config(enabled=True, telegram_api_key=TOKEN, api_url=api.url))
        async with (
            RunningOffice.run(tmp_path, notifiers={"telegram": notifier}) as office,
            office.client("admin") as admin,
            opened(api, office),
        ):
            yield Bot(api, office, admin)


# -- who is let in


async def test_a_chat_waits_until_somebody_lets_it_in(bot: Bot) -> None:
    assert "let you in" in await bot.hears(7, "/start")
    waiting = (await bot.admin.get(CHATS)).json()["items"]
    assert [(each["id"], each["name"], each["state"]) for each in waiting] == [("7", "Ann @u7", "pending")]
    bot.api.write(7, "/status")
    assert (await bot.admin.post(f"{CHATS}/7/approve", json={})).status_code == 200
    assert "0 of 0 stations" in await bot.hears(7, "/status")
    assert bot.api.texts(7)[:-1] == [EN["asked"]], "nothing was told before"
    assert [(each["channel"], each["address"], each["kinds"]) for each in await bot.subscriptions()] == [
        ("telegram", "7", ["alarms"])
    ]
    seen = await bot.kinds()
    assert seen.count("TelegramChatChanged") == 2


async def test_who_is_refused_is_told_nothing_and_an_invite_does_not_help(bot: Bot) -> None:
    await bot.hears(7, "/start")
    assert (await bot.admin.post(f"{CHATS}/7/refuse")).status_code == 200
    code = await invite(bot)
    for text in ("/start", f"/start {code}", "/status"):
        bot.api.write(7, text)
    await bot.hears(8, "/start")
    assert len(bot.api.texts(7)) == 1


async def invite(bot: Bot, role: ChatRole = "viewer", hours: int = 1) -> str:
    expires_at = (bot.office.clock.now() + timedelta(hours=hours)).isoformat()
    answer = await bot.admin.post("/api/v1/telegram/invites", json={"role": role, "expires_at": expires_at})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


async def test_an_invite_lets_one_chat_in_once(bot: Bot) -> None:
    code = await invite(bot, "operator")
    assert await bot.hears(7, f"/start {code}") == EN["welcome"]
    assert (await bot.chat(7)).role == "operator"
    assert await bot.hears(8, f"/start {code}") == EN["bad_code"]
    listed = (await bot.admin.get("/api/v1/telegram/invites")).json()["items"]
    assert [each["used_by"] for each in listed] == ["7"]
    assert code not in json.dumps(listed)
    for file in bot.office.path.parent.glob("*"):
        if file.is_file():
            assert code.encode() not in file.read_bytes(), "it is kept nowhere"


async def test_an_invite_is_over_when_its_time_is(bot: Bot) -> None:
    code = await invite(bot)
    bot.office.clock.step(3601)
    assert await bot.hears(7, f"/start {code}") == EN["bad_code"]


async def test_a_group_is_no_operator_whatever_its_invite_says(bot: Bot) -> None:
    code = await invite(bot, "operator")
    assert await bot.hears(-7, f"/start {code}", kind="group") == EN["welcome"]
    assert (await bot.chat(-7)).role == "viewer"
    answer = await bot.admin.post(f"{CHATS}/-7/approve", json={"role": "operator"})
    assert answer.status_code == 400


async def test_codes_cannot_be_tried_for_long(bot: Bot) -> None:
    for _ in range(MAX_CODES):
        await bot.hears(7, "/start wrong")
    code = await invite(bot)
    bot.api.write(7, f"/start {code}")
    await bot.hears(8, "/start")
    assert len(bot.api.texts(7)) == MAX_CODES


async def test_strangers_and_floods_get_few_answers(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    await bot.let_in(7)
    for _ in range(3 * MAX_OF_CHAT):
        bot.api.write(7, "/help")
    await until(lambda: EN["busy"] in bot.api.texts(7))
    for stranger in range(100, 100 + 2 * MAX_OF_STRANGERS):
        bot.api.write(stranger, "/start")
    await until(lambda: len({each["chat_id"] for each in bot.api.sent}) >= MAX_OF_STRANGERS)
    await asyncio.sleep(0.5)
    assert len(bot.api.texts(7)) <= MAX_OF_CHAT + 2
    assert len({each["chat_id"] for each in bot.api.sent}) <= MAX_OF_STRANGERS + 1


async def test_who_stops_or_blocks_the_bot_hears_no_more(bot: Bot) -> None:
    await bot.let_in(7)
    await bot.let_in(8)
    assert len(await bot.subscriptions()) == 2
    assert await bot.hears(7, "/stop") == EN["bye"]
    bot.api.kick(8)

    async def ended() -> bool:
        return [(await bot.chat(each)).state for each in (7, 8)] == ["ended", "ended"]

    await eventually(ended)
    assert await bot.subscriptions() == []
    kinds = await bot.kinds()
    assert kinds.count("SubscriptionRemoved") == 2


# -- what it answers


async def test_it_answers_in_the_chat_s_language(bot: Bot) -> None:
    await bot.let_in(7, language="es-ES")
    assert "estaciones conectadas" in await bot.hears(7, "/status")
    assert [each["language"] for each in await bot.subscriptions()] == ["es"]
    assert EN.keys() == ES.keys()
    assert all(EN[name] != ES[name] for name in EN if name not in ("accepted",))


async def test_stations_and_sessions_are_told(bot: Bot) -> None:
    station = await bot.station()
    await station.ask(
        "StatusNotification", {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure"}
    )
    payload = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-03-01T12:00:00Z"}
    await station.ask("StartTransaction", payload)
    await bot.let_in(7)
    assert "1: Faulted (GroundFailure)" in await bot.hears(7, "/stations")
    assert "CP1: connected" in await bot.hears(7, "/station CP1")
    told = await bot.hears(7, "/sessions")
    assert "CP1 · 1" in told
    assert "CARD" not in told
    assert await bot.hears(7, "/stations nowhere") == EN["no_stations"]


async def test_kinds_are_chosen_and_messages_wait_while_muted(bot: Bot) -> None:
    await bot.let_in(7)
    assert await bot.hears(7, "/subscribe sessions") == "You hear of: alarms, sessions."
    assert "ApiKeyCreated is told only" in await bot.hears(7, "/subscribe ApiKeyCreated")
    assert "no kind of event" in await bot.hears(7, "/subscribe nonsense")
    assert await bot.hears(7, "/unsubscribe alarms") == "You hear of: sessions."
    assert "No messages until" in await bot.hears(7, "/mute 2h")
    (subscription,) = await bot.subscriptions()
    until_at = (bot.office.clock.now() + timedelta(hours=2)).isoformat()[:16]
    assert str(subscription["muted_until"]).startswith(until_at)
    assert await bot.hears(7, "/mute forever") == EN["how_long"]
    assert await bot.hears(7, "/unsubscribe") == EN["hears_nothing"]
    assert await bot.subscriptions() == []


# -- buttons


async def test_an_operator_resets_a_station_with_two_taps(bot: Bot) -> None:
    station = await bot.station({"Reset": ACCEPTED})
    await bot.let_in(7, "operator")
    await bot.hears(7, "/station CP1")
    await bot.feels(7, bot.api.buttons(7)["Reset"])
    assert station.calls == []
    assert await bot.feels(7, bot.api.buttons(7)["Yes, do it"], count=2) == "CP1: Accepted"
    assert station.calls == [("Reset", {"type": "Hard"})]
    recorded = (await bot.admin.get("/api/v1/stations/CP1/commands")).json()["items"]
    assert [(each["type"], each["requested_by"]) for each in recorded] == [("Reset", "telegram:7")]


async def test_a_second_tap_counts_once_and_not_without_a_first(bot: Bot) -> None:
    station = await bot.station({"Reset": ACCEPTED})
    await bot.let_in(7, "operator")
    assert await bot.feels(7, "R:CP1") == EN["expired"]
    await bot.feels(7, "r:CP1")
    await bot.feels(7, "R:CP1", count=2)
    assert await bot.feels(7, "R:CP1") == EN["expired"]
    assert len(station.calls) == 1


async def test_a_session_is_stopped_and_a_connector_unlocked(bot: Bot) -> None:
    station = await bot.station(
        {"RemoteStopTransaction": ACCEPTED, "UnlockConnector": {"status": "Unlocked"}}
    )
    await station.ask("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"})
    payload = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-03-01T12:00:00Z"}
    number = (await station.ask("StartTransaction", payload))["transactionId"]
    await bot.let_in(7, "operator")
    for label, status in (("Stop the session at 1", "Accepted"), ("Unlock 1", "Unlocked")):
        await bot.hears(7, "/station CP1")
        await bot.feels(7, bot.api.buttons(7)[label])
        assert status in await bot.feels(7, bot.api.buttons(7)["Yes, do it"], count=2)
    assert station.calls == [
        ("RemoteStopTransaction", {"transactionId": number}),
        ("UnlockConnector", {"connectorId": 1}),
    ]


async def test_a_viewer_commands_nothing_whatever_is_tapped(bot: Bot) -> None:
    station = await bot.station({"Reset": ACCEPTED})
    await bot.let_in(7)
    await bot.hears(7, "/station CP1")
    assert bot.api.buttons(7) == {}
    for data in ("r:CP1", "R:CP1", "u:1.1.CP1", "a:x"):
        assert await bot.feels(7, data) == EN["may_not"]
    await bot.let_in(8, "operator")
    assert await bot.feels(8, "r:CP1", who=9) == EN["may_not"], "another person in the chat"
    await bot.admin.post(f"{CHATS}/8/approve", json={"role": "viewer"})
    assert await bot.feels(8, "R:CP1") == EN["may_not"], "it was an operator when it first tapped"
    assert station.calls == []


async def test_an_alarm_arrives_and_is_acknowledged_by_its_button(bot: Bot) -> None:
    await bot.station()
    await bot.let_in(7, "operator")
    await raise_alarm(bot.office)
    await until(lambda: any("TamperDetection" in text for text in bot.api.texts(7)))
    (data,) = [each for each in bot.api.buttons(7).values() if each.startswith("a:")]
    assert "Acknowledged by Ann" in await bot.feels(7, data)
    (alarm,) = (await bot.admin.get("/api/v1/alarms")).json()["items"]
    assert alarm["acknowledged_by"] == "telegram:7"
    await bot.feels(7, data)
    await until(lambda: any("acknowledged it already" in text for text in bot.api.texts(7)))
    assert await bot.hears(7, "/alarms") == EN["no_alarms"]


async def raise_alarm(office: RunningOffice) -> None:
    work = Work(office.clock.now(), "CP1")
    work.tell(SecurityEventReported(station_id="CP1", type="TamperDetectionActivated"))
    assert isinstance(await office.store.commit(work), Committed)


# -- what goes wrong


async def test_a_wrong_token_is_an_alarm_and_mended_without_a_restart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(telegram, "WRONG_TOKEN_S", 0.05)
    monkeypatch.setattr(telegram, "LONGEST_RETRY_S", 0.05)
    async with running_bot_api() as api, RunningOffice.run(tmp_path) as office:
        api.token = "another"
        async with opened(api, office) as door, office.client("admin") as admin:

            async def raised() -> list[dict[str, object]]:
                return cast(list[dict[str, object]], (await admin.get("/api/v1/alarms")).json()["items"])

            await eventually(raised)
            (alarm,) = await raised()
            assert (alarm["kind"], alarm["name"], alarm["severity"]) == (
                "channel_failed",
                "telegram",
                "critical",
            )
            api.token = TOKEN
            await until(door.is_polling)
            told = json.dumps(await raised()) + (await admin.get("/api/v1/events")).text
    assert TOKEN not in told + "".join(capfd.readouterr())


async def test_one_office_asks_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quickly: None
) -> None:
    async with running_bot_api() as api, RunningOffice.run(tmp_path) as office:

        def named(holder: str) -> Callable[[str], Sole]:
            return lambda name: Sole(office.office._books, office.reader, office.clock, name, holder)

        monkeypatch.setattr(office.office, "sole", named("one"))
        async with opened(api, office) as one:
            await until(one.is_polling)
            monkeypatch.setattr(office.office, "sole", named("other"))
            async with opened(api, office) as other:
                await asyncio.sleep(1)
                assert one.is_polling()
                assert not other.is_polling()
