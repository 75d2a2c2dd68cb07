"""A station's state in memory: what disk has of it, adopted record by record after each commit, and nothing
else.

Decisions read it and never change it. `adopt` is the only way in: memory is never ahead of disk. Beside the
records it keeps what follows from rows already written (the last reading of each open transaction) and the
volatile facts of the link, which die with it.
"""

from datetime import datetime, timedelta

from msgspec.structs import replace

from evsys.core import records
from evsys.core.energy import Reading, advance, first_reading
from evsys.core.records import (
    ConnectorStatus,
    MeterValue,
    Quarantined,
    Record,
    Reservation,
    StationStatus,
    Transaction,
)
from evsys.core.workarounds import STANDARD

RECENT_TRANSACTIONS = 8
"""Ended transactions kept per station, so that a repeated stop or a late meter value costs no read."""
MAX_QUARANTINE = 50
"""Unresolved messages kept in memory per station for reconciliation; the rest stays on disk for people."""
MAX_UNDATED = 200
"""Values without a usable time by which repeats are known, per session: the last ones of hours."""
REMOTE_START = timedelta(minutes=10)
"""How long after a remote start its token is expected back: the driver has yet to plug in."""
SHORTEST_CUT = 8
"""Characters of a token below which the beginning of one says nothing."""


class Station:
    """One station. `transactions` holds the open ones and the last few ended, by id."""

    __slots__ = (
        "connectors",
        "quarantine",
        "readings",
        "remote_tokens",
        "reservations",
        "settings",
        "status",
        "transactions",
        "undated",
        "workarounds",
    )

    def __init__(
        self,
        settings: records.Station,
        status: StationStatus,
        connectors: dict[tuple[int, int], ConnectorStatus] | None = None,
        transactions: dict[str, Transaction] | None = None,
        readings: dict[str, Reading] | None = None,
        quarantine: dict[str, Quarantined] | None = None,
    ) -> None:
        self.settings = settings
        self.status = status
        self.workarounds = STANDARD
        """What is done differently for it: set by whoever knows the model profiles."""
        self.connectors = connectors if connectors is not None else {}
        self.transactions = transactions if transactions is not None else {}
        self.readings = readings if readings is not None else {}
        self.quarantine = quarantine if quarantine is not None else {}
        self.remote_tokens: dict[str, datetime] = {}
        """The tokens that remote starts named, and when: of the link, as memory alone has it."""
        self.undated: dict[str, dict[tuple[datetime, int], None]] = {}
        """Of each transaction the identities of its values that have no time but that of their receipt."""
        self.reservations: dict[str, Reservation] = {}
        """Those that have not ended, by id."""

    @property
    def id(self) -> str:
        return self.settings.id

    def open_on(self, evse_id: int) -> Transaction | None:
        """The open transaction of an EVSE; there is at most one."""
        for transaction in reversed(self.transactions.values()):
            if transaction.evse_id == evse_id and transaction.ended_at is None:
                return transaction
        return None

    def open_transactions(self) -> list[Transaction]:
        return [transaction for transaction in self.transactions.values() if transaction.ended_at is None]

    def by_number(self, number: int, evse_id: int | None = None) -> Transaction | None:
        """A transaction in memory by its 1.6 number, or an open one (of `evse_id`, where that is known) by
        the number that the station uses for it. Stations use their own numbers again and for each EVSE, so
        that of an ended one proves nothing."""
        aliased = None
        for transaction in reversed(self.transactions.values()):  # nearly always the newest is meant
            if transaction.number == number:
                return transaction
            if aliased is None and transaction.alias == number and transaction.ended_at is None:
                aliased = transaction if evse_id in (None, transaction.evse_id) else None
        return aliased

    def ended(self, evse_id: int) -> list[Transaction]:
        """The last transactions of an EVSE that have ended."""
        return [
            each
            for each in self.transactions.values()
            if each.evse_id == evse_id and each.ended_at is not None
        ]

    def adopt(self, record: Record) -> None:
        """Memory becomes what disk is. The caller has seen the commit of `record`."""
        match record:
            case MeterValue():
                self._read(record)
            case ConnectorStatus():
                self.connectors[record.evse_id, record.connector_id] = record
            case Transaction():
                self._keep(record)
            case StationStatus():
                self.status = record
            case records.Station():
                self.settings = record
            case Quarantined() if record.resolved_at is None:
                if len(self.quarantine) < MAX_QUARANTINE:
                    self.quarantine[record.id] = record
            case Quarantined():
                self.quarantine.pop(record.id, None)
            case Reservation() if record.ended_at is None:
                self.reservations[record.id] = record
            case Reservation():
                self.reservations.pop(record.id, None)
            case _:
                pass

    def _keep(self, transaction: Transaction) -> None:
        if transaction.id not in self.readings and (reading := first_reading(transaction)) is not None:
            self.readings[transaction.id] = reading
        if transaction.ended_at is None:
            self.transactions[transaction.id] = transaction
            return
        # Kept in the order in which they ended, so that the ones that ended first are forgotten first.
        self.transactions.pop(transaction.id, None)
        self.transactions[transaction.id] = transaction
        ended = [each.id for each in self.transactions.values() if each.ended_at is not None]
        for stale in ended[:-RECENT_TRANSACTIONS]:
            del self.transactions[stale]
            self.readings.pop(stale, None)
            self.undated.pop(stale, None)

    def remote_start(self, id_token: str, now: datetime) -> None:
        """It is asked to start a session for this token (in its canonical form)."""
        recent = {each: at for each, at in self.remote_tokens.items() if now - at <= REMOTE_START}
        self.remote_tokens = {**recent, id_token: now}

    def token_meant(self, id_token: str, now: datetime) -> str | None:
        """The token of a remote start that the station has cut, or made longer."""
        if len(id_token) < SHORTEST_CUT:
            return None
        for sent, at in self.remote_tokens.items():
            long, short = sorted((sent, id_token), key=len, reverse=True)
            if now - at <= REMOTE_START and len(short) >= SHORTEST_CUT and long.startswith(short):
                return sent
        return None

    def reading_after(
        self, transaction: Transaction, last: Reading | None, value: MeterValue
    ) -> Reading | None:
        """`energy.advance`, by which a repeat counts for nothing. By their times repeats are known there; one
        that has none comes with a new time of receipt."""
        if value.at == value.received_at and _identity(value) in self.undated.get(transaction.id, ()):
            value = replace(value, energy_wh=None)
        return advance(transaction, last, value)

    def _read(self, value: MeterValue) -> None:
        transaction = self.transactions.get(value.transaction_id)
        if transaction is None:
            return
        reading = self.reading_after(transaction, self.readings.get(transaction.id), value)
        if reading is not None:
            self.readings[transaction.id] = reading
        if value.at == value.received_at:
            known = self.undated.setdefault(transaction.id, {})
            known[_identity(value)] = None
            if len(known) > MAX_UNDATED:
                del known[next(iter(known))]


def _identity(value: MeterValue) -> tuple[datetime, int]:
    """Beside its station, the unique key of a value."""
    return value.reported_at, value.digest
