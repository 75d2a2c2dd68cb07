"""The invariants of the architecture, over everything that a station may send in any order, with repeats and
with restarts of memory from disk.

No acknowledged start, stop or meter value is ever lost · a repeated CALL changes nothing and gets the same
transaction id · an EVSE holds at most one open transaction · energy is never negative · an event per change
and a change per event · memory is what disk is.
"""

import json
from datetime import timedelta

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from evsys.core.events import TransactionCorrected, TransactionEnded, TransactionStarted
from evsys.core.records import Transaction
from evsys.core.transactions import abandoned, close
from kit.desk import Desk

evses = st.integers(1, 2)
tokens = st.sampled_from(["A", "B"])
registers = st.sampled_from([0, 10, 1_000, 1_200, 50_000, 51_000, -1])


class Sessions(RuleBasedStateMachine):
    """A station that does what it likes."""

    starts = Bundle("starts")
    stops = Bundle("stops")
    readings = Bundle("readings")

    @initialize()
    def connect(self) -> None:
        self.desk = Desk()
        self.numbers: dict[str, object] = {}
        """The transaction id that each start was answered with."""
        self.stopped: list[dict[str, object]] = []
        self.measured: list[tuple[object, str, str]] = []

    def time(self, shift_min: int) -> str:
        return (self.desk.clock.now() + timedelta(minutes=shift_min)).isoformat()

    # -- what a station sends ---

    @rule(target=starts, evse=evses, token=tokens, meter=registers, shift=st.sampled_from([0, 0, -3, -30]))
    def start(self, evse: int, token: str, meter: int, shift: int) -> dict[str, object]:
        message = {"connectorId": evse, "idTag": token, "meterStart": meter, "timestamp": self.time(shift)}
        return self.begin(message)

    @rule(message=starts)
    def repeat_start(self, message: dict[str, object]) -> None:
        self.unchanged(lambda: self.begin(message))

    @rule(evse=evses, token=tokens)
    def start_without_clock_and_repeat(self, evse: int, token: str) -> None:
        message = {"connectorId": evse, "idTag": token, "meterStart": 7, "timestamp": "1970-01-01T00:00:00Z"}
        number = self.desk.call("StartTransaction", message)["transactionId"]
        self.unchanged(lambda: self.desk.call("StartTransaction", message))
        assert self.desk.call("StartTransaction", message)["transactionId"] == number

    @rule(target=stops, start=starts, meter=registers, shift=st.sampled_from([0, -2, -40]))
    def stop(self, start: dict[str, object], meter: int, shift: int) -> dict[str, object]:
        message = {
            "transactionId": self.numbers[json.dumps(start)],
            "meterStop": meter,
            "timestamp": self.time(shift),
        }
        return self.end(message)

    @rule(
        target=stops,
        number=st.sampled_from([-1, 0, 999_999]),
        token=st.none() | tokens,
        meter=registers,
        shift=st.sampled_from([0, -20]),
    )
    def stop_without_number(
        self, number: int, token: str | None, meter: int, shift: int
    ) -> dict[str, object]:
        message = {"transactionId": number, "meterStop": meter, "timestamp": self.time(shift)}
        return self.end(message if token is None else {**message, "idTag": token})

    @rule(message=stops)
    def repeat_stop(self, message: dict[str, object]) -> None:
        self.end(message)

    @rule(
        target=readings,
        evse=evses,
        number=st.sampled_from([None, -1, 0, 555, 556]),
        energy=registers,
        shift=st.sampled_from([0, -1, -25]),
    )
    def measure(self, evse: int, number: int | None, energy: int, shift: int) -> dict[str, object]:
        value = {"timestamp": self.time(shift), "sampledValue": [{"value": str(energy)}]}
        message = {"connectorId": evse, "meterValue": [value]}
        return self.record(message if number is None else {**message, "transactionId": number})

    @rule(target=readings, start=starts, energy=registers, shift=st.sampled_from([0, -1, -25]))
    def measure_session(self, start: dict[str, object], energy: int, shift: int) -> dict[str, object]:
        value = {"timestamp": self.time(shift), "sampledValue": [{"value": str(energy)}]}
        number = self.numbers[json.dumps(start)]
        return self.record(
            {"connectorId": start["connectorId"], "transactionId": number, "meterValue": [value]}
        )

    @rule(message=readings)
    def repeat_values(self, message: dict[str, object]) -> None:
        if self.strays(message):
            return
        rows = len(self.desk.disk.meter_values())
        held = len(self.desk.disk.quarantine())
        self.desk.call("MeterValues", message)
        after = len(self.desk.disk.meter_values()) - rows
        # What was held for want of a session may find one by now, and then it is the same value still.
        assert after <= (1 if held else 0)
        assert len(self.desk.disk.quarantine()) <= held + 1

    @rule(evse=evses, status=st.sampled_from(["Available", "Charging", "SuspendedEV"]))
    def report(self, evse: int, status: str) -> None:
        self.desk.call("StatusNotification", {"connectorId": evse, "errorCode": "NoError", "status": status})

    @rule()
    def boot(self) -> None:
        open_before = {each.id for each in self.desk.station.open_transactions()}
        self.desk.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"})
        assert {each.id for each in self.desk.station.open_transactions()} == open_before

    # -- what happens here ---

    @rule(minutes=st.sampled_from([1, 5, 30]))
    def wait(self, minutes: int) -> None:
        self.desk.clock.step(minutes * 60)

    @rule()
    def restart(self) -> None:
        self.desk.restart()

    @rule()
    def sweep(self) -> None:
        for each in abandoned(self.desk.station, self.desk.clock.now(), self.desk.policy):
            self.desk.turn(lambda turn, each=each: close(turn.work, turn.station, each, turn.now, "sweep"))

    # -- bookkeeping ---

    def begin(self, message: dict[str, object]) -> dict[str, object]:
        number = self.desk.call("StartTransaction", message)["transactionId"]
        assert self.numbers.setdefault(json.dumps(message), number) == number
        return message

    def end(self, message: dict[str, object]) -> dict[str, object]:
        self.desk.call("StopTransaction", message)
        self.stopped.append(message)
        return message

    def record(self, message: dict[str, object]) -> dict[str, object]:
        if self.strays(message):
            return multiple()  # type: ignore[return-value]
        self.desk.call("MeterValues", message)
        (value,) = message["meterValue"]  # type: ignore[misc]
        self.measured.append((message["connectorId"], value["timestamp"], value["sampledValue"][0]["value"]))
        return message

    def strays(self, message: dict[str, object]) -> bool:
        """Whether a value may be repeated in another session than the one it was recorded in, or after it was
        held. It adds no row then, but memory cannot know that and takes it for news until the next reading:
        the one case in which it may differ from disk."""
        (value,) = message["meterValue"]  # type: ignore[misc]
        running = {each.id for each in self.desk.station.open_transactions()}
        held = [each for each in self.desk.disk.quarantine() if each.kind == "meter_values"]
        if any(each.resolved_at for each in held) or (held and running):
            return True
        return bool(running) and any(
            each.transaction_id not in running
            and each.evse_id == message["connectorId"]
            and each.reported_at.isoformat() == value["timestamp"]
            for each in self.desk.disk.meter_values()
        )

    def unchanged(self, call) -> None:  # type: ignore[no-untyped-def]
        events = len(self.desk.events)
        transactions = self.desk.disk.transactions()
        call()
        assert self.desk.disk.transactions() == transactions
        assert len(self.desk.events) == events

    # -- invariants ---

    @invariant()
    def no_start_is_lost(self) -> None:
        stored = {each.number for each in self.desk.disk.transactions()}
        assert set(self.numbers.values()) <= stored

    @invariant()
    def no_stop_is_lost(self) -> None:
        """Each has ended a session, repeats one that had been, or is held."""
        ended = {each.number for each in self.desk.disk.transactions() if each.ended_by == "station"}
        held = {each.number for each in self.desk.disk.quarantine() if each.kind == "stop"}
        for message in self.stopped:
            number = message["transactionId"]
            assert number in ended or number in held or ended

    @invariant()
    def no_meter_value_is_lost(self) -> None:
        rows = {
            (each.evse_id, each.reported_at.isoformat(), f"{each.energy_wh:.0f}")
            for each in self.desk.disk.meter_values()
        }
        for held in self.desk.disk.quarantine():
            if held.kind == "meter_values" and held.resolved_at is None:
                for value in json.loads(bytes(held.payload)):
                    at = value["reported_at"].replace("Z", "+00:00")
                    rows.add((value["evse_id"], at, f"{value['energy_wh']:.0f}"))
        assert set(self.measured) <= rows

    @invariant()
    def energy_is_never_negative(self) -> None:
        for each in self.desk.disk.transactions():
            assert each.energy_wh is None or each.energy_wh >= 0
            assert (each.energy_wh is None) == (each.ended_at is None)
            assert each.ended_at is None or each.ended_at >= each.started_at

    @invariant()
    def an_evse_holds_at_most_one_open_transaction(self) -> None:
        open_ones = [each.evse_id for each in self.desk.disk.transactions() if each.ended_at is None]
        assert len(open_ones) == len(set(open_ones))

    @invariant()
    def the_events_tell_the_rows(self) -> None:
        told: dict[str, Transaction] = {}
        for event in self.desk.events:
            if isinstance(event, TransactionStarted | TransactionEnded | TransactionCorrected):
                assert isinstance(event, TransactionStarted) == (event.transaction.id not in told)
                assert told.get(event.transaction.id) != event.transaction
                told[event.transaction.id] = event.transaction
        assert told == {each.id: each for each in self.desk.disk.transactions()}

    @invariant()
    def memory_is_what_disk_is(self) -> None:
        memory, disk = self.desk.station, self.desk._load()
        assert {each.id: each for each in memory.open_transactions()} == {
            each.id: each for each in disk.open_transactions()
        }
        assert disk.quarantine.items() <= memory.quarantine.items()
        # More only of what is repeated after it was resolved, and then forgotten.
        assert memory.quarantine.keys() <= {each.id for each in self.desk.disk.quarantine()}
        assert memory.connectors == disk.connectors
        for id, transaction in memory.transactions.items():
            assert transaction in self.desk.disk.transactions()
            if transaction.ended_at is None:
                kept, loaded = memory.readings.get(id), disk.readings.get(id)
                assert (kept is None) == (loaded is None)
                if kept is not None and loaded is not None:
                    assert (kept.energy_wh, kept.carried_wh) == (loaded.energy_wh, loaded.carried_wh)


class ManySessions(Sessions):
    """The same, for long."""


SHORT = settings(
    max_examples=150,
    stateful_step_count=30,
    deadline=None,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
)
Sessions.TestCase.settings = SHORT
ManySessions.TestCase.settings = settings(SHORT, max_examples=5000)
TestSessions = Sessions.TestCase
TestManySessions = pytest.mark.long(ManySessions.TestCase)


def test_the_machine_would_see_a_lost_start() -> None:
    machine = Sessions()
    machine.connect()
    machine.start(1, "A", 0, 0)
    machine.desk.disk.rows[Transaction].clear()
    try:
        machine.no_start_is_lost()
    except AssertionError:
        return
    raise AssertionError("the loss went unseen")
