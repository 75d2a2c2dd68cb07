"""The handshake: who connects, and in which version (OCPP-J 1.6 §3, OCPP 2.1 Part 4 §3).

The identity is the last segment of the path, percent-decoded exactly once. Stations add slashes, segments of
their own and queries; all of that is passed over. What does not decode, is not printable, or would be a path
again after decoding is no identity. The version is the first of the client's list that is spoken here; where
it offers none, the station's or the gateway's assumption holds, and without one the handshake is completed
and the connection closed, as the standard says.
"""

import re
from collections.abc import Collection, Sequence
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from msgspec import Struct

MAX_IDENTITY_CHARS: Final = 255
"""OCPP 1.6 sets no bound, 2.x says 48; beyond this it is no identity but an attack."""

_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Subprotocol(Struct, frozen=True):
    """The version chosen. `announced`: whether the answer names it (not where it was only assumed)."""

    name: str
    announced: bool


def identity(target: str, prefixes: Sequence[str]) -> str | None:
    """The identity in a request's target, or None where there is none below one of the `prefixes`."""
    path = re.sub(r"^[a-z]+://[^/]*", "", target, count=1).partition("?")[0].partition("#")[0]
    segments = [segment for segment in path.split("/") if segment]
    for prefix in prefixes:
        leading = [segment for segment in prefix.split("/") if segment]
        if segments[: len(leading)] == leading and len(segments) > len(leading):
            return _decoded(segments[-1])
    return None


def is_odd(target: str, prefixes: Sequence[str]) -> bool:
    """Whether the path of a target that names an identity is more than a prefix and the identity."""
    path = target.partition("?")[0].partition("#")[0]
    return path.rpartition("/")[0] not in [prefix.rstrip("/") for prefix in prefixes]


def _decoded(segment: str) -> str | None:
    if _BAD_ESCAPE.search(segment):
        return None
    try:
        # The parser keeps bytes that are no UTF-8 as surrogates: back to bytes, then decode once, strictly.
        name = unquote_to_bytes(segment.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        return None
    if not 0 < len(name) <= MAX_IDENTITY_CHARS or not name.isprintable():
        return None
    return None if "/" in name or "\\" in name or name in (".", "..") else name


def subprotocol(
    offered: Sequence[str], supported: Collection[str], assumed: str
) -> Subprotocol | Literal["none offered", "none in common"]:
    """The version to speak. Names are compared exactly (RFC 6455 §4.1). `assumed` is empty or a version."""
    for name in offered:
        if name in supported:
            return Subprotocol(name, announced=True)
    if offered:
        return "none in common"
    return Subprotocol(assumed, announced=False) if assumed in supported else "none offered"


def listed(values: Sequence[str]) -> list[str]:
    """The members of a header that may stand on several lines and hold comma lists."""
    return [member for value in values for part in value.split(",") if (member := part.strip())]
