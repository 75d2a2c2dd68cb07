"""API keys: made here, shown once, kept as a digest, and looked up with every request.

A key is 256 random bits, so a fast hash is enough to keep it, and nobody can guess towards it. It is looked
up in the database each time: one that is revoked or expires is refused with the next request.
"""

import hmac
import secrets
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import Final, get_args
from uuid import uuid4

from msgspec.structs import replace

from evsys.core.access import Action
from evsys.core.errors import BadCommand, NotFound, StaleVersion
from evsys.core.events import ApiKeyCreated, ApiKeyRevoked
from evsys.core.ports import Clock
from evsys.core.records import ApiKey, ApiKeySecret, Role, User
from evsys.core.work import Work
from evsys.office.access import Person, holder
from evsys.office.moments import in_utc
from evsys.office.writing import Books
from evsys.store.views import keys
from evsys.store.views.reader import Reader, record_by_id

KEY_BYTES: Final = 32
MAX_SECRET_CHARACTERS: Final = 200
"""A longer one is not a key of ours and is not even hashed."""


def new_key(
    name: str,
    role: Role,
    now: datetime,
    by: str,
    expires_at: datetime | None = None,
    scopes: tuple[str, ...] = (),
    user_id: str | None = None,
) -> tuple[str, Work]:
    """A new key: the secret to show once, and the Work that makes it good."""
    secret = secrets.token_urlsafe(KEY_BYTES)
    key = ApiKey(
        id=str(uuid4()),
        name=name,
        role=role,
        scopes=scopes,
        user_id=user_id,
        created_at=now,
        expires_at=expires_at,
    )
    work = Work(now)
    work.add(key)
    work.add(ApiKeySecret(key_id=key.id, digest=digest(secret)))
    work.tell(ApiKeyCreated(key=key, by=by))
    return secret, work


def known_scopes(scopes: tuple[str, ...]) -> None:
    """Raises BadCommand where a scope is neither an action nor all of a noun."""
    actions = get_args(Action)
    nouns = {f"{action.partition('.')[0]}.*" for action in actions}
    for scope in scopes:
        if scope not in actions and scope not in nouns:
            raise BadCommand(f"scopes: {scope} is none")


def revocation(key: ApiKey, now: datetime, by: str) -> Work:
    """The Work that ends a key."""
    work = Work(now)
    end_key(work, key, by)
    return work


def end_key(work: Work, key: ApiKey, by: str) -> None:
    """End a key with a Work."""
    revoked = replace(key, revoked_at=work.at, version=key.version + 1)
    work.change(revoked)
    work.tell(ApiKeyRevoked(key=revoked, by=by))


def digest(secret: str) -> str:
    """What is kept of a secret: the SHA-256 of its text."""
    return sha256(secret.encode()).hexdigest()


class Keys:
    """The keys of a running office."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock

    async def who(self, secret: str) -> Person | None:
        """Whom a key stands for; None where it is unknown, revoked or has expired. Raises
        StoreUnavailable."""
        if not secret or len(secret) > MAX_SECRET_CHARACTERS:
            return None
        wanted = digest(secret)
        found = await self._reader.read(partial(keys.key_by_digest, digest=wanted))
        if found is None:
            return None
        key, kept, user = found
        if not hmac.compare_digest(kept, wanted):
            return None
        if key.revoked_at is not None or (key.expires_at is not None and key.expires_at <= self._clock.now()):
            return None
        if key.user_id is not None and (user is None or not user.enabled):
            return None
        return holder(key, user)

    async def create(self, name: str, role: Role, by: str, expires_at: datetime | None = None) -> str:
        """Make a key and return its secret, which is shown once and kept nowhere."""
        _, secret = await self.create_scoped(name, role, (), expires_at, by)
        return secret

    async def create_scoped(
        self,
        name: str,
        role: Role,
        scopes: tuple[str, ...],
        expires_at: datetime | None,
        by: str,
        user_id: str | None = None,
    ) -> tuple[ApiKey, str]:
        """Make a key, limited to `scopes` where there are any, somebody's where `user_id` says whose, and
        return it with its secret. Raises BadCommand."""
        if user_id is not None:
            find = partial(record_by_id, kind=User, record_id=user_id)
            if await self._reader.read(find) is None:
                raise BadCommand(f"user_id: no user {user_id}")
        expires_at = expires_at and in_utc("expires_at", expires_at)
        secret, work = new_key(name, role, self._clock.now(), by, expires_at, scopes, user_id)
        await self._books.write(work)
        key = work.ops[0][1]
        assert isinstance(key, ApiKey)
        return key, secret

    async def revoke(self, key_id: str, by: str) -> None:
        """End a key; one that was ended before stays ended. Raises NotFound or StaleVersion."""
        key = await self._reader.read(partial(keys.key, key_id=key_id))
        if key is None:
            raise NotFound(f"no key {key_id}")
        if key.revoked_at is not None:
            return
        if await self._books.write(revocation(key, self._clock.now(), by)):
            raise StaleVersion(f"the key {key_id} was changed by somebody else: look again")
