"""API keys: made, shown once, listed without their secrets, revoked."""

from typing import Annotated, get_args

from litestar import delete, get, post
from litestar.exceptions import PermissionDeniedException
from litestar.params import FromPath, JSONBody
from msgspec import Meta, Struct

from evsys.api.access import needs
from evsys.api.desk import Desk
from evsys.api.members import Id, Moment
from evsys.api.problems import documented
from evsys.api.repeats import SHOWN_ONCE
from evsys.api.strict import StrictRequest
from evsys.core.access import Action, allowed
from evsys.core.records import ApiKey, Role
from evsys.office.keys import known_scopes
from evsys.store.views import keys


class NewKey(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key to make. Scopes are actions, such as `token.read`, or `token.*`; none: all that the role may."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    role: Role
    scopes: Annotated[tuple[Annotated[str, Meta(max_length=50)], ...], Meta(max_length=100)] = ()
    expires_at: Moment | None = None
    user_id: Id | None = None
    """Whose it is: it may never do more than they may, and is refused when they are gone."""


class MadeKey(Struct, frozen=True, kw_only=True):
    """A key, and its secret: shown this once and kept nowhere."""

    key: ApiKey
    secret: str


class KeyList(Struct, frozen=True, kw_only=True):
    items: list[ApiKey]


@get("/keys", guards=[needs("key.read")], responses=documented(400, 401, 403, 503), tags=["keys"])
async def list_keys(office: Desk) -> KeyList:
    """All keys, the oldest first, revoked ones too."""
    return KeyList(items=await office.reader.read(keys.keys))


@post(
    "/keys",
    guards=[needs("key.edit")],
    responses=documented(400, 401, 403, 413, 503),
    tags=["keys"],
    opt={SHOWN_ONCE: True},
)
async def create_key(office: Desk, data: JSONBody[NewKey], request: StrictRequest) -> MadeKey:
    """Make a key. Nobody may give away more than they have."""
    known_scopes(data.scopes)
    for action in get_args(Action):
        if allowed(data.role, data.scopes, action) and not request.auth.may(action):
            raise PermissionDeniedException(f"the key that asks may not do {action} itself")
    key, secret = await office.keys.create_scoped(
        data.name, data.role, data.scopes, data.expires_at, request.auth.name, data.user_id
    )
    return MadeKey(key=key, secret=secret)


@delete(
    "/keys/{key_id:str}",
    guards=[needs("key.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["keys"],
)
async def revoke_key(office: Desk, key_id: FromPath[str], request: StrictRequest) -> None:
    """Revoke a key: it is refused with the next request. It stays listed."""
    await office.keys.revoke(key_id, request.auth.name)
