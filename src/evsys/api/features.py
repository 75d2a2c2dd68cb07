"""The features of EVSYS' POST /api for OCPP 1.6: from the envelope's payload to the CALL that is sent.

A payload is plain text in a form of each feature's own, or a JSON object (in a string or as it is) with the
fields of the OCPP request itself, which are sent as given. Nothing of OCPP is validated here: the station
says what it does not like.
"""

from collections.abc import Callable
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Raw, Struct

from evsys.core.commands import RawCall

Fields = dict[str, object]

MAX_NAME: Final = 255
Name = Annotated[str, Meta(max_length=MAX_NAME)]


class Envelope(Struct, frozen=True, kw_only=True):
    """The body of POST /api. Members that are absent or null are as if empty; unknown ones are ignored."""

    charge_point_id: Name | None = ""
    connector_id: int | None = None
    feature_name: Name | None = ""
    payload: str | Fields | None = ""
    protocol_version: Name | None = ""

    @property
    def station_id(self) -> str:
        return self.charge_point_id or ""

    @property
    def connector(self) -> int:
        return self.connector_id or 0

    @property
    def text(self) -> str:
        """The payload as plain text."""
        return self.payload.strip() if isinstance(self.payload, str) else ""

    @property
    def fields(self) -> Fields | None:
        """The payload as a JSON object; None where it is plain text."""
        if not isinstance(self.payload, str):
            return dict(self.payload) if self.payload is not None else None
        if not self.text.startswith("{"):
            return None
        try:
            return msgspec.json.decode(self.text, type=Fields)
        except (msgspec.DecodeError, ValueError, RecursionError):
            raise InvalidRequest("invalid payload") from None


class InvalidRequest(Exception):
    """The request cannot be said to a station, in the words of EVSYS."""


def call_of(envelope: Envelope) -> RawCall:
    """The CALL that an envelope asks for. Raises InvalidRequest."""
    name = envelope.feature_name or ""
    if not name:
        raise InvalidRequest("feature name is empty")
    if (envelope.protocol_version or "") in _VERSION_201:
        raise InvalidRequest(f"feature not supported for OCPP 2.0.1: {name}")
    feature = FEATURES.get(name)
    if feature is None:
        raise InvalidRequest(f"feature not supported for OCPP 1.6: {name}")
    return RawCall(action=name, payload=Raw(msgspec.json.encode(feature(envelope))))


_VERSION_201: Final = frozenset(("ocpp2.0.1", "2.0.1", "201"))


def _trigger_message(envelope: Envelope) -> Fields:
    """EVSYS sends connector 0 where it is named; where none is named none is sent."""
    fields = envelope.fields
    if fields is None:
        fields = {"requestedMessage": _some_text(envelope)}
    if envelope.connector_id is not None and envelope.connector_id >= 0:
        fields.setdefault("connectorId", envelope.connector_id)
    return fields


def _send_local_list(envelope: Envelope) -> Fields:
    """In plain form EVSYS empties the list, whatever the text."""
    fields = envelope.fields
    if fields is None:
        return {"listVersion": 1, "updateType": "Full", "localAuthorizationList": []}
    return fields


def _remote_start(envelope: Envelope) -> Fields:
    fields = envelope.fields
    if fields is None:
        fields = {"idTag": _some_text(envelope)}
    if envelope.connector > 0:
        fields.setdefault("connectorId", envelope.connector)
    return fields


def _remote_stop(envelope: Envelope) -> Fields:
    fields = envelope.fields
    if fields is not None:
        return fields
    number = _integer(envelope.text)
    if number is None:
        raise InvalidRequest("invalid transaction id")
    return {"transactionId": number}


def _get_configuration(envelope: Envelope) -> Fields:
    fields = envelope.fields
    if fields is not None:
        return fields
    keys = [key.strip() for key in envelope.text.split(",") if key.strip()]
    return {"key": keys} if keys else {}


def _json_only(envelope: Envelope) -> Fields:
    fields = envelope.fields
    if fields is None:
        raise InvalidRequest("invalid payload")
    return fields


def _reset(envelope: Envelope) -> Fields:
    fields = envelope.fields
    return {"type": _some_text(envelope)} if fields is None else fields


def _change_availability(envelope: Envelope) -> Fields:
    fields = envelope.fields
    if fields is None:
        fields = {"type": _some_text(envelope)}
    fields.setdefault("connectorId", envelope.connector)
    return fields


def _unlock_connector(envelope: Envelope) -> Fields:
    return {"connectorId": envelope.connector, **(envelope.fields or {})}


def _nothing(envelope: Envelope) -> Fields:
    return envelope.fields or {}


def _reserve_now(envelope: Envelope) -> Fields:
    fields = _json_only(envelope)
    fields.setdefault("connectorId", envelope.connector)
    return fields


def _cancel_reservation(envelope: Envelope) -> Fields:
    fields = envelope.fields
    if fields is not None:
        return fields
    number = _integer(envelope.text)
    if number is None:
        raise InvalidRequest("invalid reservation id")
    return {"reservationId": number}


def _get_installed_certificate_ids(envelope: Envelope) -> Fields:
    fields = envelope.fields
    return {"certificateType": _some_text(envelope)} if fields is None else fields


def _certificate_signed(envelope: Envelope) -> Fields:
    fields = envelope.fields
    return {"certificateChain": _some_text(envelope)} if fields is None else fields


def _set_charging_profile(envelope: Envelope) -> Fields:
    """The payload is the profile itself, as EVSYS has it, or the request with its two members."""
    fields = _json_only(envelope)
    if "csChargingProfiles" not in fields:
        fields = {"csChargingProfiles": fields}
    fields.setdefault("connectorId", envelope.connector)
    return fields


def _get_composite_schedule(envelope: Envelope) -> Fields:
    fields = envelope.fields
    if fields is None:
        seconds = _integer(envelope.text)
        if seconds is None:
            raise InvalidRequest("invalid payload")
        return {"connectorId": envelope.connector, "duration": seconds}
    duration = fields.get("duration")
    if not isinstance(duration, int) or isinstance(duration, bool) or duration <= 0:
        raise InvalidRequest("duration must be positive")
    unit = fields.get("chargingRateUnit")
    if unit not in (None, "", "A", "W"):
        raise InvalidRequest(f'unsupported charging rate unit "{unit}"')
    if not unit:
        fields.pop("chargingRateUnit", None)
    fields.setdefault("connectorId", envelope.connector)
    return fields


def _get_diagnostics(envelope: Envelope) -> Fields:
    fields = envelope.fields
    if fields is None:
        fields = {"location": envelope.text}
    if not fields.get("location"):
        raise InvalidRequest("empty location")
    return fields


def _some_text(envelope: Envelope) -> str:
    if not envelope.text:
        raise InvalidRequest("invalid payload")
    return envelope.text


def _integer(text: str) -> int | None:
    """A decimal number of 32 bits, as OCPP's integers are."""
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 10):
        return None
    number = int(text)
    return number if -(2**31) <= number < 2**31 else None


FEATURES: Final[dict[str, Callable[[Envelope], Fields]]] = {
    "CancelReservation": _cancel_reservation,
    "CertificateSigned": _certificate_signed,
    "ChangeAvailability": _change_availability,
    "ChangeConfiguration": _json_only,
    "ClearCache": _nothing,
    "ClearChargingProfile": _json_only,
    "DataTransfer": _json_only,
    "DeleteCertificate": _json_only,
    "ExtendedTriggerMessage": _trigger_message,
    "GetCompositeSchedule": _get_composite_schedule,
    "GetConfiguration": _get_configuration,
    "GetDiagnostics": _get_diagnostics,
    "GetInstalledCertificateIds": _get_installed_certificate_ids,
    "GetLocalListVersion": _nothing,
    "GetLog": _json_only,
    "InstallCertificate": _json_only,
    "RemoteStartTransaction": _remote_start,
    "RemoteStopTransaction": _remote_stop,
    "ReserveNow": _reserve_now,
    "Reset": _reset,
    "SendLocalList": _send_local_list,
    "SetChargingProfile": _set_charging_profile,
    "SignedUpdateFirmware": _json_only,
    "TriggerMessage": _trigger_message,
    "UnlockConnector": _unlock_connector,
    "UpdateFirmware": _json_only,
}
"""Every action of OCPP 1.6 that a central system may send."""
