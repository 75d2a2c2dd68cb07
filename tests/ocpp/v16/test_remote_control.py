"""RemoteStartTransaction, RemoteStopTransaction, UnlockConnector, TriggerMessage."""

from decimal import Decimal

import pytest

from evsys.core.commands import (
    ChargingProfile,
    ChargingSchedule,
    ChargingSchedulePeriod,
    RequestStartTransaction,
    RequestStopTransaction,
    TriggerMessage,
    UnlockConnector,
)
from evsys.core.errors import BadCommand
from evsys.ocpp.v16.remote_control import EXTENDED_TRIGGERS, TRIGGERS
from kit.desk import Desk
from kit.performing import perform

START = {"connectorId": 1, "idTag": "A", "meterStart": 0, "timestamp": "2026-06-01T12:00:00Z"}


def profile(purpose: str = "TxProfile", transaction_id: str | None = None) -> ChargingProfile:
    return ChargingProfile(
        id=1,
        stack_level=0,
        purpose=purpose,  # type: ignore[arg-type]
        kind="Relative",
        transaction_id=transaction_id,
        schedule=ChargingSchedule(
            charging_rate_unit="A", periods=(ChargingSchedulePeriod(start_period=0, limit=Decimal("8.1")),)
        ),
    )


def test_a_start_is_asked_for():
    outcome, said = perform(RequestStartTransaction(id_token="A", evse_id=2), {"status": "Accepted"})
    assert said == [("RemoteStartTransaction", {"connectorId": 2, "idTag": "A"})]
    assert (outcome.accepted, outcome.status) == (True, "Accepted")
    outcome, said = perform(RequestStartTransaction(id_token="A"), {"status": "Rejected"})
    assert said == [("RemoteStartTransaction", {"idTag": "A"})]
    assert not outcome.accepted


def test_a_start_may_bring_its_profile():
    _, said = perform(
        RequestStartTransaction(id_token="A", charging_profile=profile()), {"status": "Accepted"}
    )
    sent = said[0][1]["chargingProfile"]  # type: ignore[index]
    assert sent["chargingSchedule"]["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 8.1}]
    assert "transactionId" not in sent


@pytest.mark.parametrize(
    "command",
    [
        RequestStartTransaction(id_token="A" * 21),
        RequestStartTransaction(id_token="A", charging_profile=profile("TxDefaultProfile")),
        RequestStartTransaction(id_token="A", charging_profile=profile(transaction_id="7")),
        RequestStopTransaction(transaction_id="not a number"),
        TriggerMessage(message="SignCertificate"),
    ],
)
def test_what_16_cannot_say_is_a_bad_command(command):
    with pytest.raises(BadCommand):
        perform(command)


def test_a_stop_names_the_number_of_its_transaction():
    desk = Desk()
    number = desk.call("StartTransaction", START)["transactionId"]
    command = RequestStopTransaction(transaction_id=str(number))
    assert perform(command, {"status": "Accepted"}, desk=desk)[1] == [
        ("RemoteStopTransaction", {"transactionId": number})
    ]
    assert not perform(RequestStopTransaction(transaction_id="99"), {"status": "Rejected"})[0].accepted


def test_a_station_with_its_own_numbers_is_told_its_own():
    """Etrel names transactions itself, and stops by that name alone."""
    desk = Desk()
    number = desk.call("StartTransaction", START)["transactionId"]
    value = {"timestamp": "2026-06-01T12:00:00Z", "sampledValue": [{"value": "1"}]}
    desk.call("MeterValues", {"connectorId": 1, "transactionId": 555, "meterValue": [value]})
    command = RequestStopTransaction(transaction_id=str(number))
    assert perform(command, {"status": "Accepted"}, desk=desk)[1] == [
        ("RemoteStopTransaction", {"transactionId": 555})
    ]


@pytest.mark.parametrize(
    ("status", "accepted"), [("Unlocked", True), ("UnlockFailed", False), ("NotSupported", False)]
)
def test_a_connector_is_unlocked(status, accepted):
    outcome, said = perform(UnlockConnector(evse_id=2), {"status": status})
    assert said == [("UnlockConnector", {"connectorId": 2})]
    assert (outcome.accepted, outcome.status) == (accepted, status)


@pytest.mark.parametrize("message", sorted(TRIGGERS))
def test_every_trigger_of_16_can_be_pulled(message):
    outcome, said = perform(TriggerMessage(message=message, evse_id=1), {"status": "Accepted"})
    assert said == [("TriggerMessage", {"requestedMessage": message, "connectorId": 1})]
    assert outcome.accepted


@pytest.mark.parametrize(("message", "said_as"), sorted(EXTENDED_TRIGGERS.items()))
def test_what_the_security_extension_alone_can_trigger_goes_its_way(message, said_as):
    outcome, said = perform(TriggerMessage(message=message, evse_id=1), {"status": "Accepted"})
    assert said == [("ExtendedTriggerMessage", {"requestedMessage": said_as, "connectorId": 1})]
    assert outcome.accepted
    assert not perform(TriggerMessage(message=message), {"status": "NotImplemented"})[0].accepted


def test_a_trigger_without_a_connector_and_a_station_that_has_none():
    outcome, said = perform(TriggerMessage(message="Heartbeat"), {"status": "NotSupported"})
    assert said == [("TriggerMessage", {"requestedMessage": "Heartbeat"})]
    assert (outcome.accepted, outcome.status) == (False, "NotImplemented")
