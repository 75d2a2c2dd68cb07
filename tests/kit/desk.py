"""One station's turns without a server: decisions against a disk of dictionaries.

The desk takes turns as the running station does: a missing fact is fetched and the turn taken again, a Work
is applied statement by statement under the unique keys of the real schema, a conflict becomes a fact, and
memory adopts what disk has. `restart` throws memory away.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from evsys.core import records
from evsys.core.events import Event
from evsys.core.facts import FactMissing, NumbersFact, Policy, StartFact, TokenFact, TransactionFact
from evsys.core.records import MeterValue, Quarantined, Record, Token, Transaction
from evsys.core.station import RECENT_TRANSACTIONS, Station
from evsys.core.work import Conflict, Turn, Work
from evsys.ocpp.dialect import Dialect
from evsys.ocpp.v16 import V16
from kit.clock import NOON, SteppedClock

T = TypeVar("T")
MAX_TAKES = 20


class Doubled(AssertionError):
    """A statement broke a unique key that no conflict may be made of."""


class Disk:
    """Rows by type and key, with the unique keys of the schema."""

    def __init__(self) -> None:
        self.rows: dict[type[Record], dict[object, Record]] = {}
        self.next_number = 1

    def table(self, kind: type[Record]) -> dict[object, Record]:
        return self.rows.setdefault(kind, {})

    def transactions(self) -> list[Transaction]:
        return list(self.table(Transaction).values())  # type: ignore[arg-type]

    def meter_values(self) -> list[MeterValue]:
        return list(self.table(MeterValue).values())  # type: ignore[arg-type]

    def quarantine(self) -> list[Quarantined]:
        return list(self.table(Quarantined).values())  # type: ignore[arg-type]

    def apply(self, work: Work) -> Conflict | None:
        """All of a Work or nothing; a conflict with what is there."""
        before = {kind: dict(rows) for kind, rows in self.rows.items()}
        for kind, record in work.ops:
            conflict = self._statement(kind, record)
            if conflict is not None:
                self.rows = before
                return conflict
        return None

    def _statement(self, kind: str, record: Record) -> Conflict | None:
        table, key = self.table(type(record)), key_of(record)
        assert kind == "add_once" or not isinstance(record, MeterValue), "a meter row is never overwritten"
        if kind == "add_once" and key in table:
            return None
        if kind == "add" and key in table:
            return Conflict(table[key])
        if isinstance(record, Transaction):
            for other in self.transactions():
                if other.id == record.id:
                    continue
                if record.start_key is not None and other.start_key == record.start_key:
                    return Conflict(other)
                if other.number == record.number:
                    raise Doubled(f"number {record.number}")
                both_open = other.ended_at is None and record.ended_at is None
                if both_open and other.evse_id == record.evse_id and other.station_id == record.station_id:
                    raise Doubled(f"two open transactions on EVSE {record.evse_id}")
        table[key] = record
        return None


def key_of(record: Record) -> object:
    match record:
        case MeterValue():
            return record.station_id, record.reported_at, record.digest
        case records.ConnectorStatus():
            return record.station_id, record.evse_id, record.connector_id
        case records.StationStatus():
            return record.station_id
        case records.Station() | Transaction() | Quarantined() | Token():
            return record.id
        case _:
            raise AssertionError(record)


class _Facts:
    """What was fetched so far; everything else is missing until it is asked for."""

    def __init__(self, policy: Policy, disk: Disk) -> None:
        self.policy = policy
        self.known: dict[object, object] = {}
        self._disk = disk
        self._numbers: list[int] = []

    def token(self, token_id: str) -> Token | None:
        return self._get(TokenFact(token_id))  # type: ignore[return-value]

    def transaction(self, station_id: str, number: int) -> Transaction | None:
        return self._get(TransactionFact(station_id, number))  # type: ignore[return-value]

    def start(self, start_key: str) -> Transaction | None:
        return self.known.get(StartFact(start_key))  # type: ignore[return-value]

    def open_uses(self, token_id: str) -> frozenset[str]:
        return frozenset(
            each.id
            for each in self._disk.transactions()
            if each.id_token_canonical == token_id
            and each.ended_at is None
            and each.authorization == "Accepted"
        )

    def next_number(self) -> int:
        if not self._numbers:
            raise FactMissing(NumbersFact())
        return self._numbers.pop(0)

    def fetch(self, fact: object) -> None:
        match fact:
            case TokenFact(id=id):
                self.known[fact] = self._disk.table(Token).get(id)
            case TransactionFact(station_id=station_id, number=number):
                found = [each for each in self._disk.transactions() if each.number == number]
                self.known[fact] = found[0] if found and found[0].station_id == station_id else None
            case NumbersFact():
                first = self._disk.next_number
                self._disk.next_number += 3
                self._numbers = list(range(first, first + 3))
            case _:
                raise AssertionError(fact)

    def forget(self) -> None:
        """Facts are good for one turn; numbers in memory are good until it is lost."""
        self.known.clear()

    def _get(self, fact: object) -> object:
        if fact not in self.known:
            raise FactMissing(fact)  # type: ignore[arg-type]
        return self.known[fact]


class Desk:
    """A station and everything that its turns need."""

    def __init__(
        self,
        policy: Policy | None = None,
        dialect: Dialect = V16,
        disk: Disk | None = None,
        id: str = "CP1",
        **settings: object,
    ) -> None:
        self.clock = SteppedClock()
        self.disk = disk or Disk()
        self.policy = policy or Policy(accept_unknown_tokens=True)
        self.dialect = dialect
        self.id = id
        self.events: list[Event] = []
        self.quirks: list[str] = []
        """The repairs that the last message needed."""
        members = {"id": id, "created_at": NOON, **settings}
        self.disk.table(records.Station)[id] = records.Station(**members)  # type: ignore[arg-type]
        status = records.StationStatus(station_id=id, registration="Accepted", booted_at=NOON)
        self.disk.table(records.StationStatus)[id] = status
        self.restart()

    def restart(self) -> None:
        """Memory is lost; what disk has of the station is loaded."""
        self.facts = _Facts(self.policy, self.disk)
        self.station = self._load()

    def token(self, id: str, **members: object) -> Token:
        """Register a token as people do."""
        token = Token(**{"id": id, "created_at": NOON, **members})  # type: ignore[arg-type]
        self.disk.table(Token)[id] = token
        return token

    def call(self, action: str, payload: object) -> dict[str, object]:
        """What a CALL of the station is answered with. Raises Refusal."""
        raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        reply = self.turn(lambda turn: self.dialect.answer(turn, action, msgspec.Raw(raw)))
        answer: dict[str, object] = json.loads(msgspec.json.encode(reply))
        return answer

    def turn(self, decide: Callable[[Turn], T]) -> T:
        """Take a turn until it is decided with all facts and on disk."""
        for _ in range(MAX_TAKES):
            work = Work(self.clock.now(), self.id)
            turn = Turn(self.station, self.facts, self.clock.now(), work)
            try:
                decided = decide(turn)
            except FactMissing as missing:
                self.facts.fetch(missing.fact)
                continue
            finally:
                self.quirks = turn.quirks
            conflict = self.disk.apply(work)
            if conflict is not None:
                self._learn(conflict.record)
                continue
            for _, record in work.ops:
                self.station.adopt(record)
            self.events.extend(work.events)
            self.facts.forget()
            return decided
        raise AssertionError("the turn was never decided")

    def _learn(self, record: Record | None) -> None:
        match record:
            case Transaction(start_key=str(key)):
                self.facts.known[StartFact(key)] = record
            case Token():
                self.facts.known[TokenFact(record.id)] = record
            case _:
                raise AssertionError(record)

    def _load(self) -> Station:
        settings = self.disk.table(records.Station)[self.id]
        status = self.disk.table(records.StationStatus)[self.id]
        station = Station(settings, status)  # type: ignore[arg-type]
        for connector in self.disk.table(records.ConnectorStatus).values():
            station.adopt(connector)
        own = [each for each in self.disk.transactions() if each.station_id == self.id]
        ended = sorted((each for each in own if each.ended_at), key=_ended_at)[-RECENT_TRANSACTIONS:]
        values = self.disk.meter_values()
        for transaction in [each for each in own if each.ended_at is None] + ended:
            station.adopt(transaction)
            for value in values:
                if value.transaction_id == transaction.id:
                    station.adopt(value)
        for held in self.disk.quarantine():
            if held.resolved_at is None:
                station.adopt(held)
        return station


def _ended_at(transaction: Transaction) -> datetime:
    return transaction.end_received_at or NOON
