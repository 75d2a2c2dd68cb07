"""Every event arrives: through a receiver that fails half of the time and is gone for a while, a mail server,
and kill -9 of the whole program.

Stations report one status after another until each is acknowledged. Afterwards what arrived is compared with
the log of events: each at least once, those of a station in order, and what came twice with the same
idempotency key.
"""

import asyncio
import json
import random
from pathlib import Path

import httpx
import pytest
import websockets
from aiohttp import web

from kit.program import Program, Settings, running
from kit.receivers import HttpReceiver, MailServer

KIND = "ConnectorStatusChanged"
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


def settings(mails: MailServer) -> Settings:
    return {
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
    receiver, mails = HttpReceiver(), MailServer()
    failing = Failing(receiver)
    await receiver.start()
    await mails.start()
    try:
        with running(folder, settings(mails)) as program:
            hook, mail = await asyncio.to_thread(subscribe, program, receiver)
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
                program.rows, f"SELECT seq, station_id FROM events WHERE kind = '{KIND}' ORDER BY seq"
            )
            assert len(logged) >= stations * each
            async with asyncio.timeout(ARRIVES_WITHIN_S):
                while len(set(failing.keys)) < len(logged):  # noqa: ASYNC110, between processes
                    await asyncio.sleep(0.2)
                of_one = [f"{mail}-{seq}" for seq, station in logged if station == "CP0"]
                while len(mailed(mails)) < len(of_one):  # noqa: ASYNC110
                    await asyncio.sleep(0.2)
            in_order = {f"{hook}-{seq}": str(station) for seq, station in logged}
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


def subscribe(program: Program, receiver: HttpReceiver) -> tuple[str, str]:
    """The ids of a subscription by webhook and of one by mail for one station."""
    headers = {"Authorization": f"Bearer {program.key('admin')}"}
    made = []
    for members in (
        {"channel": "webhook", "address": receiver.url, "kinds": [KIND]},
        {
            "channel": "mail",
            "address": "anna@example.com",
            "kinds": [KIND],
            "station_ids": ["CP0"],
            "per_minute": 10_000,
        },
    ):
        answer = httpx.post(
            f"{program.api}/api/v1/subscriptions", json=members, headers=headers, timeout=30, trust_env=False
        )
        assert answer.status_code == 201, answer.text
        made.append(answer.json()["subscription"]["id"])
    return made[0], made[1]


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


@pytest.mark.timeout(600)
async def test_every_event_arrives_in_order_through_failures_and_kills(tmp_path: Path) -> None:
    await messages(tmp_path, stations=10, each=20)


@pytest.mark.long
@pytest.mark.timeout(1800)
async def test_five_thousand_events_arrive_in_order_through_failures_and_kills(tmp_path: Path) -> None:
    await messages(tmp_path, stations=50, each=100)
