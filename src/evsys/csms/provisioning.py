"""What EVSYS does of itself when a station boots or comes back (OCPP 1.6 §4.2, §5.17).

After an accepted boot, once its reply has left: a station whose model needs it is put into service, and the
measurands and the sample interval of the configuration
are asserted. A station that boots again and again after such a write (some do because of it) is left alone.

After a reconnect without a boot: once the link has settled, the station is asked for its status, so that
what changed while it was away is known. A boot is never triggered (some stations restart, and some loop); a
station whose link flaps is not asked each time (that makes it flap faster).
"""

from collections import deque
from functools import partial
from typing import Final

import structlog
from msgspec import Struct

from evsys.core.commands import AssertMetering, ChangeAvailability, Outcome, TriggerMessage
from evsys.core.errors import CallFailed, ConnectionLost, EvsysError, NoAnswer
from evsys.core.ports import Clock
from evsys.csms.calls import perform
from evsys.csms.connection import Connection
from evsys.csms.turns import Running

SETTLED_AFTER_S: Final = 30.0
"""A link of this age has settled; most stations that boot at all have done so by then."""
ASK_AGAIN_AFTER_S: Final = 600.0
"""How long the answers to one question for the status are good for, however often the link breaks."""
BOOT_LOOP_S: Final = 600.0
MAX_BOOTS: Final = 3
"""More boots than this within `BOOT_LOOP_S` after a write of ours: the write may be why."""
CANNOT: Final = frozenset(("NotSupported", "NotImplemented"))

log = structlog.get_logger()


class _Marks:
    """What is remembered of one station while the process lives."""

    __slots__ = ("asked_at", "asserting", "boots", "cannot_trigger", "loops", "wrote_at")

    def __init__(self) -> None:
        self.wrote_at: float | None = None
        self.boots: list[float] = []
        """Boots that came within `BOOT_LOOP_S` after a write of ours."""
        self.loops = False
        self.asserting = False
        self.asked_at: float | None = None
        self.cannot_trigger = False


class Metering(Struct, frozen=True, kw_only=True):
    """What every station's meter values should hold. Nothing given: stations are left as they are."""

    measurands: tuple[str, ...] = ()
    sample_interval_s: int = 0


class Provisioner:
    """The initiative of one node towards its stations."""

    def __init__(self, clock: Clock, metering: Metering) -> None:
        self._clock = clock
        self._metering = metering
        self._marks: dict[str, _Marks] = {}
        self._settling: deque[tuple[float, Running, Connection]] = deque()

    def connected(self, running: Running, connection: Connection) -> None:
        """A link is there: its age is looked at when it has settled."""
        self._settling.append((self._clock.monotonic() + SETTLED_AFTER_S, running, connection))

    def changed(self, station_id: str) -> None:
        """People changed or removed the station: what went wrong before may be mended."""
        self._marks.pop(station_id, None)

    def booted(self, running: Running, accepted: bool) -> None:
        """A boot was recorded and its reply has left."""
        state, connection = running.state, running.connection
        if connection is not None:
            connection.booted = True
        if state is None or connection is None or not accepted:
            return
        if state.workarounds.operative_after_boot:
            perform(running, ChangeAvailability(operative=True), partial(self._operative, running.id))
        if not state.settings.assert_measurands or state.workarounds.keep_configuration:
            return
        if not self._metering.measurands and not self._metering.sample_interval_s:
            return
        marks = self._marks_of(running.id)
        if self._loops(running.id, marks) or marks.asserting:
            return
        marks.asserting = True
        command = AssertMetering(
            measurands=self._metering.measurands, sample_interval_s=self._metering.sample_interval_s
        )
        perform(running, command, partial(self._asserted, running.id, marks))

    def tick(self) -> None:
        """Look at the links that have settled."""
        now = self._clock.monotonic()
        while self._settling and self._settling[0][0] <= now:
            _, running, connection = self._settling.popleft()
            if connection.open and not connection.booted and running.claimed:
                self._ask_status(running, now)

    def _marks_of(self, station_id: str) -> _Marks:
        return self._marks.setdefault(station_id, _Marks())

    def _loops(self, station_id: str, marks: _Marks) -> bool:
        now = self._clock.monotonic()
        if marks.wrote_at is None or marks.loops:
            return marks.loops
        if now - marks.wrote_at <= BOOT_LOOP_S:
            marks.boots = [at for at in marks.boots if now - at <= BOOT_LOOP_S] + [now]
        if len(marks.boots) > MAX_BOOTS:
            marks.loops = True
            log.error(
                "the station boots again and again after its configuration was written: it is left alone",
                station=station_id,
            )
        return marks.loops

    def _asserted(self, station_id: str, marks: _Marks, result: Outcome | EvsysError) -> None:
        marks.asserting = False
        if isinstance(result, EvsysError):
            log.info("measurands could not be asserted", station=station_id, reason=str(result))
            if isinstance(result, ConnectionLost | NoAnswer):
                marks.wrote_at = self._clock.monotonic()  # it may have been written
        elif result.status:
            marks.wrote_at = self._clock.monotonic()
            log.info("measurands and sample interval were asserted", station=station_id, result=result.status)

    def _operative(self, station_id: str, result: Outcome | EvsysError) -> None:
        said = result.status if isinstance(result, Outcome) else str(result)
        log.info("the station was put into service after its boot", station=station_id, result=said)

    def _ask_status(self, running: Running, now: float) -> None:
        state, marks = running.state, self._marks_of(running.id)
        if state is None or state.status.registration not in (None, "Accepted") or marks.cannot_trigger:
            return
        if marks.asked_at is not None and now - marks.asked_at < ASK_AGAIN_AFTER_S:
            return
        marks.asked_at = now
        question = TriggerMessage(message="StatusNotification")
        perform(running, question, partial(self._asked, running.id, marks))

    def _asked(self, station_id: str, marks: _Marks, result: Outcome | EvsysError) -> None:
        if isinstance(result, CallFailed):
            marks.cannot_trigger = result.code in CANNOT
        elif isinstance(result, Outcome):
            marks.cannot_trigger = result.status in CANNOT
