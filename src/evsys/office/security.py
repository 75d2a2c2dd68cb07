"""The security of stations as people see to it: the lowest profile, names, and keys, which are shown once.

A key that is rotated stays good until the station has used the new one (`core.credentials`), so that a
station which lost the new one is not locked out.
"""

import secrets
from datetime import datetime
from functools import partial
from typing import Final

from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Connection

from evsys.core.credentials import (
    MAX_KEY_CHARACTERS,
    MIN_KEY_BYTES,
    Credentials,
    digest,
    key_bytes,
    matching,
)
from evsys.core.errors import BadCommand, StaleVersion, StationUnknown
from evsys.core.events import StationSecurityChanged
from evsys.core.ports import Clock
from evsys.core.records import Station, StationKey, StationSecurity
from evsys.core.work import Work
from evsys.office.writing import Books
from evsys.store.views import credentials
from evsys.store.views.reader import Reader, record_by_id

KEY_BYTES: Final = 20
"""Of a key made here: the longest that 1.6 has room for, as 40 hex digits."""
MAX_NEWER_KEYS: Final = 2
"""Keys kept beside the one that the station used last: it may have any of them."""


class KeyView(Struct, frozen=True, kw_only=True):
    """A key that is in force, without its secret."""

    number: int
    made_at: datetime
    used: bool
    """Whether the station has connected with it."""


class SecurityView(Struct, frozen=True, kw_only=True):
    """How a station is to prove who it is, and what it proved last."""

    station_id: str
    minimum_profile: int
    user: str
    certificate_name: str
    forgiven_at: datetime | None
    version: int
    """0: nobody has said anything of it yet."""
    floor: int
    """The profile below which it is refused."""
    profile: int | None
    """What it proved when it connected last; null where it never proved anything."""
    certificate_serial: str
    proved_at: datetime | None
    keys: tuple[KeyView, ...]
    """Those in force, newest first."""


class Security:
    """The credentials of stations in a running office. All methods raise StationUnknown, and StoreUnavailable
    where the database cannot."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, server_key: bytes) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._server_key = server_key

    async def show(self, station_id: str) -> SecurityView:
        """What is known of a station."""
        return _view(await self.find(station_id))

    async def find(self, station_id: str) -> Credentials:
        """The same with the digests of its keys."""
        return await self._reader.read(partial(_of_known, station_id=station_id))

    async def change(
        self, station_id: str, version: int, members: dict[str, object], allow_lower: bool, by: str
    ) -> SecurityView:
        """Change these members, made from `version` (0: the first that is said of it). `allow_lower`: its
        next connection may prove less than its last. Raises StaleVersion."""
        old = await self.find(station_id)
        if old.security.version != version:
            raise _stale(station_id)
        if allow_lower:
            members = {**members, "forgiven_at": self._clock.now()}
        new = replace(old.security, version=version + 1, **members)
        await self._save(new, self._work(station_id, by))
        return _view(replace(old, security=new))

    async def set_key(
        self, station_id: str, key: str | None, by: str, require: bool = True, replace_all: bool = False
    ) -> tuple[str, int]:
        """Give a station a key (None: one made here) and return it with its number. It is kept nowhere.
        `require`: from now on a password is needed. `replace_all`: older keys are good no more, though the
        station has not used this one. Raises BadCommand, StaleVersion."""
        old = await self.find(station_id)
        key = key if key is not None else secrets.token_hex(KEY_BYTES)
        fault(key)
        number = max((each.number for each in old.keys), default=_used(old)) + 1
        work = self._work(station_id, by)
        for each in _superseded(old, replace_all):
            work.remove(each)
        kept = digest(self._server_key, station_id, key_bytes(key))
        work.add(StationKey(station_id=station_id, number=number, digest=kept, made_at=self._clock.now()))
        floor = max(old.security.minimum_profile, 1 if require else 0)
        new = replace(old.security, minimum_profile=floor, version=old.security.version + 1)
        await self._save(new, work)
        return key, number

    async def learn(self, station_id: str, key: str, by: str) -> int | None:
        """A station is about to be sent this key: it is good from now on. Its number; None where it was good
        already, or is no password and the station needs none. Raises BadCommand where it needs one: it would
        be shut out."""
        known = await self.find(station_id)
        try:
            fault(key)
        except BadCommand:
            if known.floor:
                raise
            return None
        if matching(self._server_key, station_id, known.keys_in_force, key.encode()) is not None:
            return None
        return (await self.set_key(station_id, key, by, require=False))[1]

    async def remove_keys(self, station_id: str, by: str, number: int | None = None) -> None:
        """Remove a key of a station, or all: a password that was one is refused with the next handshake."""
        old = await self.find(station_id)
        work = self._work(station_id, by)
        for each in old.keys:
            if number in (None, each.number):
                work.remove(each)
        await self._save(replace(old.security, version=old.security.version + 1), work)

    def _work(self, station_id: str, by: str) -> Work:
        work = Work(self._clock.now())
        work.tell(StationSecurityChanged(station_id=station_id, by=by))
        return work

    async def _save(self, security: StationSecurity, work: Work) -> None:
        """The version makes sure that what was read is what is changed."""
        if security.version == 1:
            work.add(security)
        else:
            work.change(security)
        if await self._books.write(work):
            raise _stale(security.station_id)


def fault(key: str) -> None:
    """Raises BadCommand for a key that no station could be given."""
    if not (MIN_KEY_BYTES <= len(key) <= MAX_KEY_CHARACTERS and key.isascii() and key.isprintable()):
        raise BadCommand(
            f"key: {MIN_KEY_BYTES} to {MAX_KEY_CHARACTERS} printable characters of ASCII are needed"
        )


def _superseded(old: Credentials, replace_all: bool) -> list[StationKey]:
    """The keys that go when one more is made."""
    if replace_all:
        return list(old.keys)
    newer = sorted((key.number for key in old.keys if key.number > _used(old)), reverse=True)
    kept = {_used(old), *newer[: MAX_NEWER_KEYS - 1]}
    return [key for key in old.keys if key.number not in kept]


def _used(of: Credentials) -> int:
    return of.proof.key_number if of.proof is not None else 0


def _of_known(connection: Connection, station_id: str) -> Credentials:
    if record_by_id(connection, Station, station_id) is None:
        raise StationUnknown(f"no station {station_id}")
    return credentials.credentials(connection, station_id)


def _view(of: Credentials) -> SecurityView:
    security, proof = of.security, of.proof
    return SecurityView(
        station_id=security.station_id,
        minimum_profile=security.minimum_profile,
        user=security.user,
        certificate_name=security.certificate_name,
        forgiven_at=security.forgiven_at,
        version=security.version,
        floor=of.floor,
        profile=proof.profile if proof is not None else None,
        certificate_serial=proof.certificate_serial if proof is not None else "",
        proved_at=proof.at if proof is not None else None,
        keys=tuple(
            KeyView(number=key.number, made_at=key.made_at, used=key.number == _used(of))
            for key in of.keys_in_force
        ),
    )


def _stale(station_id: str) -> StaleVersion:
    return StaleVersion(f"the security of {station_id} was changed by somebody else: read it again")
