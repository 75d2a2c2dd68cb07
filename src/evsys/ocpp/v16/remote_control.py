"""Remote control: RemoteStartTransaction, RemoteStopTransaction, UnlockConnector, TriggerMessage (OCPP 1.6
§5.11, §5.12, §5.17, §5.18), ExtendedTriggerMessage (security extension)."""

from typing import Final, get_args, get_type_hints

from msgspec import UNSET

from evsys.core import commands
from evsys.core.commands import Outcome
from evsys.core.errors import BadCommand
from evsys.core.station import Station
from evsys.ocpp.dialect import Performance, Request, call
from evsys.ocpp.v16 import messages as m
from evsys.ocpp.v16.dialect import V16, given, id_tag
from evsys.ocpp.v16.models import may_trigger, remote_connector, remote_tag
from evsys.ocpp.v16.smart_charging import number_of, profile

TRIGGERS: Final = frozenset[str](get_args(get_type_hints(m.TriggerMessageRequest)["requestedMessage"]))
EXTENDED_TRIGGERS: Final = {
    "LogStatusNotification": "LogStatusNotification",
    "SignedFirmwareStatusNotification": "FirmwareStatusNotification",
    "SignChargePointCertificate": "SignChargePointCertificate",
    "SignChargingStationCertificate": "SignChargePointCertificate",
}
"""What the security extension alone can trigger, and how it says it. A FirmwareStatusNotification that is
triggered by it comes as a signed one."""


@V16.performs(commands.RequestStartTransaction)
def remote_start(command: commands.RequestStartTransaction, station: Station) -> Performance:
    """A profile that comes along is for the transaction to come, which has no number yet (§5.16.2)."""
    wanted = command.charging_profile
    if wanted is not None and (wanted.purpose != "TxProfile" or wanted.transaction_id is not None):
        raise BadCommand("charging_profile: a start takes a TxProfile without a transaction_id")
    request = m.RemoteStartTransactionRequest(
        idTag=id_tag(remote_tag(command.id_token, station)),
        connectorId=given(remote_connector(command.evse_id, station)),
        chargingProfile=UNSET if wanted is None else profile(wanted, station),
    )
    answer, raw = yield from call(
        Request("RemoteStartTransaction", request, m.RemoteStartTransactionResponse)
    )
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.RequestStopTransaction)
def remote_stop(command: commands.RequestStopTransaction, station: Station) -> Performance:
    request = m.RemoteStopTransactionRequest(transactionId=number_of(command.transaction_id, station))
    answer, raw = yield from call(Request("RemoteStopTransaction", request, m.RemoteStopTransactionResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


@V16.performs(commands.UnlockConnector)
def unlock_connector(command: commands.UnlockConnector, station: Station) -> Performance:
    request = m.UnlockConnectorRequest(connectorId=command.evse_id)
    answer, raw = yield from call(Request("UnlockConnector", request, m.UnlockConnectorResponse))
    return Outcome(accepted=answer.status == "Unlocked", status=answer.status, detail=raw)


@V16.performs(commands.TriggerMessage)
def trigger_message(command: commands.TriggerMessage, station: Station) -> Performance:
    may_trigger(command.message, station)
    extended = EXTENDED_TRIGGERS.get(command.message)
    if extended is not None:
        return (yield from _trigger_extended(extended, command.evse_id))
    if command.message not in TRIGGERS:
        raise BadCommand(
            f"message: OCPP 1.6 can trigger {', '.join(sorted(TRIGGERS | EXTENDED_TRIGGERS.keys()))}"
        )
    request = m.TriggerMessageRequest(
        requestedMessage=command.message,  # type: ignore[arg-type]  # one of TRIGGERS
        connectorId=given(command.evse_id),
    )
    answer, raw = yield from call(Request("TriggerMessage", request, m.TriggerMessageResponse))
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)


def _trigger_extended(message: str, evse_id: int | None) -> Performance:
    request = m.ExtendedTriggerMessageRequest(
        requestedMessage=message,  # type: ignore[arg-type]  # one of EXTENDED_TRIGGERS
        connectorId=given(evse_id),
    )
    answer, raw = yield from call(
        Request("ExtendedTriggerMessage", request, m.ExtendedTriggerMessageResponse)
    )
    return Outcome(accepted=answer.status == "Accepted", status=answer.status, detail=raw)
