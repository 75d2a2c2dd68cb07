"""Signing in and out, by password or by a link; and how somebody wants their pages."""

from litestar import Response, get, post
from litestar.datastructures import Cookie
from litestar.params import FromPath, FromQuery
from litestar.response import Redirect

from evsys.console.assets import STATIC
from evsys.console.desk import Desk
from evsys.console.rendering import page
from evsys.console.texts import LANGUAGES
from evsys.console.visitors import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Asked,
    anybody_signed_in,
    everybody,
    form_of,
    here,
    session_cookie,
    settings_of,
)
from evsys.core.errors import BadCommand, SignInRefused, TooManyAttempts

YEAR_S = 365 * 86_400


@get("/favicon.ico", include_in_schema=False)
async def favicon() -> Response[bytes]:
    """What browsers ask for in any case."""
    return Response((STATIC / "icon.svg").read_bytes(), media_type="image/svg+xml")


@get("/sign-in", guards=[everybody])
async def sign_in_page(request: Asked, next: FromQuery[str] = "/") -> Response[bytes]:
    """Where somebody says who they are."""
    return page(request, "sign_in.html", next=here(next), name="", fault="")


@post("/sign-in", guards=[everybody], status_code=200)
async def sign_in(request: Asked, office: Desk) -> Response[bytes] | Redirect:
    """Who they say they are, and their password. The session before, if there is one, ends."""
    form = await form_of(request)
    name, target = form.get("name", "").strip(), here(form.get("next", "/"))
    agent = request.headers.get("user-agent", "")
    try:
        secret = await office.sign_in.with_password(
            name, form.get("password", ""), form.get("code", ""), agent
        )
    except (SignInRefused, TooManyAttempts) as error:
        status = 429 if isinstance(error, TooManyAttempts) else 401
        return page(request, "sign_in.html", status, next=target, name=name, fault=str(error))
    if request.user.session is not None:
        await office.sign_in.sign_out(request.user.session, f"user:{request.user.session.user_id}")
    return _signed_in(request, secret, target)


@get("/link/{secret:str}", guards=[everybody])
async def link_page(request: Asked, office: Desk, secret: FromPath[str]) -> Response[bytes]:
    """Where whoever was given a link chooses a password. Looking at it does not use it up."""
    try:
        link, user = await office.sign_in.link(secret)
    except SignInRefused as error:
        return page(request, "problem.html", 404, status=404, detail=str(error))
    return page(request, "link.html", link=link, user=user, fault="")


@post("/link/{secret:str}", guards=[everybody], status_code=200)
async def use_link(request: Asked, office: Desk, secret: FromPath[str]) -> Response[bytes] | Redirect:
    """Choose a password, and be signed in."""
    form = await form_of(request)
    password = form.get("password", "")
    try:
        link, user = await office.sign_in.link(secret)
    except SignInRefused as error:
        return page(request, "problem.html", 404, status=404, detail=str(error))
    try:
        if password != form.get("again", ""):
            raise BadCommand("the two passwords are not the same")
        agent = request.headers.get("user-agent", "")
        session = await office.sign_in.with_link(secret, password, form.get("code", ""), agent)
    except (SignInRefused, TooManyAttempts, BadCommand) as error:
        return page(request, "link.html", 400, link=link, user=user, fault=str(error))
    return _signed_in(request, session, "/")


@post("/sign-out", guards=[anybody_signed_in], status_code=303)
async def sign_out(request: Asked, office: Desk) -> Redirect:
    """End this session."""
    session = request.user.session
    assert session is not None
    await office.sign_in.sign_out(session, f"user:{session.user_id}")
    return Redirect("/sign-in", status_code=303, cookies=[session_cookie(settings_of(request), "")])


@post("/choose", guards=[everybody], status_code=303)
async def choose(request: Asked) -> Redirect:
    """Say which language and which colours one wants."""
    form = await form_of(request)
    cookies = []
    for name, known in ((LANGUAGE_COOKIE, LANGUAGES), (THEME_COOKIE, THEMES)):
        wanted = form.get(name.removeprefix("evsys-"), "")
        if wanted in known:
            secure = settings_of(request).secure
            cookies.append(
                Cookie(name, value=wanted, max_age=YEAR_S, samesite="lax", secure=secure, httponly=True)
            )
    return Redirect(here(form.get("next", "/")), status_code=303, cookies=cookies)


def _signed_in(request: Asked, secret: str, target: str) -> Redirect:
    return Redirect(target, status_code=303, cookies=[session_cookie(settings_of(request), secret)])
