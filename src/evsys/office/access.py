"""Who is asking, and what that person may do."""

from typing import Final

from msgspec import Struct

from evsys.core.access import Action, allowed
from evsys.core.events import ApiKeyCreated, ApiKeyRevoked, UserChanged, UserRemoved
from evsys.core.records import ApiKey, Role

HIDDEN: Final[dict[Action, tuple[type[object], ...]]] = {
    "user.read": (UserChanged, UserRemoved),
    "key.read": (ApiKeyCreated, ApiKeyRevoked),
}
"""What is told of these events only to roles that may read their records."""


class Person(Struct, frozen=True, kw_only=True):
    """Who asks, by whichever door. `name` is what the audit says."""

    name: str
    role: Role
    scopes: tuple[str, ...] = ()
    key_id: str = ""
    """The id of the API key that was shown; empty without one."""

    def may(self, action: Action) -> bool:
        return allowed(self.role, self.scopes, action)


LOCAL = Person(name="local", role="operator")
"""A program on the same machine without a key, where the door lets it in: it may what EVSYS' API could."""


def holder(key: ApiKey) -> Person:
    """The person that a key stands for."""
    return Person(name=f"key:{key.name}", role=key.role, scopes=key.scopes, key_id=key.id)
