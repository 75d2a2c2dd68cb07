"""Who asks: a browser with the cookie of a session, and what it may ask.

A page is shown to whoever is signed in and may see it. What changes something must come from a page of ours:
the browser says so (Sec-Fetch-Site, or Origin), and the form holds a token that is made from the session's
secret, which no other site knows.
"""

import hmac
from collections.abc import Awaitable, Callable
from typing import Final
from urllib.parse import quote, urlsplit

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie, State
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from msgspec import Struct

from evsys.console.texts import Language, chosen
from evsys.core.access import Action
from evsys.core.records import UserSession
from evsys.office.access import Person, signed_in
from evsys.office.office import Office

Theme = str
THEMES: Final = ("auto", "light", "dark")
SECURE_COOKIE: Final = "__Host-evsys"
COOKIE: Final = "evsys"
"""Over http, on this machine or behind nothing: browsers take no secure cookie there."""
LANGUAGE_COOKIE: Final = "evsys-language"
THEME_COOKIE: Final = "evsys-theme"
MAX_AGE_S: Final = 7 * 86_400
TOKEN_FIELD: Final = "csrf"
TOKEN_HEADER: Final = "x-csrf-token"
MAX_FORM_FIELDS: Final = 100
SAFE: Final = frozenset(("GET", "HEAD"))


class Visitor(Struct, frozen=True, kw_only=True):
    """Who looks at a page, and how they want it. Without a session they are nobody."""

    person: Person | None = None
    session: UserSession | None = None
    secret: str = ""
    language: Language = "en"
    theme: Theme = "auto"

    @property
    def token(self) -> str:
        """What a form must bring."""
        return hmac.digest(self.secret.encode(), b"form", "sha256").hex() if self.secret else ""

    def may(self, action: Action) -> bool:
        return self.person is not None and self.person.may(action)


class Settings(Struct, frozen=True, kw_only=True):
    """What the console is told of itself."""

    secure: bool = False
    """Whether people reach it with https."""
    url: str = ""
    """How people reach it, without a slash at the end; empty: as they do now."""

    @property
    def cookie(self) -> str:
        return SECURE_COOKIE if self.secure else COOKIE


Asked = Request[Visitor, None, State]
Connection = ASGIConnection[BaseRouteHandler, Visitor, None, State]
Anyone = Connection | Asked
Guard = Callable[[Connection, BaseRouteHandler], Awaitable[None]]


class SignInNeeded(Exception):
    """Nobody is signed in where somebody must be."""


def office_of(connection: Anyone) -> Office:
    office: Office = connection.app.state.office
    return office


def settings_of(connection: Anyone) -> Settings:
    settings: Settings = connection.app.state.settings
    return settings


async def everybody(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Lets everybody in, and says who it is."""
    await _visit(connection)


async def anybody_signed_in(connection: Connection, _handler: BaseRouteHandler) -> None:
    """Lets in who is signed in."""
    visitor = await _visit(connection)
    if visitor.person is None:
        raise SignInNeeded


def may(action: Action) -> Guard:
    """Lets in who is signed in and may do `action`; of a station in the path, who sees it."""

    async def guard(connection: Connection, handler: BaseRouteHandler) -> None:
        visitor = await _visit(connection)
        if visitor.person is None:
            raise SignInNeeded
        if not visitor.person.may(action):
            raise PermissionDeniedException(f"the role {visitor.person.role} may not do {action}")
        if station_id := connection.path_params.get("station_id"):
            await office_of(connection).reach.check(visitor.person, station_id)

    return guard


async def _visit(connection: Connection) -> Visitor:
    cookies = connection.cookies
    secret = cookies.get(settings_of(connection).cookie, "")
    found = await office_of(connection).sign_in.who(secret)
    theme = cookies.get(THEME_COOKIE, "")
    visitor = Visitor(
        person=signed_in(found.user) if found else None,
        session=found.session if found else None,
        secret=secret if found else "",
        language=chosen(cookies.get(LANGUAGE_COOKIE, ""), connection.headers.get("accept-language", "")),
        theme=theme if theme in THEMES else "auto",
    )
    connection.scope["user"] = visitor
    if str(connection.scope.get("method")) not in SAFE:
        await _from_a_page_of_ours(connection, visitor)
    return visitor


async def _from_a_page_of_ours(connection: Connection, visitor: Visitor) -> None:
    if not same_origin(connection):
        raise PermissionDeniedException("the request did not come from a page of this console")
    if visitor.secret:
        given = connection.headers.get(TOKEN_HEADER) or (await form_of(connection)).get(TOKEN_FIELD, "")
        if not hmac.compare_digest(given.encode(), visitor.token.encode()):
            raise PermissionDeniedException("the page is too old: load it again")


def same_origin(connection: Anyone) -> bool:
    """Whether the browser says that a page of this server asks."""
    site = connection.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = connection.headers.get("origin", "")
    return bool(origin) and urlsplit(origin).netloc == connection.headers.get("host", "")


async def form_of(connection: Anyone) -> dict[str, str]:
    """The fields of a form, each once: the first of a name. What several may have comes by `fields_of`."""
    return {name: values[0] for name, values in (await fields_of(connection)).items()}


async def fields_of(connection: Anyone) -> dict[str, list[str]]:
    """The fields of a form with all their values."""
    from urllib.parse import parse_qs

    known = connection.scope["state"].get("evsys.form")
    if known is None:
        request = Request[Visitor, None, State](connection.scope, connection.receive)
        body = await request.body() if _is_form(connection) else b""
        try:
            known = parse_qs(
                body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS, errors="strict"
            )
        except ValueError:
            raise PermissionDeniedException("not a form") from None
        connection.scope["state"]["evsys.form"] = known
    found: dict[str, list[str]] = known
    return found


def _is_form(connection: Anyone) -> bool:
    kind = connection.headers.get("content-type", "").partition(";")[0].strip().lower()
    return kind == "application/x-www-form-urlencoded"


def session_cookie(settings: Settings, secret: str) -> Cookie:
    """The cookie of a session; with an empty secret, its end."""
    return Cookie(
        settings.cookie,
        value=secret,
        path="/",
        max_age=MAX_AGE_S if secret else 0,
        httponly=True,
        samesite="lax",
        secure=settings.secure,
    )


def here(target: str) -> str:
    """Where to go on: a path of this server, else its first page."""
    plain = target.isprintable() and "\\" not in target
    return target if plain and target.startswith("/") and not target.startswith("//") else "/"


def sign_in_address(connection: Anyone) -> str:
    """The page to sign in at, which comes back here."""
    query = connection.scope["query_string"].decode("latin-1")
    target = connection.scope["path"] + (f"?{query}" if query else "")
    return f"/sign-in?next={quote(target, safe='')}" if target != "/" else "/sign-in"
