"""The database from a command line: a row written in a short transaction, or rows read, whether a server
runs or not. Nothing is migrated here: that is the server's, and a database of another version is refused.
"""

from contextlib import closing
from pathlib import Path
from typing import Final, TypeVar

from evsys.core.records import Record
from evsys.core.work import Failed, Settlement, Work
from evsys.store.batch import CANNOT_SAY, Former, settlements
from evsys.store.connections import open_to_read, open_to_write
from evsys.store.migrating import check
from evsys.store.reading import many, select_sql
from evsys.store.writer import Writer

CLIENT: Final = "command"

R = TypeVar("R", bound=Record)


def write_once(path: Path, work: Work) -> Settlement:
    """Commits one Work; a running server hears of its events within a second. Waits its turn beside the
    server's writer. Raises migrating.WrongDatabase, sqlite3.Error where the file cannot be opened."""
    check(path)
    former = Former()
    try:
        former.add(work)
    except CANNOT_SAY as error:
        return Failed(f"no row can say this: {error!r}")
    with closing(Writer(open_to_write(path))) as writer:
        answer = writer.write(CLIENT, former.batch(writer.welcome(CLIENT).number + 1))
    if answer.failure:
        return Failed(answer.failure)
    return settlements(former.told, answer.last_seq, answer.refused)[0]


def read_all(path: Path, kind: type[R]) -> list[R]:
    """All records of a kind, by their first column: for the few that a person lists. Raises
    migrating.WrongDatabase, sqlite3.Error where the file cannot be read."""
    check(path)
    with closing(open_to_read(path)) as connection:
        return many(connection, kind, f"{select_sql(kind)} ORDER BY 1")
