"""The notifier of Telegram, against a Bot API on the loopback."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from html import unescape

import pytest

from evsys.notify.notifier import Action, BadAddress, Message, Recipient, Refused, TryLater
from evsys.notify.telegram import (
    ALL_PER_S,
    LONGEST_TURN_S,
    MAX_DATA_BYTES,
    Config,
    Telegram,
    Turns,
    buttons_of,
    html_of,
)
from kit.bot_api import TOKEN, BotApi, running_bot_api

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)
CHAT = Recipient(address="7")


def message(**members: object) -> Message:
    given: dict[str, object] = {
        "key": "k",
        "kind": "AlarmRaised",
        "subscription_id": "s",
        "at": NOON,
        "subject": "CP_1: <off>",
        "text": "It is & was *off*.",
        **members,
    }
    return Message(**given)  # type: ignore[arg-type]


@asynccontextmanager
async def notifier(api: BotApi, token: str = TOKEN) -> AsyncIterator[Telegram]:
    telegram = Telegram(Config(enabled=True, telegram_api_key=token, api_url=api.url))
    try:
        yield telegram
    finally:
        await telegram.close()


async def test_a_message_arrives_as_it_was_meant_with_its_buttons() -> None:
    actions = (
        Action(kind="acknowledge", label="Seen", alarm_id="a1"),
        Action(kind="unlock", label="Unlock", station_id="CP_1", evse_id=2),
    )
    async with running_bot_api() as api, notifier(api) as telegram:
        await telegram.send(CHAT, message(actions=actions))
    (sent,) = api.sent
    assert (sent["chat_id"], sent["parse_mode"]) == ("7", "HTML")
    assert sent["text"] == "<b>CP_1: &lt;off&gt;</b>\nIt is &amp; was *off*."
    assert api.buttons(7) == {"Seen": "a:a1", "Unlock": "u:2.1.CP_1"}


async def test_telegram_s_wish_to_wait_is_told_to_whoever_sends() -> None:
    async with running_bot_api() as api, notifier(api) as telegram:
        api.wait_s.append(17)
        with pytest.raises(TryLater) as caught:
            await telegram.send(CHAT, message())
        assert caught.value.after_s == 17
        await telegram.send(CHAT, message())
        assert len(api.sent) == 1


async def test_a_chat_that_has_blocked_the_bot_takes_no_messages() -> None:
    async with running_bot_api() as api, notifier(api) as telegram:
        api.shut_out.add("7")
        with pytest.raises(Refused):
            await telegram.send(CHAT, message())


@pytest.mark.parametrize("token", ["no token at all", "123456789:AAanotherTokenOfABotThatDoesNotExist"])
async def test_no_error_holds_the_token(token: str) -> None:
    async with running_bot_api() as api, notifier(api, token) as telegram:
        with pytest.raises(TryLater) as caught:
            await telegram.send(CHAT, message())
        assert "telegram_api_key" in str(caught.value)
        assert token not in str(caught.value)


async def test_an_api_that_is_away_is_tried_later_and_told_without_the_token() -> None:
    async with running_bot_api() as api:
        pass
    async with notifier(api) as telegram:
        with pytest.raises(TryLater) as caught:
            await telegram.send(CHAT, message())
    told = f"{caught.value} {caught.value.__cause__} {caught.value.__suppress_context__}"
    assert TOKEN not in told


def test_an_address_is_the_number_of_a_chat() -> None:
    telegram = Telegram(Config(telegram_api_key=TOKEN))
    assert [telegram.check(each) for each in ("7", "-1001234567890")] == ["7", "-1001234567890"]
    for wrong in ("", "@channel", "7 ", "07", "-", "9" * 30):
        with pytest.raises(BadAddress):
            telegram.check(wrong)


def test_a_long_text_is_cut_at_telegram_s_limit_not_within_a_sign() -> None:
    told = unescape(html_of("x", "🔌" * 5000).removeprefix("<b>x</b>\n"))
    assert told.endswith("…")
    assert len(told.encode("utf-16-le")) // 2 <= 4000
    assert set(told[:-1]) == {"🔌"}


def test_what_does_not_fit_into_a_button_has_none() -> None:
    fits = Action(kind="reset", label="r", station_id="x" * (MAX_DATA_BYTES - 2))
    too_long = Action(kind="reset", label="r", station_id="x" * (MAX_DATA_BYTES - 1))
    assert len(buttons_of([fits, too_long])) == 1


def test_one_chat_gets_one_message_in_a_second_and_all_together_as_many_as_may_be() -> None:
    turns = Turns()
    assert [turns.take("7", 0.0) for _ in range(3)] == [0.0, 1.0, 2.0]
    turns = Turns()
    waits = [turns.take(str(chat), 0.0) for chat in range(200)]
    taken = [each for each in waits if each <= LONGEST_TURN_S]
    assert len(taken) <= ALL_PER_S * LONGEST_TURN_S + 1
    assert taken == sorted(taken)
    assert taken[-1] > 2.5
