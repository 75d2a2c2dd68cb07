"""Problems: every error of the API is a problem document (RFC 9457) that says whose fault it is.

A bug is logged with its traceback and answered without one.
"""

from typing import Final

import structlog
from litestar import Request, Response
from litestar.datastructures import State
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct
from msgspec.structs import replace

from evsys.core import errors
from evsys.core.errors import CallFailed, EvsysError
from evsys.store.views.paging import BadCursor

log = structlog.get_logger()

MEDIA_TYPE: Final = "application/problem+json"
MAX_DETAIL: Final = 2000
"""Characters of a problem's text: what a client sent may be quoted in it."""

TITLES: Final[dict[int, str]] = {
    400: "Bad request",
    401: "A key is needed",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    422: "Not possible",
    429: "Too many requests",
    500: "Internal error",
    502: "The station's answer is of no use",
    503: "Not available now",
    504: "The station did not answer",
    507: "No room",
}
STATUSES: Final[dict[type[EvsysError], int]] = {
    BadCursor: 400,
    errors.BadCommand: 400,
    errors.StationUnknown: 404,
    errors.NotFound: 404,
    errors.SignInRefused: 401,
    errors.TooManyAttempts: 429,
    errors.StationOffline: 409,
    errors.StaleVersion: 409,
    errors.AlreadyExists: 409,
    errors.InUse: 409,
    errors.UnderWay: 409,
    errors.AnswerGone: 409,
    errors.NotSupportedByStation: 422,
    errors.KeyReused: 422,
    errors.TooLarge: 413,
    errors.NotConfigured: 422,
    errors.NotAllowed: 403,
    errors.TooManyCalls: 429,
    errors.TooManyKeys: 429,
    errors.CallFailed: 502,
    errors.BadAnswer: 502,
    errors.StoreUnavailable: 503,
    errors.CertificateRequestRefused: 400,
    errors.AuthorityUnavailable: 503,
    errors.OutcomeUnknown: 503,
    errors.NoAnswer: 504,
    errors.ConnectionLost: 504,
    errors.NoRoom: 507,
}


class Problem(Struct, frozen=True, kw_only=True):
    """An error, as RFC 9457 has it."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str = ""
    code: str = ""
    """Of a CALLERROR: the station's error code."""
    description: str = ""
    """Of a CALLERROR: what the station says of it."""


Asked = Request[None, None, State]
UNSURE: Final = "evsys.unsure"
"""In the state of a request whose failure may have done something all the same."""


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response[Problem]:
    document = Problem(title=TITLES.get(status, "Error"), status=status, detail=detail[:MAX_DETAIL])
    return Response(document, status_code=status, media_type=MEDIA_TYPE, headers=headers)


def of_http(_request: Asked, error: HTTPException) -> Response[Problem]:
    """What the web framework refuses."""
    if error.status_code >= 500 and error.status_code != 503:
        return of_bug(_request, error)
    detail = error.detail
    if isinstance(error, ValidationException) and isinstance(error.extra, list):
        detail = "; ".join(_said(each.get("key", ""), each.get("message", "")) for each in error.extra)
    return problem(error.status_code, detail, error.headers)


def _said(key: str, message: str) -> str:
    if key == "data":
        return "body: there is none"
    return f"{key}: {message}" if key else message


def of_evsys(request: Asked, error: EvsysError) -> Response[Problem]:
    """What the office refuses."""
    status = STATUSES.get(type(error))
    if status is None:
        return of_bug(request, error)
    if isinstance(error, errors.OutcomeUnknown):
        request.scope["state"][UNSURE] = True
    response = problem(status, str(error))
    if isinstance(error, CallFailed):
        response.content = replace(response.content, code=error.code, description=error.description)
    return response


def of_bug(request: Asked, error: Exception) -> Response[Problem]:
    log.error("a request failed", method=request.method, path=request.url.path, exc_info=error)
    return problem(500, "the server failed; what happened is in its log")


def documented(*statuses: int) -> dict[int, ResponseSpec]:
    """The problems of a route, for the OpenAPI document."""
    return {
        status: ResponseSpec(
            Problem, description=TITLES[status], media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }
