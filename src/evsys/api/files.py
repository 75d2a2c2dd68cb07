"""Files: firmware images that people upload, and what stations have uploaded for their jobs."""

import asyncio
from functools import partial
from typing import Annotated, Final

from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import File
from msgspec import Struct

from evsys.api.access import needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.problems import documented
from evsys.api.repeats import STREAMED
from evsys.api.strict import WITHIN_S, StrictRequest
from evsys.core.errors import BadCommand, NotFound
from evsys.core.records import JobKind, StoredFile
from evsys.office.files import MAX_NAME, shown
from evsys.store.views import files
from evsys.store.views.paging import DEFAULT_PAGE

UPLOAD_S: Final = 3600.0
"""How long an upload may take."""

Name = Annotated[
    str, QueryParameter(min_length=1, max_length=MAX_NAME, description="What the image is called.")
]
FirmwareVersion = Annotated[
    str,
    QueryParameter(
        max_length=50, description="The version that a station reports when it has booted with it."
    ),
]
Sha256 = Annotated[
    str, QueryParameter(pattern="^([0-9A-Fa-f]{64})?$", description="What must arrive, in hex; empty: any.")
]
Signature = Annotated[
    str, QueryParameter(max_length=800, description="Of a signed image, base64; with `signing_certificate`.")
]
SigningCertificate = Annotated[
    str, QueryParameter(max_length=5500, description="PEM: what the signature is checked with.")
]


class FileList(Struct, frozen=True, kw_only=True):
    items: list[StoredFile]
    next: str | None = None


@post(
    "/files",
    guards=[needs("file.edit")],
    responses=documented(400, 401, 403, 413, 503, 507),
    tags=["files"],
    opt={WITHIN_S: UPLOAD_S, STREAMED: True},
    request_max_body_size=None,
)
async def add_file(
    office: Desk,
    request: StrictRequest,
    name: Name,
    firmware_version: FirmwareVersion = "",
    sha256: Sha256 = "",
    signature: Signature = "",
    signing_certificate: SigningCertificate = "",
) -> StoredFile:
    """Upload a firmware image: the body is the image. 413: it is larger than one file may be; 507: there is
    no room for it."""
    if bool(signature) != bool(signing_certificate):
        raise BadCommand("signature: goes with signing_certificate")
    members = {
        "name": shown(name) or "firmware",
        "firmware_version": firmware_version,
        "signature": signature,
        "signing_certificate": signing_certificate,
    }
    part = await asyncio.to_thread(office.files.begin)
    try:
        async for piece in request.stream():
            await asyncio.to_thread(part.write, piece)
        return await office.files.add_firmware(part, members, sha256, request.auth.name)
    finally:
        await asyncio.to_thread(part.discard)


@get("/files", guards=[needs("file.read")], responses=documented(400, 401, 403, 503), tags=["files"])
async def list_files(
    office: Desk,
    kind: FromQuery[JobKind | None] = None,
    station: FromQuery[str | None] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> FileList:
    """Files, newest first: all that meet every condition given."""
    query = partial(files.files_page, limit=limit, cursor=cursor, kind=kind, station_id=station)
    items, following = await office.reader.read(query)
    return FileList(items=items, next=following)


@get(
    "/files/{file_id:str}",
    guards=[needs("file.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["files"],
)
async def get_file(office: Desk, file_id: FromPath[str]) -> StoredFile:
    """What is known of a file; its bytes are at `/files/{file_id}/content`."""
    return await office.files.find(file_id)


@get(
    "/files/{file_id:str}/content",
    guards=[needs("file.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["files"],
    opt={WITHIN_S: None},
)
async def get_file_content(office: Desk, file_id: FromPath[str]) -> File:
    """The bytes of a file."""
    file = await office.files.find(file_id)
    path = office.files.path(file)
    if not await asyncio.to_thread(path.exists):
        raise NotFound(f"the bytes of the file {file_id} are gone: they are not in a backup of the database")
    return File(path, filename=file.name, media_type="application/octet-stream")


@delete(
    "/files/{file_id:str}",
    guards=[needs("file.edit")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["files"],
)
async def remove_file(office: Desk, file_id: FromPath[str], request: StrictRequest) -> None:
    """Remove a file. 409 while a job needs it."""
    await office.files.remove(file_id, request.auth.name)
