"""Whether the server lives and can do its work, for whatever watches over it."""

from litestar import Response, get
from litestar.openapi.datastructures import ResponseSpec
from msgspec import Struct

from evsys.api.desk import Desk
from evsys.api.problems import documented
from evsys.api.strict import no_unknown_query


class Health(Struct, frozen=True, kw_only=True):
    ready: bool
    reasons: list[str] = []
    """Why it is not ready."""


@get("/health/live", guards=[no_unknown_query], responses=documented(400), tags=["health"])
async def live() -> Health:
    """The process answers."""
    return Health(ready=True)


@get(
    "/health/ready",
    guards=[no_unknown_query],
    responses={
        503: ResponseSpec(Health, description="Not ready, and why", generate_examples=False),
        **documented(400),
    },
    tags=["health"],
)
async def ready(office: Desk) -> Response[Health]:
    """200 where the gateway answers, the database can be read and the last commit went well; else 503 with
    the reasons."""
    troubles = await office.status.troubles()
    return Response(Health(ready=not troubles, reasons=troubles), status_code=503 if troubles else 200)
