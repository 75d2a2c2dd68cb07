"""The facts of a node: what turns may know beyond their station, held in memory within bounds.

`NodeFacts` is shared by all stations of a process: tokens, transaction numbers, the open uses of tokens.
`TurnFacts` is what one station's turn sees of it, with what was fetched for this very turn. What is neither
here nor there raises FactMissing, and the turn is taken again once it is fetched.
"""

from collections.abc import Iterable, Mapping

from evsys.core.facts import Fact, FactMissing, NumbersFact, Policy, StartFact, TokenFact, TransactionFact
from evsys.core.ports import FactValue, Fetched, Store
from evsys.core.records import Token, Transaction
from evsys.core.work import Failed

MAX_TOKENS = 20_000
"""Tokens held in memory (those not registered too); beyond, the one that came first is forgotten."""
NUMBERS_LOW = 100
"""So few numbers left: the next block is leased ahead of need, so that no start waits for it."""


class OpenUses:
    """The open, accepted transactions of each token over all stations, with the claims of turns whose commit
    is under way."""

    __slots__ = ("_by_token", "_token_of")

    def __init__(self) -> None:
        self._by_token: dict[str, set[str]] = {}
        self._token_of: dict[str, str] = {}

    def of(self, token_id: str) -> frozenset[str]:
        return frozenset(self._by_token.get(token_id, ()))

    def add(self, transaction: Transaction) -> bool:
        """Whether it is an open, accepted use that was not counted yet."""
        if transaction.ended_at is not None or transaction.authorization != "Accepted":
            return False
        if transaction.id in self._token_of:
            return False
        self._add(transaction.id, transaction.id_token_canonical)
        return True

    def discard(self, transaction_id: str) -> None:
        token_id = self._token_of.pop(transaction_id, None)
        if token_id is None:
            return
        uses = self._by_token[token_id]
        uses.discard(transaction_id)
        if not uses:
            del self._by_token[token_id]

    def fill(self, uses: Mapping[str, Iterable[str]]) -> None:
        """What disk has of them at the start of the process."""
        for token_id, transaction_ids in uses.items():
            for transaction_id in transaction_ids:
                self._add(transaction_id, token_id)

    def _add(self, transaction_id: str, token_id: str) -> None:
        self._token_of[transaction_id] = token_id
        self._by_token.setdefault(token_id, set()).add(transaction_id)


class NodeFacts:
    """What all turns of this process share. Fetches of the same fact are joined into one."""

    def __init__(self, store: Store, policy: Policy) -> None:
        self.policy = policy
        self.uses = OpenUses()
        self.tokens: dict[str, Token | None] = {}
        self._store = store
        self._numbers: list[int] = []
        self._waiting: dict[Fact, list[Fetched]] = {}
        self._token_age = 0

    def next_number(self) -> int:
        if not self._numbers:
            raise FactMissing(NumbersFact())
        return self._numbers.pop()

    def top_up(self) -> None:
        """Lease the next block of numbers when few are left."""
        if len(self._numbers) < NUMBERS_LOW:
            self.fetch(NumbersFact(), _nobody)

    def keep(self, token: Token) -> None:
        """A token as disk has it now."""
        self._remember(token.id, token)

    def forget(self, token_id: str) -> None:
        """A token was changed or removed by people: what a fetch under way brings is older than that."""
        self._token_age += 1
        self.tokens.pop(token_id, None)

    def fetch(self, fact: Fact, fetched: Fetched) -> None:
        """Ask the store for a fact, once for all who wait for it."""
        waiting = self._waiting.get(fact)
        if waiting is not None:
            waiting.append(fetched)
            return
        self._waiting[fact] = [fetched]
        age = self._token_age
        self._store.fetch(fact, lambda value: self._arrived(fact, age, value))

    def _arrived(self, fact: Fact, age: int, value: FactValue | Failed) -> None:
        waiting = self._waiting.pop(fact)
        match fact, value:
            case NumbersFact(), range():
                # Given from the end, so that numbers come in order: the newer block lies below the older one.
                self._numbers[:0] = reversed(value)
            case TokenFact(id=token_id), Token() | None if age == self._token_age:
                self._remember(token_id, value if isinstance(value, Token) else None)
            case _:
                pass
        for fetched in waiting:
            fetched(value)

    def _remember(self, token_id: str, token: Token | None) -> None:
        if len(self.tokens) >= MAX_TOKENS and token_id not in self.tokens:
            del self.tokens[next(iter(self.tokens))]
        self.tokens[token_id] = token


def _nobody(value: FactValue | Failed) -> None:
    """The numbers are for whoever starts next."""


class _Absent:
    """What is not in memory, as opposed to what is known not to exist (None)."""


_ABSENT = _Absent()


class TurnFacts:
    """The facts as the turns of one station see them (`core.facts.Facts`). `given` is what was fetched for
    the turn under way; a number taken stays the turn's own when it is taken again."""

    __slots__ = ("_given", "_node", "_number")

    def __init__(self, node: NodeFacts) -> None:
        self._node = node
        self._given: dict[Fact, FactValue] | None = None
        self._number: int | None = None

    @property
    def policy(self) -> Policy:
        return self._node.policy

    def token(self, token_id: str) -> Token | None:
        if self._given is not None:
            given = self._given.get(TokenFact(token_id), _ABSENT)
            if isinstance(given, Token) or given is None:
                return given
        known = self._node.tokens.get(token_id, _ABSENT)
        if isinstance(known, _Absent):
            raise FactMissing(TokenFact(token_id))
        return known

    def open_uses(self, token_id: str) -> frozenset[str]:
        return self._node.uses.of(token_id)

    def transaction(self, station_id: str, number: int) -> Transaction | None:
        fact = TransactionFact(station_id, number)
        given = self._given.get(fact, _ABSENT) if self._given is not None else _ABSENT
        if isinstance(given, Transaction) or given is None:
            return given
        raise FactMissing(fact)

    def start(self, start_key: str) -> Transaction | None:
        if self._given is None:
            return None
        given = self._given.get(StartFact(start_key))
        return given if isinstance(given, Transaction) else None

    def next_number(self) -> int:
        if self._number is None:
            self._number = self._node.next_number()
        return self._number

    def give(self, fact: Fact, value: FactValue) -> None:
        """A fact fetched for the turn under way."""
        if isinstance(fact, NumbersFact):
            return  # it is in the node's pool
        if self._given is None:
            self._given = {}
        self._given[fact] = value

    def renumber(self) -> None:
        """The number did not fit: the next taking of the turn gets another."""
        self._number = None

    def reset(self) -> None:
        """The turn is over."""
        self._given = None
        self._number = None
