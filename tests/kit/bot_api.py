"""A Bot API of Telegram on the loopback: what a bot asks of it, as it is documented, and faults on demand.

https://core.telegram.org/bots/api
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from aiohttp import web

TOKEN: Final = "123456789:AAtestTokenOfABotThatDoesNotExist_xyz"


class BotApi:
    """Telegram, for one bot."""

    def __init__(self) -> None:
        self.url = ""
        self.token = TOKEN
        """What it knows the bot by; another one is a wrong token from then on."""
        self.sent: list[dict[str, str]] = []
        """What was sent to chats, in order: `chat_id`, `text`, and `reply_markup` as JSON."""
        self.answered: list[str] = []
        """Callback queries that were answered."""
        self.wait_s: list[int] = []
        """The next messages are refused: 429, with this `retry_after` each."""
        self.shut_out: set[str] = set()
        """Chats that have blocked the bot."""
        self.asked = 0
        self.calls: list[str] = []
        self._updates: list[dict[str, object]] = []
        self._news = asyncio.Event()
        self._number = 0

    # -- what people do

    def write(self, chat: int, text: str, language: str = "en", kind: str = "private") -> None:
        """Somebody writes in a chat."""
        message = {
            "message_id": self._number + 1,
            "date": 0,
            "chat": {"id": chat, "type": kind, "first_name": "Ann", "username": f"u{abs(chat)}"},
            "from": {"id": abs(chat), "is_bot": False, "first_name": "Ann", "language_code": language},
            "text": text,
        }
        self._tell({"message": message})

    def tap(self, chat: int, data: str, who: int | None = None) -> None:
        """Somebody taps a button in a chat."""
        message = {"message_id": 1, "date": 0, "chat": {"id": chat, "type": "private"}, "text": "x"}
        query = {
            "id": f"q{self._number + 1}",
            "from": {"id": chat if who is None else who, "is_bot": False, "first_name": "Ann"},
            "chat_instance": "1",
            "message": message,
            "data": data,
        }
        self._tell({"callback_query": query})

    def kick(self, chat: int) -> None:
        """The bot is shut out of a chat."""
        user = {"id": 123456789, "is_bot": True, "first_name": "bot"}
        self._tell(
            {
                "my_chat_member": {
                    "chat": {"id": chat, "type": "private"},
                    "from": {"id": chat, "is_bot": False, "first_name": "Ann"},
                    "date": 0,
                    "old_chat_member": {"status": "member", "user": user},
                    "new_chat_member": {"status": "kicked", "user": user, "until_date": 0},
                }
            }
        )

    def texts(self, chat: int) -> list[str]:
        return [each["text"] for each in self.sent if each["chat_id"] == str(chat)]

    def buttons(self, chat: int) -> dict[str, str]:
        """The buttons below the last message of a chat that has any: what each carries, by its label."""
        told = [each for each in self.sent if each["chat_id"] == str(chat) and each.get("reply_markup")]
        rows = json.loads(told[-1]["reply_markup"])["inline_keyboard"] if told else []
        return {each["text"]: each["callback_data"] for row in rows for each in row}

    def _tell(self, update: dict[str, object]) -> None:
        self._number += 1
        self._updates.append({"update_id": self._number, **update})
        self._news.set()

    # -- what the bot asks

    async def answer(self, request: web.Request) -> web.Response:
        token, method = request.match_info["token"], request.match_info["method"]
        given = {name: str(value) for name, value in (await request.post()).items()}
        self.calls.append(method)
        if token != self.token:
            return _refused(401, "Unauthorized")
        match method:
            case "getUpdates":
                self.asked += 1
                return _done(await self._next(int(given.get("offset", 0)), float(given.get("timeout", 0))))
            case "sendMessage":
                if self.wait_s:
                    return _refused(429, "Too Many Requests: retry later", retry_after=self.wait_s.pop(0))
                if given["chat_id"] in self.shut_out:
                    return _refused(403, "Forbidden: bot was blocked by the user")
                self.sent.append(given)
                chat = {"id": int(given["chat_id"]), "type": "private"}
                return _done({"message_id": len(self.sent), "date": 0, "chat": chat, "text": "x"})
            case "answerCallbackQuery":
                self.answered.append(given["callback_query_id"])
                return _done(True)
            case _:
                return _refused(404, "Not Found")

    async def _next(self, offset: int, timeout_s: float) -> list[dict[str, object]]:
        self._updates = [each for each in self._updates if int(str(each["update_id"])) >= offset]
        if not self._updates:
            self._news.clear()
            try:
                async with asyncio.timeout(min(timeout_s, 2)):
                    await self._news.wait()
            except TimeoutError:
                pass
        return self._updates


def _done(result: object) -> web.Response:
    return web.json_response({"ok": True, "result": result})


def _refused(code: int, text: str, **parameters: int) -> web.Response:
    body: dict[str, object] = {"ok": False, "error_code": code, "description": text}
    if parameters:
        body["parameters"] = parameters
    return web.json_response(body, status=code)


@asynccontextmanager
async def running_bot_api() -> AsyncIterator[BotApi]:
    api = BotApi()
    app = web.Application()
    app.router.add_post("/bot{token}/{method}", api.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    api.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield api
    finally:
        await runner.cleanup()
