"""The server's key: what the digests of stations' passwords are made with.

It is not in the database, so that who has a copy of that alone cannot try passwords against it: a file beside
it, which its owner alone may read, made at the first start. Who loses it gives every station a new password.
"""

import os
import secrets
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
MODE: Final = 0o600


def path_beside(database: Path) -> Path:
    """Where the key of a database is."""
    return database.with_name(f"{database.name}.key")


def server_key(database: Path) -> bytes:
    """The key beside a database, made where there is none. Raises OSError, and ValueError for a file that is
    none."""
    path = path_beside(database)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)
    except FileExistsError:
        return _read(path)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(KEY_BYTES) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return _read(path)


def _read(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise ValueError(f"{path} holds no key of {KEY_BYTES} bytes in hex digits")
    return key
