"""Transactions: start, stop, and all that goes wrong between (OCPP 1.6 §4.8, §4.10; 2.x chapter E).

A start is identified by station, EVSE, token, reported time and meterStart, never by its message id; a repeat
gets the same transaction and changes nothing. A stop cannot be refused: it finds its session, replaces a
synthetic end, is a repeat, or is quarantined until its start comes. An EVSE holds at most one open
transaction; energy is never negative; nothing is ended by a boot.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, Literal

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from evsys.core.authorization import Verdict, authorize, authorize_start, canonical
from evsys.core.energy import NO_METER_START, Reading, energy_wh, is_restart, restarted
from evsys.core.events import TransactionCorrected, TransactionEnded, TransactionStarted
from evsys.core.facts import Policy
from evsys.core.meter_values import UNNAMED, extend, moved, plausible
from evsys.core.quarantine import found, hold, resolve, values_of
from evsys.core.records import MeterValue, Transaction
from evsys.core.reservation import respecting
from evsys.core.station import Station
from evsys.core.work import Turn, Work

REPEAT_WITHIN: Final = timedelta(minutes=15)
"""How long a start without a usable time counts as a repeat of the same one after its session has ended."""
MAX_METER_WH: Final = 2**53
"""Beyond this a register is nonsense (and no JSON number)."""
MAX_OPEN: Final = 64
"""Transactions that one station may have open. One that passes it invents EVSEs: its oldest is ended."""
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


UNNAMED_STOP: Final = "unnamed_stop"
"""The flag of a transaction ended by a stop that named none, for which it alone seemed to fit."""


def start(turn: Turn, reported: Start) -> tuple[Transaction, Verdict]:
    """Open a transaction, or find the one that this start opened before. A refused one is stored as well:
    energy may flow. May raise FactMissing."""
    usable = plausible(reported.reported_at, turn.now)
    key = start_key(turn.station.id, reported) if usable else None
    known = _repeated(turn, reported, key)
    if known is not None:
        turn.quirks.append("repeated_start")
        verdict = authorize_start(turn, reported.id_token or "", own=known.id)
        return known, _respecting(turn, verdict, reported, known.started_at)
    running = turn.station.open_on(reported.evse_id)
    late = _is_late(running, reported, usable)
    if late:
        verdict = authorize(turn, reported.id_token or "")
    else:
        verdict = authorize_start(turn, reported.id_token or "", own=running.id if running else "")
    started_at = reported.reported_at if usable and reported.reported_at else turn.now
    verdict = _respecting(turn, verdict, reported, started_at)
    number = turn.facts.next_number()
    flags = _start_flags(reported, usable)
    turn.quirks.extend(_QUIRK_OF_FLAG[flag] for flag in flags if flag in _QUIRK_OF_FLAG)
    transaction = Transaction(
        id=str(number),
        number=number,
        station_id=turn.station.id,
        evse_id=reported.evse_id,
        connector_id=reported.connector_id,
        id_token=reported.id_token or "",
        id_token_canonical=verdict.token.id if verdict.token else canonical(reported.id_token or ""),
        authorization=verdict.status,
        started_at=started_at,
        start_received_at=turn.now,
        meter_start_wh=_register(reported.meter_start_wh),
        start_key=key,
        reservation_id=reported.reservation_id,
        ended_at=started_at if late else None,
        end_received_at=turn.now if late else None,
        meter_stop_wh=_register(reported.meter_start_wh) if late else None,
        energy_wh=0 if late else None,
        ended_by="superseded" if late else None,
        flags=flags,
    )
    if not late:
        # Ended before the new one is written: an EVSE holds at most one open transaction at each statement.
        for displaced in _displaced(turn.station, running):
            _end_without_stop(turn.work, turn.station, displaced, turn.now, "superseded")
    turn.work.add(transaction)
    turn.work.tell(TransactionStarted(transaction=transaction))
    _reconcile(turn, transaction)
    return transaction, verdict


def _respecting(turn: Turn, verdict: Verdict, reported: Start, started_at: datetime) -> Verdict:
    if not turn.station.reservations:
        return verdict
    token = verdict.token.id if verdict.token else reported.id_token or ""
    return respecting(turn, verdict, token, reported.evse_id, reported.reservation_id, started_at)


def _is_late(running: Transaction | None, reported: Start, usable: bool) -> bool:
    """Whether a start comes so late from the station's queue that its session is over: it is older than the
    one that runs on its EVSE. Its stop comes next, and it must not displace the running one."""
    if running is None or "clock" in running.flags or not usable or reported.reported_at is None:
        return False
    return reported.reported_at < running.started_at


def _displaced(station: Station, running: Transaction | None) -> list[Transaction]:
    """The transactions that a start ends: the one on its EVSE, or the oldest of too many."""
    if running is not None:
        return [running]
    open_ones = station.open_transactions()
    return open_ones[:1] if len(open_ones) >= MAX_OPEN else []


def stopped(turn: Turn, reported: Stop) -> Transaction | None:
    """The transaction that a stop means: the one it names (in this station), or the one that alone fits. May
    raise FactMissing."""
    if reported.number not in UNNAMED:
        named = turn.station.by_number(reported.number)
        if named is None and reported.number > 0:
            named = turn.facts.transaction(turn.station.id, reported.number)
        if named is not None:
            return named
    known = list(turn.station.transactions.values())
    for each in reversed(known):
        if each.ended_by == "station" and _repeats(turn, each, reported):
            return each
    if reported.number not in UNNAMED and not reported.id_token:
        return None
    fitting = [each for each in known if each.ended_at is None and _fits(turn, each, reported)]
    return fitting[0] if len(fitting) == 1 else None


def stop(
    turn: Turn, reported: Stop, transaction: Transaction | None, values: Sequence[MeterValue] = ()
) -> Verdict | None:
    """End a transaction: what `stopped` found, with the values that came along (made for it). Never refused.
    The verdict is on the token that stopped it; None where none did."""
    verdict = authorize(turn, reported.id_token) if reported.id_token else None
    if reported.number in UNNAMED:
        turn.quirks.append("unnamed_transaction")
    if transaction is None:
        turn.quirks.append("unknown_transaction")
        hold(turn, "stop", reported.number, reported)
        if values:
            hold(turn, "meter_values", reported.number, values)
        return verdict
    for value in values:
        turn.work.add_once(value)
    if turn.station.quarantine:
        unplaced = [moved(each, reported.number, 0, "") for each in values]
        found(turn, "stop", reported.number, reported, transaction)
        found(turn, "meter_values", reported.number, unplaced, transaction)
    named = reported.number in (transaction.number, transaction.alias)
    presumed = named and UNNAMED_STOP in transaction.flags
    if presumed:
        # It was ended by a stop that named no session and seemed to fit; that one is another's.
        hold(turn, "stop", UNNAMED[0], _stop_of(transaction))
    if presumed or transaction.ended_by != "station":
        reading = turn.station.readings.get(transaction.id)
        for value in values:
            reading = turn.station.reading_after(transaction, reading, value)
        flags = {*transaction.flags} - {UNNAMED_STOP} if named else {*transaction.flags, UNNAMED_STOP}
        transaction = replace(transaction, flags=tuple(sorted(flags)))
        ended = _end(turn.work, transaction, reported, reading, turn.now)
        new = set(ended.flags).difference(transaction.flags)
        turn.quirks.extend(quirk for flag, quirk in _QUIRK_OF_FLAG.items() if flag in new)
    else:
        turn.quirks.append("repeated_stop")
    return verdict


def _stop_of(transaction: Transaction) -> Stop:
    """The stop that ended a transaction, as it was reported."""
    return Stop(
        number=UNNAMED[0],
        meter_stop_wh=transaction.meter_stop_wh,
        reported_at=transaction.ended_at,
        reason=transaction.stop_reason,
        id_token=transaction.stop_id_token or None,
    )


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
    work: Work,
    station: Station,
    transaction: Transaction,
    now: datetime,
    by: Literal["sweep", "operator"],
    operator: str = "",
) -> None:
    """End a transaction with its last reading, without the station. A late stop replaces this end.
    `operator` is who asked for it."""
    if transaction.ended_at is None:
        _end_without_stop(work, station, transaction, now, by, operator)


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


_QUIRK_OF_FLAG: Final = {
    "clock": "implausible_time",
    "no_connector": "unnamed_connector",
    "no_token": "no_token",
    "negative_meter": "negative_meter",
    "register_restart": "register_restart",
}
"""What of a session's flags is counted of its station."""


def _start_flags(reported: Start, usable: bool) -> tuple[str, ...]:
    flags = []
    if not usable:
        flags.append("clock")
    if reported.evse_id < 1:
        flags.append("no_connector")
    if not reported.id_token:
        flags.append("no_token")
    if reported.meter_start_wh is None:
        flags.append(NO_METER_START)
    elif reported.meter_start_wh < 0:
        flags.append("negative_meter")
    return tuple(flags)


def _register(wh: int | None) -> int:
    return 0 if wh is None else max(-MAX_METER_WH, min(wh, MAX_METER_WH))


def _fits(turn: Turn, transaction: Transaction, reported: Stop) -> bool:
    """Whether a stop without a usable number can be this transaction's: same token, not before it, not below
    it."""
    if reported.id_token and canonical(reported.id_token) != canonical(transaction.id_token):
        return False
    stop_wh, start_wh = reported.meter_stop_wh, transaction.meter_start_wh
    if stop_wh is not None and 0 <= stop_wh < start_wh and not is_restart(start_wh, stop_wh):
        return False
    if plausible(reported.reported_at, turn.now) and "clock" not in transaction.flags:
        return reported.reported_at >= transaction.started_at
    return True


def _repeats(turn: Turn, transaction: Transaction, reported: Stop) -> bool:
    """Whether a stop without a known number repeats the one that ended this transaction."""
    if transaction.meter_stop_wh != reported.meter_stop_wh or transaction.stop_reason != reported.reason:
        return False
    if transaction.stop_id_token != (reported.id_token or ""):
        return False
    if transaction.ended_at == reported.reported_at:
        return True
    received_at = transaction.end_received_at
    clockless = "clock" in transaction.flags and not plausible(reported.reported_at, turn.now)
    return clockless and received_at is not None and turn.now - received_at <= REPEAT_WITHIN


def _end(
    work: Work, transaction: Transaction, reported: Stop, reading: Reading | None, now: datetime
) -> Transaction:
    """The end that the station itself reports."""
    flags = list(transaction.flags)
    ended_at = now
    if plausible(reported.reported_at, now):
        ended_at = reported.reported_at
    else:
        flags.append("clock")
    if ended_at < transaction.started_at:
        ended_at = transaction.started_at
        flags.append("clock")
    energy, fit = energy_wh(transaction, reading, reported.meter_stop_wh)
    meter_stop = reported.meter_stop_wh
    if meter_stop is None:
        meter_stop = round(reading.energy_wh) if reading else transaction.meter_start_wh
        flags.append("no_meter_stop")
    elif not fit:
        flags.append("negative_meter" if meter_stop < transaction.meter_start_wh else "no_readings")
    elif restarted(transaction, reading, meter_stop):
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
        before = "a stop that named none" if transaction.ended_by == "station" else transaction.ended_by
        reason = f"a late stop replaced the end by {before}"
        work.tell(TransactionCorrected(transaction=ended, reason=reason))
    return ended


def _end_without_stop(
    work: Work,
    station: Station,
    transaction: Transaction,
    now: datetime,
    by: Literal["sweep", "operator", "superseded"],
    operator: str = "",
) -> None:
    reading = station.readings.get(transaction.id)
    energy, _ = energy_wh(transaction, reading, None)
    ended = replace(
        transaction,
        ended_at=max(reading.at, transaction.started_at) if reading else transaction.started_at,
        end_received_at=now,
        meter_stop_wh=_register(round(reading.energy_wh)) if reading else transaction.meter_start_wh,
        energy_wh=energy,
        ended_by=by,
    )
    work.save(ended)
    work.tell(TransactionEnded(transaction=ended, by=operator))


def _reconcile(turn: Turn, transaction: Transaction) -> None:
    """A start has come: the messages without a number that waited in quarantine for it find their session."""
    for held in turn.station.quarantine.values():
        if held.number is not None and held.number not in UNNAMED:
            continue
        if held.kind == "stop":
            reported = msgspec.json.decode(held.payload, type=Stop)
            if transaction.ended_by == "station" or not _belongs(turn, transaction, reported):
                continue
            transaction = _end(turn.work, transaction, reported, None, held.received_at)
        else:
            values = values_of(held)
            if not all(_covers(transaction, each) for each in values):
                continue
            placed = [moved(each, held.number, transaction.evse_id, transaction.id) for each in values]
            for each in placed:
                turn.work.add_once(each)
            extend(turn, transaction, placed)
        resolve(turn, held, transaction)


def _belongs(turn: Turn, transaction: Transaction, reported: Stop) -> bool:
    """Whether a stop that came before its start is this one's: only times on both sides can say so."""
    return (
        plausible(reported.reported_at, turn.now)
        and "clock" not in transaction.flags
        and _fits(turn, transaction, reported)
    )


def _covers(transaction: Transaction, value: MeterValue) -> bool:
    """Whether a value that came before its start was taken at this transaction's EVSE (0: unknown) and in its
    time."""
    ended_at = transaction.ended_at if transaction.ended_by == "station" else None
    return (
        value.evse_id in (0, transaction.evse_id)
        and "clock" not in transaction.flags
        and transaction.started_at <= value.at
        and (ended_at is None or value.at <= ended_at)
    )
