"""The console as an application: its routes, and what holds for each of them.

It is made when the first browser asks, so that nobody waits for it who does not look at it.
"""

import asyncio
from typing import Final

import structlog
from litestar import Litestar, Response
from litestar.datastructures import State
from litestar.di import Provide
from litestar.exceptions import HTTPException
from litestar.response import Redirect
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from evsys.console import account, assets, events, live, overview, sessions, signing, station, stations, users
from evsys.console.rendering import page
from evsys.console.visitors import Asked, Settings, SignInNeeded, Visitor, sign_in_address
from evsys.core import errors
from evsys.core.errors import EvsysError
from evsys.office.access import FROM
from evsys.office.office import Office
from evsys.office.paths import ids_as_sent, whole_segments
from evsys.store.views.paging import BadCursor

MAX_BODY_BYTES: Final = 256 * 1024
"""The largest form: a local list is not sent from here."""
REQUEST_S: Final = 60.0
"""How long a request may take: a command waits for its station."""
WITHIN_S: Final = live.WITHIN_S
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
HTTPS: Final = (b"strict-transport-security", b"max-age=31536000")

STATUSES: Final[dict[type[EvsysError], int]] = {
    BadCursor: 400,
    errors.BadCommand: 400,
    errors.StationUnknown: 404,
    errors.NotFound: 404,
    errors.NotAllowed: 403,
    errors.SignInRefused: 401,
    errors.TooManyAttempts: 429,
    errors.StoreUnavailable: 503,
    errors.OutcomeUnknown: 503,
}
"""All others are conflicts: somebody else was faster, or the station would not."""

log = structlog.get_logger()


def create_console(office: Office, settings: Settings) -> Litestar:
    """The application."""

    def provide_office() -> Office:
        return office

    headers = (*HEADERS, HTTPS) if settings.secure else HEADERS

    async def before_send(message: Message, _scope: Scope) -> None:
        if message["type"] == "http.response.start":
            own = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"], *(each for each in headers if each[0] not in own)]

    app = Litestar(
        route_handlers=[
            assets.asset,
            signing.favicon,
            signing.sign_in_page,
            signing.sign_in,
            signing.link_page,
            signing.use_link,
            signing.sign_out,
            signing.choose,
            account.account_page,
            account.change_password,
            account.begin_authenticator,
            account.confirm_authenticator,
            account.remove_authenticator,
            account.end_sessions,
            account.create_key,
            account.revoke_key,
            users.users_page,
            users.create_user,
            users.user_page,
            users.change_user,
            users.make_link,
            users.end_sessions,
            users.remove_authenticator,
            users.remove_user,
            overview.overview_page,
            overview.figures,
            stations.stations_page,
            stations.rows,
            stations.admit,
            station.station_page,
            station.connectors,
            station.commands_page,
            station.send,
            station.messages_page,
            station.messages_file,
            station.quirks_page,
            station.configuration_page,
            station.read_configuration,
            sessions.sessions_page,
            sessions.sessions_file,
            sessions.session_page,
            events.events_page,
            live.stream,
        ],
        request_max_body_size=MAX_BODY_BYTES,
        dependencies={"office": Provide(provide_office, sync_to_thread=False)},
        exception_handlers={
            SignInNeeded: _sign_in_first,
            HTTPException: _of_http,
            EvsysError: _of_evsys,
            Exception: _of_bug,
        },
        middleware=[_watch],
        before_send=[before_send],
        openapi_config=None,
        state=State({"office": office, "settings": settings}),
        logging_config=None,
    )
    app.asgi_handler = whole_segments(app.asgi_handler)
    return app


def _watch(app: ASGIApp) -> ASGIApp:
    """Ends a request that takes too long, and notes where it came from."""

    async def watched(scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        FROM.set(client[0] if client else "")
        scope.setdefault("user", Visitor())
        ids_as_sent(scope)
        try:
            async with asyncio.timeout(scope["route_handler"].opt.get(WITHIN_S, REQUEST_S)):
                await app(scope, receive, send)
        except TimeoutError:
            raise HTTPException("the request took too long", status_code=503) from None

    return watched


def _sign_in_first(request: Asked, _error: SignInNeeded) -> Response[bytes] | Redirect:
    """A page asks for a sign-in and comes back; a part of one has the whole page do so."""
    if request.headers.get("hx-request") == "true" or request.method != "GET":
        return Response(b"", status_code=401, headers={"HX-Redirect": "/sign-in"})
    return Redirect(sign_in_address(request), status_code=303)


def _of_http(request: Asked, error: HTTPException) -> Response[bytes]:
    if error.status_code >= 500 and error.status_code != 503:
        return _of_bug(request, error)
    return _told(request, error.status_code, error.detail)


def _of_evsys(request: Asked, error: EvsysError) -> Response[bytes]:
    return _told(request, STATUSES.get(type(error), 409), str(error))


def _of_bug(request: Asked, error: Exception) -> Response[bytes]:
    log.error("a page failed", method=request.method, path=request.url.path, exc_info=error)
    return _told(request, 500, "")


def _told(request: Asked, status: int, detail: str) -> Response[bytes]:
    request.scope.setdefault("user", Visitor())
    return page(request, "problem.html", status, status=status, detail=detail)
