"""Id tokens: created, read, changed and removed."""

from functools import partial
from typing import Annotated

from litestar import delete, get, patch, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id, MaybeVersion, Members, Moment, ShortText, Version, Words
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.records import Token
from evsys.store.views import tokens
from evsys.store.views.paging import DEFAULT_PAGE

StationIds = Annotated[tuple[Id, ...], Meta(max_length=1000)]


class TokenMembers(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people say of a token."""

    kind: Annotated[str, Meta(max_length=40)] | UnsetType = UNSET
    label: Words | UnsetType = UNSET
    parent: ShortText | UnsetType = UNSET
    blocked: bool | UnsetType = UNSET
    expires_at: Moment | UnsetType | None = UNSET
    max_concurrent: Annotated[int, Meta(ge=1, le=10000)] | UnsetType | None = UNSET
    station_ids: StationIds | UnsetType = UNSET
    user_id: ShortText | UnsetType | None = UNSET
    note: Words | UnsetType = UNSET


class NewToken(TokenMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to register. Its id is stored in upper case."""

    id: Id


class TokenChange(TokenMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a token, made from this version of it."""

    version: Version


class TokenList(Struct, frozen=True, kw_only=True):
    items: list[Token]
    next: str | None = None


@get("/tokens", guards=[needs("token.read")], responses=documented(400, 401, 403, 503), tags=["tokens"])
async def list_tokens(
    office: Desk, user: FromQuery[str] = "", limit: Limit = DEFAULT_PAGE, cursor: Cursor = ""
) -> TokenList:
    """Id tokens in the order of their ids: those of a user, or all."""
    items, following = await office.reader.read(
        partial(tokens.tokens_page, limit=limit, cursor=cursor, user_id=user)
    )
    return TokenList(items=items, next=following)


@get(
    "/tokens/{token_id:str}",
    guards=[needs("token.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["tokens"],
)
async def get_token(office: Desk, token_id: FromPath[str]) -> Token:
    """An id token, by its id in any case."""
    return await office.tokens.find(token_id)


@post(
    "/tokens",
    guards=[needs("token.edit")],
    responses=documented(400, 401, 403, 409, 413, 503),
    tags=["tokens"],
)
async def create_token(office: Desk, data: JSONBody[NewToken], request: StrictRequest) -> Token:
    """Register an id token. Stations hear of it within a second."""
    return await office.tokens.create(data.id, data.given(), request.auth.name)


@patch(
    "/tokens/{token_id:str}",
    guards=[needs("token.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["tokens"],
)
async def change_token(
    office: Desk, token_id: FromPath[str], data: JSONBody[TokenChange], request: StrictRequest
) -> Token:
    """Change what is given of a token. 409 where the version is not the present one."""
    return await office.tokens.change(token_id, data.version, data.given(), request.auth.name)


@delete(
    "/tokens/{token_id:str}",
    guards=[needs("token.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["tokens"],
)
async def remove_token(
    office: Desk,
    token_id: FromPath[str],
    request: StrictRequest,
    version: MaybeVersion = None,
) -> None:
    """Remove a token. 409 where a version is given that is not the present one."""
    await office.tokens.remove(token_id, version, request.auth.name)
