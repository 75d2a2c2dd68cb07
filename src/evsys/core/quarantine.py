"""Quarantine: messages that belong to no session we know, kept and visible until their session is found.

A stop or meter values can come before their start, name a transaction that was lost, or be ambiguous. They
are acknowledged and held here. They are reconciled when their start comes (`transactions.start`), or when the
station repeats them and they have a session by then.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from evsys.core.events import MessageQuarantined
from evsys.core.records import MeterValue, Quarantined, Transaction
from evsys.core.work import Turn

Kind = Literal["stop", "meter_values"]
WHY: Final = "no transaction of this number is known"


def hold(turn: Turn, kind: Kind, number: int | None, content: Struct | Sequence[MeterValue]) -> None:
    """Keep a message that belongs to no known session. A repeat of it is kept once."""
    name = _name(turn, kind, number, content)
    if name in turn.station.quarantine:
        return
    held = Quarantined(
        id=name,
        station_id=turn.station.id,
        kind=kind,
        number=number,
        received_at=turn.now,
        reason=WHY,
        payload=Raw(msgspec.json.encode(content)),
    )
    turn.work.add_once(held)
    turn.work.tell(MessageQuarantined(quarantined=held))


def found(
    turn: Turn,
    kind: Kind,
    number: int | None,
    content: Struct | Sequence[MeterValue],
    transaction: Transaction,
) -> None:
    """A message has its session. If it was held when it came before, that is resolved."""
    if turn.station.quarantine:  # hardly ever: the name costs more than the rest of the message
        held = turn.station.quarantine.get(_name(turn, kind, number, content))
        if held is not None:
            resolve(turn, held, transaction)


def resolve(turn: Turn, held: Quarantined, transaction: Transaction) -> None:
    """The message was attached to a transaction."""
    turn.work.save(replace(held, resolved_at=turn.now, transaction_id=transaction.id))


def values_of(held: Quarantined) -> list[MeterValue]:
    """The values of a held message."""
    values = []
    for members in msgspec.json.decode(held.payload, type=list[dict[str, Raw]]):
        rest = members.pop("rest")  # taken apart because msgspec decodes no `Raw | None`
        value = msgspec.json.decode(msgspec.json.encode(members), type=MeterValue)
        values.append(value if bytes(rest) == b"null" else replace(value, rest=rest))
    return values


def _name(turn: Turn, kind: Kind, number: int | None, content: Struct | Sequence[MeterValue]) -> str:
    """What is the same of a message when it is repeated: not its time of receipt."""
    if isinstance(content, Struct):
        text = msgspec.json.encode(content)
    else:
        text = "|".join(f"{each.digest} {each.reported_at.timestamp()}" for each in content).encode()
    return blake2b(f"{turn.station.id}|{kind}|{number}|".encode() + text, digest_size=12).hexdigest()
