"""Database files for tests: migrated once, then copied."""

import tempfile
from functools import cache
from pathlib import Path

from evsys.store.migrating import migrate


@cache
def _migrated() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        return migrate(Path(folder) / "new.db").read_bytes()


def new_database(folder: Path, name: str = "evsys.db") -> Path:
    """An empty database of the program's version in `folder`."""
    path = folder / name
    path.write_bytes(_migrated())
    return path
