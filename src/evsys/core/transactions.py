"""Transactions: start, stop, and all that goes wrong between (OCPP 1.6 §4.8, §4.10; 2.x chapter E).

A start is identified by station, EVSE, token, reported time and meterStart, never by its message id; a repeat
gets the same transaction and changes nothing. A stop cannot be refused: it finds its session, replaces a
synthetic end, is a repeat, or is quarantined until its start comes. An EVSE holds at most one open
transaction; energy is never negative; nothing is ended by a boot.
"""

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from evsys.core.authorization import Verdict, authorize, authorize_start, canonical
from evsys.core.events import TransactionCorrected, TransactionEnded, TransactionStarted
from evsys.core.facts import Policy
from evsys.core.meter_values import UNNAMED, plausible, quarantine
from evsys.core.records import MeterValue, Quarantined, Transaction
from evsys.core.station import Reading, Station, is_restart
from evsys.core.work import Turn, Work

REPEAT_WITHIN: Final = timedelta(minutes=15)
"""How long a start without a usable time counts as a repeat of the same one after its session has ended."""
MAX_METER_WH: Final = 2**53
"""Beyond this a register is nonsense (and no JSON number)."""
IDLE_STATUS: Final = "Available"


class Start(Struct, frozen=True, kw_only=True):
    """A start as reported. `evse_id` 0: the station named none."""

    evse_id: int
    connector_id: int
    id_token: str | None
    meter_start_wh: int | None
    reported_at: datetime | None
    reservation_id: int | None = None


class Stop(Struct, frozen=True, kw_only=True):
    """A stop as reported."""

    number: int
    meter_stop_wh: int | None
    reported_at: datetime | None
    reason: str = ""
    id_token: str | None = None


def start_key(station_id: str, start: Start) -> str:
    """The identity of a start with a usable time."""
    reported = start.reported_at.timestamp() if start.reported_at else None
    token = canonical(start.id_token or "")
    text = f"{station_id}|{start.evse_id}|{token}|{reported}|{start.meter_start_wh}"
    return blake2b(text.encode(), digest_size=16).hexdigest()


def start(turn: Turn, reported: Start) -> tuple[Transaction, Verdict]:
    """Open a transaction, or find the one that this start opened before. A refused one is stored as well:
    energy may flow. May raise FactMissing."""
    usable = plausible(reported.reported_at, turn.now)
    key = start_key(turn.station.id, reported) if usable else None
    known = _repeated(turn, reported, key)
    if known is not None:
        return known, authorize_start(turn, reported.id_token or "", own=known.id)
    number = turn.facts.next_number()
    verdict = authorize_start(turn, reported.id_token or "")
    transaction = Transaction(
        id=str(number),
        number=number,
        station_id=turn.station.id,
        evse_id=reported.evse_id,
        connector_id=reported.connector_id,
        id_token=reported.id_token or "",
        id_token_canonical=verdict.token.id if verdict.token else canonical(reported.id_token or ""),
        authorization=verdict.status,
        started_at=reported.reported_at if usable and reported.reported_at else turn.now,
        start_received_at=turn.now,
        meter_start_wh=_register(reported.meter_start_wh),
        start_key=key,
        reservation_id=reported.reservation_id,
        flags=_start_flags(reported, usable),
    )
    running = turn.station.open_on(reported.evse_id)
    if running is not None:
        if "clock" not in running.flags and usable and transaction.started_at < running.started_at:
            # An older start, delivered late from the station's queue: its session is over already, and its
            # stop comes next. It must not displace the running one.
            transaction = replace(
                transaction,
                ended_at=transaction.started_at,
                end_received_at=turn.now,
                meter_stop_wh=transaction.meter_start_wh,
                energy_wh=0,
                ended_by="superseded",
            )
        else:
            _end_without_stop(turn.work, turn.station, running, turn.now, "superseded")
    turn.work.add(transaction)
    turn.work.tell(TransactionStarted(transaction=transaction))
    _reconcile(turn, transaction)
    return transaction, verdict


def stop(turn: Turn, reported: Stop) -> Verdict | None:
    """End a transaction. Never refused. The verdict is on the token that stopped it; None where none did."""
    transaction = _stopped(turn, reported)
    verdict = authorize(turn, reported.id_token) if reported.id_token else None
    if transaction is None:
        quarantine(turn, "stop", reported.number, "no transaction of this number is known", reported)
    elif transaction.ended_by != "station":
        _end(turn.work, turn.station, transaction, reported, turn.now)
    return verdict


def owner_of_stop(turn: Turn, reported: Stop) -> Transaction | None:
    """The transaction that a stop ends or has ended, for the meter values that came with it."""
    return _stopped(turn, reported)


def abandoned(station: Station, now: datetime, policy: Policy) -> list[Transaction]:
    """The open transactions that nobody will stop: their connector reports Available, and nothing was heard
    of them for as long as policy says. Never while a car may be connected, and never because of a boot."""
    idle = []
    for transaction in station.open_transactions():
        connector = station.connectors.get((transaction.evse_id, transaction.connector_id))
        if connector is None or connector.status != IDLE_STATUS:
            continue
        heard = [transaction.start_received_at, connector.received_at]
        if reading := station.readings.get(transaction.id):
            heard.append(reading.received_at)
        if (now - max(heard)).total_seconds() >= policy.abandoned_after_s:
            idle.append(transaction)
    return idle


def close(
    work: Work, station: Station, transaction: Transaction, now: datetime, by: Literal["sweep", "operator"]
) -> None:
    """End a transaction with its last reading, without the station. A late stop replaces this end."""
    if transaction.ended_at is None:
        _end_without_stop(work, station, transaction, now, by)


def energy_wh(
    transaction: Transaction, reading: Reading | None, meter_stop_wh: float | None
) -> tuple[int, bool]:
    """The energy of a session in Wh over all restarts of the register, never negative, and whether the stop's
    own register was fit for it."""
    carried, last = (
        (reading.carried_wh, reading.energy_wh) if reading else (0.0, float(transaction.meter_start_wh))
    )
    by_readings = max(0, round(carried + last - transaction.meter_start_wh))
    if meter_stop_wh is None or meter_stop_wh < 0:
        return by_readings, False
    if is_restart(last, meter_stop_wh):
        carried += last
    energy = round(carried + meter_stop_wh - transaction.meter_start_wh)
    return (energy, True) if energy >= 0 else (by_readings, False)


def _repeated(turn: Turn, reported: Start, key: str | None) -> Transaction | None:
    if key is not None:
        for each in turn.station.transactions.values():
            if each.start_key == key:
                return each
        return turn.facts.start(key)
    token = canonical(reported.id_token or "")
    for each in turn.station.transactions.values():
        same = (
            each.start_key is None
            and each.evse_id == reported.evse_id
            and canonical(each.id_token) == token
            and each.meter_start_wh == _register(reported.meter_start_wh)
        )
        if same and (each.ended_at is None or _just_received(turn, each)):
            return each
    return None


def _just_received(turn: Turn, transaction: Transaction) -> bool:
    booted_at = turn.station.status.booted_at
    if booted_at is not None and booted_at > transaction.start_received_at:
        return False
    return turn.now - transaction.start_received_at <= REPEAT_WITHIN


def _start_flags(reported: Start, usable: bool) -> tuple[str, ...]:
    flags = []
    if not usable:
        flags.append("clock")
    if reported.evse_id < 1:
        flags.append("no_connector")
    if not reported.id_token:
        flags.append("no_token")
    if reported.meter_start_wh is None:
        flags.append("no_meter_start")
    elif reported.meter_start_wh < 0:
        flags.append("negative_meter")
    return tuple(flags)


def _register(wh: int | None) -> int:
    return 0 if wh is None else max(-MAX_METER_WH, min(wh, MAX_METER_WH))


def _stopped(turn: Turn, reported: Stop) -> Transaction | None:
    """The transaction that a stop means: the one it names (in this station), or the one that alone fits."""
    station = turn.station
    if reported.number not in UNNAMED:
        named = station.by_number(reported.number)
        if named is None and reported.number > 0:
            named = turn.facts.transaction(station.id, reported.number)
        if named is not None:
            return named
    fitting = [each for each in station.transactions.values() if _fits(turn, each, reported)]
    running = [each for each in fitting if each.ended_at is None]
    if reported.number not in UNNAMED and not reported.id_token:
        return None
    if len(running) == 1:
        return running[0]
    repeats = [each for each in fitting if each.ended_at is not None and _same_stop(each, reported)]
    return repeats[-1] if repeats and not running else None


def _fits(turn: Turn, transaction: Transaction, reported: Stop) -> bool:
    """Whether a stop without a usable number can be this transaction's: same token, not before it, not below
    it."""
    if reported.id_token and canonical(reported.id_token) != canonical(transaction.id_token):
        return False
    if reported.meter_stop_wh is not None and reported.meter_stop_wh < transaction.meter_start_wh:
        return False
    if plausible(reported.reported_at, turn.now) and "clock" not in transaction.flags:
        return reported.reported_at is not None and reported.reported_at >= transaction.started_at
    return True


def _same_stop(transaction: Transaction, reported: Stop) -> bool:
    return (
        transaction.meter_stop_wh == reported.meter_stop_wh and transaction.ended_at == reported.reported_at
    )


def _end(work: Work, station: Station, transaction: Transaction, reported: Stop, now: datetime) -> None:
    """The end that the station itself reports."""
    flags = list(transaction.flags)
    if plausible(reported.reported_at, now) and reported.reported_at is not None:
        ended_at = reported.reported_at
    else:
        ended_at = now
        flags.append("clock")
    if ended_at < transaction.started_at:
        ended_at = transaction.started_at
        flags.append("clock")
    reading = station.readings.get(transaction.id)
    energy, fit = energy_wh(transaction, reading, reported.meter_stop_wh)
    meter_stop = reported.meter_stop_wh
    if meter_stop is None:
        meter_stop = round(reading.energy_wh) if reading else transaction.meter_start_wh
        flags.append("no_meter_stop")
    elif not fit:
        flags.append("negative_meter")
    elif meter_stop < transaction.meter_start_wh or (reading and reading.carried_wh):
        flags.append("register_restart")
    ended = replace(
        transaction,
        ended_at=ended_at,
        end_received_at=now,
        meter_stop_wh=_register(meter_stop),
        energy_wh=energy,
        stop_reason=reported.reason,
        stop_id_token=reported.id_token or "",
        ended_by="station",
        flags=tuple(dict.fromkeys(flags)),
    )
    work.save(ended)
    if transaction.ended_at is None:
        work.tell(TransactionEnded(transaction=ended))
    else:
        work.tell(
            TransactionCorrected(
                transaction=ended, reason=f"a late stop replaced the end by {transaction.ended_by}"
            )
        )


def _end_without_stop(
    work: Work,
    station: Station,
    transaction: Transaction,
    now: datetime,
    by: Literal["sweep", "operator", "superseded"],
) -> None:
    reading = station.readings.get(transaction.id)
    energy, _ = energy_wh(transaction, reading, None)
    ended = replace(
        transaction,
        ended_at=max(reading.at, transaction.started_at) if reading else transaction.started_at,
        end_received_at=now,
        meter_stop_wh=round(reading.energy_wh) if reading else transaction.meter_start_wh,
        energy_wh=energy,
        ended_by=by,
    )
    work.save(ended)
    work.tell(TransactionEnded(transaction=ended))


def _reconcile(turn: Turn, transaction: Transaction) -> None:
    """A start has come: the messages that waited in quarantine for it find their session."""
    for held in turn.station.quarantine.values():
        if held.number is not None and held.number not in UNNAMED:
            continue
        if held.kind == "stop":
            reported = msgspec.json.decode(held.payload, type=Stop)
            if transaction.ended_by == "station" or not _fits(turn, transaction, reported):
                continue
            if not plausible(reported.reported_at, turn.now) or "clock" in transaction.flags:
                continue  # without times on both sides nothing says that they belong together
            _end(turn.work, turn.station, transaction, reported, held.received_at)
            transaction = next(
                each for kind, each in reversed(turn.work.ops) if isinstance(each, Transaction)
            )
        else:
            values = msgspec.json.decode(held.payload, type=list[MeterValue])
            if not all(
                each.evse_id == transaction.evse_id and each.at >= transaction.started_at for each in values
            ):
                continue
            for each in values:
                turn.work.add_once(replace(each, transaction_id=transaction.id))
        _resolve(turn, held, transaction)


def _resolve(turn: Turn, held: Quarantined, transaction: Transaction) -> None:
    turn.work.save(replace(held, resolved_at=turn.now, transaction_id=transaction.id))
