"""Facts: what a decision needs beyond its station's state, by one road.

A fact in memory is returned at once. One that is not raises `FactMissing`: the shell fetches it under a
time-out and takes the turn again with it. Deciding is cheap and without effect, so taking it twice costs
nothing but time.
"""

from typing import Protocol

from msgspec import Struct

from evsys.core.records import Token, Transaction


class Policy(Struct, frozen=True, kw_only=True):
    """The settings that decisions depend on."""

    accept_unknown_tokens: bool = False
    heartbeat_interval_s: int = 300
    boot_retry_s: int = 60
    """The interval answered with Pending or Rejected."""
    abandoned_after_s: int = 1200
    data_transfer_vendors: tuple[str, ...] = ()
    """Vendors whose DataTransfer is accepted; all others hear UnknownVendorId."""


class TokenFact(Struct, frozen=True, tag=True):
    id: str


class TransactionFact(Struct, frozen=True, tag=True):
    """A transaction of this station by its number."""

    station_id: str
    number: int


class StartFact(Struct, frozen=True, tag=True):
    """The transaction with this start key."""

    start_key: str


class NumbersFact(Struct, frozen=True, tag=True):
    """A fresh block of transaction numbers."""


Fact = TokenFact | TransactionFact | StartFact | NumbersFact


class FactMissing(Exception):
    """A decision needs `fact`, which is not in memory."""

    def __init__(self, fact: Fact) -> None:
        super().__init__(fact)
        self.fact = fact


class Facts(Protocol):
    """The facts of one turn. Every method may raise FactMissing; the shell then fetches and takes the turn
    again."""

    @property
    def policy(self) -> Policy: ...

    def token(self, token_id: str) -> Token | None:
        """The token of this canonical id, or None where it is not registered."""

    def open_uses(self, token_id: str) -> frozenset[str]:
        """Ids of the open, authorised transactions of a token over all stations (claims of undecided turns
        too)."""

    def transaction(self, station_id: str, number: int) -> Transaction | None:
        """A transaction of this station that is not in its memory."""

    def start(self, start_key: str) -> Transaction | None:
        """The transaction that a start key already made, learnt from a conflict at commit; None: not known of
        any."""

    def next_number(self) -> int:
        """A transaction number never given before. A number that is not used is lost, never reused."""
