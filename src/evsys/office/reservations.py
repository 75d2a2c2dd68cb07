"""Reservations: made and taken back by people, used by starts, ended by time.

The office writes them. It asks the station for one by the road of all commands, and follows the log of events
for what becomes of it: a start uses it, a command that somebody sent by another door makes or cancels it. So
what is read here is true within seconds, whatever way it came about.

A cancelled one is cancelled here at once; the station is told by the queue of its commands, as soon as it is
there. One of which the station has not said anything stays *requested*: a start may still use it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Concatenate, Final, ParamSpec, TypeVar
from uuid import uuid4

import msgspec
import structlog
from msgspec.structs import replace
from sqlalchemy import Connection

from evsys.core.authorization import canonical
from evsys.core.commands import AnyCommand, CancelReservation, ReserveNow
from evsys.core.errors import (
    BadAnswer,
    BadCommand,
    ConnectionLost,
    EvsysError,
    NoAnswer,
    NotFound,
    StaleVersion,
    StationUnknown,
    StoreUnavailable,
)
from evsys.core.events import (
    CommandFinished,
    LoggedEvent,
    ReservationChanged,
    StationRemoved,
    TransactionStarted,
)
from evsys.core.ports import Clock
from evsys.core.records import CommandRecord, Reservation, ReservationStatus, Transaction
from evsys.core.work import Work
from evsys.office.commands import Commands
from evsys.office.consumers import Consumers
from evsys.office.moments import in_utc
from evsys.office.queue import CommandQueue
from evsys.office.writing import Books
from evsys.store.views import commands, reservations, stations, tokens
from evsys.store.views.reader import Reader

LONGEST: Final = timedelta(days=30)
"""Far more than anybody keeps an EVSE free for somebody."""
ANSWER_WITHIN_S: Final = 30
LOOK_EVERY_S: Final = 1.0
CONSUMER: Final = "reservations"
UNKNOWN_OUTCOME: Final = (NoAnswer, ConnectionLost, BadAnswer)
"""After these the station may have reserved or not."""

P = ParamSpec("P")
T = TypeVar("T")
log = structlog.get_logger()


class Reservations:
    """The reservations of a running office. All methods raise StoreUnavailable where the database cannot."""

    def __init__(
        self, books: Books, reader: Reader, clock: Clock, sender: Commands, queue: CommandQueue
    ) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._sender = sender
        self._queue = queue
        self._numbering = asyncio.Lock()
        self._reserved: frozenset[str] = frozenset()
        """Stations with an open reservation, as the log was up to `_reserved_seq`."""
        self._reserved_seq = 0

    async def find(self, reservation_id: str) -> Reservation:
        """A reservation by its id. Raises NotFound."""
        found = await self._read(reservations.reservation, reservation_id=reservation_id)
        if found is None:
            raise NotFound(f"no reservation {reservation_id}")
        return found

    async def create(
        self, station_id: str, evse_id: int, id_token: str, expires_at: datetime, by: str
    ) -> Reservation:
        """Have a station keep an EVSE for a token. What the station says is in the reservation. Raises
        StationUnknown, BadCommand, and what may come of a command; where that leaves open what the station
        did, the reservation stays *requested*."""
        reservation = await self._requested(station_id, evse_id, id_token, expires_at, by)
        command = ReserveNow(
            id=reservation.number,
            evse_id=evse_id,
            id_token=reservation.id_token,
            group_id_token=reservation.parent or None,
            expires_at=reservation.expires_at,
        )
        try:
            record = await self._sender.perform(station_id, command, by, ANSWER_WITHIN_S)
        except UNKNOWN_OUTCOME:
            raise
        except EvsysError as error:
            await self._settle(reservation, "REJECTED", str(error), by)
            raise
        status: ReservationStatus = "ACTIVE" if record.accepted else "REJECTED"
        await self._settle(reservation, status, "" if record.accepted else record.status, by)
        return await self.find(reservation.id)

    async def cancel(self, reservation_id: str, by: str) -> None:
        """Take a reservation back; its station is told when it is there. Raises NotFound, or StaleVersion
        where it has ended."""
        reservation = await self.find(reservation_id)
        if reservation.ended_at is not None:
            raise StaleVersion(f"the reservation {reservation_id} has ended: it is {reservation.status}")
        left = max(reservation.expires_at - self._clock.now(), timedelta(seconds=1))
        # First the message, which is durable then: the other way round it could be forgotten.
        await self._queue.put(reservation.station_id, CancelReservation(id=reservation.number), by, left)
        if not await self._settle(reservation, "CANCELLED", "", by):
            raise StaleVersion(f"the reservation {reservation_id} has just ended: read it again")

    def follow(self, consumers: Consumers) -> None:
        """Hear of what becomes of reservations."""
        consumers.add(CONSUMER, (TransactionStarted, CommandFinished, StationRemoved), self._take)

    async def run(self) -> None:
        """End those whose time is over, until cancelled."""
        while True:
            try:
                for reservation in await self._read(reservations.expired, now=self._clock.now()):
                    await self._settle(reservation, "EXPIRED", "", "")
            except StoreUnavailable as error:
                log.warning("reservations cannot be ended", reason=str(error))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _requested(
        self, station_id: str, evse_id: int, id_token: str, expires_at: datetime, by: str
    ) -> Reservation:
        name, until, now = canonical(id_token), _whole_seconds(expires_at), self._clock.now()
        if not name:
            raise BadCommand("id_token: must not be blank")
        if not now < until <= now + LONGEST:
            raise BadCommand(f"expires_at: must be within {LONGEST.days} days from now")
        if await self._read(stations.station, station_id=station_id) is None:
            raise StationUnknown(f"no station {station_id}")
        token = await self._read(tokens.token, token_id=name)
        async with self._numbering:
            last = await self._read(reservations.last_number, station_id=station_id)
            reservation = Reservation(
                id=str(uuid4()),
                station_id=station_id,
                number=last + 1,
                evse_id=evse_id,
                id_token=name,
                parent=token.parent if token else "",
                requested_by=by,
                created_at=now,
                expires_at=until,
            )
            if not await self._write(reservation, by):
                raise StaleVersion("somebody else made a reservation at the same moment: try again")
        return reservation

    async def _take(self, event: LoggedEvent) -> None:
        match event.event:
            case TransactionStarted(transaction=transaction):
                if transaction.reservation_id is not None or await self._any(event):
                    await self._started(transaction)
            case CommandFinished(type="ReserveNow" | "CancelReservation", accepted=bool()) as finished:
                record = await self._read(commands.command, command_id=finished.command_id)
                if record is not None:
                    await self._commanded(record)
            case StationRemoved(station_id=station_id, by=by):
                kept = await self._read(stations.open_reservations_of, ids=[station_id])
                for reservation in kept.get(station_id, ()):
                    await self._settle(reservation, "CANCELLED", "the station was removed", by)
            case _:
                pass

    async def _any(self, start: LoggedEvent) -> bool:
        """Whether anything is reserved at the station of a start. Most starts are of stations where nothing
        is: one look into the database answers for all of a page."""
        if start.seq > self._reserved_seq:
            self._reserved_seq, self._reserved = await self._read(reservations.reserved_stations)
        return start.station_id in self._reserved

    async def _started(self, transaction: Transaction) -> None:
        """A start that was accepted uses the reservation it names; one that names none, that of its token and
        EVSE: not all stations send the number."""
        if transaction.authorization != "Accepted":
            return
        station_id, number = transaction.station_id, transaction.reservation_id
        found = None
        if number is not None:
            found = await self._read(reservations.by_number, station_id=station_id, number=number)
        if found is None:
            kept = await self._read(stations.open_reservations_of, ids=[station_id])
            fitting = (each for each in kept.get(station_id, ()) if _fits(each, transaction))
            found = next(fitting, None)
        if found is not None and (found.ended_at is None or _came_late(found, transaction)):
            used = replace(found, transaction_id=transaction.id)
            if not await self._settle(used, "USED", "", ""):
                raise StaleVersion(f"the reservation {used.id} has just changed")

    async def _commanded(self, record: CommandRecord) -> None:
        """A command about a reservation is finished, whichever door it came by."""
        command = msgspec.json.decode(record.request, type=AnyCommand)
        if not isinstance(command, ReserveNow | CancelReservation):
            return
        known = await self._read(reservations.by_number, station_id=record.station_id, number=command.id)
        if isinstance(command, CancelReservation):
            if known is not None and known.ended_at is None:
                # Rejected: the station knows no such reservation, so there is none.
                await self._settle(known, "CANCELLED", "", record.requested_by)
        elif known is not None and known.status == "REQUESTED":
            status: ReservationStatus = "ACTIVE" if record.accepted else "REJECTED"
            await self._settle(known, status, "" if record.accepted else record.status, record.requested_by)
        elif known is None and record.accepted:
            await self._write(_made_by(command, record), record.requested_by)

    async def _settle(
        self, reservation: Reservation, status: ReservationStatus, reason: str, by: str
    ) -> bool:
        """Give a reservation its next status. Whether that is written: else somebody was faster."""
        final = status not in ("REQUESTED", "ACTIVE")
        changed = replace(
            reservation,
            status=status,
            reason=reason,
            ended_at=self._clock.now() if final else None,
            version=reservation.version + 1,
        )
        return await self._write(changed, by)

    async def _write(self, reservation: Reservation, by: str) -> bool:
        self._reserved_seq = 0
        work = Work(self._clock.now())
        if reservation.version == 1:
            work.add(reservation)
        else:
            work.change(reservation)
        work.tell(ReservationChanged(reservation=reservation, by=by))
        return await self._books.write(work) is None

    async def _read(
        self, query: Callable[Concatenate[Connection, P], T], *arguments: P.args, **named: P.kwargs
    ) -> T:
        """What a query of `store.views` reads."""
        return await self._reader.read(lambda connection: query(connection, *arguments, **named))


def _whole_seconds(moment: datetime) -> datetime:
    """A time as stations understand it."""
    return in_utc("expires_at", moment).replace(microsecond=0)


def _fits(reservation: Reservation, transaction: Transaction) -> bool:
    return (
        reservation.status == "ACTIVE"
        and reservation.evse_id in (0, transaction.evse_id)
        and reservation.id_token == transaction.id_token_canonical
        and reservation.created_at <= transaction.started_at < reservation.expires_at
    )


def _came_late(reservation: Reservation, transaction: Transaction) -> bool:
    """Whether the start was in time, and its message was not: the station was away."""
    return reservation.status == "EXPIRED" and transaction.started_at < reservation.expires_at


def _made_by(command: ReserveNow, record: CommandRecord) -> Reservation:
    """The reservation that somebody made by sending the command itself."""
    return Reservation(
        id=record.id,
        station_id=record.station_id,
        number=command.id,
        evse_id=command.evse_id,
        id_token=canonical(command.id_token),
        parent=canonical(command.group_id_token or ""),
        status="ACTIVE",
        requested_by=record.requested_by,
        created_at=record.requested_at,
        expires_at=_whole_seconds(command.expires_at),
    )
