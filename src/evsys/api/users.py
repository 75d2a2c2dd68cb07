"""Users: who owns id tokens. Their tokens are at /tokens?user=."""

from functools import partial

from litestar import delete, get, patch, post
from litestar.params import FromPath, JSONBody
from msgspec import UNSET, Struct, UnsetType

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id, MaybeVersion, Members, ShortText, Version, Words
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest
from evsys.core.records import User
from evsys.store.views import network
from evsys.store.views.paging import DEFAULT_PAGE


class UserMembers(Members, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people say of a user."""

    name: ShortText | UnsetType = UNSET
    email: ShortText | UnsetType = UNSET
    phone: ShortText | UnsetType = UNSET
    note: Words | UnsetType = UNSET


class NewUser(UserMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A user to make."""

    id: Id


class UserChange(UserMembers, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A change of a user, made from this version of it."""

    version: Version


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
    """Make a user."""
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
    await office.users.remove(user_id, version, request.auth.name)
