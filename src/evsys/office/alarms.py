"""Alarms: what people should look at, until they have.

They are raised from the log of events: by security events of stations that the standard calls critical (OCPP
1.6 security extension, annex A; 2.x appendix 1), by connections that were refused, by certificates that were
not signed or that end soon, and by upgrades that failed. One alarm of a station and name is open at a time:
what happens again is counted in it, and after somebody has acknowledged it, it is raised anew.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final, NamedTuple
from uuid import uuid4

from msgspec.structs import replace

from evsys.core.errors import AlreadyExists, NotFound, StaleVersion
from evsys.core.events import (
    AlarmAcknowledged,
    AlarmRaised,
    CertificateEnding,
    CertificateRefused,
    ConnectionRefused,
    Event,
    LoggedEvent,
    SecurityEventReported,
    SecurityUpgradeChanged,
)
from evsys.core.ports import Clock
from evsys.core.records import Alarm, AlarmKind, AlarmSeverity
from evsys.core.work import Work
from evsys.office.consumers import Consumers
from evsys.office.writing import Books
from evsys.store.views import alarms
from evsys.store.views.reader import Reader

KINDS: Final[Sequence[type[Event]]] = (
    SecurityEventReported,
    ConnectionRefused,
    CertificateRefused,
    CertificateEnding,
    SecurityUpgradeChanged,
)
CRITICAL: Final = frozenset(
    (
        "FirmwareUpdated",
        "SettingSystemTime",
        "StartupOfTheDevice",
        "ResetOrReboot",
        "SecurityLogWasCleared",
        "MemoryExhaustion",
        "TamperDetectionActivated",
    )
)
"""The security events that are pushed because somebody should know of them."""
ALARMING: Final = frozenset(("SecurityLogWasCleared", "MemoryExhaustion", "TamperDetectionActivated"))
"""Those of them that never happen in the ordinary course of things."""


CRITICAL_DAYS: Final = 7
"""A certificate that ends within so many shuts its station out before long."""


class _Cause(NamedTuple):
    """What an alarm is raised for."""

    station_id: str
    kind: AlarmKind
    name: str
    severity: AlarmSeverity
    detail: str
    times: int = 1


class Alarms:
    """The alarms of a running office."""

    def __init__(self, books: Books, reader: Reader, clock: Clock) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock

    def follow(self, consumers: Consumers) -> None:
        """Hear of what alarms are raised for."""
        consumers.add("alarms", KINDS, self.take)

    async def take(self, logged: LoggedEvent) -> None:
        """Raise the alarm of an event, or count it in the one that is open. An event that comes twice is
        counted once."""
        cause = _cause_of(logged.event)
        if cause is None:
            return
        station_id, kind, name, severity, detail, times = cause
        query = partial(alarms.open_alarm, station_id=station_id, kind=kind, name=name)
        known = await self._reader.read(query)
        work = Work(self._clock.now(), station_id)
        if known is None:
            alarm = Alarm(
                id=str(uuid4()),
                station_id=station_id,
                kind=kind,
                name=name,
                severity=severity,
                detail=detail,
                count=times,
                raised_at=logged.at,
                last_at=logged.at,
                last_seq=logged.seq,
            )
            work.add(alarm)
            work.tell(AlarmRaised(alarm=alarm))
        elif known.last_seq < logged.seq:
            work.change(
                replace(
                    known,
                    severity=severity,
                    detail=detail,
                    count=known.count + times,
                    last_at=logged.at,
                    last_seq=logged.seq,
                    version=known.version + 1,
                )
            )
        if work and await self._books.write(work):
            raise StaleVersion("the alarm was changed by somebody else")

    async def acknowledge(self, alarm_id: str, by: str) -> Alarm:
        """Somebody has seen an alarm. Raises NotFound, AlreadyExists where somebody had before, or
        StaleVersion."""
        alarm = await self._reader.read(partial(alarms.alarm, alarm_id=alarm_id))
        if alarm is None:
            raise NotFound(f"no alarm {alarm_id}")
        if alarm.acknowledged_at is not None:
            raise AlreadyExists(f"{alarm.acknowledged_by} has acknowledged it already")
        now = self._clock.now()
        seen = replace(alarm, acknowledged_at=now, acknowledged_by=by, version=alarm.version + 1)
        work = Work(now, alarm.station_id)
        work.change(seen)
        work.tell(AlarmAcknowledged(alarm=seen, by=by))
        if await self._books.write(work):
            raise StaleVersion("it has just happened again: look at it anew")
        return seen


def _cause_of(event: Event) -> _Cause | None:
    match event:
        case SecurityEventReported(type=name) if name in CRITICAL:
            severity: AlarmSeverity = "critical" if name in ALARMING else "warning"
            return _Cause(event.station_id, "security_event", name, severity, event.info)
        case ConnectionRefused():
            detail = f"{event.address}: {event.detail}"
            return _Cause(
                event.station_id, "connection_refused", event.reason, "warning", detail, event.times
            )
        case CertificateRefused():
            return _Cause(event.station_id, "certificate_refused", "", "warning", event.reason)
        case CertificateEnding(days=days):
            severity = "critical" if days <= CRITICAL_DAYS else "warning"
            detail = f"it ends at {event.valid_until:%Y-%m-%d %H:%M} UTC"
            return _Cause(event.station_id, "certificate_ends", event.serial, severity, detail)
        case SecurityUpgradeChanged(state="failed"):
            return _Cause(
                event.station_id, "upgrade_failed", f"profile {event.profile}", "warning", event.error
            )
        case _:
            return None
