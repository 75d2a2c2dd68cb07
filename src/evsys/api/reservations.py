"""Reservations: made, read and taken back."""

from datetime import datetime
from functools import partial
from typing import Annotated

from litestar import delete, get, post
from litestar.params import FromPath, FromQuery, JSONBody
from msgspec import Meta, Struct

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.members import Id
from evsys.api.problems import documented
from evsys.api.strict import WITHIN_S, StrictRequest
from evsys.core.authorization import canonical
from evsys.core.commands import EvseId, TokenText
from evsys.core.records import Reservation, ReservationStatus
from evsys.office.reservations import ANSWER_WITHIN_S
from evsys.store.views import reservations
from evsys.store.views.paging import DEFAULT_PAGE
from evsys.store.views.reservations import ReservationFilter

MARGIN_S = 10
"""What a request may take beside the station's time."""


class NewReservation(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An EVSE to be kept for a token."""

    station_id: Id
    evse_id: EvseId = 0
    """0: any of the station."""
    id_token: TokenText
    expires_at: Annotated[datetime, Meta(tz=True, description="Within thirty days from now.")]


class ReservationList(Struct, frozen=True, kw_only=True):
    items: list[Reservation]
    next: str | None = None


@post(
    "/reservations",
    guards=[needs("reservation.edit")],
    responses=documented(400, 401, 403, 404, 409, 413, 422, 429, 502, 503, 504),
    tags=["reservations"],
    opt={CONFINES: True, WITHIN_S: ANSWER_WITHIN_S + MARGIN_S},
)
async def create_reservation(
    office: Desk, data: JSONBody[NewReservation], request: StrictRequest
) -> Reservation:
    """Have a station keep an EVSE for a token. ACTIVE: it does; REJECTED: it does not, for the `reason` given
    (Occupied, Faulted …). 409: the station is not connected. 504: it did not answer, and the reservation
    stays REQUESTED until a start uses it, it is cancelled, or its time is over."""
    await office.reach.check(request.auth, data.station_id)
    return await office.reservations.create(
        data.station_id, data.evse_id, data.id_token, data.expires_at, request.auth.name
    )


@get(
    "/reservations",
    guards=[needs("reservation.read")],
    responses=documented(400, 401, 403, 503),
    tags=["reservations"],
    opt={CONFINES: True},
)
async def list_reservations(
    office: Desk,
    request: StrictRequest,
    station: FromQuery[str] = "",
    token: FromQuery[str] = "",
    status: FromQuery[ReservationStatus | None] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> ReservationList:
    """Reservations, newest first: all that meet every condition given."""
    which = ReservationFilter(
        station_id=station, token=canonical(token), status=status, within=request.auth.location_ids
    )
    query = partial(reservations.reservations_page, which=which, limit=limit, cursor=cursor)
    items, following = await office.reader.read(query)
    return ReservationList(items=items, next=following)


@get(
    "/reservations/{reservation_id:str}",
    guards=[needs("reservation.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["reservations"],
    opt={CONFINES: True},
)
async def get_reservation(office: Desk, request: StrictRequest, reservation_id: FromPath[str]) -> Reservation:
    """A reservation, and what became of it."""
    found = await office.reservations.find(reservation_id)
    await office.reach.check(request.auth, found.station_id)
    return found


@delete(
    "/reservations/{reservation_id:str}",
    guards=[needs("reservation.edit")],
    responses=documented(400, 401, 403, 404, 409, 429, 503),
    tags=["reservations"],
    opt={CONFINES: True},
)
async def cancel_reservation(office: Desk, reservation_id: FromPath[str], request: StrictRequest) -> None:
    """Take a reservation back: it is CANCELLED at once, and its station is told as soon as it is there. 409
    where it has ended."""
    await office.reach.check(request.auth, (await office.reservations.find(reservation_id)).station_id)
    await office.reservations.cancel(reservation_id, request.auth.name)
