"""A station's state in memory: what disk has of it, adopted record by record after each commit, and nothing
else.

Decisions read it and never change it. `adopt` is the only way in: memory is never ahead of disk. Beside the
records it keeps what follows from rows already written (the last reading of each open transaction) and the
volatile facts of the link, which die with it.
"""

from datetime import datetime

from msgspec import Struct

from evsys.core import records
from evsys.core.records import (
    ConfigurationKey,
    ConnectorStatus,
    MeterValue,
    Record,
    StationStatus,
    Transaction,
)

RECENT_TRANSACTIONS = 8
"""Ended transactions kept per station, so that a repeated stop or a late meter value costs no read."""


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
        "last_received_at",
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
    ) -> None:
        self.settings = settings
        self.status = status
        self.connectors = connectors if connectors is not None else {}
        self.transactions = transactions if transactions is not None else {}
        self.readings = readings if readings is not None else {}
        self.last_received_at: datetime | None = None

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
        """A transaction in memory by its 1.6 number."""
        for transaction in self.transactions.values():
            if transaction.number == number:
                return transaction
        return None

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
            case ConfigurationKey():
                pass
            case _:
                pass

    def _keep(self, transaction: Transaction) -> None:
        self.transactions[transaction.id] = transaction
        if transaction.ended_at is None:
            return
        ended = [each.id for each in self.transactions.values() if each.ended_at is not None]
        for stale in ended[:-RECENT_TRANSACTIONS]:
            del self.transactions[stale]
            self.readings.pop(stale, None)

    def _read(self, value: MeterValue) -> None:
        if not value.transaction_id or value.energy_wh is None:
            return
        last = self.readings.get(value.transaction_id)
        carried = last.carried_wh if last else 0.0
        if last is not None:
            if value.at < last.at:
                return
            if value.energy_wh < last.energy_wh and is_restart(last.energy_wh, value.energy_wh):
                carried += last.energy_wh
        self.readings[value.transaction_id] = Reading(value.at, value.received_at, value.energy_wh, carried)


RESTART_BELOW = 0.5
"""A register that falls below this share of its last reading has restarted at zero; a smaller fall is noise.
"""


def is_restart(before_wh: float, after_wh: float) -> bool:
    """Whether a fall of the energy register is a restart (per session or per boot) and not a glitch."""
    return after_wh < before_wh * RESTART_BELOW
