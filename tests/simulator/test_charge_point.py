"""A charge point in software, on a stepped clock, against a central system of a few lines."""

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evsys.simulator.cabinet import PointSettings
from evsys.simulator.charge_point import ChargePoint
from evsys.simulator.commands import answer
from kit.clock import NOON
from kit.schemas import faults

Payload = dict[str, object]


class Central:
    """Answers what a charge point says; remembers all of it."""

    def __init__(self, seed: int = 1, **members: object) -> None:
        self.now = NOON
        chosen = PointSettings(**{"speed": 60.0, "offline_spells": False} | members)  # type: ignore[arg-type]
        self.point = ChargePoint("SIM0001", chosen, seed, self.now, answer)
        self.said: list[tuple[str, Payload]] = []
        self.answers: dict[str, Payload] = {}
        self.silent: set[str] = set()
        """Actions that are not answered."""
        self.refusing: set[str] = set()
        self.next_transaction = 1
        self.up = False
        self.reachable = True

    def pass_time(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Let time pass in steps of 0.1 s; the link is made when the charge point wants it."""
        for _ in range(int(seconds * 10)):
            if until():
                return
            self.now += timedelta(seconds=0.1)
            if self.point.next_at is not None and self.point.next_at <= self.now:
                self.point.wake(self.now)
            if self.point.wants_link and self.reachable:
                self.point.wants_link, self.up = False, True
                self.point.connected(self.now)
            self.exchange()

    def exchange(self) -> None:
        while self.point.outbox:
            frame = json.loads(self.point.outbox.pop(0))
            if self.up and frame[0] == 2:
                self._answer(frame[1], frame[2], frame[3])
            elif frame[0] in (3, 4):
                self.answers[frame[1]] = frame
        if self.point.hang_up:
            self.point.hang_up = False
            self.cut()

    def cut(self) -> None:
        if self.up:
            self.up = False
            self.point.disconnected(self.now)

    def ask(self, action: str, payload: Payload) -> list[object]:
        """A CALL of the central system, and the frame that answers it."""
        name = f"c{len(self.answers)}"
        self.point.received(json.dumps([2, name, action, payload]).encode(), self.now)
        self.exchange()
        answered = self.answers[name]
        if answered[0] == 3:
            assert faults(action, "response", json.dumps(answered[2]).encode()) == []
        return answered

    def _answer(self, id: str, action: str, payload: Payload) -> None:
        assert faults(action, "request", json.dumps(payload).encode()) == []
        self.said.append((action, payload))
        if action in self.silent:
            return
        if action in self.refusing:
            self.point.received(json.dumps([4, id, "InternalError", "", {}]).encode(), self.now)
            return
        self.point.received(json.dumps([3, id, self._result(action)]).encode(), self.now)

    def _result(self, action: str) -> Payload:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": self.now.isoformat(), "interval": 300}
            case "Heartbeat":
                return {"currentTime": self.now.isoformat()}
            case "Authorize":
                return {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                self.next_transaction += 1
                info = {"status": "Accepted"}
                return {"idTagInfo": info, "transactionId": self.next_transaction - 1}
            case _:
                return {}

    def of(self, action: str) -> list[Payload]:
        return [payload for said, payload in self.said if said == action]


def test_a_charge_point_boots_reports_and_charges_to_the_end() -> None:
    central = Central(sessions=1, connectors=1)
    central.pass_time(300, until=lambda: central.point.done)
    assert central.point.done
    actions = [action for action, _ in central.said]
    assert actions[0] == "BootNotification"
    assert actions.index("Authorize") < actions.index("StartTransaction") < actions.index("StopTransaction")
    (start,), (stop,) = central.of("StartTransaction"), central.of("StopTransaction")
    assert stop["transactionId"] == 1
    assert stop["meterStop"] > start["meterStart"]  # type: ignore[operator]
    states = [each["status"] for each in central.of("StatusNotification") if each["connectorId"] == 1]
    assert states[0] in ("Available", "Preparing")
    assert [each for each in states if each in ("Preparing", "Charging", "Finishing")][:2] == [
        "Preparing",
        "Charging",
    ]


def test_the_register_never_falls_and_the_car_takes_less_when_it_is_nearly_full() -> None:
    central = Central(sessions=1, connectors=1, speed=60.0)
    central.pass_time(300, until=lambda: central.point.done)
    registers, powers = [], []
    for value in central.of("MeterValues"):
        for sample in value["meterValue"][0]["sampledValue"]:  # type: ignore[index]
            if sample["measurand"] == "Energy.Active.Import.Register":
                registers.append(int(sample["value"]))
            if sample["measurand"] == "Power.Active.Import":
                powers.append(float(sample["value"]))
    assert registers == sorted(registers)
    assert len(registers) > 10
    assert max(powers) > 3000


def test_the_same_seed_decides_the_same() -> None:
    said = []
    for seed in (7, 7, 8):
        central = Central(seed=seed, sessions=1)
        central.pass_time(30)
        said.append(central.said)
    assert said[0] == said[1]
    assert said[0] != said[2]


def test_what_was_not_acknowledged_before_a_cut_is_sent_again_in_order_with_the_same_content() -> None:
    central = Central(connectors=1)
    central.silent = {"StartTransaction"}
    central.pass_time(60, until=lambda: bool(central.of("StartTransaction")))
    central.cut()
    central.silent = set()
    central.pass_time(60, until=lambda: len(central.of("StartTransaction")) == 2)
    first, second = central.of("StartTransaction")
    assert first == second
    central.pass_time(30, until=lambda: bool(central.of("MeterValues")))
    assert central.of("MeterValues")[0]["transactionId"] == 1
    assert len(central.point.cabinet.report) == 1


def test_a_session_goes_on_without_a_link_and_is_told_afterwards() -> None:
    central = Central(connectors=1, sessions=1)
    central.pass_time(60, until=lambda: bool(central.of("MeterValues")))
    central.cut()
    central.reachable = False
    central.pass_time(190)
    (session,) = central.point.cabinet.report
    assert session.stopped_at is not None
    assert not session.stop_acknowledged
    central.reachable = True
    central.pass_time(60, until=lambda: central.point.done)
    assert session.stop_acknowledged
    assert central.of("StopTransaction")[-1]["meterStop"] == session.meter_stop_wh
    moments = [value["meterValue"][0]["timestamp"] for value in central.of("MeterValues")]  # type: ignore[index]
    assert moments == sorted(moments)


def test_a_refused_message_is_given_up_after_its_attempts_and_the_next_one_leaves() -> None:
    central = Central(connectors=1)
    central.refusing = {"StartTransaction"}
    central.pass_time(120, until=lambda: bool(central.of("MeterValues")))
    assert len(central.of("StartTransaction")) == 3
    assert len({json.dumps(each) for each in central.of("StartTransaction")}) == 1
    assert central.point.cabinet.report[0].given_up == 1


def test_a_pending_station_waits_for_its_boot_to_be_accepted() -> None:
    central = Central()
    pending = {"status": "Pending", "currentTime": NOON.isoformat(), "interval": 60}
    central._result = lambda action: pending if action == "BootNotification" else {}  # type: ignore[method-assign]
    central.pass_time(290)
    assert {action for action, _ in central.said} == {"BootNotification"}
    assert len(central.said) == 5


def charging(**members: object) -> Central:
    central = Central(connectors=1, **members)
    central.pass_time(100, until=lambda: bool(central.of("MeterValues")))
    return central


def test_remote_start_and_stop() -> None:
    central = Central(connectors=1, sessions=0)
    central.pass_time(5)
    assert central.ask("RemoteStartTransaction", {"idTag": "REMOTE", "connectorId": 1})[2] == {
        "status": "Accepted"
    }
    central.pass_time(5)
    assert central.of("StartTransaction")[0]["idTag"] == "REMOTE"
    assert central.ask("RemoteStopTransaction", {"transactionId": 99})[2] == {"status": "Rejected"}
    assert central.ask("RemoteStopTransaction", {"transactionId": 1})[2] == {"status": "Accepted"}
    central.pass_time(5)
    assert central.of("StopTransaction")[0]["reason"] == "Remote"


@pytest.mark.parametrize(("kind", "reason"), [("Hard", "HardReset"), ("Soft", "SoftReset")])
def test_a_reset_stops_what_runs_and_boots(kind: str, reason: str) -> None:
    central = charging()
    assert central.ask("Reset", {"type": kind})[2] == {"status": "Accepted"}
    central.pass_time(30, until=lambda: len(central.of("BootNotification")) == 2)
    assert len(central.of("BootNotification")) == 2
    central.pass_time(5)
    assert central.of("StopTransaction")[0]["reason"] == reason


def test_a_limit_limits() -> None:
    central = charging()
    connector = central.point.connectors[0]
    assert connector.power_w > 6 * 230
    profile = {
        "chargingProfileId": 1,
        "transactionId": 1,
        "stackLevel": 1,
        "chargingProfilePurpose": "TxProfile",
        "chargingProfileKind": "Relative",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 8.1}],
        },
    }
    wanted = {"connectorId": 1, "csChargingProfiles": profile}
    assert central.ask("SetChargingProfile", wanted)[2] == {"status": "Accepted"}
    central.pass_time(2)
    assert connector.power_w <= 8.1 * 230 * 3 + 0.1
    schedule = central.ask("GetCompositeSchedule", {"connectorId": 1, "duration": 600})[2]
    assert schedule["chargingSchedule"]["chargingSchedulePeriod"] == [  # type: ignore[index, call-overload]
        {"startPeriod": 0, "limit": 8.1}
    ]
    profile["chargingSchedule"] = {
        "chargingRateUnit": "W",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}],
    }
    assert central.ask("SetChargingProfile", wanted)[2] == {"status": "Accepted"}
    central.pass_time(2)
    assert (connector.power_w, connector.status) == (0.0, "SuspendedEVSE")
    assert central.ask("ClearChargingProfile", {"id": 1})[2] == {"status": "Accepted"}
    assert central.ask("ClearChargingProfile", {"id": 1})[2] == {"status": "Unknown"}


def test_configuration_is_read_changed_and_refused() -> None:
    central = charging()
    assert central.ask("ChangeConfiguration", {"key": "meterValueSampleInterval", "value": "10"})[2] == {
        "status": "Accepted"
    }
    found = central.ask("GetConfiguration", {"key": ["MeterValueSampleInterval", "Nonsense"]})[2]
    assert found == {
        "configurationKey": [{"key": "MeterValueSampleInterval", "readonly": False, "value": "10"}],
        "unknownKey": ["Nonsense"],
    }
    for key, value, status in (
        ("NumberOfConnectors", "9", "Rejected"),
        ("HeartbeatInterval", "soon", "Rejected"),
        ("WebSocketPingInterval", "10", "RebootRequired"),
        ("Nonsense", "1", "NotSupported"),
    ):
        assert central.ask("ChangeConfiguration", {"key": key, "value": value})[2] == {"status": status}
    assert len(central.ask("GetConfiguration", {})[2]["configurationKey"]) > 20  # type: ignore[index, call-overload]


@pytest.mark.parametrize(
    ("action", "payload", "expected"),
    [
        ("ClearCache", {}, {"status": "Accepted"}),
        ("DataTransfer", {"vendorId": "EVSYS", "data": "x"}, {"status": "Accepted", "data": "x"}),
        ("DataTransfer", {"vendorId": "Other"}, {"status": "UnknownVendorId"}),
        ("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"}),
        ("UnlockConnector", {"connectorId": 9}, {"status": "NotSupported"}),
        ("ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}, {"status": "Scheduled"}),
        ("ChangeAvailability", {"connectorId": 9, "type": "Operative"}, {"status": "Rejected"}),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}, {"status": "Accepted"}),
        ("TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 9}, {"status": "Rejected"}),
        ("GetLocalListVersion", {}, {"listVersion": 0}),
        (
            "SendLocalList",
            {"listVersion": 3, "updateType": "Full", "localAuthorizationList": []},
            {"status": "Accepted"},
        ),
        ("SendLocalList", {"listVersion": 0, "updateType": "Differential"}, {"status": "VersionMismatch"}),
        ("CancelReservation", {"reservationId": 5}, {"status": "Rejected"}),
        ("UpdateFirmware", {"location": "http://x", "retrieveDate": "2026-01-01T00:00:00Z"}, {}),
    ],
)
def test_commands_are_answered_sensibly(action: str, payload: Payload, expected: Payload) -> None:
    assert charging().ask(action, payload)[2] == expected


def test_a_reservation_is_kept_for_its_token() -> None:
    central = Central(connectors=1, sessions=0)
    central.pass_time(5)
    until = (central.now + timedelta(hours=1)).isoformat().replace("+00:00", "Z")
    wanted = {"connectorId": 1, "expiryDate": until, "idTag": "VIP", "reservationId": 5}
    assert central.ask("ReserveNow", wanted)[2] == {"status": "Accepted"}
    assert central.ask("RemoteStartTransaction", {"idTag": "OTHER"})[2] == {"status": "Rejected"}
    assert central.ask("RemoteStartTransaction", {"idTag": "vip"})[2] == {"status": "Accepted"}
    central.pass_time(5)
    assert central.of("StartTransaction")[0]["reservationId"] == 5


def test_what_is_not_known_or_broken_is_refused_with_its_code() -> None:
    central = charging()
    assert central.ask("MakeCoffee", {})[2] == "NotImplemented"
    assert central.ask("GetLog", {"log": {}})[2] == "NotSupported"
    assert central.ask("Reset", {"type": "Maybe"})[2] == "PropertyConstraintViolation"


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), cuts=st.lists(st.integers(1, 40), max_size=6))
def test_however_the_link_breaks_every_session_is_told_once_whole_and_in_order(
    seed: int, cuts: list[int]
) -> None:
    central = Central(seed=seed, connectors=2, sessions=1, speed=240.0)
    for seconds in cuts:
        central.pass_time(seconds)
        central.cut()
    central.pass_time(900, until=lambda: central.point.done)
    assert central.point.done
    assert len(central.point.cabinet.report) == 2
    for session in central.point.cabinet.report:
        assert session.start_acknowledged
        assert session.stop_acknowledged
        assert session.meter_stop_wh is not None
        assert session.meter_stop_wh >= session.meter_start_wh
    stops = {each["transactionId"]: each["meterStop"] for each in central.of("StopTransaction")}
    assert stops == {each.transaction_id: each.meter_stop_wh for each in central.point.cabinet.report}
