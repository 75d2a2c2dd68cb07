"""Strictness: what a request says must be what the OpenAPI document says it may say, to the letter.

The framework decodes a body to plain values and converts them leniently ("1" for 1, 0 for a time); here it is
decoded into its type at once, and an unknown query parameter (a misspelt filter that would filter nothing) is
refused.
"""

from datetime import UTC, datetime
from typing import Final

import msgspec
from litestar import Request
from litestar.connection import ASGIConnection
from litestar.datastructures import State
from litestar.exceptions import ValidationException
from litestar.handlers import BaseRouteHandler
from litestar.params import ParameterKwarg
from msgspec import Raw

from evsys.office.access import Person

WITHIN_S: Final = "within_s"
"""The option of a handler that says how long its requests may take, where it is not the usual time; None: as
long as they like."""

Connection = ASGIConnection[BaseRouteHandler, None, Person | None, State]


class StrictRequest(Request[None, Person, State]):
    """Decodes a JSON body into the type that its handler takes, strictly."""

    async def json(self) -> object:
        field = self.route_handler.parsed_data_field
        kind: type[object] = field.annotation if field is not None else object
        try:
            body = await self.body()
            if kind is Raw:
                body.decode()  # what is skipped is not looked at for its encoding
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            raise ValidationException(f"body: {error}") from None


async def no_unknown_query(connection: Connection, handler: BaseRouteHandler) -> None:
    """Refuse query parameters that the handler does not know, and repeated ones."""
    known = set()
    for name, field in handler.parsed_fn_signature.parameters.items():
        definition = field.kwarg_definition
        alias = definition.name if isinstance(definition, ParameterKwarg) else None
        known.add(alias or name)
    seen = set()
    for name, _ in connection.query_params.multi_items():
        if name not in known:
            raise ValidationException(f"{name}: unknown query parameter")
        if name in seen:
            raise ValidationException(f"{name}: given twice")
        seen.add(name)


def moment(name: str, text: str | None) -> datetime | None:
    """A query parameter that is a time with an offset (RFC 3339), in UTC."""
    if text is None:
        return None
    try:
        given = msgspec.convert(text, datetime)
        if given.tzinfo is None:
            raise ValueError("no offset")
        return given.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        raise ValidationException(
            f"{name}: must be a time with an offset, such as 2026-06-01T12:00:00Z (a + must be sent as %2B)"
        ) from None
