"""Who may charge: the verdict on an id token (OCPP 1.6 §4.1, §7.10; 2.x chapter C).

Tokens are compared without regard to case. A token is known, or unknown and then accepted or not by policy; a
known one may be blocked, expired, bound to other stations, or in use as often as it may be.
"""

import re
from datetime import datetime
from typing import Final

from msgspec import Struct

from evsys.core.events import TokenRegistered
from evsys.core.records import AuthorizationStatus, Token
from evsys.core.work import Turn

SEPARATORS: Final = re.compile(r"[ :-]")
HEX: Final = re.compile(r"[0-9A-F]{8,}")
"""The number of a card: four bytes or more."""


class Verdict(Struct, frozen=True):
    """What a station is told of a token. `token` is None where it is not registered."""

    status: AuthorizationStatus
    token: Token | None = None

    @property
    def expires_at(self) -> datetime | None:
        return self.token.expires_at if self.token else None

    @property
    def parent(self) -> str:
        return self.token.parent if self.token else ""


def canonical(id_token: str) -> str:
    """The form in which a token is compared and stored: without surrounding space, upper case."""
    return id_token.strip().upper()


def look_up(turn: Turn, id_token: str) -> Token | None:
    """The registered token, as it is read or as it is meant: a card's number with separators, `source:tag`,
    which some chargers send, and what a charger has cut of the token of a remote start."""
    name = canonical(id_token)
    token = turn.facts.token(name)
    if token is None and (digits := SEPARATORS.sub("", name)) != name and HEX.fullmatch(digits):
        token = turn.facts.token(digits)
    if token is None and ":" in name:
        bare = name.split(":")[1]
        token = turn.facts.token(bare) if bare else None
    if token is None and (meant := turn.station.token_meant(name, turn.now)) is not None:
        token = turn.facts.token(meant)
        if token is not None:
            turn.quirks.append("cut_token")
    return token


def authorize(turn: Turn, id_token: str) -> Verdict:
    """The verdict outside a transaction. An unknown token is registered where policy accepts it."""
    if not turn.station.settings.enabled:
        return Verdict("Blocked")
    if not canonical(id_token):
        return Verdict("Invalid")
    token = look_up(turn, id_token)
    if token is None:
        if not turn.facts.policy.accept_unknown_tokens:
            return Verdict("Invalid")
        # Nothing is known of this card, so nothing limits how often it may be used at once.
        token = Token(id=canonical(id_token), max_concurrent=None, created_at=turn.now)
        turn.work.add(token)
        turn.work.tell(TokenRegistered(token=token, by=turn.station.id))
    if token.blocked or (token.station_ids and turn.station.id not in token.station_ids):
        return Verdict("Blocked", token)
    if token.expires_at is not None and token.expires_at <= turn.now:
        return Verdict("Expired", token)
    return Verdict("Accepted", token)


def authorize_start(turn: Turn, id_token: str, own: str = "") -> Verdict:
    """The verdict for a start: an accepted token must not be in use more often than it may. `own` is the
    transaction that the start belongs to, which never stands in its own way."""
    verdict = authorize(turn, id_token)
    token = verdict.token
    if verdict.status != "Accepted" or token is None or token.max_concurrent is None:
        return verdict
    others = turn.facts.open_uses(token.id) - {own}
    return Verdict("ConcurrentTx", token) if len(others) >= token.max_concurrent else verdict
