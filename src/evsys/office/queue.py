"""Commands that wait until their station is back.

A command that is queued for a station is sent when the station is connected and has *settled*: it booted
and was accepted (or its link is so old that it will not boot), and it has said nothing for a little while.
The commands of a station go out one after the other, in the order in which they were queued.

None is sent twice, whatever dies: a command keeps its id, and a gateway sends each id once. One whose time is
over is not sent any more; of one whose gateway was silent until then nobody knows whether it was. All of it
stands in the database, so it survives a restart.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Literal
from uuid import uuid4

import msgspec
import structlog
from msgspec import Raw
from msgspec.structs import replace

from evsys.core.commands import (
    SECRET_KEYS,
    AnyCommand,
    GetDiagnostics,
    GetLog,
    SetVariables,
    UpdateFirmware,
)
from evsys.core.errors import (
    BadCommand,
    EvsysError,
    NotFound,
    StaleVersion,
    StationOffline,
    StationUnknown,
    StoreUnavailable,
    TooManyCalls,
)
from evsys.core.events import CommandDropped, CommandQueued, LoggedEvent, StationRemoved
from evsys.core.ports import Clock
from evsys.core.records import CommandRecord, QueuedCommand, QueuedStatus
from evsys.core.work import Work
from evsys.office.commands import Commands
from evsys.office.consumers import Consumers
from evsys.office.writing import Books
from evsys.store.views import commands, queue, stations
from evsys.store.views.queue import Waited
from evsys.store.views.reader import Reader

MAX_WAITING: Final = 50
"""Commands that wait for one station: a person has lost sight of more."""
SHORTEST: Final = timedelta(seconds=1)
LONGEST: Final = timedelta(days=30)
"""What was wanted of a station a month ago is not wanted any more."""
CONSUMER: Final = "command_queue"
LOOK_EVERY_S: Final = 1.0
QUIET: Final = timedelta(seconds=3)
"""A station that has said nothing for so long after its boot has said what it had to say."""
SETTLED_AFTER: Final = timedelta(seconds=30)
"""A link of this age has settled, whether or not the station boots or falls silent."""
STATIONS_AT_ONCE: Final = 20
"""Stations that are sent their commands at the same time: after an outage of the network all are back at
once."""

SILENT: Final = "the gateway did not answer: whether the command was sent is not known"

log = structlog.get_logger()


class CommandQueue:
    """The queues of all stations."""

    def __init__(self, books: Books, reader: Reader, clock: Clock, sender: Commands) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._sender = sender
        self._joining = asyncio.Lock()
        self._busy: set[str] = set()
        """Stations that are being sent their commands."""

    async def holds(self, station_id: str) -> bool:
        """Whether commands wait for the station: what comes later must not overtake them."""
        return await self._reader.read(partial(queue.waiting, station_id=station_id)) > 0

    async def put(self, station_id: str, command: AnyCommand, by: str, good_for: timedelta) -> QueuedCommand:
        """Queue a command. Raises StationUnknown, BadCommand or TooManyCalls."""
        if not SHORTEST <= good_for <= LONGEST:
            raise BadCommand(f"queue: must be from a second to {LONGEST.days} days")
        if _holds_secret(command):
            raise BadCommand(
                "queue: a command that holds a secret is not kept: send it when the station is there"
            )
        if await self._reader.read(partial(stations.station, station_id=station_id)) is None:
            raise StationUnknown(f"no station {station_id}")
        async with self._joining:
            if await self._reader.read(partial(queue.waiting, station_id=station_id)) >= MAX_WAITING:
                raise TooManyCalls(f"{MAX_WAITING} commands wait for {station_id} already")
            last = await self._reader.read(partial(queue.last_number, station_id=station_id))
            now = self._clock.now()
            queued = QueuedCommand(
                id=str(uuid4()),
                station_id=station_id,
                number=last + 1,
                type=type(command).__name__,
                request=Raw(msgspec.json.encode(command)),
                requested_by=by,
                requested_at=now,
                expires_at=now + good_for,
            )
            await self._write(queued, by)
        return queued

    async def find(self, command_id: str) -> CommandRecord:
        """What is recorded of a command, sent or not. Raises NotFound."""
        try:
            return await self._sender.find(command_id)
        except NotFound:
            queued = await self._reader.read(partial(queue.queued_command, command_id=command_id))
            if queued is None:
                raise
            return as_command(queued)

    async def cancel(self, command_id: str, by: str) -> None:
        """Take back a command that waits. Raises NotFound, or StaleVersion where it waits no longer."""
        queued = await self._reader.read(partial(queue.queued_command, command_id=command_id))
        if queued is None:
            if await self._reader.read(partial(commands.command, command_id=command_id)) is None:
                raise NotFound(f"no command {command_id}")
            raise StaleVersion(f"the command {command_id} was sent: it cannot be taken back")
        if queued.status != "Queued" or not await self._end(queued, "Cancelled", by=by):
            raise StaleVersion(f"the command {command_id} waits no longer")

    def follow(self, consumers: Consumers) -> None:
        """Hear of stations that are removed."""
        consumers.add(CONSUMER, (StationRemoved,), self._removed)

    async def run(self) -> None:
        """Send what waits, until cancelled."""
        async with asyncio.TaskGroup() as sending:
            while True:
                try:
                    await self._expire()
                    for waited in await self._reader.read(queue.connected_with_queue):
                        self._begin(waited, sending)
                except StoreUnavailable as error:
                    log.warning("the queues of commands cannot be read", reason=str(error))
                await asyncio.sleep(LOOK_EVERY_S)

    async def _expire(self) -> None:
        for queued in await self._reader.read(partial(queue.expired, now=self._clock.now())):
            if queued.station_id not in self._busy:
                await self._drop(queued, "Expired")

    def _begin(self, waited: Waited, sending: asyncio.TaskGroup) -> None:
        station_id = waited.status.station_id
        if station_id in self._busy or len(self._busy) >= STATIONS_AT_ONCE:
            return
        if settled(waited, self._clock.now()):
            self._busy.add(station_id)
            sending.create_task(self._send_all(station_id))

    async def _send_all(self, station_id: str) -> None:
        """Send what waits for a station, in order, while it takes it."""
        try:
            going = True
            while going:
                query = partial(queue.first_waiting, station_id=station_id)
                queued = await self._reader.read(query)
                going = queued is not None and await self._send(queued)
        except EvsysError as error:
            log.warning("queued commands are not sent yet", station=station_id, reason=str(error))
        except Exception:
            log.exception("queued commands are not sent by a fault of ours", station=station_id)
        finally:
            self._busy.discard(station_id)

    async def _send(self, queued: QueuedCommand) -> bool:
        """Send a command, unless its time is over. Whether the next may go. Raises StoreUnavailable."""
        if queued.status == "Queued":
            if queued.expires_at <= self._clock.now():
                return await self._drop(queued, "Expired")
            # From here on nobody takes it back.
            sending = replace(queued, status="Sending", version=queued.version + 1)
            if not await self._write(sending):
                return True
            queued = sending
        failure: EvsysError | None = None
        try:
            await self._sender.deliver(queued)
        except EvsysError as error:
            failure = error
        if await self._was_sent(queued):
            return await self._end(queued, "Sent")
        match failure:
            case BadCommand() if queued.expires_at <= self._clock.now():
                return await self._end(queued, "Expired")
            case BadCommand():
                return await self._end(queued, "Failed", error=str(failure))
            case StationOffline() | StoreUnavailable():
                await self._write(replace(queued, status="Queued", version=queued.version + 1))
            case _:
                pass  # the gateway was silent: it is offered again with the same id
        return False

    async def _removed(self, event: LoggedEvent) -> None:
        """What waits for a station that was removed is not meant for a later one of its id."""
        query = partial(queue.first_waiting, station_id=event.station_id)
        while (queued := await self._reader.read(query)) is not None:
            if not await self._drop(queued, "Cancelled"):
                raise StaleVersion(f"the command {queued.id} has just changed")

    async def _drop(self, queued: QueuedCommand, status: Literal["Cancelled", "Expired"]) -> bool:
        """It waits no longer; one that was given to a gateway may have been sent all the same."""
        if queued.status != "Sending":
            return await self._end(queued, status)
        if await self._was_sent(queued):
            return await self._end(queued, "Sent")
        return await self._end(queued, "Unknown", error=SILENT)

    async def _was_sent(self, queued: QueuedCommand) -> bool:
        query = partial(commands.command, command_id=queued.id)
        return await self._reader.read(query) is not None

    async def _end(self, queued: QueuedCommand, status: QueuedStatus, error: str = "", by: str = "") -> bool:
        """The command waits no longer. Whether that is written: else somebody else was faster."""
        ended = replace(
            queued, status=status, ended_at=self._clock.now(), error=error, version=queued.version + 1
        )
        return await self._write(ended, by)

    async def _write(self, queued: QueuedCommand, by: str = "") -> bool:
        """Write a step in the life of a command, and tell of it. What was sent the gateway has told."""
        work = Work(self._clock.now())
        if queued.version == 1:
            work.add(queued)
        else:
            work.change(queued)
        match queued.status:
            case "Queued" if queued.version == 1:
                work.tell(
                    CommandQueued(
                        command_id=queued.id,
                        station_id=queued.station_id,
                        type=queued.type,
                        request=queued.request,
                        by=by,
                        expires_at=queued.expires_at,
                    )
                )
            case "Expired" | "Cancelled" | "Failed" | "Unknown":
                work.tell(
                    CommandDropped(
                        command_id=queued.id,
                        station_id=queued.station_id,
                        type=queued.type,
                        status=queued.status,
                        by=by,
                        error=queued.error,
                    )
                )
            case _:
                pass
        return await self._books.write(work) is None


def _holds_secret(command: AnyCommand) -> bool:
    """Whether there is a station's key in a command, or a password in its URL."""
    match command:
        case SetVariables(variables=variables):
            return any(each.name.lower() in SECRET_KEYS for each in variables)
        case GetDiagnostics() | GetLog() | UpdateFirmware():
            rest = command.location.partition("://")[2]
            authority = rest.partition("/")[0]
            # A password may hold a slash that should have been escaped.
            return "@" in authority or (":" in authority and "@" in rest)
        case _:
            return False


def settled(waited: Waited, now: datetime) -> bool:
    """Whether a connected station has said what it had to say since it came back."""
    status = waited.status
    if status.connected_at is None or status.registration not in (None, "Accepted"):
        return False
    if now - status.connected_at >= SETTLED_AFTER:
        return True
    booted = status.booted_at is not None and status.booted_at >= status.connected_at
    return booted and now - (waited.last_event_at or status.connected_at) >= QUIET


def as_command(queued: QueuedCommand) -> CommandRecord:
    """The record of a command that was not sent, in the shape that all commands have."""
    return CommandRecord(
        id=queued.id,
        station_id=queued.station_id,
        type=queued.type,
        request=queued.request,
        requested_by=queued.requested_by,
        requested_at=queued.requested_at,
        finished_at=queued.ended_at,
        status="Queued" if queued.ended_at is None else queued.status,
        error=queued.error,
    )
