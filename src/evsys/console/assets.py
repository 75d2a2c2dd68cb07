"""What browsers load beside the pages: scripts and styles, named by their content, packed once."""

import gzip
import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final

from litestar import MediaType, Response, get
from litestar.exceptions import NotFoundException
from litestar.params import FromPath
from msgspec import Struct

STATIC: Final = Path(__file__).parent / "static"
PATH: Final = "/static"
KINDS: Final = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
FOREVER: Final = "public, max-age=31536000, immutable"
DIGEST: Final = 12
"""Characters of the digest that stands in a name."""


class Asset(Struct, frozen=True):
    """A file as it is served."""

    name: str
    kind: str
    content: bytes
    packed: bytes
    """The same under gzip."""


@cache
def assets() -> dict[str, Asset]:
    """All files that are served, by what they are called in an address: `htmx.min.0f3a….js`."""
    found = {}
    for path in sorted(STATIC.rglob("*")):
        if path.suffix in KINDS:
            content = path.read_bytes()
            name = f"{path.stem}.{sha256(content).hexdigest()[:DIGEST]}{path.suffix}"
            found[name] = Asset(path.name, KINDS[path.suffix], content, gzip.compress(content, 9, mtime=0))
    return found


@cache
def addresses() -> dict[str, str]:
    """Where a file is, by its name."""
    return {asset.name: f"{PATH}/{name}" for name, asset in assets().items()}


@cache
def vendored() -> dict[str, str]:
    """The digests that other people's files must have."""
    manifest: dict[str, str] = json.loads((STATIC / "vendor/manifest.json").read_text())
    return manifest


@get(f"{PATH}/{{name:str}}", include_in_schema=False)
async def asset(name: FromPath[str]) -> Response[bytes]:
    """A file, to everybody."""
    found = assets().get(name)
    if found is None:
        raise NotFoundException
    headers = {"Cache-Control": FOREVER, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Response(found.packed, media_type=MediaType.TEXT, headers={**headers, "Content-Type": found.kind})
