"""Events, commands and ends of sessions in plain words."""

from collections.abc import Mapping
from typing import NamedTuple

from evsys.console.texts import marked as _
from evsys.core import events
from evsys.core.events import Event
from evsys.core.records import CommandRecord, Transaction


class Told(NamedTuple):
    """A sentence to be translated, and what is put into it."""

    text: str
    values: Mapping[str, object]
    tone: str = ""
    """`bad` or `good`, where it is either."""


def told(event: Event) -> Told:
    """What happened."""
    match event:
        case events.StationConnected():
            return Told(_("Connected from %(address)s"), {"address": event.address}, "good")
        case events.StationDisconnected():
            return Told(_("Disconnected: %(reason)s"), {"reason": event.reason})
        case events.StationBooted():
            values = {"vendor": event.vendor, "model": event.model, "status": event.status}
            return Told(_("Booted: %(vendor)s %(model)s, answered %(status)s"), values)
        case events.ConnectorStatusChanged(connector=connector):
            place: dict[str, object] = {
                "evse": connector.evse_id,
                "status": connector.status,
                "error": connector.error_code,
            }
            if connector.status == "Faulted":
                return Told(_("Connector %(evse)s is faulted: %(error)s"), place, "bad")
            return Told(_("Connector %(evse)s is %(status)s"), place)
        case events.TransactionStarted(transaction=transaction):
            return _started(transaction)
        case events.TransactionEnded(transaction=transaction):
            return why_ended(transaction)
        case events.TransactionCorrected():
            return Told(_("The session was corrected: %(reason)s"), {"reason": event.reason})
        case events.AuthorizationAnswered():
            values = {"token": event.id_token, "status": event.status}
            return Told(_("Token %(token)s was answered %(status)s"), values)
        case events.CommandSent():
            return Told(_("%(by)s sent %(command)s"), {"by": event.by, "command": event.type})
        case events.CommandFinished():
            outcome = event.error or event.status or _("done")
            values = {"command": event.type, "outcome": outcome}
            tone = "bad" if event.error or event.accepted is False else "good"
            return Told(_("%(command)s: %(outcome)s"), values, tone)
        case events.CommandQueued():
            return Told(_("%(command)s waits for the station"), {"command": event.type})
        case events.CommandDropped():
            values = {"command": event.type, "status": event.status}
            return Told(_("%(command)s was not sent: %(status)s"), values, "bad")
        case events.AlarmRaised(alarm=alarm):
            return Told(_("Alarm: %(kind)s %(name)s"), {"kind": alarm.kind, "name": alarm.name}, "bad")
        case events.AlarmAcknowledged(alarm=alarm):
            seen: dict[str, object] = {"kind": alarm.kind, "name": alarm.name, "by": event.by or "–"}
            return Told(_("Alarm seen by %(by)s: %(kind)s %(name)s"), seen)
        case events.AlarmCleared(alarm=alarm):
            return Told(
                _("Alarm is over: %(kind)s %(name)s"), {"kind": alarm.kind, "name": alarm.name}, "good"
            )
        case events.ConnectionRefused():
            return Told(_("A connection was refused: %(reason)s"), {"reason": event.reason}, "bad")
        case events.MessageQuarantined(quarantined=held):
            return Told(_("A message was put aside: %(reason)s"), {"reason": held.reason}, "bad")
        case _:
            return _of_people(event)


def _of_people(event: Event) -> Told:
    match event:
        case events.StationRegistered():
            return Told(_("Registered by %(by)s"), {"by": event.by or "–"})
        case events.StationChanged():
            return Told(_("Changed by %(by)s"), {"by": event.by or "–"})
        case events.StationRemoved():
            return Told(_("Removed by %(by)s"), {"by": event.by or "–"})
        case events.TokenRegistered(token=token):
            return Told(_("Token %(token)s is known now"), {"token": token.id})
        case events.TokenChanged(token=token):
            return Told(
                _("Token %(token)s was changed by %(by)s"), {"token": token.id, "by": event.by or "–"}
            )
        case events.TokenRemoved():
            values = {"token": event.token_id, "by": event.by or "–"}
            return Told(_("Token %(token)s was removed by %(by)s"), values)
        case events.UserChanged(user=user):
            values = {"user": user.id, "role": user.role, "by": event.by}
            return Told(_("User %(user)s, %(role)s, was changed by %(by)s"), values)
        case events.UserRemoved():
            return Told(_("User %(user)s was removed by %(by)s"), {"user": event.user_id, "by": event.by})
        case events.SignedIn():
            values = {"user": event.user_id, "address": event.address}
            return Told(_("%(user)s signed in from %(address)s"), values, "good")
        case events.SignInRefused():
            values = {"user": event.user_id or "–", "address": event.address, "reason": event.reason}
            return Told(_("Sign-in of %(user)s from %(address)s was refused: %(reason)s"), values, "bad")
        case events.SignedOut():
            values = {"user": event.user_id, "by": event.by}
            return Told(_("%(user)s was signed out by %(by)s"), values)
        case events.PasswordChanged():
            return Told(_("%(user)s has another password"), {"user": event.user_id})
        case events.TwoFactorChanged():
            return Told(_("The authenticator of %(user)s was changed"), {"user": event.user_id})
        case events.SignInLinkMade():
            values = {"user": event.user_id, "by": event.by}
            return Told(_("A link to sign in was made for %(user)s by %(by)s"), values)
        case _:
            return Told(_("%(kind)s"), {"kind": type(event).__name__})


def _started(transaction: Transaction) -> Told:
    values = {"evse": transaction.evse_id, "token": transaction.id_token or "–"}
    if transaction.authorization == "Accepted":
        return Told(_("Session on connector %(evse)s with token %(token)s"), values, "good")
    values["status"] = transaction.authorization
    return Told(
        _("Session on connector %(evse)s with token %(token)s, which was answered %(status)s"), values, "bad"
    )


ENDS = {
    "Local": _("Stopped at the station"),
    "Remote": _("Stopped from here"),
    "EVDisconnected": _("The cable was pulled out at the vehicle"),
    "EmergencyStop": _("The emergency stop was pressed"),
    "HardReset": _("The station was restarted at once"),
    "SoftReset": _("The station was restarted"),
    "PowerLoss": _("The station lost its power"),
    "Reboot": _("The station restarted"),
    "UnlockCommand": _("The connector was unlocked"),
    "DeAuthorized": _("The token was not accepted"),
    "Other": _("Stopped for another reason"),
}
BY_US = {
    "sweep": _("The station said nothing of its end: it was closed here as abandoned"),
    "superseded": _("A later session began on the same connector, so this one was closed here"),
    "operator": _("An operator closed it here; the station did not say that it ended"),
}
GOOD = frozenset(("Local", "Remote", "EVDisconnected", ""))


def why_ended(transaction: Transaction) -> Told:
    """Why a session ended, or that it runs."""
    if transaction.authorization != "Accepted":
        values: dict[str, object] = {"status": transaction.authorization}
        return Told(_("It failed: the token was answered %(status)s"), values, "bad")
    if transaction.ended_at is None:
        return Told(_("It runs"), {}, "good")
    if transaction.ended_by in BY_US:
        return Told(BY_US[transaction.ended_by], {}, "bad")
    reason = transaction.stop_reason
    text = ENDS.get(reason)
    if text is None:
        return Told(_("It ended: %(reason)s"), {"reason": reason}) if reason else Told(ENDS["Local"], {})
    return Told(text, {}, "" if reason in GOOD else "bad")


def outcome(command: CommandRecord) -> Told:
    """What came of a command."""
    if command.error:
        return Told(_("Failed: %(error)s"), {"error": command.error}, "bad")
    if command.finished_at is None:
        return Told(_("Under way"), {})
    values: dict[str, object] = {"status": command.status or "–"}
    if command.accepted:
        return Told(_("Accepted: %(status)s"), values, "good")
    return Told(_("Refused: %(status)s"), values, "bad")
