"""A station's state in memory: what disk has of it, adopted record by record after each commit, and nothing
else.

Decisions read it and never change it. `adopt` is the only way in: memory is never ahead of disk. Beside the
records it keeps what follows from rows already written (the last reading of each open transaction) and the
volatile facts of the link, which die with it.
"""

from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from evsys.core import records
from evsys.core.records import (
    ConnectorStatus,
    MeterValue,
    Quarantined,
    Record,
    StationStatus,
    Transaction,
)

RECENT_TRANSACTIONS = 8
"""Ended transactions kept per station, so that a repeated stop or a late meter value costs no read."""


MAX_QUARANTINE = 50
"""Unresolved messages kept in memory per station for reconciliation; the rest stays on disk for people."""


class Reading(Struct, frozen=True, gc=False):
    """The newest energy register reading of a transaction. `at` is the station's time, `received_at` ours."""

    at: datetime
    received_at: datetime
    energy_wh: float
    carried_wh: float = 0.0
    """Energy of the registers before the last restart to zero."""


class Station:
    """One station. `transactions` holds the open ones and the last few ended, by id."""

    __slots__ = (
        "connectors",
        "quarantine",
        "readings",
        "settings",
        "status",
        "transactions",
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
        self.connectors = connectors if connectors is not None else {}
        self.transactions = transactions if transactions is not None else {}
        self.readings = readings if readings is not None else {}
        self.quarantine = quarantine if quarantine is not None else {}

    @property
    def id(self) -> str:
        return self.settings.id

    def open_on(self, evse_id: int) -> Transaction | None:
        """The open transaction of an EVSE; there is at most one."""
        for transaction in self.transactions.values():
            if transaction.evse_id == evse_id and transaction.ended_at is None:
                return transaction
        return None

    def open_transactions(self) -> list[Transaction]:
        return [transaction for transaction in self.transactions.values() if transaction.ended_at is None]

    def by_number(self, number: int) -> Transaction | None:
        """A transaction in memory by its 1.6 number, or by the number that the station uses for it."""
        aliased = None
        for transaction in self.transactions.values():
            if transaction.number == number:
                return transaction
            if transaction.alias == number:
                aliased = transaction
        return aliased

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
            case _:
                pass

    def _keep(self, transaction: Transaction) -> None:
        self.transactions[transaction.id] = transaction
        if transaction.ended_at is None:
            if transaction.id not in self.readings:
                start = float(transaction.meter_start_wh)
                moment = transaction.started_at
                self.readings[transaction.id] = Reading(moment, transaction.start_received_at, start)
            return
        ended = [each.id for each in self.transactions.values() if each.ended_at is not None]
        for stale in ended[:-RECENT_TRANSACTIONS]:
            del self.transactions[stale]
            self.readings.pop(stale, None)

    def _read(self, value: MeterValue) -> None:
        if value.energy_wh is None or not value.transaction_id:
            return
        last = self.readings.get(value.transaction_id)
        if last is None:
            return
        if value.at < last.at:
            self.readings[value.transaction_id] = replace(last, received_at=value.received_at)
            return
        carried = last.carried_wh
        if value.energy_wh < last.energy_wh:
            if not is_restart(last.energy_wh, value.energy_wh):
                return
            carried += last.energy_wh
        self.readings[value.transaction_id] = Reading(value.at, value.received_at, value.energy_wh, carried)


def is_restart(before_wh: float, after_wh: float) -> bool:
    """Whether a fall of the energy register is a restart at zero (per session or per boot) and not a glitch."""
    return after_wh < before_wh * RESTART_BELOW and before_wh - after_wh > RESTART_FALL_WH


RESTART_BELOW = 0.5
"""A register that falls below this share of its last reading has restarted; a smaller fall is noise."""
RESTART_FALL_WH = 50
"""A fall by less than this is noise whatever its share: meters are off by a few Wh."""
