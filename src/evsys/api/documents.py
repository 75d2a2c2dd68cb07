"""The OpenAPI document: what the framework leaves out of it.

It does not know JSON of unknown shape, and does not say that a type takes no unknown members.
"""

from typing import Final

import msgspec
from litestar import Litestar, Response, get
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.openapi.spec import Components, OpenAPIMediaType, OpenAPIResponse, Schema, SecurityScheme
from litestar.plugins import OpenAPISchemaPlugin
from litestar.typing import FieldDefinition
from msgspec import Raw, Struct

from evsys.api.strict import StrictRequest

PATH: Final = "/api/v1"
DOCS_PATH: Final = "/docs"
"""Where the framework has its own ways of showing the document."""
SECURITY: Final[list[dict[str, list[str]]]] = [{"key": []}]


class RawJson(OpenAPISchemaPlugin):
    """JSON of unknown shape: anything."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        return field_definition.annotation is Raw

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: object) -> Schema:
        return Schema(description="JSON as the station sent it")


def config(version: str) -> OpenAPIConfig:
    """What the document says of the API as a whole."""
    return OpenAPIConfig(
        title="EVSYS",
        version=version,
        path=DOCS_PATH,
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
    document = msgspec.json.encode(request.app.openapi_schema.to_schema())
    return Response(document, media_type="application/vnd.oai.openapi+json")


def complete(app: Litestar, strict: tuple[type[Struct], ...]) -> None:
    """Say of the types in `strict` that they take no unknown members, and what EVSYS' endpoint answers."""
    names = {each.__name__ for each in strict}
    for schema in (app.openapi_schema.components.schemas or {}).values():
        if schema.title in names:
            schema.additional_properties = False
    # What a station answers to EVSYS' endpoint is any JSON, and is not described by the handler's type.
    operation = (app.openapi_schema.paths or {})["/api"].post
    assert operation is not None
    assert operation.responses is not None
    answer = operation.responses["200"]
    if isinstance(answer, OpenAPIResponse):
        anything = OpenAPIMediaType(schema=Schema(description="The station's answer, or an error"))
        answer.content = {"application/json": anything, "text/plain": anything}
