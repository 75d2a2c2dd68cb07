"""Writing of the people's records: a Work that is committed or refused with an error that says why."""

from typing import Protocol

from evsys.core.errors import StoreUnavailable
from evsys.core.ports import EVENTS, Bus
from evsys.core.work import Committed, Conflict, Failed, Fenced, Settlement, Unknown, Work


class Committer(Protocol):
    """What the office asks of the store: `store.sqlite.SqliteStore` is one."""

    failure: str
    """Why the last commit failed; empty when all is well."""

    async def commit(self, work: Work) -> Settlement:
        """Commit a Work and say what came of it."""


class Books:
    """Where the office writes. Who follows the log of events is woken after each commit."""

    def __init__(self, store: Committer, bus: Bus) -> None:
        self._store = store
        self._bus = bus

    async def write(self, work: Work) -> Conflict | None:
        """Commit. None: it is durable; the Conflict: somebody was faster, nothing was written. Raises
        StoreUnavailable."""
        match await self._store.commit(work):
            case Committed(last_seq=seq):
                self._bus.publish(EVENTS, b"%d" % seq)
                return None
            case Conflict() as conflict:
                return conflict
            case Failed(reason=reason):
                raise StoreUnavailable(f"the database did not take the change: {reason}")
            case Unknown(reason=reason):
                raise StoreUnavailable(f"whether the database took the change is not known: {reason}")
            case Fenced():
                raise StoreUnavailable("the change is of an older owner")
