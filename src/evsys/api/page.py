"""The OpenAPI document as a page for people: made here, whole in itself, without a script and without
anything from elsewhere."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from functools import lru_cache
from hashlib import sha256
from html import escape
from typing import Final

import msgspec
from litestar import Response, get

from evsys.api.documents import document
from evsys.api.strict import StrictRequest, no_unknown_query

Node = Mapping[str, object]

STYLE: Final = (
    "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "code,pre{font-family:monospace;overflow-wrap:anywhere}"
    "section{border-top:1px solid #999;padding:.5em 0}"
    "table{border-collapse:collapse;width:100%}"
    "td{border-top:1px solid #ddd;padding:.2em .6em .2em 0;vertical-align:top}"
)
_STYLE_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
POLICY: Final = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; frame-ancestors 'none'"


@get("/docs", include_in_schema=False, guards=[no_unknown_query])
async def page(request: StrictRequest) -> Response[bytes]:
    """The API, described for people, to everybody."""
    return Response(
        rendered(document(request.app)),
        media_type="text/html",
        headers={"Content-Security-Policy": POLICY},
    )


@lru_cache(maxsize=1)
def rendered(text: bytes) -> bytes:
    """The page of a document."""
    whole = msgspec.json.decode(text, type=dict[str, object])
    paths, schemas = _node(whole, "paths"), _node(_node(whole, "components"), "schemas")
    lines = [
        "<!doctype html><html lang=en><meta charset=utf-8><title>EVSYS API</title>",
        f"<style>{STYLE}</style><h1>EVSYS API</h1>",
        "<p>The same for programs: <a href=openapi.json>openapi.json</a>. ",
        "A key goes into the header <code>Authorization: Bearer KEY</code>.</p><h2>Requests</h2>",
    ]
    for path in paths:
        for method, operation in _node(paths, path).items():
            if isinstance(operation, dict):
                lines += _operation(method, path, operation)
    lines.append("<h2>Types</h2>")
    for name in sorted(schemas):
        lines += _type(name, _node(schemas, name))
    return "\n".join(lines).encode()


def _operation(method: str, path: str, operation: Node) -> Iterator[str]:
    yield f"<section><h3><code>{method.upper()} {escape(path)}</code></h3>"
    yield f"<p>{_text(operation.get('description'))}</p><table>"
    parameters = operation.get("parameters")
    for each in parameters if isinstance(parameters, list) else []:
        place = f"{_text(each.get('name'))}</code>, {_text(each.get('in'))}"
        yield _row(place, _shape(each.get("schema")), each.get("description"))
    if body := _node(operation, "requestBody"):
        yield _row("body</code>", _content(body), "")
    responses = _node(operation, "responses")
    for status in sorted(responses):
        answer = _node(responses, status)
        yield _row(f"{escape(status)}</code>", _content(answer), answer.get("description"))
    yield "</table></section>"


def _type(name: str, schema: Node) -> Iterator[str]:
    yield f'<section id="{escape(name)}"><h3><code>{escape(name)}</code></h3>'
    yield f"<p>{_text(schema.get('description'))}</p><table>"
    required = schema.get("required")
    members = _node(schema, "properties")
    for member in members:
        needed = ", required" if isinstance(required, list) and member in required else ""
        shape = _node(members, member)
        yield _row(f"{escape(member)}</code>{needed}", _shape(shape), shape.get("description"))
    yield "</table></section>"


def _row(first: str, shape: str, description: object) -> str:
    return f"<tr><td><code>{first}</td><td>{shape}</td><td>{_text(description)}</td></tr>"


def _content(holder: Node) -> str:
    kinds = _node(holder, "content")
    return ", ".join(_shape(_node(kinds, kind).get("schema")) for kind in kinds)


def _shape(schema: object) -> str:
    """What a value looks like, in a few words."""
    if not isinstance(schema, dict):
        return ""
    if reference := schema.get("$ref"):
        name = escape(str(reference).rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if choices := schema.get("oneOf"):
        return " or ".join(_shape(each) for each in choices)
    if "enum" in schema:
        return " or ".join(f"<code>{escape(str(each))}</code>" for each in schema["enum"])
    if "const" in schema:
        return f"<code>{escape(str(schema['const']))}</code>"
    if schema.get("type") == "array":
        return f"list of {_shape(schema.get('items'))}"
    return _text(schema.get("format") or schema.get("type") or "any JSON")


def _node(holder: Node, name: str) -> Node:
    found = holder.get(name)
    return found if isinstance(found, dict) else {}


def _text(value: object) -> str:
    return escape(str(value or ""))
