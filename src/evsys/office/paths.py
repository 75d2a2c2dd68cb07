"""Paths: a `/` in an id is sent as `%2F`, and is no border between segments (RFC 3986 §2.2).

The framework routes by the decoded path, where the two cannot be told apart. So routing is shown a stand-in
for the encoded one, and whoever is routed to finds the `/` in the parameters of the path.
"""

from typing import Final, TypeVar
from urllib.parse import unquote

from litestar.types import ASGIApp, Message, Receive, Scope, Send

STAND_IN: Final = "\udc2f"
"""Half of a character: text that was decoded from bytes never has one."""


def whole_segments(router: ASGIApp) -> ASGIApp:
    """Around the router: an encoded `/` does not part segments."""

    async def routed(scope: Scope, receive: Receive, send: Send) -> None:
        raw_path: bytes = scope.get("raw_path", b"")
        if b"%2f" not in raw_path.lower():
            await router(scope, receive, send)
            return
        segments = raw_path.decode("ascii", "replace").split("/")
        scope["path"] = "/".join(unquote(each).replace("/", STAND_IN) for each in segments)

        async def send_as_asked(message: Message) -> None:
            ids_as_sent(scope)  # the router may have found nobody
            await send(message)

        await router(scope, receive, send_as_asked)

    return routed


def ids_as_sent(scope: Scope) -> None:
    """Below the router: the parameters of the path have their `/` again."""
    if STAND_IN in scope["path"]:
        scope["path"] = scope["path"].replace(STAND_IN, "/")
        # Not in place: the router keeps the parameters of a path for its next request.
        scope["path_params"] = {name: _as_sent(value) for name, value in scope["path_params"].items()}


T = TypeVar("T")


def _as_sent(value: T) -> T:
    """A parameter, which may also be a number."""
    return value.replace(STAND_IN, "/") if isinstance(value, str) else value  # type: ignore[return-value]
