"""MQTT: the mirror of the stations is held up to a broker, and commands come from there.

`ON` starts a session at an EVSE, `OFF` stops the one that runs there. They go the road of all commands, in
the name of `mqtt`, and what came of each is told at its topic and recorded like any other. Whoever may write
to these topics may charge: who that is, is the broker's to say, so nothing else is offered here. One command
of an EVSE is under way at a time.
"""

import asyncio
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
import structlog
from msgspec import Struct

from evsys.bots.mqtt_link import FIRST_RETRY_S, MqttLink, MqttSettings
from evsys.core.commands import Outcome, RequestStartTransaction, RequestStopTransaction
from evsys.core.errors import EvsysError, NotConfigured, NotFound, TooManyCalls
from evsys.office.mirror import Mirror
from evsys.office.office import Office
from evsys.office.topics import START, STOP, Commands, Names
from evsys.store.views import stations

WHO: Final = "mqtt"
"""What the audit says."""
AT_ONCE: Final = 16
"""Commands under way; further ones wait."""
MAX_WAITING: Final = 100
"""Commands that wait; further ones are dropped."""
ANSWER_S: Final = 30.0

log = structlog.get_logger()


class Result(Struct, frozen=True, kw_only=True):
    """What came of a command, as its topic tells it. `error`: why there is no answer of the station."""

    command: str
    at: datetime
    accepted: bool
    status: str = ""
    error: str = ""


class MqttDoor:
    """See the module. One office has it open at a time."""

    def __init__(
        self,
        office: Office,
        settings: MqttSettings,
        names: Names,
        commands: bool = False,
        id_token: str = "",
        first_retry_s: float = FIRST_RETRY_S,
    ) -> None:
        """`commands`: whether any are taken; `id_token`: what sessions are started with, without one none
        is."""
        self._office = office
        self._names = names
        self._id_token = id_token
        self._waiting: asyncio.Queue[tuple[str, int, bytes]] = asyncio.Queue(MAX_WAITING)
        self._busy: set[tuple[str, int]] = set()
        listen_to = (names.commands,) if commands else ()
        self._link = MqttLink(settings, listen_to, self._hear, names.kept, names.ours, first_retry_s)
        offered: Commands = "none" if not commands else "both" if id_token else "stop"
        self._mirror = Mirror(office.reader, office.bus, self._link, names, offered)

    def is_connected(self) -> bool:
        return self._link.connected

    async def run(self) -> None:
        """Until cancelled."""
        await self._office.sole("mqtt").run(self._serve)

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as serving:
            serving.create_task(self._mirror.run())
            for _ in range(AT_ONCE):
                serving.create_task(self._work())

    def _hear(self, topic: str, payload: bytes) -> None:
        """A message of the broker; what is no command is passed over."""
        place = self._names.command(topic)
        if place is None or payload not in (START, STOP):
            return
        try:
            self._waiting.put_nowait((*place, payload))
        except asyncio.QueueFull:
            log.warning("a command was dropped: too many come by MQTT", station=place[0])

    async def _work(self) -> None:
        while True:
            station_id, evse_id, payload = await self._waiting.get()
            outcome, error = Outcome(accepted=False), ""
            place = (station_id, evse_id)
            try:
                if place in self._busy:
                    raise TooManyCalls("a command of this EVSE is under way")
                self._busy.add(place)
                try:
                    outcome = await self._do(station_id, evse_id, payload)
                finally:
                    self._busy.discard(place)
            except EvsysError as failure:
                error = str(failure)
            except Exception:
                log.exception("a command by MQTT failed by a fault of ours", station=station_id)
                error = "internal error"
            result = Result(
                command=payload.decode(),
                at=self._office.clock.now(),
                accepted=outcome.accepted,
                status=outcome.status,
                error=error,
            )
            topic = self._names.of(station_id, str(evse_id), "charge", "result")
            self._link.say(topic, msgspec.json.encode(result))

    async def _do(self, station_id: str, evse_id: int, payload: bytes) -> Outcome:
        """Raises NotConfigured, NotFound, and as `Commands.send`."""
        if payload == START:
            if not self._id_token:
                raise NotConfigured("to start sessions, mqtt.id_token must be set")
            start = RequestStartTransaction(id_token=self._id_token, evse_id=evse_id)
            return await self._office.commands.send(station_id, start, WHO, ANSWER_S)
        view = await self._office.reader.read(partial(stations.station, station_id=station_id))
        running = [each for each in view.open_transactions if each.evse_id == evse_id] if view else []
        if not running:
            raise NotFound("no session runs there")
        stop = RequestStopTransaction(transaction_id=running[-1].id)
        return await self._office.commands.send(station_id, stop, WHO, ANSWER_S)
