"""Id tokens: registered, changed and removed by people.

Ids are canonical (upper case): OCPP compares tokens without regard to case. Each change names the version it
was made from; one made from an older version is refused, never merged.
"""

from functools import partial

from msgspec.structs import asdict, replace

from evsys.core.authorization import canonical
from evsys.core.errors import AlreadyExists, BadCommand, NotFound, StaleVersion
from evsys.core.events import TokenChanged, TokenRegistered, TokenRemoved
from evsys.core.ports import Clock
from evsys.core.records import Token, User
from evsys.core.work import Work
from evsys.office.moments import in_utc
from evsys.office.writing import Books
from evsys.store.views import tokens
from evsys.store.views.reader import Reader, record_by_id


class Tokens:
    """The tokens of a running office. All methods raise StoreUnavailable where the database cannot."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock

    async def find(self, token_id: str) -> Token:
        """A token by its id in any case. Raises NotFound."""
        name = canonical(token_id)
        token = await self._reader.read(partial(tokens.token, token_id=name))
        if token is None:
            raise NotFound(f"no token {name}")
        return token

    async def create(self, token_id: str, members: dict[str, object], by: str) -> Token:
        """Register a token with these members of its record. Raises BadCommand or AlreadyExists."""
        name = canonical(token_id)
        if not name:
            raise BadCommand("id: must not be blank")
        now = self._clock.now()
        token = _with(Token(id=name, created_at=now), members)
        await self._owned(token)
        work = Work(now)
        work.add(token)
        work.tell(TokenRegistered(token=token, by=by))
        if await self._books.write(work):
            raise AlreadyExists(f"the token {name} is registered already")
        return token

    async def change(self, token_id: str, version: int, members: dict[str, object], by: str) -> Token:
        """Change these members of the token's record, made from `version` of it. Raises NotFound,
        StaleVersion or BadCommand."""
        old = await self.find(token_id)
        if old.version != version:
            raise _stale(old)
        token = replace(_with(old, members), version=version + 1)
        if token.user_id != old.user_id:
            await self._owned(token)
        work = Work(self._clock.now())
        work.change(token)
        work.tell(TokenChanged(token=token, by=by))
        if await self._books.write(work):
            raise _stale(old)
        return token

    async def remove(self, token_id: str, version: int | None, by: str) -> None:
        """Remove a token, as it was in `version` (None: as it is). Raises NotFound or StaleVersion."""
        token = await self.find(token_id)
        if version is not None and token.version != version:
            raise _stale(token)
        work = Work(self._clock.now())
        # The change does nothing but make sure that the version removed is the one that was meant.
        work.change(replace(token, version=token.version + 1))
        work.remove(token)
        work.tell(TokenRemoved(token_id=token.id, by=by))
        if await self._books.write(work):
            raise _stale(token)

    async def _owned(self, token: Token) -> None:
        """Raises BadCommand where the token's owner is nobody known."""
        if token.user_id is None:
            return
        if await self._reader.read(partial(record_by_id, kind=User, record_id=token.user_id)) is None:
            raise BadCommand(f"user_id: no user {token.user_id}")


def _with(token: Token, members: dict[str, object]) -> Token:
    changed = Token(**{**asdict(token), **members})
    expires_at = changed.expires_at and in_utc("expires_at", changed.expires_at)
    return replace(changed, parent=canonical(changed.parent), expires_at=expires_at)


def _stale(token: Token) -> StaleVersion:
    return StaleVersion(f"the token {token.id} was changed by somebody else: read it again")
