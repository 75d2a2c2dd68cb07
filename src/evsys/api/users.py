"""Users: who owns id tokens. Their tokens are at /tokens?user=."""

from datetime import datetime
from functools import partial
from typing import Annotated

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Meta, Struct, UnsetType

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id, MaybeVersion, Members, ShortText, Version, Words
from evsys.api.problems import documented
from evsys.api.repeats import SHOWN_ONCE
from evsys.api.strict import StrictRequest
from evsys.core.records import LinkPurpose, Role, User
from evsys.office.sign_in import LINK_PATH
from evsys.store.views import network
from evsys.store.views.paging import DEFAULT_PAGE

LocationIds = Annotated[tuple[Id, ...], Meta(max_length=100)]


class UserMembers(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people say of a user."""

    name: ShortText | UnsetType = UNSET
    email: ShortText | UnsetType = UNSET
    phone: ShortText | UnsetType = UNSET
    note: Words | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    """What they may do; drivers own tokens and do nothing here."""
    location_ids: LocationIds | UnsetType = UNSET
    """The only locations that they see; none: all."""
    enabled: bool | UnsetType = UNSET


class NewUser(UserMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to make."""

    id: Id


class UserChange(UserMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a user, made from this version of it."""

    version: Version


class SignInUrl(Struct, frozen=True, kw_only=True):
    """A link that lets its user choose a password and sign in, once: shown this once and kept nowhere."""

    path: str
    """What follows the address at which this server is reached."""
    purpose: LinkPurpose
    expires_at: datetime


class UserList(Struct, frozen=True, kw_only=True):
    items: list[User]
    next: str | None = None


@get("/users", guards=[needs("user.read")], responses=documented(400, 401, 403, 503), tags=["users"])
async def list_users(office: Desk, limit: Limit = DEFAULT_PAGE, cursor: Cursor = "") -> UserList:
    """Users in the order of their ids."""
    query = partial(network.users_page, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    return UserList(items=items, next=following)


@get(
    "/users/{user_id:str}",
    guards=[needs("user.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["users"],
)
async def get_user(office: Desk, user_id: FromPath[str]) -> User:
    """A user by its id."""
    return await office.users.find(user_id)


@post(
    "/users",
    guards=[needs("user.edit")],
    responses=documented(400, 401, 403, 409, 413, 503),
    tags=["users"],
)
async def create_user(office: Desk, data: JSONBody[NewUser], request: StrictRequest) -> User:
    """Make a user. Role, locations and whether they are enabled are said by whoever may edit access."""
    await office.users.may_be_edited(data.id, data.given(), request.auth)
    return await office.users.create(data.id, data.given(), request.auth.name)


@patch(
    "/users/{user_id:str}",
    guards=[needs("user.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 503),
    tags=["users"],
)
async def change_user(
    office: Desk, user_id: FromPath[str], data: JSONBody[UserChange], request: StrictRequest
) -> User:
    """Change what is given of a user. 409 where the version is not the present one."""
    await office.users.may_be_edited(user_id, data.given(), request.auth)
    return await office.users.change(user_id, data.version, data.given(), request.auth.name)


@delete(
    "/users/{user_id:str}",
    guards=[needs("user.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["users"],
)
async def remove_user(
    office: Desk, user_id: FromPath[str], request: StrictRequest, version: MaybeVersion = None
) -> None:
    """Remove a user. 409 while id tokens belong to them, and where a version is given that is not the present
    one."""
    await office.users.may_be_edited(user_id, (), request.auth)
    await office.users.remove(user_id, version, request.auth.name)


@post(
    "/users/{user_id:str}/sign-in-link",
    guards=[needs("access.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["users"],
    opt={SHOWN_ONCE: True},
)
async def make_sign_in_link(office: Desk, user_id: FromPath[str], request: StrictRequest) -> SignInUrl:
    """A link with which a user chooses a password and signs in: an invitation, or a reset where they have one
    already. 409 where the user is disabled."""
    secret, link = await office.sign_in.make_link(user_id, request.auth.name)
    return SignInUrl(path=f"{LINK_PATH}{secret}", purpose=link.purpose, expires_at=link.expires_at)


@delete(
    "/users/{user_id:str}/sessions",
    guards=[needs("access.edit")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["users"],
)
async def end_sessions(office: Desk, user_id: FromPath[str], request: StrictRequest) -> None:
    """Sign a user out everywhere."""
    await office.users.find(user_id)
    await office.sign_in.sign_out_everywhere(user_id, request.auth.name)


@delete(
    "/users/{user_id:str}/authenticator",
    guards=[needs("access.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["users"],
)
async def remove_authenticator(office: Desk, user_id: FromPath[str], request: StrictRequest) -> None:
    """Let a user sign in without the codes of their authenticator, which they have lost."""
    await office.users.find(user_id)
    await office.sign_in.remove_totp(user_id, request.auth.name)
