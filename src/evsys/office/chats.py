"""Chats with the bot on Telegram: who is let in, and as whom.

A chat that begins with the bot waits until somebody approves it, or gives the code of an invite: that is good
once, and for a limited time. What a chat may do follows from its role; only the chat of one person is ever an
operator's, for in a group anybody may write.
"""

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal
from uuid import uuid4

from msgspec.structs import replace

from evsys.core.errors import BadCommand, EvsysError, NotConfigured, NotFound, StaleVersion
from evsys.core.events import ChannelFailed, TelegramChatChanged, TelegramInviteCreated
from evsys.core.ports import Clock
from evsys.core.records import (
    ChatRole,
    Language,
    Subscription,
    TelegramChat,
    TelegramInvite,
    TelegramInviteSecret,
)
from evsys.core.work import Work
from evsys.office.access import Person
from evsys.office.keys import digest
from evsys.office.subscriptions import DEFAULT, Subscriptions
from evsys.office.writing import Books
from evsys.store.views import chats, notices
from evsys.store.views.reader import Reader

CHANNEL: Final = "telegram"
MAX_PENDING: Final = 100
"""Chats that wait to be let in; further ones are not even noted until somebody has looked at them."""
MAX_NAME: Final = 100
CODE_BYTES: Final = 16
LONGEST: Final = timedelta(days=30)
"""How long an invite may be good."""


class TooManyChats(EvsysError):
    """So many chats wait to be let in that further ones are not noted."""


class Chats:
    """The chats of a running office."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, subscriptions: Subscriptions) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._subscriptions = subscriptions

    async def known(self, chat_id: str) -> TelegramChat | None:
        return await self._reader.read(partial(chats.chat, chat_id=chat_id))

    async def find(self, chat_id: str) -> TelegramChat:
        """Raises NotFound."""
        found = await self.known(chat_id)
        if found is None:
            raise NotFound(f"no chat {chat_id}")
        return found

    async def ask(self, chat_id: str, name: str, private: bool, language: Language) -> TelegramChat:
        """A chat wants to be let in; the chat as it is then. One that was refused stays so. Raises
        TooManyChats."""
        known = await self.known(chat_id)
        if known is not None and known.state != "ended":
            return known
        if await self._reader.read(partial(chats.count, state="pending")) >= MAX_PENDING:
            raise TooManyChats(f"{MAX_PENDING} chats wait already")
        return await self._save(known, self._new(chat_id, name, private, language), f"telegram:{chat_id}")

    async def approve(self, chat_id: str, role: ChatRole, by: str) -> TelegramChat:
        """Let a chat in, or give it another role. Raises NotFound, BadCommand or StaleVersion."""
        chat = await self.find(chat_id)
        if role == "operator" and not chat.private:
            raise BadCommand("role: a group is no operator, for anybody may write there")
        approved = await self._decide(chat, by, state="approved", role=role)
        await self._subscribe_first(approved)
        return approved

    async def refuse(self, chat_id: str, by: str) -> TelegramChat:
        """Do not let a chat in, or no longer. Raises NotFound or StaleVersion."""
        chat = await self.find(chat_id)
        refused = await self._decide(chat, by, state="refused")
        await self._unsubscribe(refused)
        return refused

    async def end(self, chat: TelegramChat, reason: str, by: str) -> TelegramChat:
        """A chat has left, or the bot was shut out of it. Raises StaleVersion."""
        ended = await self._decide(chat, by, state="ended", reason=reason)
        await self._unsubscribe(ended)
        return ended

    async def invite(self, role: ChatRole, expires_at: datetime, by: str) -> tuple[TelegramInvite, str]:
        """An invite, and its code, which is shown once. Raises BadCommand."""
        now = self._clock.now()
        if not now < expires_at <= now + LONGEST:
            raise BadCommand(f"expires_at: must be within {LONGEST.days} days from now")
        code = secrets.token_urlsafe(CODE_BYTES)
        invite = TelegramInvite(
            id=str(uuid4()), role=role, created_by=by, created_at=now, expires_at=expires_at
        )
        work = Work(now)
        work.add(invite)
        work.add(TelegramInviteSecret(invite_id=invite.id, digest=digest(code)))
        work.tell(TelegramInviteCreated(invite=invite, by=by))
        await self._books.write(work)
        return invite, code

    async def redeem(
        self, code: str, chat_id: str, name: str, private: bool, language: Language
    ) -> TelegramChat | None:
        """Let a chat in that gives the code of an invite; None where it is not good (any more). One that was
        refused is not let in so. Raises StaleVersion."""
        invite = await self._reader.read(partial(chats.invite_by_digest, digest=digest(code)))
        now = self._clock.now()
        if invite is None or invite.used_at is not None or invite.expires_at <= now:
            return None
        known = await self.known(chat_id)
        if known is not None and known.state == "refused":
            return None
        work = Work(now)
        work.change(replace(invite, used_at=now, used_by=chat_id, version=invite.version + 1))
        chat = replace(
            known or self._new(chat_id, name, private, language),
            state="approved",
            role=invite.role if private else "viewer",
            decided_at=now,
            decided_by=invite.id,
            reason="",
        )
        let_in = await self._save(known, chat, f"telegram:{chat_id}", work)
        await self._subscribe_first(let_in)
        return let_in

    # -- what a chat hears of

    async def heard_kinds(self, chat: TelegramChat) -> tuple[str, ...]:
        """What a chat hears of: kinds of events, and groups of them."""
        subscription = await self._subscription(chat)
        return () if subscription is None else subscription.kinds or DEFAULT

    async def hear(self, chat: TelegramChat, kinds: Sequence[str], wanted: bool) -> tuple[str, ...]:
        """A chat wants to hear of these as well, or no longer (none named: of nothing); what it hears of
        then. Raises NotConfigured, NotAllowed or BadCommand."""
        person, subscription = person_of(chat), await self._subscription(chat)
        known = () if subscription is None else subscription.kinds or DEFAULT
        if wanted:
            now = (*known, *(each for each in dict.fromkeys(kinds) if each not in known))
        else:
            now = tuple(each for each in known if kinds and each not in kinds)
        if not now:
            await self._unsubscribe(chat)
        elif subscription is None:
            await self._make(chat, now)
        else:
            members: dict[str, object] = {"kinds": now}
            if wanted and subscription.paused_at is not None:
                members["paused"] = False
            await self._subscriptions.edit(subscription.id, subscription.version, members, person)
        return now

    async def mute(self, chat: TelegramChat, until: datetime) -> bool:
        """Messages to a chat wait until then; False where it gets none."""
        subscription = await self._subscription(chat)
        if subscription is None:
            return False
        members: dict[str, object] = {"muted_until": until}
        await self._subscriptions.edit(subscription.id, subscription.version, members, person_of(chat))
        return True

    async def _subscription(self, chat: TelegramChat) -> Subscription | None:
        query = partial(notices.subscriptions_page, limit=1, owner=person_of(chat).name)
        page, _ = await self._reader.read(query)
        return page[0] if page else None

    async def _subscribe_first(self, chat: TelegramChat) -> None:
        """Who is let in hears of alarms, where it hears of nothing yet."""
        if await self._subscription(chat) is None:
            with suppress(NotConfigured):
                await self._make(chat, DEFAULT)

    async def _make(self, chat: TelegramChat, kinds: tuple[str, ...]) -> None:
        members: dict[str, object] = {
            "channel": CHANNEL,
            "address": chat.id,
            "title": chat.name,
            "kinds": kinds,
            "language": chat.language,
        }
        await self._subscriptions.make(members, person_of(chat))

    async def _unsubscribe(self, chat: TelegramChat) -> None:
        while (subscription := await self._subscription(chat)) is not None:
            await self._subscriptions.drop(subscription.id, None, person_of(chat))

    async def fail(self, reason: str) -> None:
        """The bot cannot work: an alarm is raised by it."""
        work = Work(self._clock.now())
        work.tell(ChannelFailed(channel=CHANNEL, reason=reason))
        await self._books.write(work)

    def _new(self, chat_id: str, name: str, private: bool, language: Language) -> TelegramChat:
        return TelegramChat(
            id=chat_id,
            name=name[:MAX_NAME],
            private=private,
            language=language,
            requested_at=self._clock.now(),
        )

    async def _decide(
        self,
        chat: TelegramChat,
        by: str,
        state: Literal["approved", "refused", "ended"],
        role: ChatRole = "viewer",
        reason: str = "",
    ) -> TelegramChat:
        now = self._clock.now()
        decided = replace(chat, state=state, role=role, reason=reason, decided_at=now, decided_by=by)
        return await self._save(chat, decided, by)

    async def _save(
        self, known: TelegramChat | None, chat: TelegramChat, by: str, work: Work | None = None
    ) -> TelegramChat:
        work = work or Work(self._clock.now())
        saved = replace(chat, version=known.version + 1 if known is not None else 1)
        if known is None:
            work.add(saved)
        else:
            work.change(saved)
        work.tell(TelegramChatChanged(chat=saved, by=by))
        if await self._books.write(work):
            raise StaleVersion(f"the chat {chat.id} was changed by somebody else: read it again")
        return saved


def person_of(chat: TelegramChat) -> Person:
    """Who writes in a chat that was let in."""
    return Person(name=f"telegram:{chat.id}", role=chat.role)
