"""The OpenAPI document: what the framework leaves out of it.

It does not know JSON of unknown shape, and does not say that a type takes no unknown members.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

import msgspec
from litestar import Litestar, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.handlers import BaseRouteHandler
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import (
    Components,
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    Parameter,
    RequestBody,
    Schema,
    SecurityScheme,
)
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import Raw, Struct

from evsys.api.problems import TITLES
from evsys.api.repeats import HEADER, MAX_KEY_CHARACTERS, PATTERN
from evsys.api.strict import Connection, StrictRequest

PATH: Final = "/api/v1"
FRAMEWORKS_PATH: Final = "/docs"
"""Where the framework would show the document in its own ways, and errors as HTML: nothing is there."""
ANY_JSON: Final = "JSON of any shape"
SECURITY: Final[list[dict[str, list[str]]]] = [{"key": []}]


class RawJson(OpenAPISchemaPlugin):
    """JSON of unknown shape: anything."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        return field_definition.annotation is Raw

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: object) -> Schema:
        return Schema(description=ANY_JSON)


class Decimals(OpenAPISchemaPlugin):
    """Decimal numbers: as numbers or, exactly, as text."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        return field_definition.annotation is Decimal

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: object) -> Schema:
        return Schema(one_of=[Schema(type=OpenAPIType.NUMBER), Schema(type=OpenAPIType.STRING)])


_MADE: Final = "openapi"


def nothing_here(_connection: Connection, _handler: BaseRouteHandler) -> None:
    """A guard that lets nobody through, as if there were nothing."""
    raise NotFoundException


def config(version: str) -> OpenAPIConfig:
    """What the document says of the API as a whole."""
    return OpenAPIConfig(
        title="EVSYS",
        version=version,
        openapi_router=Router(
            FRAMEWORKS_PATH, route_handlers=[], guards=[nothing_here], include_in_schema=False
        ),
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin()],
        components=Components(
            security_schemes={
                "key": SecurityScheme(type="http", scheme="bearer", description="evsys key create")
            }
        ),
    )


@get("/openapi.json", include_in_schema=False)
async def openapi(request: StrictRequest) -> Response[bytes]:
    """The document, to everybody."""
    return Response(document(request.app), media_type="application/vnd.oai.openapi+json")


def document(app: Litestar) -> bytes:
    """The document as JSON, made when somebody first asks for it: that takes as long as the rest of a
    start."""
    made: bytes | None = app.state.get(_MADE)
    if made is None:
        _complete(app)
        made = app.state[_MADE] = msgspec.json.encode(app.openapi_schema.to_schema())
    return made


def _complete(app: Litestar) -> None:
    """Say which types take no unknown members, what is JSON of any shape, what EVSYS' endpoint answers, and
    which header a POST may bring."""
    strict = set(_strict_types(Struct))
    for schema in (app.openapi_schema.components.schemas or {}).values():
        if schema.title in strict:
            schema.additional_properties = False
        for name, member in (schema.properties or {}).items():
            choices = member.one_of if isinstance(member, Schema) else None
            for choice in choices or ():
                if isinstance(choice, Schema) and choice.description == ANY_JSON:
                    schema.properties[name] = choice  # type: ignore[index]  # it has this member
    # The body of an upload is streamed, so no handler's type tells of it.
    upload = (app.openapi_schema.paths or {})[f"{PATH}/files"].post
    assert upload is not None
    binary = OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY))
    upload.request_body = RequestBody(content={"application/octet-stream": binary}, required=True)
    # What a station answers to EVSYS' endpoint is any JSON, and is not described by the handler's type.
    operation = (app.openapi_schema.paths or {})["/api"].post
    assert operation is not None
    assert operation.responses is not None
    answer = operation.responses["200"]
    if isinstance(answer, OpenAPIResponse):
        anything = OpenAPIMediaType(schema=Schema(description="The station's answer, or an error"))
        answer.content = {"application/json": anything, "text/plain": anything}

    for path, item in (app.openapi_schema.paths or {}).items():
        if path.startswith(PATH) and item.post is not None:
            _repeatable(item.post)


def _repeatable(operation: Operation) -> None:
    key = Schema(type=OpenAPIType.STRING, pattern=PATTERN, max_length=MAX_KEY_CHARACTERS)
    header = Parameter(
        name=HEADER,
        param_in="header",
        required=False,
        schema=key,
        description="Of the caller's choice: the same request with the same key within 24 hours is answered "
        "as it was, and not done again.",
    )
    operation.parameters = [*(operation.parameters or ()), header]
    assert operation.responses is not None
    problem = operation.responses["400"]
    assert isinstance(problem, OpenAPIResponse)
    for status in (409, 422, 429):
        answer = OpenAPIResponse(description=TITLES[status], content=problem.content)
        operation.responses.setdefault(str(status), answer)


def _strict_types(kind: type[Struct]) -> Iterator[str]:
    """The names of the types below `kind` that take no unknown members."""
    for each in kind.__subclasses__():
        if each.__struct_config__.forbid_unknown_fields:
            yield each.__name__
        yield from _strict_types(each)
