"""Every event arrives: through a receiver that fails half of the time and is gone for a while, a mail server,
Telegram, and kill -9 of the whole program.

Stations report one status after another until each is acknowledged. Afterwards what arrived is compared with
the log of events: each at least once, those of a station in order, and what came twice with the same
idempotency key. MQTT tells states and not events: the last one is there.
"""

import asyncio
import json
import random
import re
from itertools import groupby
from pathlib import Path
from typing import cast

import httpx
import pytest
import websockets
from aiohttp import web

from kit.bot_api import TOKEN, BotApi, running_bot_api
from kit.broker import Broker, running_broker, see
from kit.link import Payload
from kit.program import Program, Settings, running
from kit.receivers import HttpReceiver, MailServer

KIND = "ConnectorStatusChanged"
CHAT = 77
ARRIVES_WITHIN_S = 1500.0


class Reporting:
    """A station whose connector changes its status again and again."""

    def __init__(self, program: Program, number: int) -> None:
        self.id = f"CP{number}"
        self._url = f"{program.url}/{self.id}"

    async def report(self, times: int) -> None:
        """Each change is told until it is acknowledged, over a new connection where the old one broke."""
        done = 0
        while done < times:
            try:
                async with websockets.connect(
                    self._url, subprotocols=[websockets.Subprotocol("ocpp1.6")], open_timeout=5
                ) as socket:
                    while done < times:
                        payload = {
                            "connectorId": 1,
                            "errorCode": "NoError",
                            "status": ("Available", "Preparing")[done % 2],
                            "info": str(done),
                        }
                        await socket.send(json.dumps([2, f"m{done}", "StatusNotification", payload]))
                        async with asyncio.timeout(5):
                            while json.loads(await socket.recv())[0] != 3:
                                pass
                        done += 1
            except (OSError, TimeoutError, websockets.WebSocketException):
                await asyncio.sleep(0.1)


def settings(mails: MailServer, bot: BotApi, broker: Broker) -> Settings:
    return {
        "telegram": {"enabled": True, "telegram_api_key": TOKEN, "api_url": bot.url},
        "mqtt": {"enabled": True, "port": broker.port},
        "webhooks": {"enabled": True, "allow_http": True, "private_networks": ["127.0.0.0/8"]},
        "mail": {"enabled": True, "port": mails.port, "security": "none", "sender": "evsys@example.com"},
    }


class Failing:
    """Fails half of the time, and half of that after it has taken the message."""

    def __init__(self, receiver: HttpReceiver) -> None:
        self.keys: list[str] = []
        """Of all messages that came through, in order."""
        self.stations: list[str] = []
        self._chance = random.Random(7)
        self._receiver = receiver
        receiver.judge_body = self._judge

    def _judge(self, body: bytes) -> web.Response | None:
        chance = self._chance.random()
        if chance >= 0.25:
            message = json.loads(body)
            self.keys.append(message["id"])
            self.stations.append(message["station_id"])
        return None if chance >= 0.5 else web.Response(status=500)


async def messages(folder: Path, stations: int, each: int) -> None:
    with running_broker(folder) as broker:
        async with running_bot_api() as bot:
            await through(folder, stations, each, bot, broker)


async def through(folder: Path, stations: int, each: int, bot: BotApi, broker: Broker) -> None:
    receiver, mails = HttpReceiver(), MailServer()
    failing = Failing(receiver)
    await receiver.start()
    await mails.start()
    try:
        with running(folder, settings(mails, bot, broker)) as program:
            people = People(program)
            await people.let_in(bot)
            hook = await people.subscribe("webhook", receiver.url)
            of_one_station = {"station_ids": ["CP0"], "per_minute": 10_000}
            mail = await people.subscribe("mail", "anna@example.com", **of_one_station)
            await people.subscribe("telegram", str(CHAT), **of_one_station)
            reporting = [Reporting(program, number) for number in range(stations)]
            load = asyncio.gather(*(station.report(each) for station in reporting))
            await arrived(failing, stations * each // 10)
            await asyncio.to_thread(killed, program)
            await arrived(failing, stations * each // 4)
            await receiver.stop()
            await asyncio.sleep(3)
            await receiver.start()
            await arrived(failing, stations * each // 2)
            await asyncio.to_thread(killed, program)
            await load
            logged = await asyncio.to_thread(
                program.rows,
                f"SELECT seq, station_id, payload FROM events WHERE kind = '{KIND}' ORDER BY seq",
            )
            assert len(logged) >= stations * each
            async with asyncio.timeout(ARRIVES_WITHIN_S):
                while len(set(failing.keys)) < len(logged):  # noqa: ASYNC110, between processes
                    await asyncio.sleep(0.2)
                of_one = [f"{mail}-{seq}" for seq, station, _ in logged if station == "CP0"]
                while len(mailed(mails)) < len(of_one):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
                states = [statuses(str(data))[0] for _, station, data in logged if station == "CP0"]
                while len(changes(statuses(*bot.texts(CHAT)))) < len(changes(states)):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            assert changes(statuses(*bot.texts(CHAT))) == changes(states)
            await see(broker, lambda it: it.now.get("evsys/CP0/1/status") == states[-1].encode())
            in_order = {f"{hook}-{seq}": str(station) for seq, station, _ in logged}
            assert set(failing.keys) == set(in_order)
            assert failing.stations == [in_order[key] for key in failing.keys]
            for station in reporting:
                wanted = [key for key, of in in_order.items() if of == station.id]
                came = [
                    key for key, of in zip(failing.keys, failing.stations, strict=True) if of == station.id
                ]
                assert list(dict.fromkeys(came)) == wanted
                # What comes twice comes before anything newer of its station.
                assert [key for i, key in enumerate(came) if i == 0 or came[i - 1] != key] == wanted
            assert list(dict.fromkeys(mailed(mails))) == of_one
    finally:
        await receiver.stop()
        await mails.stop()


class People:
    """Who wants to hear of it."""

    def __init__(self, program: Program) -> None:
        self._address = f"{program.api}/api/v1"
        self._headers = {"Authorization": f"Bearer {program.key('admin')}"}

    async def let_in(self, bot: BotApi) -> None:
        """A chat asks, and is approved."""
        bot.write(CHAT, "/start")
        async with asyncio.timeout(60):
            while not bot.texts(CHAT):  # noqa: ASYNC110, between processes
                await asyncio.sleep(0.05)
        await self._post(f"/telegram/chats/{CHAT}/approve", {"role": "viewer"})

    async def subscribe(self, channel: str, address: str, **members: object) -> str:
        """The id of a new subscription."""
        made = await self._post(
            "/subscriptions", {"channel": channel, "address": address, "kinds": [KIND], **members}
        )
        return str(cast(Payload, made["subscription"])["id"])

    async def _post(self, path: str, members: Payload) -> Payload:
        async with httpx.AsyncClient(headers=self._headers, timeout=30, trust_env=False) as client:
            answer = await client.post(f"{self._address}{path}", json=members)
        assert answer.is_success, answer.text
        return cast(Payload, answer.json())


def statuses(*texts: str) -> list[str]:
    """The status of a connector that each text tells of, where it tells of one."""
    return [found[0] for text in texts if (found := re.search("Available|Preparing", text))]


def changes(told: list[str]) -> list[str]:
    """What was told, once where it was told twice in a row."""
    return [status for status, _ in groupby(told)]


def killed(program: Program) -> None:
    """kill -9 of every process, and up again, however long that takes here."""
    program.kill("supervisor", "gateway", "office", "writer")
    program.start(ready=False)


async def arrived(failing: Failing, number: int) -> None:
    async with asyncio.timeout(ARRIVES_WITHIN_S):
        while len(set(failing.keys)) < number:  # noqa: ASYNC110, between processes
            await asyncio.sleep(0.05)


def mailed(mails: MailServer) -> list[str]:
    """The keys of the mails that came, in order; those that came twice are there twice."""
    return [str(each["Idempotency-Key"]) for each in mails.mails]


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_every_event_arrives_in_order_through_failures_and_kills(tmp_path: Path) -> None:
    await messages(tmp_path, stations=10, each=20)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_five_thousand_events_arrive_in_order_through_failures_and_kills(tmp_path: Path) -> None:
    await messages(tmp_path, stations=50, each=100)
