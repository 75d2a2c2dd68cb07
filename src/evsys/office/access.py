"""Who is asking, what that person may do, and which stations they see."""

from contextvars import ContextVar
from functools import partial
from typing import Final

from msgspec import Struct

from evsys.core.access import RANKS, Action, allowed
from evsys.core.errors import StationUnknown
from evsys.core.events import (
    ApiKeyCreated,
    ApiKeyRevoked,
    PasswordChanged,
    SignedIn,
    SignedOut,
    SignInLinkMade,
    SignInRefused,
    TwoFactorChanged,
    UserChanged,
    UserRemoved,
)
from evsys.core.records import ApiKey, Role, User
from evsys.store.views import reach
from evsys.store.views.reader import Reader

FROM: Final[ContextVar[str]] = ContextVar("from", default="")
"""The address that whoever asks comes from, as far as a door knows it: for the audit."""


HIDDEN: Final[dict[Action, tuple[type[object], ...]]] = {
    "user.read": (UserChanged, UserRemoved),
    "key.read": (ApiKeyCreated, ApiKeyRevoked),
    "access.read": (SignedIn, SignInRefused, SignedOut, PasswordChanged, TwoFactorChanged, SignInLinkMade),
}
"""What is told of these events only to roles that may read their records."""


class Person(Struct, frozen=True, kw_only=True):
    """Who asks, by whichever door. `name` is what the audit says."""

    name: str
    role: Role
    scopes: tuple[str, ...] = ()
    key_id: str = ""
    """The id of the API key that was shown; empty without one."""
    user_id: str = ""
    """Who they are, where they are somebody."""
    location_ids: tuple[str, ...] = ()
    """The only locations that they see; empty: all."""

    def may(self, action: Action) -> bool:
        return allowed(self.role, self.scopes, action, self.bound)

    @property
    def bound(self) -> bool:
        return bool(self.location_ids)

    def hidden_kinds(self) -> tuple[str, ...]:
        """The kinds of events that this person is not told of."""
        return tuple(
            kind.__name__
            for action, kinds in HIDDEN.items()
            if not allowed(self.role, (), action, self.bound)
            for kind in kinds
        )


LOCAL = Person(name="local", role="operator")
"""A program on the same machine without a key, where the door lets it in: it may what EVSYS' API could."""


def holder(key: ApiKey, user: User | None = None) -> Person:
    """The person that a key stands for: where it is somebody's, it may no more than they."""
    role = key.role if user is None else min(key.role, user.role, key=RANKS.__getitem__)
    return Person(
        name=f"key:{key.name}",
        role=role,
        scopes=key.scopes,
        key_id=key.id,
        user_id=user.id if user else "",
        location_ids=user.location_ids if user else (),
    )


def signed_in(user: User) -> Person:
    """The person that a session stands for."""
    return Person(name=f"user:{user.id}", role=user.role, user_id=user.id, location_ids=user.location_ids)


class Reach:
    """Which stations somebody sees."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def check(self, person: Person, station_id: str) -> None:
        """Raises StationUnknown where a station is not at one of the person's locations: nobody is told what
        is elsewhere."""
        if person.bound and not await self._reader.read(
            partial(reach.stands_at, station_id=station_id, within=person.location_ids)
        ):
            raise StationUnknown(f"no station {station_id}")
