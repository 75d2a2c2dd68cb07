"""What becomes an alarm, is counted in one, flaps, settles and passes; on a stepped clock."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from evsys.core import alarms, records
from evsys.core.alarms import DEFAULTS, HOLDING, MEASURED_BY, Known, Rule, Step
from evsys.core.events import AlarmCleared, AlarmFlapping, AlarmRaised, AlarmRepeated, AlarmSettled, Event
from evsys.core.records import AlarmKind, AlarmRule
from evsys.core.signals import Signal
from kit.clock import NOON

RULE = Rule(after_s=60, times=3, within_s=600, clears_after_s=300, repeat_s=100)
HAPPENING = Rule(times=3, within_s=60, clears_after_s=600, repeat_s=100)


class Watching:
    """One thing, its rule and a clock that is stepped second by second, as the office's looks are."""

    def __init__(self, rule: Rule, kind: AlarmKind = "station_offline") -> None:
        self.rule = rule
        self.kind: AlarmKind = kind
        self.now = NOON
        self.known = Known()
        self.told: list[Event] = []
        self.past: list[records.Alarm] = []
        self.not_before = NOON
        self._seq = 0

    def hear(self, sort: str, is_ours: bool = False) -> None:
        self._seq += 1
        signal = Signal(station_id="CP1", kind=self.kind, sort=sort, is_ours=is_ours)  # type: ignore[arg-type]
        self._take(
            alarms.hear(self.known, signal, self.rule, self.now, self._seq, f"a{self._seq}", self.not_before)
        )

    def notice(self) -> None:
        """That it holds no longer is noticed, before any event says so."""
        self._take(alarms.unheard(self.known, self.rule, self.now, self.not_before))

    def step(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now += timedelta(seconds=1)
            watch = self.known.watch
            if watch is not None and watch.due_at is not None and watch.due_at <= self.now:
                self._seq += 1
                self._take(alarms.look(self.known, self.rule, self.now, f"a{self._seq}", self.not_before))

    def _take(self, step: Step) -> None:
        before, after = self.known, step.known
        for old, new in ((before.watch, after.watch), (before.alarm, after.alarm)):
            if old is not None and new is not None and old != new:
                assert new.version == old.version + 1
        self.told.extend(step.told)
        alarm = after.alarm
        if alarm is not None and alarm.cleared_at is not None:
            self.past.append(alarm)
            alarm = None
        self.known = Known(after.watch, alarm)

    def kinds(self) -> list[str]:
        return [type(each).__name__.removeprefix("Alarm") for each in self.told]


def test_what_holds_long_enough_is_raised_once_and_passes_when_it_ends() -> None:
    watching = Watching(RULE)
    watching.hear("holds")
    watching.step(59)
    assert watching.kinds() == []
    watching.step(600)
    assert watching.kinds() == ["Raised"]
    watching.hear("ends")
    assert watching.kinds() == ["Raised", "Cleared"]
    assert watching.past[0].cleared_by == ""
    watching.step(3600)
    assert watching.known == Known()


def test_what_ends_in_time_is_nothing() -> None:
    watching = Watching(RULE)
    watching.hear("holds")
    watching.step(59)
    watching.hear("ends")
    watching.step(3600)
    assert (watching.kinds(), watching.known) == ([], Known())


def test_what_comes_and_goes_is_one_alarm_whose_count_grows_until_it_has_settled() -> None:
    watching = Watching(RULE)
    for _ in range(14):
        watching.hear("holds")
        watching.step(10)
        watching.hear("ends")
        watching.step(10)
    assert [kind for kind in watching.kinds() if kind != "Repeated"] == ["Raised"]
    alarm = watching.known.alarm
    assert alarm is not None
    assert (alarm.flapping, alarm.count) == (True, 14)
    watching.step(400)
    assert watching.kinds()[-2:] == ["Settled", "Cleared"]
    watching.step(3600)
    assert watching.known == Known()


def test_one_break_after_it_has_settled_is_no_flapping() -> None:
    watching = Watching(RULE)
    for _ in range(5):
        watching.hear("holds")
        watching.hear("ends")
    watching.step(301)
    assert watching.kinds()[-1] == "Cleared"
    watching.hear("holds")
    watching.hear("ends")
    assert watching.kinds()[-1] == "Cleared"


def test_a_flapping_one_that_settles_while_it_holds_stays_open() -> None:
    watching = Watching(RULE)
    for _ in range(3):
        watching.hear("holds")
        watching.step(10)
        watching.hear("ends")
        watching.step(10)
    watching.hear("holds")
    watching.step(400)
    assert watching.kinds()[-1] == "Settled"
    assert watching.known.alarm is not None
    watching.hear("ends")
    assert watching.kinds()[-1] == "Cleared"


def test_one_that_was_raised_for_lasting_begins_to_flap() -> None:
    watching = Watching(replace_(RULE, after_s=0))
    for _ in range(2):
        watching.hear("holds")
        watching.hear("ends")
    watching.hear("holds")
    assert watching.kinds() == ["Raised", "Cleared", "Raised", "Cleared", "Raised"]
    assert watching.known.alarm is not None
    assert watching.known.alarm.flapping
    assert watching.known.alarm.count == 3


def test_what_we_did_ourselves_is_no_flapping() -> None:
    watching = Watching(RULE)
    for _ in range(10):
        watching.hear("holds", is_ours=True)
        watching.step(5)
        watching.hear("ends")
    assert watching.kinds() == []


def test_nothing_runs_out_before_somebody_has_looked_for_a_while() -> None:
    watching = Watching(RULE)
    watching.hear("holds")
    watching.not_before = NOON + timedelta(seconds=200)
    watching.step(199)
    assert watching.kinds() == []
    watching.step(1)
    assert watching.kinds() == ["Raised"]


def test_what_happens_often_enough_is_raised_repeated_once_in_a_while_and_passes() -> None:
    watching = Watching(HAPPENING, "authorization_refused")
    for _ in range(2):
        watching.hear("happens")
    watching.step(61)
    watching.hear("happens")
    assert watching.kinds() == []
    watching.hear("happens")
    watching.hear("happens")
    assert watching.kinds() == ["Raised"]
    for _ in range(200):
        watching.step(1)
        watching.hear("happens")
    assert watching.kinds() == ["Raised", "Repeated", "Repeated"]
    assert watching.known.alarm is not None
    assert watching.known.alarm.count == 203
    watching.step(600)
    assert watching.kinds()[-1] == "Cleared"
    assert watching.known.watch is None


def test_what_was_cleared_by_somebody_is_not_raised_again_until_it_has_ended() -> None:
    watching = Watching(RULE)
    watching.hear("holds")
    watching.step(60)
    watch = watching.known.watch
    assert watch is not None
    watching.known = Known(alarms.muted(watch), None)
    watching.hear("holds")
    watching.step(1000)
    assert watching.kinds() == ["Raised"]
    watching.hear("ends")
    watching.hear("holds")
    watching.step(60)
    assert watching.kinds() == ["Raised", "Raised"]


def test_acknowledging_ends_what_only_happens_and_nothing_that_holds() -> None:
    for kind, rule in (("station_offline", RULE), ("security_event", Rule())):
        watching = Watching(rule, kind)  # type: ignore[arg-type]
        watching.hear("holds" if kind in HOLDING else "happens")
        watching.step(61)
        assert watching.known.alarm is not None
        seen = alarms.acknowledged(watching.known.alarm, watching.now, "ann", "I know")
        assert (seen.acknowledged_by, seen.note) == ("ann", "I know")
        assert (seen.cleared_at is None) == (kind in HOLDING)


def test_an_acknowledged_one_is_counted_and_not_repeated() -> None:
    watching = Watching(RULE)
    for _ in range(3):
        watching.hear("holds")
        watching.hear("ends")
    assert watching.known.alarm is not None
    seen = alarms.acknowledged(watching.known.alarm, watching.now, "ann", "")
    watching.known = Known(watching.known.watch, seen)
    for _ in range(20):
        watching.step(20)
        watching.hear("holds")
        watching.hear("ends")
    assert watching.kinds() == ["Raised"]
    assert watching.known.alarm is not None
    assert watching.known.alarm.count == 23


def test_a_rule_that_is_switched_off_raises_nothing_and_lets_pass_what_is_open() -> None:
    watching = Watching(RULE)
    watching.hear("holds")
    watching.rule = replace_(RULE, enabled=False)
    watching.step(100)
    assert watching.kinds() == []
    watching = Watching(RULE)
    watching.hear("holds")
    watching.step(60)
    watching.rule = replace_(RULE, enabled=False)
    watching.hear("ends")
    assert watching.kinds() == ["Raised", "Cleared"]


def test_an_event_that_comes_twice_changes_nothing() -> None:
    signal = Signal(station_id="CP1", kind="security_event", sort="happens")
    first = alarms.hear(Known(), signal, Rule(), NOON, 7, "a", NOON)
    assert alarms.hear(first.known, signal, Rule(), NOON, 7, "b", NOON) == Step(first.known)


MOVES = st.lists(
    st.tuples(st.sampled_from(("holds", "ends", "noticed")), st.integers(0, 400)), min_size=1, max_size=40
)


@given(MOVES, st.integers(0, 120), st.integers(0, 5))
def test_whatever_comes_and_goes_is_raised_and_cleared_in_turn(
    moves: Sequence[tuple[str, int]], after_s: int, times: int
) -> None:
    """At most one is open; each that was raised is cleared once; when all is quiet and over, nothing is
    left."""
    watching = Watching(replace_(RULE, after_s=after_s, times=times))
    for sort, seconds in moves:
        if sort == "noticed":
            watching.notice()
        else:
            watching.hear(sort)
        watching.step(seconds)
    watching.notice()
    watching.step(2000)
    assert watching.known == Known()
    open_: str | None = None
    for event in watching.told:
        match event:
            case AlarmRaised(alarm=alarm):
                assert open_ is None
                open_ = alarm.id
            case AlarmCleared(alarm=alarm):
                assert open_ == alarm.id
                open_ = None
            case AlarmRepeated(alarm=alarm) | AlarmFlapping(alarm=alarm) | AlarmSettled(alarm=alarm):
                assert open_ == alarm.id
    assert open_ is None


@given(st.lists(st.integers(0, 200), min_size=1, max_size=60))
def test_no_more_is_told_of_what_flaps_than_the_rule_allows(pauses: Sequence[int]) -> None:
    watching = Watching(replace_(HAPPENING, clears_after_s=0), "authorization_refused")
    for pause in pauses:
        watching.hear("happens")
        watching.step(pause)
    assert watching.kinds().count("Raised") <= 1
    assert watching.kinds().count("Repeated") <= (watching.now - NOON).total_seconds() // 100


# -- rules


def test_the_narrowest_rule_holds() -> None:
    everywhere = AlarmRule(kind="station_offline", after_s=10, severity="critical")
    here = AlarmRule(kind="station_offline", station_id="CP1", after_s=20)
    rule = alarms.wanted(RULE, everywhere, here)
    assert (rule.after_s, rule.severity, rule.times) == (20, "critical", 3)
    assert alarms.wanted(RULE, None, None) == RULE


def test_each_kind_has_a_rule_and_a_measure() -> None:
    assert set(DEFAULTS) == set(AlarmKind.__args__)  # type: ignore[attr-defined]
    assert MEASURED_BY["station_offline"] == "after_s"
    assert MEASURED_BY["authorization_refused"] == "times"
    assert MEASURED_BY["disk_space"] == "threshold"


def replace_(rule: Rule, **members: object) -> Rule:
    return msgspec.structs.replace(rule, **members)
