"""Reservations from the request to their end, whichever way that comes about."""

import asyncio
from datetime import datetime, timedelta
from functools import partial

import pytest

from evsys.core import errors
from evsys.core.commands import CancelReservation, ReserveNow
from evsys.core.records import Reservation
from evsys.office.queue import QUIET
from evsys.office.reservations import LONGEST
from evsys.store.views import reservations, stations
from evsys.store.views.reservations import ReservationFilter
from kit.central import station, token
from kit.clock import NOON
from kit.link import Payload
from kit.office import AnsweringStation, RunningOffice
from kit.waiting import until

HOUR = timedelta(hours=1)
TAKES: dict[str, Payload] = {
    "ReserveNow": {"status": "Accepted"},
    "CancelReservation": {"status": "Accepted"},
}


async def reserve(office: RunningOffice, evse_id: int = 1, until_: datetime = NOON + HOUR) -> Reservation:
    return await office.office.reservations.create("CP1", evse_id, "card", until_, "ann")


def now(office: RunningOffice, reservation: Reservation) -> Reservation:
    found = office.reader.read_here(partial(reservations.reservation, reservation_id=reservation.id))
    assert found is not None
    return found


def listed(office: RunningOffice, which: ReservationFilter) -> list[Reservation]:
    page, _ = office.reader.read_here(partial(reservations.reservations_page, which=which, limit=10))
    return page


async def charger_of(office: RunningOffice, answers: dict[str, Payload] = TAKES) -> AnsweringStation:
    await office.put(station(), token("CARD"), token("OTHER"))
    return await office.station(answers)


def start(id_tag: str, number: int | None = None, connector: int = 1) -> Payload:
    message: Payload = {
        "connectorId": connector,
        "idTag": id_tag,
        "meterStart": 1,
        "timestamp": "2026-06-01T12:00:00Z",
    }
    return message if number is None else {**message, "reservationId": number}


async def test_a_reservation_is_asked_for_and_shown_with_its_station(office: RunningOffice) -> None:
    charger = await charger_of(office)
    first, second = await reserve(office), await reserve(office, 2)
    assert (first.status, first.number, second.number) == ("ACTIVE", 1, 2)
    action, payload = charger.calls[0]
    assert (action, payload) == (
        "ReserveNow",
        {"connectorId": 1, "expiryDate": "2026-06-01T13:00:00Z", "idTag": "CARD", "reservationId": 1},
    )
    view = office.reader.read_here(lambda connection: stations.station(connection, "CP1"))
    assert view is not None
    assert [each.evse_id for each in view.reservations] == [1, 2]


async def test_what_the_station_refuses_is_rejected_with_its_reason(office: RunningOffice) -> None:
    await charger_of(office, {"ReserveNow": {"status": "Occupied"}})
    rejected = await reserve(office)
    assert (rejected.status, rejected.reason) == ("REJECTED", "Occupied")


async def test_what_could_not_be_asked_for_is_rejected(office: RunningOffice) -> None:
    await office.put(station())
    with pytest.raises(errors.StationOffline):
        await reserve(office)
    (rejected,) = listed(office, ReservationFilter())
    assert (rejected.status, rejected.reason) == ("REJECTED", "CP1 is not connected")


async def test_a_start_with_its_number_uses_it(office: RunningOffice) -> None:
    charger = await charger_of(office)
    reservation = await reserve(office, 0)
    answer = await charger.ask("StartTransaction", start("CARD", reservation.number))
    await until(lambda: now(office, reservation).status == "USED")
    assert now(office, reservation).transaction_id == str(answer["transactionId"])


async def test_a_start_of_its_token_on_its_evse_uses_it_without_the_number(office: RunningOffice) -> None:
    charger = await charger_of(office)
    elsewhere, here = await reserve(office, 2), await reserve(office, 1)
    await charger.ask("StartTransaction", start("CARD"))
    await until(lambda: now(office, here).status == "USED")
    assert now(office, elsewhere).status == "ACTIVE"


async def test_a_start_of_another_token_is_refused_and_does_not_use_it(office: RunningOffice) -> None:
    charger = await charger_of(office)
    reservation = await reserve(office)
    running = office.node.stations["CP1"]
    await until(lambda: running.state is not None and running.state.reservations != {})
    answer = await charger.ask("StartTransaction", start("OTHER", reservation.number))
    assert answer["idTagInfo"] == {"status": "Blocked"}
    await charger.ask("StartTransaction", start("OTHER", connector=2))
    own = await charger.ask("StartTransaction", start("CARD", reservation.number))
    assert own["idTagInfo"] == {"status": "Accepted"}
    await until(lambda: now(office, reservation).status == "USED")
    assert now(office, reservation).transaction_id == str(own["transactionId"])


async def test_a_gateway_that_starts_again_knows_what_is_reserved(office: RunningOffice) -> None:
    await charger_of(office)
    reservation = await reserve(office)
    del office.node.stations["CP1"]
    charger = await office.station(TAKES)
    answer = await charger.ask("StartTransaction", start("OTHER", reservation.number))
    assert answer["idTagInfo"] == {"status": "Blocked"}


async def test_its_time_runs_out(office: RunningOffice) -> None:
    charger = await charger_of(office)
    reservation = await reserve(office)
    office.clock.step(3601)
    await until(lambda: now(office, reservation).status == "EXPIRED")
    late = start("CARD", reservation.number)
    await charger.ask("StartTransaction", late)
    await until(lambda: now(office, reservation).status == "USED")  # it began in time, and was told late


async def test_a_cancelled_one_is_cancelled_at_once_and_the_station_is_told(office: RunningOffice) -> None:
    charger = await charger_of(office)
    reservation = await reserve(office)
    await office.office.reservations.cancel(reservation.id, "bob")
    assert now(office, reservation).status == "CANCELLED"
    office.clock.step(QUIET.total_seconds())
    await until(lambda: charger.calls[-1] == ("CancelReservation", {"reservationId": 1}))
    with pytest.raises(errors.StaleVersion, match="CANCELLED"):
        await office.office.reservations.cancel(reservation.id, "bob")


async def test_a_station_that_is_away_is_told_of_a_cancellation_when_it_is_back(
    office: RunningOffice,
) -> None:
    charger = await charger_of(office)
    reservation = await reserve(office)
    assert charger.connection is not None
    charger.connection.lost("gone")
    await office.office.reservations.cancel(reservation.id, "bob")
    assert now(office, reservation).status == "CANCELLED"
    again = await office.station(TAKES)
    office.clock.step(QUIET.total_seconds())
    await until(lambda: ("CancelReservation", {"reservationId": 1}) in again.calls)


async def test_a_station_that_is_removed_keeps_nothing_for_anybody(office: RunningOffice) -> None:
    await charger_of(office)
    reservation = await reserve(office)
    await office.office.stations.remove("CP1", None, "ann")
    await until(lambda: now(office, reservation).status == "CANCELLED")
    assert now(office, reservation).reason == "the station was removed"


async def test_the_commands_themselves_make_and_cancel_reservations(office: RunningOffice) -> None:
    await charger_of(office)
    made = ReserveNow(id=77, evse_id=1, id_token="CARD", expires_at=NOON + HOUR)
    record = await office.office.commands.perform("CP1", made, "bob", 5)

    def of_it() -> list[Reservation]:
        return listed(office, ReservationFilter())

    await until(lambda: [(each.id, each.status) for each in of_it()] == [(record.id, "ACTIVE")])
    await office.office.commands.perform("CP1", CancelReservation(id=77), "bob", 5)
    await until(lambda: [each.status for each in of_it()] == ["CANCELLED"])


async def test_a_station_that_does_not_answer_leaves_it_requested_until_it_is_known(
    office: RunningOffice,
) -> None:
    charger = await charger_of(office, {})
    asked = asyncio.create_task(reserve(office))
    await until(lambda: charger.calls != [])
    await office.pass_time(31)
    with pytest.raises(errors.NoAnswer):
        await asked
    (requested,) = listed(office, ReservationFilter(status="REQUESTED"))
    await charger.ask("StartTransaction", start("CARD", requested.number))
    await until(lambda: now(office, requested).status == "USED")


@pytest.mark.parametrize(
    ("id_token", "expires_at"),
    [(" ", NOON + HOUR), ("CARD", NOON), ("CARD", NOON + LONGEST + HOUR), ("C" * 21, NOON + HOUR)],
)
async def test_what_is_no_reservation(office: RunningOffice, id_token: str, expires_at: datetime) -> None:
    await charger_of(office)
    with pytest.raises(errors.BadCommand):
        await office.office.reservations.create("CP1", 1, id_token, expires_at, "ann")
