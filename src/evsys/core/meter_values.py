"""Meter values: which session a reading belongs to, and its identity (OCPP 1.6 §4.7; 2.x chapter J).

Stations leave out the transaction, name one of their own making, or send values after the stop. A value goes
to the transaction it names; failing that to the open one on its EVSE; failing that to the one that just ended
there. A value that names a transaction nobody knows is quarantined, never lost and never refused.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final, TypeGuard

from msgspec.structs import replace

from evsys.core.energy import energy_wh
from evsys.core.events import TransactionCorrected
from evsys.core.quarantine import found, hold
from evsys.core.records import MeterValue, Transaction
from evsys.core.work import Turn

NOT_REPORTED: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""No clock that was ever set shows a time before this one."""
AHEAD: Final = timedelta(days=1)
LATE: Final = timedelta(minutes=15)
"""How long after its end a session still gets values that name no transaction."""
UNNAMED: Final = (0, -1)
"""What stations send as transactionId when they have none (errata 3.18)."""


def plausible(reported: datetime | None, now: datetime) -> TypeGuard[datetime]:
    """Whether a station's clock can be believed: not before 2015, not more than a day ahead."""
    return reported is not None and reported >= EARLIEST and (reported <= now or reported <= now + AHEAD)


def identity(evse_id: int, number: int | None, samples: bytes) -> int:
    """The digest of a meter value: a signed 64-bit number, the same for each repeat, whatever the message id.
    Station and reported time stand beside it in the unique key."""
    return _folded(samples) ^ _place_digest(evse_id, number)


@lru_cache(maxsize=4096)
def _place_digest(evse_id: int, number: int | None) -> int:
    """The part of a digest that is the place and the transaction as reported: kept apart, so that a value can
    be moved to the EVSE that it turns out to belong to and still be known when it is repeated."""
    return _folded(f"{evse_id}|{number}".encode())


def _folded(text: bytes) -> int:
    # SHA-256 is what processors have instructions for.
    return int.from_bytes(sha256(text).digest()[:8], "big", signed=True)


def moved(value: MeterValue, number: int | None, evse_id: int, transaction_id: str) -> MeterValue:
    """A value at another place, as the same value there would have been made."""
    digest = value.digest ^ _place_digest(value.evse_id, number) ^ _place_digest(evse_id, number)
    return replace(value, digest=digest, evse_id=evse_id, transaction_id=transaction_id)


def owner(turn: Turn, evse_id: int, number: int | None) -> Transaction | None:
    """The transaction that a value of `evse_id` naming `number` belongs to. May raise FactMissing."""
    station = turn.station
    if number is None:
        return station.open_on(evse_id) if evse_id > 0 else None
    if number not in UNNAMED:
        named = station.by_number(number, evse_id)
        if named is None and number > 0:
            named = turn.facts.transaction(station.id, number)
        if named is not None:
            return named
    else:
        turn.quirks.append("unnamed_transaction")
    running = station.open_on(evse_id)
    if running is None:
        return _just_ended(turn, evse_id)
    return running if number in UNNAMED else _learn_alias(turn, running, number)


def _learn_alias(turn: Turn, running: Transaction, number: int) -> Transaction:
    """A number of the station's own making, kept so that its stop finds the session."""
    turn.quirks.append("own_transaction_number")
    aliased = replace(running, alias=number)
    turn.work.save(aliased)
    turn.work.tell(TransactionCorrected(transaction=aliased, reason=f"the station calls it number {number}"))
    return aliased


def _just_ended(turn: Turn, evse_id: int) -> Transaction | None:
    last = max(
        turn.station.ended(evse_id), key=lambda each: each.end_received_at or NOT_REPORTED, default=None
    )
    if last is not None and last.end_received_at and turn.now - last.end_received_at <= LATE:
        return last
    return None


def record(turn: Turn, number: int | None, transaction: Transaction | None, values: list[MeterValue]) -> None:
    """Write the values of one message, made for `transaction`: their `owner`. Values that name a transaction
    nobody knows are quarantined; the main meter's (EVSE 0) belong to none."""
    if transaction is None and number is not None and values and values[0].evse_id > 0:
        turn.quirks.append("unknown_transaction")
        hold(turn, "meter_values", number, values)
        return
    add_once = turn.work.add_once
    for value in values:
        add_once(value)
    if transaction is not None:
        found(turn, "meter_values", number, values, transaction)
        extend(turn, transaction, values)


def extend(turn: Turn, transaction: Transaction, values: Iterable[MeterValue]) -> None:
    """Values that come after a synthetic end are still energy of the session. After the station's own stop
    its word stands."""
    if transaction.ended_at is None:
        return
    turn.quirks.append("values_after_stop")
    if transaction.ended_by == "station":
        return
    reading = turn.station.readings.get(transaction.id)
    for value in values:
        reading = turn.station.reading_after(transaction, reading, value)
    energy, _ = energy_wh(transaction, reading, None)
    if reading is None or energy <= (transaction.energy_wh or 0):
        return
    extended = replace(
        transaction,
        ended_at=max(transaction.ended_at, reading.at),
        meter_stop_wh=round(reading.energy_wh),
        energy_wh=energy,
    )
    turn.work.save(extended)
    turn.work.tell(
        TransactionCorrected(
            transaction=extended, reason=f"values came after the end by {transaction.ended_by}"
        )
    )
