"""The server's key: what the digests of stations' passwords are made with.

It is not in the database, so that who has a copy of that alone cannot try passwords against it: a file beside
it, which its owner alone may read, made at the first start. Who loses it gives every station a new password.
"""

import os
import secrets
from pathlib import Path
from typing import Final

from evsys.store.copying import sync_file

KEY_BYTES: Final = 32
MODE: Final = 0o600


def path_beside(database: Path) -> Path:
    """Where the key of a database is."""
    return database.with_name(f"{database.name}.key")


def server_key(database: Path) -> bytes:
    """The key beside a database, made where there is none. Raises OSError, and ValueError for a file that is
    none."""
    path = path_beside(database)
    if not path.exists():
        _make(path)
    return _read(path)


def _make(path: Path) -> None:
    """The file gets its name when it is whole on disk: one that a crash has cut would be refused for ever.
    The server's lock keeps others away."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(KEY_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
    sync_file(path.parent)


def _read(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise ValueError(f"{path} holds no key of {KEY_BYTES} bytes in hex digits")
    return key
