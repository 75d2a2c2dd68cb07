"""The connector: sessions from plugging in to driving away, with their messages, with and without a link."""

import json
from itertools import pairwise
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kit.point import TRANSACTION_MESSAGES, Central, Payload, charging

FILLS_UP = 1
"""A seed whose first driver waits until the car is full."""
REGISTER = "Energy.Active.Import.Register"

SAID_BESIDE = ("Heartbeat", "StatusNotification", "SecurityEventNotification")


def sampled(payload: Payload, measurand: str = REGISTER) -> list[float]:
    """The values of a measurand in a MeterValues."""
    values = cast(list[dict[str, list[dict[str, str]]]], payload["meterValue"])
    return [
        float(sample["value"])
        for value in values
        for sample in value["sampledValue"]
        if sample["measurand"] == measurand
    ]


def moment(payload: Payload) -> str:
    """The time of a transaction message."""
    values = cast(list[dict[str, str]], payload.get("meterValue", [{}]))
    return str(payload.get("timestamp", values[0].get("timestamp")))


def test_a_session_runs_from_plugging_in_to_driving_away() -> None:
    central = Central(sessions=1)
    central.finish()
    actions = [action for action, _ in central.said if action not in SAID_BESIDE]
    assert actions[:3] == ["BootNotification", "Authorize", "StartTransaction"]
    assert actions[-1] == "StopTransaction"
    assert set(actions[3:-1]) == {"MeterValues"}
    assert central.statuses()[:3] == ["Available", "Preparing", "Charging"]
    assert central.statuses()[-2:] == ["Finishing", "Available"]
    (start,), (stop,) = central.of("StartTransaction"), central.of("StopTransaction")
    (session,) = central.point.cabinet.report
    assert (session.transaction_id, session.authorization) == (1, "Accepted")
    assert (session.meter_start_wh, session.meter_stop_wh) == (start["meterStart"], stop["meterStop"])
    assert session.energy_wh > 1000
    assert session.meter_values_acknowledged == len(central.of("MeterValues"))


def test_what_the_drivers_do_follows_from_the_seed() -> None:
    told = []
    for seed in (7, 7, 8):
        central = Central(seed=seed, connectors=2, sessions=2)
        central.finish()
        told.append([payload for _, payload in central.said])
    assert told[0] == told[1]
    assert told[0] != told[2]


def test_the_same_drivers_come_although_the_link_is_bad() -> None:
    drivers = []
    for cuts in (False, True):
        central = Central(sessions=3)
        for _ in range(15 if cuts else 0):
            central.pass_time(700)
            central.cut()
        central.finish()
        drivers.append([(each.token, each.reason) for each in central.point.cabinet.report])
    assert drivers[0] == drivers[1]


def test_meter_values_have_what_the_key_names_and_come_at_the_interval() -> None:
    central = charging()
    central.pass_time(305)
    values = central.of("MeterValues")
    assert len(values) == 6
    assert {each["transactionId"] for each in values} == {1}
    for measurand in (REGISTER, "Power.Active.Import", "Current.Import", "Voltage", "SoC"):
        assert sampled(values[-1], measurand)
    power, currents = sampled(values[-1], "Power.Active.Import")[0], sampled(values[-1], "Current.Import")
    voltages = sampled(values[-1], "Voltage")
    assert len(currents) == len(voltages) in (1, 3)
    assert power == pytest.approx(sum(currents) * 230, rel=0.02)
    central.ask("ChangeConfiguration", {"key": "MeterValuesSampledData", "value": f"SoC, {REGISTER}"})
    central.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "10"})
    central.pass_time(101)
    assert len(central.of("MeterValues")) == 16
    assert sampled(central.of("MeterValues")[-1], "Power.Active.Import") == []
    central.ask("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "0"})
    central.pass_time(100)
    assert len(central.of("MeterValues")) == 16


def test_clock_aligned_values_come_at_full_intervals_of_the_day() -> None:
    central = Central(connectors=2, sessions=0)
    central.pass_time(100)
    central.ask("ChangeConfiguration", {"key": "ClockAlignedDataInterval", "value": "900"})
    central.pass_time(3600)
    assert sorted({moment(each)[11:19] for each in central.of("MeterValues")}) == [
        "12:15:00",
        "12:30:00",
        "12:45:00",
        "13:00:00",
    ]
    assert len(central.of("MeterValues")) == 8
    assert '"Sample.Clock"' in json.dumps(central.of("MeterValues")[0])
    assert "transactionId" not in central.of("MeterValues")[0]


def test_a_car_takes_less_when_it_is_nearly_full_and_suspends_when_it_is() -> None:
    central = Central(seed=FILLS_UP, sessions=1)
    central.finish()
    powers = [sampled(each, "Power.Active.Import")[0] for each in central.of("MeterValues")]
    socs = [sampled(each, "SoC")[0] for each in central.of("MeterValues")]
    assert socs == sorted(socs)
    assert powers[0] > 3000
    falling = [power for power, soc in zip(powers, socs, strict=True) if soc > 88.5]
    assert falling == sorted(falling, reverse=True)
    assert falling[0] > 2 * falling[-1]
    assert central.statuses()[-4:] == ["Charging", "SuspendedEV", "Finishing", "Available"] or (
        central.statuses()[-3:] == ["SuspendedEV", "Finishing", "Available"]
    )


def test_the_stop_carries_the_meter_values_where_that_is_wanted() -> None:
    central = charging(transaction_data=True, sessions=1)
    central.finish()
    (stop,) = central.of("StopTransaction")
    data = cast(list[Payload], stop["transactionData"])
    registers = [sampled({"meterValue": [value]})[0] for value in data]
    assert registers == sorted(registers)
    contexts = [cast(list[dict[str, str]], value["sampledValue"])[0]["context"] for value in data]
    assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
    assert set(contexts[1:-1]) == {"Sample.Periodic"}
    assert (registers[0], registers[-1]) == (
        central.of("StartTransaction")[0]["meterStart"],
        stop["meterStop"],
    )
    assert len(data) <= 51
    assert "transactionData" not in json.dumps(charging().said)


# -- whether a token may charge ---


@pytest.mark.parametrize("status", ["Blocked", "Expired", "Invalid"])
def test_a_driver_whose_token_may_not_charge_is_turned_away(status: str) -> None:
    central = Central()
    central.results["Authorize"] = {"idTagInfo": {"status": status}}
    central.pass_time(60)
    assert central.of("StartTransaction") == []
    assert central.statuses()[:3] == ["Available", "Preparing", "Available"]


def test_a_start_that_is_not_accepted_is_stopped() -> None:
    central = Central()
    central.results["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Blocked"}}
    central.pass_time(60)
    (stop,) = central.of("StopTransaction")
    assert (stop["reason"], stop["transactionId"]) == ("DeAuthorized", 5)


def test_or_gets_no_energy_where_the_key_says_that_it_goes_on() -> None:
    central = Central()
    central.pass_time(0.1)
    central.ask("ChangeConfiguration", {"key": "StopTransactionOnInvalidId", "value": "False"})
    central.results["StartTransaction"] = {"transactionId": 5, "idTagInfo": {"status": "Blocked"}}
    central.pass_time(300)
    assert central.statuses()[-1] == "SuspendedEVSE"
    assert len({sampled(each)[0] for each in central.of("MeterValues")}) == 1


def test_a_question_that_is_lost_with_the_link_is_decided_without_it() -> None:
    central = Central()
    central.silent = {"Authorize"}
    central.pass_time(60, until=lambda: central.of("Authorize"))
    central.reachable = False
    central.cut()
    central.pass_time(20)
    assert central.point.connectors[0].session is not None


def test_a_question_that_is_refused_is_asked_again_and_then_given_up() -> None:
    central = Central()
    central.refusing = {"Authorize"}
    central.pass_time(50)
    assert len(central.of("Authorize")) == 3
    assert central.statuses()[-1] == "Available"


def test_without_a_link_the_keys_say_whether_a_token_that_nobody_knows_may_charge() -> None:
    for allowed in ("true", "false"):
        central = Central()
        central.pass_time(0.1)
        central.ask("ChangeConfiguration", {"key": "AllowOfflineTxForUnknownId", "value": allowed})
        central.reachable = False
        central.cut()
        central.pass_time(100)
        assert bool(central.point.cabinet.report) == (allowed == "true")


def test_without_a_link_the_local_list_is_believed_before_the_cache() -> None:
    central = Central(tokens=("ABC",))
    central.pass_time(0.1)
    entry = {"idTag": "abc", "idTagInfo": {"status": "Blocked"}}
    wanted: Payload = {"listVersion": 1, "updateType": "Full", "localAuthorizationList": [entry]}
    assert central.ask("SendLocalList", wanted) == {"status": "Accepted"}
    central.reachable = False
    central.cut()
    central.pass_time(100)
    assert central.point.cabinet.report == []


def test_a_token_that_is_known_is_not_asked_for_where_the_key_says_so() -> None:
    central = Central(tokens=("ABC",), sessions=2)
    central.pass_time(0.1)
    central.ask("ChangeConfiguration", {"key": "LocalPreAuthorize", "value": "true"})
    central.finish()
    assert len(central.of("Authorize")) == 1, "the second time the cache knows it"
    assert len(central.of("StartTransaction")) == 2


# -- what is not acknowledged ---


def test_a_start_that_was_not_acknowledged_is_sent_again_with_the_same_content() -> None:
    central = Central()
    central.silent = {"StartTransaction"}
    central.pass_time(60, until=lambda: central.of("StartTransaction"))
    central.cut()
    central.silent = set()
    central.pass_time(200, until=lambda: central.of("MeterValues"))
    first, second = central.of("StartTransaction")
    assert first == second
    assert central.of("MeterValues")[0]["transactionId"] == 1
    assert len(central.point.cabinet.report) == 1


def test_a_session_without_a_link_is_told_afterwards_in_order_with_its_times() -> None:
    central = Central(sessions=2)
    central.pass_time(600, until=lambda: central.of("MeterValues"))
    central.reachable = False
    central.cut()
    central.pass_time(4 * 3600, until=lambda: len(central.point.cabinet.report) == 2)
    central.pass_time(600)
    second = central.point.cabinet.report[1]
    assert second.transaction_id is None
    central.reachable = True
    central.finish()
    queued = [(action, payload) for action, payload in central.said if action in TRANSACTION_MESSAGES]
    assert [moment(payload) for _, payload in queued] == sorted(moment(payload) for _, payload in queued)
    numbers = [payload.get("transactionId") for action, payload in queued if action == "MeterValues"]
    assert numbers == sorted(cast(list[int], numbers)), "the second session's number is in its values"
    assert second.transaction_id == 2


def test_a_refused_message_is_given_up_after_its_attempts_ever_later_and_the_next_one_leaves() -> None:
    central = Central()
    central.refusing = {"StartTransaction"}
    central.pass_time(600, until=lambda: central.of("MeterValues"))
    starts = [at for at, _, action in central.heard if action == "StartTransaction"]
    waits = [round((later - at).total_seconds()) for at, later in pairwise(starts)]
    assert waits == [10, 20]
    assert len({json.dumps(each) for each in central.of("StartTransaction")}) == 1
    assert "transactionId" not in central.of("MeterValues")[0]
    assert central.point.cabinet.report[0].given_up == 1
    central.pass_time(2 * 3600, until=lambda: central.of("StopTransaction"))
    assert central.of("StopTransaction")[0]["transactionId"] == -1


def test_the_keys_say_how_often_and_how_long_after() -> None:
    central = Central()
    central.pass_time(0.1)
    central.ask("ChangeConfiguration", {"key": "TransactionMessageAttempts", "value": "2"})
    central.ask("ChangeConfiguration", {"key": "TransactionMessageRetryInterval", "value": "33"})
    central.refusing = {"StartTransaction"}
    central.pass_time(600, until=lambda: central.of("MeterValues"))
    first, second = [at for at, _, action in central.heard if action == "StartTransaction"]
    assert (second - first).total_seconds() == 33


FAULTS = st.sampled_from(["none", "none", "none", "none", "lost", "answer lost", "refused"])


class Unreliable(Central):
    """A central system behind a network that loses CALLs, or answers and the link with them."""

    faults: list[str]

    def reply(self, id: str, action: str, payload: Payload) -> None:
        match self.faults.pop() if self.faults else "none":
            case "none":
                super().reply(id, action, payload)
            case "lost":
                self.said.pop()
                self.cut()
            case "answer lost":
                self._usual(action, payload)
                self.cut()
            case _ if action in TRANSACTION_MESSAGES and self.refusals.get(json.dumps(payload), 0) < 2:
                self.refusals[json.dumps(payload)] = self.refusals.get(json.dumps(payload), 0) + 1
                self.point.received(json.dumps([4, id, "InternalError", "", {}]).encode(), self.now)
            case _:
                super().reply(id, action, payload)

    refusals: dict[str, int]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), faults=st.lists(FAULTS, max_size=60))
def test_however_bad_the_network_is_every_session_is_told_whole_in_order_and_always_alike(
    seed: int, faults: list[str]
) -> None:
    central = Unreliable(seed=seed, connectors=2, sessions=1)
    central.faults, central.refusals = faults, {}
    central.finish()
    queued = [(action, payload) for action, payload in central.said if action in TRANSACTION_MESSAGES]
    # In order: a message is repeated until it is answered, and never comes back after that.
    told = [json.dumps(each) for each in queued]
    distinct = [each for index, each in enumerate(told) if index == 0 or each != told[index - 1]]
    assert len(distinct) == len(set(distinct))
    assert [moment(payload) for _, payload in queued] == sorted(moment(payload) for _, payload in queued)
    # Energy never falls.
    for number in (1, 2):
        registers = [
            value
            for action, payload in queued
            if action == "MeterValues" and payload["connectorId"] == number
            for value in sampled(payload)
        ]
        assert registers == sorted(registers)
    # The central system knows what the station knows.
    stops = {each["transactionId"]: each["meterStop"] for each in central.of("StopTransaction")}
    assert stops == {each.transaction_id: each.meter_stop_wh for each in central.point.cabinet.report}
    for session in central.point.cabinet.report:
        assert session.start_acknowledged
        assert session.stop_acknowledged
        assert session.given_up == 0
        assert session.energy_wh >= 0
