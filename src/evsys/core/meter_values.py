"""Meter values: which session a reading belongs to, and its identity (OCPP 1.6 §4.7; 2.x chapter J).

Stations leave out the transaction, name one of their own making, or send values after the stop. A value goes
to the transaction it names; failing that to the open one on its EVSE; failing that to the one that just ended
there. A value that names a transaction nobody knows is quarantined, never lost and never refused.
"""

from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec
from msgspec.structs import replace

from evsys.core.events import MessageQuarantined, TransactionCorrected
from evsys.core.records import MeterValue, Quarantined, Transaction
from evsys.core.work import Turn

NOT_REPORTED: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""No clock that was ever set shows a time before this one."""
AHEAD: Final = timedelta(days=1)
LATE: Final = timedelta(minutes=15)
"""How long after its end a session still gets values that name no transaction."""
UNNAMED: Final = (0, -1)
"""What stations send as transactionId when they have none (errata 3.18)."""


def plausible(reported: datetime | None, now: datetime) -> bool:
    """Whether a station's clock can be believed: not before 2015, not more than a day ahead."""
    return reported is not None and EARLIEST <= reported <= now + AHEAD


def identity(
    station_id: str, evse_id: int, number: int | None, reported: datetime | None, samples: bytes
) -> int:
    """The digest of a meter value: a signed 64-bit number, the same for each repeat, whatever the message id."""
    head = f"{station_id}|{evse_id}|{number}|{reported.timestamp() if reported else ''}|".encode()
    return int.from_bytes(blake2b(head + samples, digest_size=8).digest(), "big", signed=True)


def owner(turn: Turn, evse_id: int, number: int | None) -> Transaction | None:
    """The transaction that a value of `evse_id` naming `number` belongs to. May raise FactMissing."""
    station = turn.station
    named = number is not None and number not in UNNAMED
    if named and number is not None:
        known = station.by_number(number) or (
            turn.facts.transaction(station.id, number) if number > 0 else None
        )
        if known is not None:
            return known
    running = station.open_on(evse_id) if evse_id > 0 else None
    if running is not None:
        if named:
            # A number of the station's own making: learnt here, so that its stop finds the session.
            running = replace(running, alias=number)
            turn.work.save(running)
            turn.work.tell(
                TransactionCorrected(transaction=running, reason=f"the station calls it number {number}")
            )
        return running
    return _just_ended(turn, evse_id) if number is not None else None


def _just_ended(turn: Turn, evse_id: int) -> Transaction | None:
    ended = [each for each in turn.station.transactions.values() if each.evse_id == evse_id and each.ended_at]
    last = max(ended, key=lambda each: each.end_received_at or NOT_REPORTED, default=None)
    if last is not None and last.end_received_at and turn.now - last.end_received_at <= LATE:
        return last
    return None


def record(
    turn: Turn, number: int | None, transaction: Transaction | None, values: list[MeterValue]
) -> None:
    """Write the values of one message, made for `transaction`: their `owner`. Values that name a transaction
    nobody knows are quarantined; the main meter's (EVSE 0) belong to none."""
    if transaction is None and number is not None and values and values[0].evse_id > 0:
        quarantine(turn, "meter_values", number, "no transaction of this number is known", values)
        return
    add_once = turn.work.add_once
    for value in values:
        add_once(value)


def quarantine(turn: Turn, kind: str, number: int | None, reason: str, content: object) -> None:
    """Keep a message that belongs to no known session. A repeat of it is kept once."""
    payload = msgspec.json.encode(content)
    name = blake2b(
        f"{turn.station.id}|{kind}|{number}|".encode() + _timeless(payload, content), digest_size=12
    )
    held = Quarantined(
        id=name.hexdigest(),
        station_id=turn.station.id,
        kind="stop" if kind == "stop" else "meter_values",
        number=number,
        received_at=turn.now,
        reason=reason,
        payload=msgspec.Raw(payload),
    )
    if held.id in turn.station.quarantine:
        return
    turn.work.add_once(held)
    turn.work.tell(MessageQuarantined(quarantined=held))


def _timeless(payload: bytes, content: object) -> bytes:
    """What of a quarantined message is the same when it is repeated: not its times of receipt."""
    if isinstance(content, list):
        return b"|".join(str(each.digest).encode() for each in content)
    return payload
