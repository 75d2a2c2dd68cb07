"""Alarms: when something becomes one, is counted in one, and passes.

An event is a *signal* of one of three sorts. Some things *happen* (a refused connection): so many within a
time are an alarm, which people acknowledge. Others *hold* until they do not (a station is offline): after a
time that is an alarm, and it passes by itself. What holds and ends again and again is *flapping*: one alarm
whose count grows, until it has stayed as it is for a while.

What is waited for stands in an `AlarmWatch`, so that timers survive a restart. Nothing is raised for what
could not be heard: no time runs out before `not_before`, when whoever watches has been there for a while.
Every function takes what is known and returns what is to be known and told.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from evsys.core.events import AlarmCleared, AlarmFlapping, AlarmRaised, AlarmRepeated, AlarmSettled
from evsys.core.records import Alarm, AlarmKind, AlarmRule, AlarmSeverity, AlarmWatch
from evsys.core.signals import Signal

AlarmEvent = AlarmRaised | AlarmRepeated | AlarmFlapping | AlarmSettled | AlarmCleared

HOLDING: Final[frozenset[AlarmKind]] = frozenset(
    (
        "station_offline",
        "connector_faulted",
        "no_energy",
        "meter_silent",
        "clock_off",
        "certificate_ends",
        "disk_space",
    )
)
"""What holds until it does not; the others happen."""
CHECKED: Final[frozenset[AlarmKind]] = frozenset(("no_energy", "meter_silent"))
"""What holds from the start of a session, until its meter values say otherwise."""
FOREVER: Final = datetime.max.replace(tzinfo=UTC)
MAX_MOMENTS: Final = 100
"""As many are remembered of one watch; no rule asks for more."""


class Rule(Struct, frozen=True, kw_only=True):
    """What is to become an alarm of a kind."""

    enabled: bool = True
    severity: AlarmSeverity | None = None
    """None: as the signal has it."""
    after_s: int = 0
    """What holds must hold so long."""
    times: int = 1
    """What happens must happen so often within `within_s`; what holds and begins so often within it is
    flapping (0: never)."""
    within_s: int = 0
    clears_after_s: int = 0
    """What has not happened again for so long is cleared by itself (0: never); what was flapping has
    settled."""
    repeat_s: int = 3600
    """What happens again while its alarm is open is told at most so often."""
    threshold: int = 0
    """disk_space: percent that are free; clock_off: seconds that a clock is off."""


DAY_S: Final = 86_400
DEFAULTS: Final[Mapping[AlarmKind, Rule]] = {
    "station_offline": Rule(after_s=300, times=5, within_s=7200, clears_after_s=1800),
    "connector_faulted": Rule(times=5, within_s=3600, clears_after_s=1800),
    "no_energy": Rule(after_s=900, times=0),
    "session_abandoned": Rule(clears_after_s=DAY_S),
    "meter_silent": Rule(after_s=1800, times=0),
    "meter_backwards": Rule(clears_after_s=DAY_S),
    "authorization_refused": Rule(times=5, within_s=600, clears_after_s=3600),
    "clock_off": Rule(times=0, threshold=300),
    "security_event": Rule(),
    "connection_refused": Rule(),
    "certificate_refused": Rule(),
    "certificate_ends": Rule(times=0),
    "upgrade_failed": Rule(),
    "disk_space": Rule(times=0, threshold=10),
    "database": Rule(clears_after_s=3600),
    "event_set_aside": Rule(clears_after_s=DAY_S),
    "channel_failed": Rule(),
}
MEASURED_BY: Final[Mapping[AlarmKind, Literal["after_s", "times", "threshold"]]] = {
    kind: "threshold" if rule.threshold else "after_s" if kind in HOLDING else "times"
    for kind, rule in DEFAULTS.items()
}
"""What the `threshold` of a kind means in `config.yml`."""
WANTS: Final = (
    "enabled",
    "severity",
    "after_s",
    "times",
    "within_s",
    "clears_after_s",
    "repeat_s",
    "threshold",
)
"""The members that a rule of people may have."""


class Known(Struct, frozen=True):
    """What is known of one thing: what is watched, and the alarm that is not cleared."""

    watch: AlarmWatch | None = None
    alarm: Alarm | None = None


class Step(Struct, frozen=True):
    """What is to be known, and told."""

    known: Known
    told: tuple[AlarmEvent, ...] = ()


def wanted(rule: Rule, *narrower: AlarmRule | None) -> Rule:
    """The rule that holds: `rule` with what people want, the narrowest last."""
    for each in narrower:
        if each is not None:
            said = {name: getattr(each, name) for name in WANTS}
            rule = replace(rule, **{name: value for name, value in said.items() if value is not None})
    return rule


# -- what becomes of them ------------------------------------------------------------------------------------


def hear(
    known: Known, signal: Signal, rule: Rule, at: datetime, seq: int, alarm_id: str, not_before: datetime
) -> Step:
    """A signal of an event at `at` with the number `seq` (0: of no event). `alarm_id` is the id of an alarm,
    should one be raised. An event that comes twice changes nothing the second time."""
    seen = max((each.last_seq for each in (known.watch, known.alarm) if each is not None), default=0)
    if (0 < seq <= seen) or (not rule.enabled and signal.sort != "ends"):
        return Step(known)
    if signal.sort == "happens":
        step = _on_happening(known, signal, rule, at, seq, alarm_id)
    elif signal.sort == "holds":
        step = _on_holding(known, signal, rule, at, seq, alarm_id)
    else:
        step = _on_ending(known, at, seq)
    return _numbered(known, _scheduled(step, rule, at, not_before))


def look(known: Known, rule: Rule, now: datetime, alarm_id: str, not_before: datetime) -> Step:
    """What time alone brings. Called for what has been found still to be so."""
    watch, alarm = known.watch, known.alarm
    if watch is None:
        return Step(known)
    told: list[AlarmEvent] = []
    may_raise = watch.holds and rule.enabled and not watch.muted
    if alarm is None and may_raise and _raised_at(watch, rule, not_before) <= now:
        alarm = _raised(watch, rule, now, alarm_id, 1)
        told.append(AlarmRaised(alarm=alarm))
    elif alarm is not None and alarm.flapping and _settled_at(watch, rule) <= now:
        alarm, watch = replace(alarm, flapping=False), _with_moments(watch, [])
        told.append(AlarmSettled(alarm=alarm))
        if not watch.holds:
            alarm = cleared(alarm, now)
            told.append(AlarmCleared(alarm=alarm))
    elif alarm is not None and _passes_at(alarm, rule) <= now:
        alarm = cleared(alarm, now)
        told.append(AlarmCleared(alarm=alarm))
    step = Step(Known(watch, alarm), tuple(told))
    return _numbered(known, _scheduled(step, rule, now, not_before))


def put_off(known: Known, until: datetime, now: datetime) -> Step:
    """It is not so at present, and is looked at again then: its alarm passes, and it is watched on."""
    watch, alarm = known.watch, known.alarm
    told: tuple[AlarmEvent, ...] = ()
    if alarm is not None:
        alarm = cleared(alarm, now)
        told = (AlarmCleared(alarm=alarm),)
    return _numbered(known, Step(Known(watch and replace(watch, due_at=until), alarm), told))


def unheard(known: Known, rule: Rule, now: datetime, not_before: datetime) -> Step:
    """It holds no longer, although no event has said so yet."""
    step = _on_ending(known, now, 0)
    return _numbered(known, _scheduled(step, rule, now, not_before))


def ended(known: Known, now: datetime) -> Step:
    """It is over for good: what it was watched for is gone."""
    alarm = cleared(known.alarm, now) if known.alarm is not None else None
    told = (AlarmCleared(alarm=alarm),) if alarm is not None else ()
    return _numbered(known, Step(Known(None, alarm), told))


def muted(watch: AlarmWatch) -> AlarmWatch | None:
    """What is watched on after somebody has cleared the alarm of it; None: nothing."""
    if not watch.holds:
        return None
    return replace(watch, due_at=None, muted=True, moments=Raw(b"[]"), version=watch.version + 1)


def acknowledged(alarm: Alarm, now: datetime, by: str, note: str) -> Alarm:
    """Somebody has seen it. What only happens is over with it: if it happens again, it is raised anew."""
    seen = replace(alarm, acknowledged_at=now, acknowledged_by=by, note=note or alarm.note)
    return seen if alarm.kind in HOLDING else replace(seen, cleared_at=now, cleared_by=by)


def cleared(alarm: Alarm, now: datetime, by: str = "", note: str = "") -> Alarm:
    """It is over: by itself, or because somebody says so."""
    return replace(alarm, flapping=False, cleared_at=now, cleared_by=by, note=note or alarm.note)


def _on_happening(known: Known, signal: Signal, rule: Rule, at: datetime, seq: int, alarm_id: str) -> Step:
    watch = _watch(known.watch, signal, at, seq)
    moments = _recent(watch, rule, at) + [at] * min(signal.times, MAX_MOMENTS)
    watch = _with_moments(watch, moments)
    if known.alarm is not None:
        return _counted(Known(watch, known.alarm), signal.times, rule, at, seq)
    if len(moments) < rule.times:
        return Step(Known(watch, None))
    alarm = _raised(watch, rule, at, alarm_id, max(len(moments), signal.times))
    return Step(Known(_with_moments(watch, []), alarm), (AlarmRaised(alarm=alarm),))


def _on_holding(known: Known, signal: Signal, rule: Rule, at: datetime, seq: int, alarm_id: str) -> Step:
    before, alarm = known.watch, known.alarm
    watch = replace(_watch(before, signal, at, seq), holds=True)
    if before is not None and before.holds:
        return _still_holding(Known(watch, alarm), rule, at, seq)
    moments = _recent(watch, rule, at) + ([] if signal.is_ours else [at])
    watch = replace(_with_moments(watch, moments), since=at)
    is_flapping = 0 < rule.times <= len(moments)
    if alarm is None:
        if rule.after_s and not is_flapping:
            return Step(Known(watch, None))
        count = len(moments) if is_flapping else 1
        raised = replace(_raised(watch, rule, at, alarm_id, count), flapping=is_flapping)
        return Step(Known(watch, raised), (AlarmRaised(alarm=raised),))
    if is_flapping and not alarm.flapping:
        alarm = replace(alarm, flapping=True, count=alarm.count + 1, last_at=at, last_seq=seq)
        return Step(Known(watch, alarm), (AlarmFlapping(alarm=alarm),))
    return _counted(Known(watch, alarm), 1, rule, at, seq)


def _still_holding(known: Known, rule: Rule, at: datetime, seq: int) -> Step:
    """What holds is told of again; it is said again where it has become more or less severe."""
    watch, alarm = known.watch, known.alarm
    if watch is None or alarm is None:
        return Step(known)
    alarm, before = replace(alarm, last_seq=max(seq, alarm.last_seq), **_said(watch, rule)), alarm
    if alarm.severity == before.severity:
        return Step(Known(watch, alarm))
    alarm = replace(alarm, told_at=at)
    return Step(Known(watch, alarm), (AlarmRepeated(alarm=alarm),))


def _on_ending(known: Known, at: datetime, seq: int) -> Step:
    watch, alarm = known.watch, known.alarm
    if watch is not None and watch.holds:
        watch = replace(watch, holds=False, muted=False, last_seq=max(seq, watch.last_seq))
    if alarm is None or alarm.flapping:
        return Step(Known(watch, alarm))
    alarm = cleared(alarm, at)
    return Step(Known(watch, alarm), (AlarmCleared(alarm=alarm),))


def _counted(known: Known, times: int, rule: Rule, at: datetime, seq: int) -> Step:
    """It has happened again while its alarm is open."""
    watch, alarm = known.watch, known.alarm
    assert watch is not None
    assert alarm is not None
    count = alarm.count + times
    alarm = replace(alarm, count=count, last_at=at, last_seq=seq, **_said(watch, rule))
    is_due = at >= alarm.told_at + timedelta(seconds=rule.repeat_s)
    if alarm.acknowledged_at is not None or not is_due:
        return Step(Known(watch, alarm))
    alarm = replace(alarm, told_at=at)
    return Step(Known(watch, alarm), (AlarmRepeated(alarm=alarm),))


def _raised(watch: AlarmWatch, rule: Rule, now: datetime, alarm_id: str, count: int) -> Alarm:
    return Alarm(
        id=alarm_id,
        station_id=watch.station_id,
        kind=watch.kind,
        name=watch.name,
        severity=rule.severity or watch.severity,
        detail=watch.detail,
        facts=watch.facts,
        count=count,
        raised_at=now,
        last_at=watch.since if watch.holds else now,
        last_seq=watch.last_seq,
        told_at=now,
    )


def _said(watch: AlarmWatch, rule: Rule) -> dict[str, object]:
    return {"severity": rule.severity or watch.severity, "detail": watch.detail, "facts": watch.facts}


def _watch(before: AlarmWatch | None, signal: Signal, at: datetime, seq: int) -> AlarmWatch:
    """What is watched, with what the signal says."""
    facts = Raw(msgspec.json.encode(signal.facts))
    if before is not None:
        return replace(
            before,
            severity=signal.severity,
            detail=signal.detail,
            facts=facts,
            last_seq=max(seq, before.last_seq),
        )
    return AlarmWatch(
        station_id=signal.station_id,
        kind=signal.kind,
        name=signal.name,
        holds=False,
        since=at,
        moments=Raw(b"[]"),
        severity=signal.severity,
        detail=signal.detail,
        facts=facts,
        last_seq=seq,
    )


# -- times ---------------------------------------------------------------------------------------------------


def _scheduled(step: Step, rule: Rule, now: datetime, not_before: datetime) -> Step:
    """With the time at which it is to be looked at; what is not worth watching is forgotten."""
    watch, alarm = step.known.watch, step.known.alarm
    if watch is None:
        return step
    if alarm is None or alarm.cleared_at is not None:
        moments = _recent(watch, rule, now)
        watch = _with_moments(watch, moments)
        if watch.holds and watch.muted:
            due = FOREVER
        elif watch.holds and rule.enabled:
            due = _raised_at(watch, rule, not_before)
        else:
            due = moments[-1] + timedelta(seconds=rule.within_s) if moments else FOREVER
    elif alarm.flapping:
        due = _settled_at(watch, rule)
    elif watch.kind in CHECKED:
        due = now + timedelta(seconds=rule.after_s)
    else:
        due = _passes_at(alarm, rule)
    if due == FOREVER and not watch.holds:
        return replace(step, known=Known(None, alarm))
    return replace(step, known=Known(replace(watch, due_at=None if due == FOREVER else due), alarm))


def _numbered(before: Known, step: Step) -> Step:
    """With the versions that follow those from before, where something has changed."""
    watch, alarm = step.known.watch, step.known.alarm
    if watch is not None and before.watch is not None and watch != before.watch:
        watch = replace(watch, version=before.watch.version + 1)
    if alarm is not None and before.alarm is not None and alarm != before.alarm:
        alarm = replace(alarm, version=before.alarm.version + 1)
        told = tuple(replace(each, alarm=replace(each.alarm, version=alarm.version)) for each in step.told)
        return Step(Known(watch, alarm), told)
    return replace(step, known=Known(watch, alarm))


def _raised_at(watch: AlarmWatch, rule: Rule, not_before: datetime) -> datetime:
    at = watch.since + timedelta(seconds=rule.after_s)
    return max(at, not_before) if rule.after_s else at


def _settled_at(watch: AlarmWatch, rule: Rule) -> datetime:
    moments = _moments(watch)
    return (moments[-1] if moments else watch.since) + timedelta(seconds=rule.clears_after_s)


def _passes_at(alarm: Alarm, rule: Rule) -> datetime:
    passes = alarm.kind not in HOLDING and rule.clears_after_s > 0
    return alarm.last_at + timedelta(seconds=rule.clears_after_s) if passes else FOREVER


def _moments(watch: AlarmWatch) -> list[datetime]:
    return msgspec.json.decode(watch.moments, type=list[datetime])


def _recent(watch: AlarmWatch, rule: Rule, now: datetime) -> list[datetime]:
    """The moments that still count."""
    if not (rule.times and rule.within_s):
        return []
    first = now - timedelta(seconds=rule.within_s)
    return [each for each in _moments(watch) if each > first]


def _with_moments(watch: AlarmWatch, moments: Sequence[datetime]) -> AlarmWatch:
    return replace(watch, moments=Raw(msgspec.json.encode(moments[-MAX_MOMENTS:])))
