"""Who works here and who owns tokens: roles, locations, links to sign in with."""

from functools import partial
from typing import Final, cast, get_args

from litestar import Response, get, post
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from evsys.console.desk import ROWS, Cursor, Desk, Search
from evsys.console.rendering import page
from evsys.console.visitors import Asked, fields_of, form_of, may, settings_of
from evsys.core.errors import BadCommand, EvsysError
from evsys.core.records import Role
from evsys.office.office import Office
from evsys.office.sign_in import LINK_PATH
from evsys.store.views import network, people
from evsys.store.views.paging import MAX_PAGE

MAX_TEXT: Final = 255


@get("/users", guards=[may("access.read")])
async def users_page(
    request: Asked, office: Desk, search: Search = "", everybody: FromQuery[bool] = False, cursor: Cursor = ""
) -> Response[bytes]:
    """Those who work here, or everybody."""
    return await _listed(request, office, search, everybody, cursor)


async def _listed(
    request: Asked,
    office: Office,
    search: str = "",
    everybody: bool = False,
    cursor: str = "",
    fault: str = "",
    status: int = 200,
) -> Response[bytes]:
    query = partial(people.people_page, limit=ROWS, cursor=cursor, search=search, staff=not everybody)
    found, following = await office.reader.read(query)
    places, _ = await office.reader.read(partial(network.locations_page, limit=MAX_PAGE))
    return page(
        request,
        "users.html",
        status,
        users=found,
        next=following,
        search=search,
        everybody=everybody,
        locations=places,
        roles=get_args(Role),
        fault=fault,
    )


@post("/users", guards=[may("access.edit")], status_code=200)
async def create_user(request: Asked, office: Desk) -> Response[bytes] | Redirect:
    """Make a user."""
    form = await form_of(request)
    user_id = form.get("id", "").strip()
    try:
        if not 0 < len(user_id) <= MAX_TEXT or not user_id.isprintable():
            raise BadCommand("a user needs a name to sign in with")
        await office.users.create(user_id, await _members(request), _by(request))
    except EvsysError as error:
        return await _listed(request, office, fault=str(error), status=400)
    return Redirect(f"/users/{_quoted(user_id)}", status_code=303)


@get("/users/{user_id:str}", guards=[may("access.read")])
async def user_page(request: Asked, office: Desk, user_id: FromPath[str]) -> Response[bytes]:
    """Somebody: what they may do, where they are signed in."""
    return await _shown(request, office, user_id)


async def _shown(
    request: Asked, office: Office, user_id: str, status: int = 200, fault: str = "", link: str = ""
) -> Response[bytes]:
    user = await office.users.find(user_id)
    known = await office.reader.read(partial(people.belongings, user_id=user_id))
    places, _ = await office.reader.read(partial(network.locations_page, limit=MAX_PAGE))
    return page(
        request,
        "user.html",
        status,
        user=user,
        sessions=known.sessions,
        has_password=known.login is not None and bool(known.login.password),
        has_code=known.login is not None and bool(known.login.totp),
        locations=places,
        roles=get_args(Role),
        fault=fault,
        link=link,
    )


@post("/users/{user_id:str}", guards=[may("access.edit")], status_code=200)
async def change_user(request: Asked, office: Desk, user_id: FromPath[str]) -> Response[bytes] | Redirect:
    """Change what somebody is called and may do."""
    form = await form_of(request)
    version = form.get("version", "")
    try:
        if not version.isdecimal():
            raise BadCommand("the page is too old: load it again")
        members = {**await _members(request), "enabled": "enabled" in form}
        await office.users.change(user_id, int(version), members, _by(request))
    except EvsysError as error:
        return await _shown(request, office, user_id, 400, str(error))
    return Redirect(f"/users/{_quoted(user_id)}", status_code=303)


@post("/users/{user_id:str}/link", guards=[may("access.edit")], status_code=200)
async def make_link(request: Asked, office: Desk, user_id: FromPath[str]) -> Response[bytes]:
    """A link for somebody to choose a password with, shown this once."""
    try:
        secret, _ = await office.sign_in.make_link(user_id, _by(request))
    except EvsysError as error:
        return await _shown(request, office, user_id, 400, str(error))
    base = settings_of(request).url or str(request.base_url).rstrip("/")
    return await _shown(request, office, user_id, link=f"{base}{LINK_PATH}{secret}")


@post("/users/{user_id:str}/sessions", guards=[may("access.edit")], status_code=303)
async def end_sessions(request: Asked, office: Desk, user_id: FromPath[str]) -> Redirect:
    """Sign somebody out everywhere."""
    await office.sign_in.sign_out_everywhere(user_id, _by(request))
    return Redirect(f"/users/{_quoted(user_id)}", status_code=303)


@post("/users/{user_id:str}/authenticator", guards=[may("access.edit")], status_code=303)
async def remove_authenticator(request: Asked, office: Desk, user_id: FromPath[str]) -> Redirect:
    """Let somebody in without the codes of an authenticator that they have lost."""
    await office.sign_in.remove_totp(user_id, _by(request))
    return Redirect(f"/users/{_quoted(user_id)}", status_code=303)


@post("/users/{user_id:str}/remove", guards=[may("access.edit")], status_code=200)
async def remove_user(request: Asked, office: Desk, user_id: FromPath[str]) -> Response[bytes] | Redirect:
    """Remove somebody."""
    try:
        await office.users.remove(user_id, None, _by(request))
    except EvsysError as error:
        return await _shown(request, office, user_id, 400, str(error))
    return Redirect("/users", status_code=303)


async def _members(request: Asked) -> dict[str, object]:
    """What a form says of a user. Raises BadCommand."""
    form, fields = await form_of(request), await fields_of(request)
    texts = {name: form.get(name, "").strip() for name in ("name", "email", "phone", "note")}
    if any(len(each) > MAX_TEXT for each in texts.values()):
        raise BadCommand("a text is too long")
    role = form.get("role", "")
    if role not in get_args(Role):
        raise BadCommand("there is no such role")
    return {**texts, "role": cast(Role, role), "location_ids": tuple(fields.get("location", ()))}


def _by(request: Asked) -> str:
    person = request.user.person
    assert person is not None  # the guard has seen to it
    return person.name


def _quoted(user_id: str) -> str:
    from urllib.parse import quote

    return quote(user_id, safe="")
