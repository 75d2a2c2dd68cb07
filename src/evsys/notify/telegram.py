"""Telegram: a message to a chat with the bot, with buttons for what somebody may do about it.

The address is the id of a chat. Whether it is one that was let in is decided when somebody subscribes
(`office.chats`); who may press a button, when it is pressed (`bots.telegram`).

Telegram takes about thirty messages in a second from a bot, and one in a second of a chat: what would be more
waits a little, or is told to come later. What Telegram says of an error is never told as it is: it may hold
the URL, and that holds the token.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING, Final, NamedTuple

from evsys.notify.notifier import (
    Action,
    BadAddress,
    Message,
    Notifier,
    NotifierConfig,
    Recipient,
    Refused,
    TryLater,
)

if TYPE_CHECKING:
    from aiogram import Bot
    from aiogram.types import InlineKeyboardMarkup

OFFICIAL: Final = "https://api.telegram.org"
WITHIN_S: Final = 10.0
"""How long Telegram has for an answer."""
MAX_TEXT: Final = 4000
"""Characters of a message, as Telegram counts them (UTF-16); it takes 4096."""
MAX_DATA_BYTES: Final = 64
"""What a button may carry."""
ALL_PER_S: Final = 25.0
CHAT_PER_S: Final = 1.0
LONGEST_TURN_S: Final = 3.0
"""Who would wait longer for a turn comes back later."""
WRONG_TOKEN_S: Final = 300.0
"""How long it may take until somebody has mended the token."""
MAX_CHATS: Final = 10_000
"""Chats whose last message is remembered."""
_CHAT: Final = re.compile(r"-?[1-9][0-9]{0,18}")


class Config(NotifierConfig, frozen=True, kw_only=True):
    """The bot on Telegram."""

    telegram_api_key: str = ""
    api_url: str = OFFICIAL


class Telegram(Notifier):
    """See the module."""

    per_minute = 20
    parallel = 16

    def __init__(self, config: Config) -> None:
        self._config = config
        self._bot: Bot | None = None
        self._turns = Turns()

    def check(self, address: str) -> str:
        if not _CHAT.fullmatch(address):
            raise BadAddress("the address of a chat on Telegram is its number, such as 123456789")
        return address

    async def open(self) -> None:
        if self._bot is None:
            self._bot = await new_bot(self._config.telegram_api_key, self._config.api_url)

    async def send(self, recipient: Recipient, message: Message) -> None:
        if self._bot is None:
            try:
                await self.open()
            except WrongToken as error:
                raise TryLater(str(error), WRONG_TOKEN_S) from None
        assert self._bot is not None
        wait_s = self._turns.take(recipient.address, asyncio.get_running_loop().time())
        if wait_s > LONGEST_TURN_S:
            raise TryLater("Telegram takes no more messages of us in a second", wait_s)
        await asyncio.sleep(wait_s)
        text = html_of(message.subject, message.text)
        await deliver(self._bot, recipient.address, text, keyboard(buttons_of(message.actions)))

    async def close(self) -> None:
        if self._bot is not None:
            bot, self._bot = self._bot, None
            await bot.session.close()


class Turns:
    """When the next message may leave: at most so many in a second, to all and to one chat."""

    def __init__(self) -> None:
        self._next_s = 0.0
        self._next_of_chat_s: OrderedDict[str, float] = OrderedDict()

    def take(self, chat: str, now_s: float) -> float:
        """How long to wait; a turn that is longer than `LONGEST_TURN_S` away is not taken."""
        at_s = max(now_s, self._next_s, self._next_of_chat_s.get(chat, 0.0))
        if at_s - now_s <= LONGEST_TURN_S:
            self._next_s = max(now_s, self._next_s) + 1 / ALL_PER_S
            self._next_of_chat_s[chat] = at_s + 1 / CHAT_PER_S
            self._next_of_chat_s.move_to_end(chat)
            if len(self._next_of_chat_s) > MAX_CHATS:
                self._next_of_chat_s.popitem(last=False)
        return at_s - now_s


class WrongToken(Exception):
    """Telegram does not know the bot: `telegram.telegram_api_key` is wrong, or was revoked."""

    def __init__(self) -> None:
        super().__init__("Telegram does not know the bot: telegram.telegram_api_key is wrong, or was revoked")


async def new_bot(token: str, api_url: str) -> "Bot":
    """A bot; its library is loaded in a thread. Raises WrongToken where the token is none."""
    await asyncio.to_thread(__import__, "aiogram")
    from aiogram import Bot
    from aiogram.client.session.aiohttp import AiohttpSession
    from aiogram.client.telegram import TelegramAPIServer
    from aiogram.utils.token import TokenValidationError

    session = AiohttpSession(api=TelegramAPIServer.from_base(api_url), timeout=WITHIN_S)
    try:
        return Bot(token, session=session)
    except TokenValidationError:
        raise WrongToken from None


async def deliver(bot: "Bot", chat: str, text: str, markup: "InlineKeyboardMarkup | None" = None) -> None:
    """Send HTML to a chat. Raises TryLater or Refused, without a word of what Telegram said."""
    from aiogram import exceptions

    try:
        await bot.send_message(
            int(chat), text, parse_mode="HTML", reply_markup=markup, disable_web_page_preview=True
        )
    except exceptions.TelegramRetryAfter as error:
        raise TryLater("Telegram wants us to wait", float(error.retry_after)) from None
    except exceptions.TelegramForbiddenError:
        raise Refused("the chat has shut out the bot") from None
    except exceptions.TelegramMigrateToChat:
        raise Refused("the group has become another chat: subscribe it anew") from None
    except (exceptions.TelegramUnauthorizedError, exceptions.TelegramNotFound):
        raise TryLater(str(WrongToken()), WRONG_TOKEN_S) from None
    except exceptions.TelegramBadRequest as error:
        if "chat not found" in error.message.lower():
            raise Refused("there is no such chat with the bot") from None
        raise TryLater("Telegram did not understand the message") from None
    except Exception as error:
        # What else it may be, its text could hold the token.
        raise TryLater(f"Telegram cannot be reached ({type(error).__name__})") from None


def html_of(subject: str, text: str) -> str:
    """A message as Telegram's HTML: escaped, and cut where it is too long."""
    body = shortened(text, MAX_TEXT - _length(subject[:300]) - 1)
    return f"<b>{escape(subject[:300], quote=False)}</b>\n{escape(body, quote=False)}"


def shortened(text: str, limit: int) -> str:
    """The text, cut to so many characters as Telegram counts them."""
    if _length(text) <= limit:
        return text
    kept = text.encode("utf-16-le")[: 2 * (limit - 1)].decode("utf-16-le", "ignore")
    return kept + "…"


def _length(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


class Button(NamedTuple):
    """A button below a message, and what it carries."""

    label: str
    data: str


def buttons_of(actions: Sequence[Action]) -> list[Button]:
    """Buttons for what may be done: a letter, and what it is to be done to. What does not fit into one has
    none."""
    return [Button(action.label, data) for action in actions if fits(data := _data(action))]


def keyboard(buttons: Sequence[Button]) -> "InlineKeyboardMarkup | None":
    """The buttons one below the other."""
    from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

    rows = [[InlineKeyboardButton(text=each.label, callback_data=each.data)] for each in buttons]
    return InlineKeyboardMarkup(inline_keyboard=rows) if rows else None


def fits(data: str) -> bool:
    """Whether a button can carry this."""
    return 2 < len(data.encode()) <= MAX_DATA_BYTES


def _data(action: Action) -> str:
    match action.kind:
        case "acknowledge":
            return f"a:{action.alarm_id}"
        case "reset":
            return f"r:{action.station_id}"
        case "unlock":
            return f"u:{action.evse_id}.{action.connector_id or 1}.{action.station_id}"
        case "stop":
            return f"s:{action.transaction_id}"
