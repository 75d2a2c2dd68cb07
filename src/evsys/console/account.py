"""One's own account: password, authenticator, where one is signed in, and keys for programs."""

from datetime import timedelta
from functools import partial
from typing import Final

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect
from markupsafe import Markup

from evsys.console.desk import Desk
from evsys.console.rendering import page
from evsys.console.visitors import Asked, anybody_signed_in, form_of, session_cookie, settings_of
from evsys.core.access import RANKS, allowed
from evsys.core.errors import BadCommand, EvsysError, NotFound
from evsys.core.records import Role, UserSession
from evsys.office.office import Office
from evsys.office.totp import address_of
from evsys.store.views import people

KEY_DAYS: Final = (7, 30, 90, 365)
"""How long a key of one's own may be good."""


def _me(request: Asked) -> UserSession:
    session = request.user.session
    assert session is not None  # the guard has seen to it
    return session


async def _shown(
    request: Asked, office: Office, status: int = 200, fault: str = "", **more: object
) -> Response[bytes]:
    me = _me(request)
    known = await office.reader.read(partial(people.belongings, user_id=me.user_id))
    user = await office.users.find(me.user_id)
    has_code = known.login is not None and bool(known.login.totp)
    roles = [role for role in RANKS if RANKS[role] <= RANKS[user.role] and role != "driver"]
    given: dict[str, object] = {
        "user": user,
        "session": me,
        "sessions": known.sessions,
        "keys": known.keys,
        "has_code": has_code,
        "roles": roles,
        "key_days": KEY_DAYS,
        "fault": fault,
        "setup": None,
        "made": "",
        "done": "",
    }
    return page(request, "account.html", status, **{**given, **more})


@get("/account", guards=[anybody_signed_in])
async def account_page(request: Asked, office: Desk) -> Response[bytes]:
    """What one may change of one's own."""
    return await _shown(request, office)


@post("/account/password", guards=[anybody_signed_in], status_code=200)
async def change_password(request: Asked, office: Desk) -> Response[bytes] | Redirect:
    """Another password. All sessions end but a new one, here."""
    form = await form_of(request)
    try:
        if form.get("password", "") != form.get("again", ""):
            raise BadCommand("the two passwords are not the same")
        secret = await office.sign_in.change_password(
            _me(request), form.get("old", ""), form.get("password", "")
        )
    except EvsysError as error:
        return await _shown(request, office, 400, str(error))
    return Redirect("/account", status_code=303, cookies=[session_cookie(settings_of(request), secret)])


@post("/account/authenticator", guards=[anybody_signed_in], status_code=200)
async def begin_authenticator(request: Asked, office: Desk) -> Response[bytes]:
    """The secret of a new authenticator, as a picture that it reads and as text."""
    return await _shown(request, office, setup=_setup(request, office))


@post("/account/authenticator/confirm", guards=[anybody_signed_in], status_code=200)
async def confirm_authenticator(request: Asked, office: Desk) -> Response[bytes]:
    """The first code of a new authenticator: from now on one is needed."""
    form = await form_of(request)
    try:
        await office.sign_in.confirm_totp(
            _me(request).user_id, form.get("password", ""), form.get("code", "")
        )
    except EvsysError as error:
        return await _shown(request, office, 400, str(error))
    return await _shown(request, office, done="authenticator")


@post("/account/authenticator/remove", guards=[anybody_signed_in], status_code=200)
async def remove_authenticator(request: Asked, office: Desk) -> Response[bytes]:
    """Sign in without codes from now on."""
    form, user_id = await form_of(request), _me(request).user_id
    try:
        await office.sign_in.remove_totp(user_id, f"user:{user_id}", form.get("password", ""))
    except EvsysError as error:
        return await _shown(request, office, 400, str(error))
    return await _shown(request, office)


@post("/account/sessions", guards=[anybody_signed_in], status_code=303)
async def end_sessions(request: Asked, office: Desk) -> Redirect:
    """End all sessions but this one."""
    me = _me(request)
    await office.sign_in.sign_out_everywhere(me.user_id, f"user:{me.user_id}", but=me.digest)
    return Redirect("/account", status_code=303)


@post("/account/keys", guards=[anybody_signed_in], status_code=200)
async def create_key(request: Asked, office: Desk) -> Response[bytes]:
    """A key for a program: it may no more than one may oneself, and ends."""
    form, me = await form_of(request), _me(request)
    user = await office.users.find(me.user_id)
    name, role, days = form.get("name", "").strip(), form.get("role", ""), form.get("days", "")
    known: dict[str, Role] = {each: each for each in RANKS if RANKS[each] <= RANKS[user.role]}
    try:
        if not 0 < len(name) <= 100 or role not in known or days not in {str(each) for each in KEY_DAYS}:
            raise BadCommand("a key needs a name, a role and an end")
        if not allowed(user.role, (), "status.read"):
            raise BadCommand("drivers have no use for a key")
        until = office.clock.now() + timedelta(days=int(days))
        by = f"user:{me.user_id}"
        _, secret = await office.keys.create_scoped(name, known[role], (), until, by, me.user_id)
    except EvsysError as error:
        return await _shown(request, office, 400, str(error))
    return await _shown(request, office, made=secret)


@post("/account/keys/{key_id:str}/revoke", guards=[anybody_signed_in], status_code=303)
async def revoke_key(request: Asked, office: Desk, key_id: FromPath[str]) -> Redirect:
    """End a key of one's own."""
    me = _me(request)
    own = await office.reader.read(partial(people.keys_of, user_id=me.user_id))
    if key_id not in {each.id for each in own}:
        raise NotFound(f"no key {key_id}")
    await office.keys.revoke(key_id, f"user:{me.user_id}")
    return Redirect("/account", status_code=303)


def _setup(request: Asked, office: Office) -> dict[str, object]:
    import segno

    user_id = _me(request).user_id
    secret = office.sign_in.begin_totp(user_id)
    picture = segno.make(address_of(user_id, secret), micro=False)
    drawn = picture.svg_inline(scale=4, border=2, light="white", omitsize=False)
    return {"secret": " ".join(secret[i : i + 4] for i in range(0, len(secret), 4)), "picture": Markup(drawn)}
