"""The bot on Telegram: it answers chats that were let in, and does for operators what their buttons say.

It asks Telegram for messages (long polling), one office alone. Nobody is let in by finding the bot: a chat
waits until somebody approves it, or gives the code of an invite. Strangers get few answers all together; who
writes a lot is told so, then passed over. What a chat may do is looked up each time.

A command for a station is two taps, the second within a minute; then it goes the road of all commands in the
name of `telegram:<chat>`, and what came of it is told. A token that Telegram does not know is an alarm, and
is tried again; neither it nor Telegram's own words of an error are told anywhere.
"""

import asyncio
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import structlog

from evsys.bots.telegram_answers import Answer, Answers
from evsys.bots.telegram_texts import language_of, said
from evsys.core.errors import EvsysError
from evsys.core.records import TelegramChat
from evsys.notify.notifier import NotSent, Refused
from evsys.notify.telegram import WITHIN_S, Config, Turns, WrongToken, deliver, keyboard, new_bot
from evsys.office.chats import TooManyChats
from evsys.office.office import Office
from evsys.office.patience import later_s

if TYPE_CHECKING:
    from aiogram import Bot
    from aiogram.types import CallbackQuery, Chat, ChatMemberUpdated, Update

POLL_S: Final = 25
"""How long Telegram waits for a message before it says that there is none."""
FIRST_RETRY_S: Final = 1.0
LONGEST_RETRY_S: Final = 60.0
WRONG_TOKEN_S: Final = 300.0
AT_ONCE: Final = 16
"""Messages that are answered at a time; no more are asked for meanwhile."""
WINDOW_S: Final = 60.0
MAX_OF_CHAT: Final = 20
"""Messages of a chat in a minute; one more is told so, the others are passed over."""
MAX_OF_STRANGERS: Final = 30
"""Answers in a minute to all chats that were not let in."""
MAX_CODES: Final = 5
"""Codes that a chat may try in an hour …"""
MAX_ALL_CODES: Final = 60
"""… and all together."""
CODES_S: Final = 3600.0
UPDATES: Final = ("message", "callback_query", "my_chat_member")
SHUT_OUT: Final = frozenset(("kicked", "left"))

log = structlog.get_logger()


class TelegramDoor:
    """See the module. One office has it open at a time."""

    def __init__(self, office: Office, config: Config, first_retry_s: float = FIRST_RETRY_S) -> None:
        self._office = office
        self._config = config
        self._first_retry_s = first_retry_s
        self._answers = Answers(office)
        self._turns = Turns()
        self._messages = Counts(WINDOW_S)
        self._codes = Counts(CODES_S)
        self._polling = False
        self._answering: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(AT_ONCE)

    def is_polling(self) -> bool:
        """Whether Telegram has answered the last time that it was asked."""
        return self._polling

    async def run(self) -> None:
        """Until cancelled."""
        await self._office.sole("telegram").run(self._serve)

    async def _serve(self) -> None:
        """Ask for messages, whatever goes wrong."""
        tries, told = 0, False
        bot: Bot | None = None
        try:
            while True:
                reason = ""
                try:
                    if bot is None:
                        bot = await new_bot(self._config.telegram_api_key, self._config.api_url)
                    await self._poll(bot)
                except WrongToken as error:
                    reason = str(error)
                    if not told:
                        log.error("the bot on Telegram cannot work", reason=reason)
                        await self._office.chats.fail(reason)
                    told = True
                except EvsysError as error:
                    reason = str(error)
                except Exception as error:
                    # What it says may hold the token.
                    reason = type(error).__name__
                if self._polling:
                    tries, told = 0, False
                self._polling = False
                log.warning("Telegram is not asked for messages", reason=reason)
                tries += 1
                first_s = WRONG_TOKEN_S if told else self._first_retry_s
                await asyncio.sleep(later_s(tries, first_s, max(first_s, LONGEST_RETRY_S)))
        finally:
            self._polling = False
            for task in self._answering:
                task.cancel()
            await asyncio.gather(*self._answering, return_exceptions=True)
            if bot is not None:
                await bot.session.close()

    async def _poll(self, bot: "Bot") -> None:
        """Until something goes wrong. Raises WrongToken, or what the library does."""
        from aiogram import exceptions

        offset: int | None = None
        while True:
            try:
                updates = await bot.get_updates(
                    offset=offset,
                    timeout=POLL_S,
                    allowed_updates=list(UPDATES),
                    request_timeout=POLL_S + int(WITHIN_S),
                )
            except (exceptions.TelegramUnauthorizedError, exceptions.TelegramNotFound):
                raise WrongToken from None
            except exceptions.TelegramRetryAfter as error:
                await asyncio.sleep(error.retry_after)
                continue
            self._polling = True
            for update in updates:
                offset = update.update_id + 1
                await self._room.acquire()
                task = asyncio.create_task(self._answer(bot, update))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
                task.add_done_callback(lambda _: self._room.release())

    async def _answer(self, bot: "Bot", update: "Update") -> None:
        """The border of a message: what goes wrong costs one answer."""
        try:
            if update.callback_query is not None:
                await self._tapped(bot, update.callback_query)
            elif update.my_chat_member is not None:
                await self._moved(update.my_chat_member)
            elif update.message is not None and update.message.text is not None:
                who = update.message.from_user
                language = who.language_code if who is not None else None
                await self._heard(bot, update.message.chat, update.message.text, language)
        except (EvsysError, NotSent) as error:
            log.warning("a message on Telegram was not answered", reason=str(error))
        except Exception as error:
            log.error("a message on Telegram was not answered by a fault", fault=type(error).__name__)

    # -- what is written

    async def _heard(self, bot: "Bot", chat: "Chat", text: str, code: str | None) -> None:
        chat_id = str(chat.id)
        word, _, rest = text.strip().partition(" ")
        command = word.partition("@")[0].lower()
        if not command.startswith("/"):
            return
        number = self._messages.count(chat_id)
        if number > MAX_OF_CHAT + 1:
            return
        known = await self._office.chats.known(chat_id)
        language = known.language if known is not None else language_of(code)
        if known is None or known.state != "approved":
            if command == "/start" and (known is None or known.state != "refused"):
                await self._begin(bot, chat, rest.strip(), code)
            return
        if number > MAX_OF_CHAT:
            answer = Answer(said(language, "busy"))
        elif command == "/stop":
            await self._office.chats.end(known, "it has left", f"telegram:{chat_id}")
            answer = Answer(said(language, "bye"))
        else:
            answer = await self._answers.to(known, command, rest.strip())
        await self._say(bot, chat_id, answer)

    async def _begin(self, bot: "Bot", chat: "Chat", code: str, tongue: str | None) -> None:
        """Somebody who was not let in."""
        if self._messages.count("strangers") > MAX_OF_STRANGERS:
            return
        chat_id, language = str(chat.id), language_of(tongue)
        name = " ".join(each for each in (chat.title, chat.first_name, chat.last_name) if each)
        name = f"{name} @{chat.username}".strip() if chat.username else name
        private = chat.type == "private"
        try:
            if code:
                tries = self._codes.count(chat_id), self._codes.count("all")
                if tries[0] > MAX_CODES or tries[1] > MAX_ALL_CODES:
                    return
                let_in = await self._office.chats.redeem(code, chat_id, name, private, language)
                text = "welcome" if let_in is not None else "bad_code"
            else:
                await self._office.chats.ask(chat_id, name, private, language)
                text = "asked"
        except TooManyChats:
            text = "full"
        await self._say(bot, chat_id, Answer(said(language, text)))

    async def _say(self, bot: "Bot", chat_id: str, answer: Answer) -> None:
        await asyncio.sleep(self._turns.take(chat_id, asyncio.get_running_loop().time()))
        try:
            await deliver(bot, chat_id, answer.html, keyboard(answer.buttons))
        except Refused as error:
            known = await self._office.chats.known(chat_id)
            if known is not None and known.state == "approved":
                await self._office.chats.end(known, error.reason, "telegram")

    # -- what is tapped

    async def _tapped(self, bot: "Bot", query: "CallbackQuery") -> None:
        if query.message is None or not query.data:
            return
        chat_id = str(query.message.chat.id)
        if self._messages.count(chat_id) > MAX_OF_CHAT:
            return
        known = await self._office.chats.known(chat_id)
        if known is None or known.state != "approved":
            return
        own = known.private and str(query.from_user.id) == chat_id
        answer = await self._answers.tapped(known, query.data, own)
        await bot.answer_callback_query(query.id)
        await self._say(bot, chat_id, answer)
        if answer.then is not None:
            await self._say(bot, chat_id, await answer.then())

    async def _moved(self, moved: "ChatMemberUpdated") -> None:
        """The bot was shut out of a chat, or left it with the group."""
        known: TelegramChat | None = await self._office.chats.known(str(moved.chat.id))
        if known is not None and known.state == "approved" and moved.new_chat_member.status in SHUT_OUT:
            await self._office.chats.end(known, "the chat has shut out the bot", "telegram")


class Counts:
    """How often each did something lately."""

    MAX_KEYS: Final = 10_000

    def __init__(self, window_s: float) -> None:
        self._window_s = window_s
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def count(self, key: str) -> int:
        """How often in the present window, this time included."""
        now_s = asyncio.get_running_loop().time()
        since_s, number = self._counts.pop(key, (now_s, 0))
        if now_s - since_s > self._window_s:
            since_s, number = now_s, 0
        self._counts[key] = (since_s, number + 1)
        if len(self._counts) > self.MAX_KEYS:
            self._counts.popitem(last=False)
        return number + 1
