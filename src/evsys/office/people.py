"""Records that people write, each kind by the same rules.

Each change names the version it was made from; one made from an older version is refused, never merged. A
removal is a change too.
"""

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from msgspec.structs import asdict, replace
from sqlalchemy import Connection

from evsys.core.errors import AlreadyExists, EvsysError, NotFound, StaleVersion
from evsys.core.events import Event
from evsys.core.ports import Clock
from evsys.core.records import ConfigurationTemplate, LibraryProfile, Location, Station, Subscription, User
from evsys.core.work import Work
from evsys.office.writing import Books
from evsys.store.views.reader import Reader, record_by_id

R = TypeVar("R", Location, Station, User, ConfigurationTemplate, LibraryProfile, Subscription)
RecordId = str | int


class Rules(Generic[R]):
    """What is particular of one kind: its events, and what must hold of each record."""

    def __init__(
        self,
        kind: type[R],
        made: Callable[[R, str], Event],
        changed: Callable[[R, str], Event],
        removed: Callable[[R, str], Event],
        may_be: Callable[[Connection, R], EvsysError | None],
        may_go: Callable[[Connection, R], EvsysError | None],
        noun: str = "",
    ) -> None:
        """The events take the record and who did it. `may_be` and `may_go` say what stands in the
        way of a record as it is to be, and of its removal. `noun`: its name, where that is several words."""
        self.kind: type[R] = kind
        self.noun = noun or kind.__name__.lower()
        self.made: Callable[[R, str], Event] = made
        self.changed: Callable[[R, str], Event] = changed
        self.removed: Callable[[R, str], Event] = removed
        self.may_be: Callable[[Connection, R], EvsysError | None] = may_be
        self.may_go: Callable[[Connection, R], EvsysError | None] = may_go


class People(Generic[R]):
    """The records of one kind in a running office. All methods raise StoreUnavailable where the database
    cannot."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, rules: Rules[R]) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._rules: Rules[R] = rules
        self._noun = rules.noun

    async def find(self, record_id: RecordId) -> R:
        """A record by its id. Raises NotFound."""
        found = await self._reader.read(partial(record_by_id, kind=self._rules.kind, record_id=record_id))
        if found is None:
            raise NotFound(f"no {self._noun} {record_id}")
        return found

    async def create(
        self, record_id: RecordId, members: dict[str, object], by: str, work: Work | None = None
    ) -> R:
        """Make a record with these members, in a Work that may hold more. Raises AlreadyExists, and what
        stands in its way."""
        now = self._clock.now()
        given = {"id": record_id, "created_at": now, **members}
        record = self._rules.kind(**given)  # type: ignore[arg-type]  # the door has checked them
        await self._check(self._rules.may_be, record)
        work = work or Work(now)
        work.add(record)
        work.tell(self._rules.made(record, by))
        if await self._books.write(work):
            raise AlreadyExists(f"the {self._noun} {record_id} is there already")
        return record

    async def change(
        self, record_id: RecordId, version: int, members: dict[str, object], by: str, work: Work | None = None
    ) -> R:
        """Change these members of a record, made from `version` of it, in a Work that may hold more. Raises
        NotFound, StaleVersion, and what stands in its way."""
        old = await self._of_version(record_id, version)
        new = self._rules.kind(**{**asdict(old), **members, "version": version + 1})
        await self._check(self._rules.may_be, new)
        work = work or Work(self._clock.now())
        work.change(new)
        work.tell(self._rules.changed(new, by))
        if await self._books.write(work):
            raise self._stale(record_id)
        return new

    async def remove(
        self, record_id: RecordId, version: int | None, by: str, work: Work | None = None
    ) -> None:
        """Remove a record, as it was in `version` (None: as it is), in a Work that may hold more. Raises
        NotFound, StaleVersion, and what stands in its way."""
        record = await self._of_version(record_id, version)
        await self._check(self._rules.may_go, record)
        work = work or Work(self._clock.now())
        # The change does nothing but make sure that the version removed is the one that was meant.
        work.change(replace(record, version=record.version + 1))
        work.remove(record)
        work.tell(self._rules.removed(record, by))
        if await self._books.write(work):
            raise self._stale(record_id)

    async def _of_version(self, record_id: RecordId, version: int | None) -> R:
        record = await self.find(record_id)
        if version is not None and record.version != version:
            raise self._stale(record_id)
        return record

    async def _check(self, rule: Callable[[Connection, R], EvsysError | None], record: R) -> None:
        if obstacle := await self._reader.read(lambda connection: rule(connection, record)):
            raise obstacle

    def _stale(self, record_id: RecordId) -> StaleVersion:
        return StaleVersion(f"the {self._noun} {record_id} was changed by somebody else: read it again")
