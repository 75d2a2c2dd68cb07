"""Chats with the bot on Telegram: who is let in."""

from functools import partial
from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from msgspec import Struct

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Moment
from evsys.api.problems import documented
from evsys.api.repeats import SHOWN_ONCE
from evsys.api.strict import StrictRequest
from evsys.core.records import ChatRole, ChatState, TelegramChat, TelegramInvite
from evsys.office.moments import in_utc
from evsys.store.views import chats
from evsys.store.views.paging import DEFAULT_PAGE

InState = Annotated[ChatState, QueryParameter(name="state", description="Only those in this.")]


class ChatList(Struct, frozen=True, kw_only=True):
    items: list[TelegramChat]
    next: str | None = None


class Approval(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a chat may do: see, or command as well. Only the chat of one person is an operator's."""

    role: ChatRole = "viewer"


class NewInvite(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An invite to make: it is good once, until `expires_at`, within thirty days."""

    role: ChatRole = "viewer"
    expires_at: Moment


class MadeInvite(Struct, frozen=True, kw_only=True):
    """An invite, and its code: shown this once and kept nowhere. To use it, one writes `/start <code>`."""

    invite: TelegramInvite
    code: str


class InviteList(Struct, frozen=True, kw_only=True):
    items: list[TelegramInvite]


@get(
    "/telegram/chats",
    guards=[needs("chat.read")],
    responses=documented(400, 401, 403, 503),
    tags=["telegram"],
)
async def list_chats(
    office: Desk, in_state: InState = "pending", limit: Limit = DEFAULT_PAGE, cursor: Cursor = ""
) -> ChatList:
    """Chats in a state, the newest first: those that wait unless you ask for others."""
    query = partial(chats.chats_page, limit=limit, cursor=cursor, state=in_state)
    items, following = await office.reader.read(query)
    return ChatList(items=items, next=following)


@post(
    "/telegram/chats/{chat_id:str}/approve",
    guards=[needs("chat.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["telegram"],
    status_code=200,
)
async def approve_chat(
    office: Desk, chat_id: FromPath[str], data: JSONBody[Approval], request: StrictRequest
) -> TelegramChat:
    """Let a chat in, or give it another role."""
    return await office.chats.approve(chat_id, data.role, request.auth.name)


@post(
    "/telegram/chats/{chat_id:str}/refuse",
    guards=[needs("chat.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["telegram"],
    status_code=200,
)
async def refuse_chat(office: Desk, chat_id: FromPath[str], request: StrictRequest) -> TelegramChat:
    """Do not let a chat in, or no longer; it is not told, and an invite does not help it."""
    return await office.chats.refuse(chat_id, request.auth.name)


@get(
    "/telegram/invites",
    guards=[needs("chat.read")],
    responses=documented(400, 401, 403, 503),
    tags=["telegram"],
)
async def list_invites(office: Desk) -> InviteList:
    """The newest invites, used and expired ones too."""
    return InviteList(items=await office.reader.read(chats.invites))


@post(
    "/telegram/invites",
    guards=[needs("chat.edit")],
    responses=documented(400, 401, 403, 413, 503),
    tags=["telegram"],
    opt={SHOWN_ONCE: True},
)
async def create_invite(office: Desk, data: JSONBody[NewInvite], request: StrictRequest) -> MadeInvite:
    """Make an invite: whoever writes its code to the bot is let in."""
    expires_at = in_utc("expires_at", data.expires_at)
    invite, code = await office.chats.invite(data.role, expires_at, request.auth.name)
    return MadeInvite(invite=invite, code=code)
