"""Who may do what: one table of roles, actions and reach, used by every door.

An action is named `<noun>.<verb>`. A key's scopes can only narrow what its role may. Whoever is bound to
locations may do only what has to do with one station, and only where that station stands at one of them.
"""

from typing import Literal, get_args

from evsys.core.records import Role

Action = Literal[
    "station.read",
    "station.edit",
    "station.command",
    "station.raw",
    "security.read",
    "security.edit",
    "transaction.read",
    "transaction.close",
    "reservation.read",
    "reservation.edit",
    "token.read",
    "token.edit",
    "user.read",
    "user.edit",
    "location.read",
    "location.edit",
    "template.read",
    "template.edit",
    "profile.read",
    "profile.edit",
    "profile.assign",
    "event.read",
    "alarm.read",
    "alarm.edit",
    "subscription.read",
    "subscription.edit",
    "chat.read",
    "chat.edit",
    "message.read",
    "job.read",
    "job.edit",
    "file.read",
    "file.edit",
    "status.read",
    "key.read",
    "key.edit",
    "access.read",
    "access.edit",
]
"""`access`: roles, locations, sign-in links and sessions of others, and who signed in."""

_VIEWER: frozenset[Action] = frozenset(
    (
        "station.read",
        "reservation.read",
        "transaction.read",
        "token.read",
        "location.read",
        "template.read",
        "profile.read",
        "event.read",
        "alarm.read",
        "subscription.read",
        "job.read",
        "status.read",
    )
)
_OPERATOR: frozenset[Action] = _VIEWER | frozenset[Action](
    (
        "station.edit",
        "station.command",
        "security.read",
        "alarm.edit",
        "subscription.edit",
        "chat.read",
        "chat.edit",
        "transaction.close",
        "token.edit",
        "reservation.edit",
        "user.read",
        "user.edit",
        "location.edit",
        "template.edit",
        "profile.edit",
        "profile.assign",
        "message.read",
        "job.edit",
        "file.read",
        "file.edit",
    )
)
_ADMIN: frozenset[Action] = frozenset(get_args(Action))

GRANTS: dict[Role, frozenset[Action]] = {
    "driver": frozenset(),
    "viewer": _VIEWER,
    "operator": _OPERATOR,
    "admin": _ADMIN,
}
RANKS: dict[Role, int] = {"driver": 0, "viewer": 1, "operator": 2, "admin": 3}
"""Each may all that the lower ones may."""

OF_ONE_STATION: frozenset[Action] = frozenset(
    (
        "station.read",
        "station.edit",
        "station.command",
        "station.raw",
        "security.read",
        "security.edit",
        "reservation.read",
        "reservation.edit",
        "transaction.read",
        "transaction.close",
        "location.read",
        "event.read",
        "alarm.read",
        "alarm.edit",
        "message.read",
        "job.read",
        "job.edit",
        "status.read",
    )
)
"""What whoever is bound to locations may do there; all else is of the whole network."""


def allowed(role: Role, scopes: tuple[str, ...], action: Action, bound: bool = False) -> bool:
    """Whether a holder of `role`, narrowed by `scopes` (action names or `<noun>.*`; empty: no narrowing), may
    act. `bound`: to some locations."""
    if action not in GRANTS[role] or (bound and action not in OF_ONE_STATION):
        return False
    return not scopes or action in scopes or f"{action.partition('.')[0]}.*" in scopes
