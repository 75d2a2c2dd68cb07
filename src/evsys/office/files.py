"""Files: firmware images for stations, and the diagnostics and logs that came from them.

What a file is called where it came from is kept for showing and is never a path: its bytes lie in the data
folder under its id. They are written beside their place, synced and put there before the record is committed,
so that each record has its whole file; what a crash leaves over is removed at the next start. How much one
file and all of them may take is limited, and a full disk is an error that says so.
"""

import asyncio
import errno
import hashlib
import os
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Final
from uuid import uuid4

import structlog
from msgspec import Struct

from evsys.core.errors import BadCommand, InUse, NoRoom, NotFound, TooLarge
from evsys.core.events import FileRemoved, FileStored
from evsys.core.ports import Clock
from evsys.core.records import StoredFile
from evsys.core.work import Work
from evsys.office.writing import Books
from evsys.store.views import files, jobs
from evsys.store.views.reader import Reader, record_by_id

MAX_NAME: Final = 255
"""Characters kept of what a file was called."""
FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

log = structlog.get_logger()


class FileSettings(Struct, frozen=True, kw_only=True):
    """Where files lie, how much there may be, and how stations reach the doors (empty: a closed one)."""

    folder: Path
    max_file_bytes: int
    max_total_bytes: int
    http_url: str = ""
    """`http[s]://HOST:PORT`"""
    ftp_url: str = ""
    """`ftp[s]://HOST:PORT`"""


class Part:
    """A file that is arriving. One thread at a time may use it; end it with `Files.keep…` or `discard`."""

    def __init__(self, files: "Files", path: Path, id: str) -> None:
        self.id = id
        self.size_bytes = 0
        self._files = files
        self._path = path
        self._sum = hashlib.sha256()
        self._file = path.open("xb")

    @property
    def sha256(self) -> str:
        """Of what has arrived so far."""
        return self._sum.hexdigest()

    def write(self, data: bytes) -> None:
        """Take the next bytes. Raises TooLarge or NoRoom."""
        self._files.take(len(data))
        self.size_bytes += len(data)
        if self.size_bytes > self._files.settings.max_file_bytes:
            raise TooLarge(f"a file may have {self._files.settings.max_file_bytes} bytes")
        self._sum.update(data)
        try:
            self._file.write(data)
        except OSError as error:
            raise _no_room(error) from None

    def put(self, place: Path) -> None:
        """All has arrived: make it durable in its place. Raises NoRoom."""
        try:
            self._file.flush()
            os.fsync(self._file.fileno())
            self._file.close()
            os.replace(self._path, place)
            _sync_folder(place.parent)
        except OSError as error:
            raise _no_room(error) from None

    def discard(self) -> None:
        """It is not wanted, or not whole. Without effect on one that was put or discarded."""
        if not self._path.exists():
            return
        try:
            self._file.close()
        except OSError as error:  # what was not written yet had no room either
            log.warning("a file that is not kept could not be closed", reason=str(error))
        self._path.unlink(missing_ok=True)
        self._files.take(-self.size_bytes)


class Files:
    """The files of a running office. Methods that are not coroutines may wait for the disk: call them from a
    thread."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, settings: FileSettings) -> None:
        self.settings = settings
        self._books = books
        self._reader = reader
        self._clock = clock
        self._used_bytes = 0
        self._lock = Lock()

    def start(self) -> None:
        """Make the folder, remove what a crash left over, and see how much is there. Once, before anything
        else. Raises OSError or StoreUnavailable."""
        folder = self.settings.folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        known = self._reader.read_here(files.file_ids)
        for path in folder.iterdir():
            if path.name not in known and path.is_file():
                log.warning("a file without a record is removed", file=path.name)
                path.unlink()
        self._used_bytes = self._reader.read_here(files.stored_bytes)

    def begin(self) -> Part:
        """A file is about to arrive. Raises NoRoom."""
        id = str(uuid4())
        try:
            return Part(self, self.settings.folder / f"{id}.part", id)
        except OSError as error:
            raise _no_room(error) from None

    def take(self, number_bytes: int) -> None:
        """So many bytes more are kept, or fewer. Raises NoRoom where there would be too many."""
        with self._lock:
            used = self._used_bytes + number_bytes
            if number_bytes > 0 and used > self.settings.max_total_bytes:
                raise NoRoom(f"the files of all jobs may have {self.settings.max_total_bytes} bytes together")
            self._used_bytes = used

    def path(self, file: StoredFile) -> Path:
        """Where the bytes of a file lie."""
        return self.settings.folder / file.id

    async def find(self, file_id: str) -> StoredFile:
        """A file by its id. Raises NotFound."""
        found = await self._reader.read(partial(record_by_id, kind=StoredFile, record_id=file_id))
        if found is None:
            raise NotFound(f"no file {file_id}")
        return found

    async def put(self, part: Part) -> None:
        """Make the bytes of a part durable in their place, before its record is. Raises NoRoom."""
        await asyncio.to_thread(part.put, self.settings.folder / part.id)

    async def add_firmware(self, part: Part, members: dict[str, str], sha256: str, by: str) -> StoredFile:
        """Keep an image that has arrived, with these members of its record. Raises BadCommand where its
        `sha256` is another than the one given, or NoRoom."""
        if not part.size_bytes:
            raise BadCommand("body: there is none")
        if sha256 and sha256.lower() != part.sha256:
            raise BadCommand(f"sha256: what arrived has {part.sha256}")
        now = self._clock.now()
        file = StoredFile(
            id=part.id,
            kind="firmware",
            size_bytes=part.size_bytes,
            sha256=part.sha256,
            created_by=by,
            created_at=now,
            **members,
        )
        work = Work(now)
        work.add(file)
        work.tell(FileStored(file=file, by=by))
        await self.put(part)
        await self._books.write(work)
        return file

    async def remove(self, file_id: str, by: str) -> None:
        """Remove a file. Raises NotFound, or InUse while a job needs it."""
        file = await self.find(file_id)
        if job_id := await self._reader.read(partial(jobs.with_file, file_id=file_id)):
            raise InUse(f"the job {job_id} needs the file {file_id}: cancel it first")
        work = Work(self._clock.now())
        work.remove(file)
        work.tell(FileRemoved(file_id=file_id, by=by))
        await self._books.write(work)
        await asyncio.to_thread(self.path(file).unlink, missing_ok=True)
        self.take(-file.size_bytes)


def shown(name: str) -> str:
    """What a station or a person calls a file, fit to be kept and shown: its last part, without control
    characters."""
    last = name.replace("\\", "/").rstrip("/").rpartition("/")[2]
    return "".join(each for each in last if each.isprintable())[:MAX_NAME]


def _no_room(error: OSError) -> NoRoom:
    why = "the disk is full" if error.errno in FULL else str(error.strerror or error)
    log.error("a file could not be written", reason=why)
    return NoRoom(f"the file could not be written: {why}")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
