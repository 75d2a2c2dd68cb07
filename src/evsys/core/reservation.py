"""Reservations: who may start where an EVSE is kept for somebody (OCPP 1.6 §5.13, 2.x H01, H03).

The station itself keeps the EVSE. The central system has its say where a start reports one that should not
be: with the number of a reservation that is another's, or on an EVSE that is reserved for another token. Such
a token is Blocked there. A reservation of any EVSE (0) leaves open which one is kept, so only its number
counts.
"""

from datetime import datetime

from msgspec.structs import replace

from evsys.core.authorization import Verdict, canonical
from evsys.core.records import Reservation
from evsys.core.work import Turn


def respecting(
    turn: Turn, verdict: Verdict, id_token: str, evse_id: int, number: int | None, started_at: datetime
) -> Verdict:
    """The verdict on a start, given the reservations that hold when it began. `number` is the reservation
    that it names."""
    if verdict.status != "Accepted":
        return verdict
    for reservation in turn.station.reservations.values():
        if reservation.status != "ACTIVE":
            continue
        if not reservation.created_at <= started_at < reservation.expires_at:
            continue
        meant = number == reservation.number or (evse_id > 0 and evse_id == reservation.evse_id)
        if meant and not is_for(reservation, id_token, verdict.parent):
            return replace(verdict, status="Blocked")
    return verdict


def is_for(reservation: Reservation, id_token: str, group: str) -> bool:
    """Whether a token, of this group where it has one, may use a reservation."""
    if canonical(id_token) == reservation.id_token:
        return True
    return bool(group) and group == reservation.parent
