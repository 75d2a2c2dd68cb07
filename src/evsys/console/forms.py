"""Forms of commands, made from the commands' types: a field per member with its limits and its default.

What is simple has a field of its own; what is made of parts is written as JSON. The type itself reads what
comes back, so a form can say nothing that the API could not.
"""

import json
import re
from functools import cache
from inspect import cleandoc
from typing import Final, Literal, get_args

import msgspec
from msgspec import Struct, inspect

from evsys.console.texts import marked as _
from evsys.core.commands import AnyCommand
from evsys.core.errors import BadCommand

Kind = Literal["text", "number", "choice", "truth", "moment", "json"]

LABELS: Final = {
    "when": _("When"),
    "evse_id": _("Connector"),
    "connector_id": _("Plug of it"),
    "operative": _("In service"),
    "variables": _("Keys and values"),
    "names": _("Keys"),
    "vendor_id": _("Vendor"),
    "message_id": _("Message"),
    "data": _("Data"),
    "id_token": _("Token"),
    "charging_profile": _("Charging profile"),
    "transaction_id": _("Session"),
    "message": _("Message"),
    "version": _("Version"),
    "update": _("Update"),
    "entries": _("Entries"),
    "id": _("Number"),
    "group_id_token": _("Group of tokens"),
    "expires_at": _("Until"),
    "profile": _("Charging profile"),
    "purpose": _("Purpose"),
    "stack_level": _("Stack level"),
    "duration_s": _("Duration in seconds"),
    "charging_rate_unit": _("Unit"),
    "location": _("Address (URL)"),
    "retries": _("Retries"),
    "retry_interval_s": _("Seconds between retries"),
    "start_at": _("From"),
    "stop_at": _("To"),
    "log_type": _("Log"),
    "request_id": _("Number of the request"),
    "oldest_at": _("From"),
    "latest_at": _("To"),
    "retrieve_at": _("Fetch not before"),
    "install_at": _("Install not before"),
    "signing_certificate": _("Signing certificate (PEM)"),
    "signature": _("Signature"),
    "certificate_type": _("What it is trusted for"),
    "certificate": _("Certificate"),
    "certificate_chain": _("Certificates (PEM)"),
}
TITLES: Final = {
    "Reset": _("Restart"),
    "ChangeAvailability": _("Take out of service or back"),
    "SetVariables": _("Change configuration"),
    "GetVariables": _("Read configuration"),
    "ClearCache": _("Clear the cache of tokens"),
    "DataTransfer": _("A vendor's own message"),
    "RequestStartTransaction": _("Start a session"),
    "RequestStopTransaction": _("Stop a session"),
    "UnlockConnector": _("Unlock the connector"),
    "TriggerMessage": _("Ask for a message"),
    "SendLocalList": _("Send the local list"),
    "GetLocalListVersion": _("Version of the local list"),
    "ReserveNow": _("Reserve"),
    "CancelReservation": _("Give up a reservation"),
    "SetChargingProfile": _("Set a charging profile"),
    "ClearChargingProfile": _("Clear charging profiles"),
    "GetCompositeSchedule": _("Limit that follows"),
    "GetDiagnostics": _("Upload diagnostics"),
    "GetLog": _("Upload a log"),
    "UpdateFirmware": _("Update the firmware"),
    "InstallCertificate": _("Install a root certificate"),
    "DeleteCertificate": _("Delete a certificate"),
    "GetInstalledCertificateIds": _("Installed certificates"),
    "CertificateSigned": _("Hand over a certificate"),
}
DANGEROUS: Final = frozenset(
    ("Reset", "ChangeAvailability", "UpdateFirmware", "DeleteCertificate", "UnlockConnector")
)
"""What is asked once more, with the name of the station."""
EXAMPLES: Final = {
    "variables": '[{"name": "HeartbeatInterval", "value": "300"}]',
    "names": '["HeartbeatInterval"]',
    "entries": '[{"id_token": "CARD", "status": "Accepted"}]',
    "charging_profile": "",
    "profile": (
        '{"id": 1, "stack_level": 0, "purpose": "TxDefaultProfile", "kind": "Absolute", "schedule": '
        '{"charging_rate_unit": "A", "periods": [{"start_period": 0, "limit": 16}]}}'
    ),
    "certificate": (
        '{"hash_algorithm": "SHA256", "issuer_name_hash": "", "issuer_key_hash": "", "serial_number": ""}'
    ),
}


class Field(Struct, frozen=True, kw_only=True):
    """A member of a command."""

    name: str
    label: str
    kind: Kind
    required: bool
    default: str = ""
    choices: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    longest: int | None = None
    example: str = ""


class Form(Struct, frozen=True, kw_only=True):
    """A command as a form."""

    type: str
    title: str
    help: str
    fields: tuple[Field, ...]
    dangerous: bool


@cache
def forms() -> dict[str, Form]:
    """All commands, in the order of their union."""
    return {kind.__name__: _form(kind) for kind in get_args(AnyCommand)}


def _form(kind: type[Struct]) -> Form:
    described = inspect.type_info(kind)
    assert isinstance(described, inspect.StructType)
    name = kind.__name__
    return Form(
        type=name,
        title=TITLES[name],
        help=help_of(kind),
        fields=tuple(_field(each) for each in described.fields),
        dangerous=name in DANGEROUS,
    )


def help_of(kind: type[Struct]) -> str:
    """What a command does, without the clause of the standard."""
    text = " ".join(cleandoc(kind.__doc__ or "").split())
    return re.sub(r" OCPP 1\.6 (§|security|and).*$", "", text)


def _field(member: inspect.Field) -> Field:
    bare = _without_null(member.type)
    kind, choices = _kind_of(bare)
    required = member.required
    default = "" if required or member.default in (None, (), msgspec.NODEFAULT) else _shown(member.default)
    low = high = longest = None
    if isinstance(bare, inspect.IntType):
        low, high = bare.ge, bare.le
    if isinstance(bare, inspect.StrType):
        longest = bare.max_length
    return Field(
        name=member.name,
        label=LABELS[member.name],
        kind=kind,
        required=required,
        default=default,
        choices=choices,
        low=low,
        high=high,
        longest=longest,
        example=EXAMPLES.get(member.name, "") if kind == "json" else "",
    )


def _without_null(kind: inspect.Type) -> inspect.Type:
    if isinstance(kind, inspect.Metadata):
        return _without_null(kind.type)
    if isinstance(kind, inspect.UnionType):
        others = [each for each in kind.types if not isinstance(each, inspect.NoneType)]
        return _without_null(others[0])
    return kind


def _kind_of(kind: inspect.Type) -> tuple[Kind, tuple[str, ...]]:
    match kind:
        case inspect.LiteralType(values=values):
            return "choice", tuple(str(each) for each in values)
        case inspect.BoolType():
            return "truth", ()
        case inspect.IntType():
            return "number", ()
        case inspect.StrType():
            return "text", ()
        case inspect.DateTimeType():
            return "moment", ()
        case _:
            return "json", ()


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def command_of(given: dict[str, str]) -> AnyCommand:
    """The command that a form asks for. Raises BadCommand."""
    form = forms().get(given.get("type", ""))
    if form is None:
        raise BadCommand("there is no such command")
    members: dict[str, object] = {"type": form.type}
    for field in form.fields:
        text = given.get(field.name, "").strip()
        if text:
            members[field.name] = _value(field, text)
        elif field.required and field.kind == "text":
            raise BadCommand(f"{field.name}: is needed")
    try:
        command: AnyCommand = msgspec.json.decode(msgspec.json.encode(members), type=AnyCommand)
    except msgspec.ValidationError as error:
        raise BadCommand(str(error)) from None
    return command


def _value(field: Field, text: str) -> object:
    match field.kind:
        case "number":
            if not re.fullmatch(r"-?[0-9]{1,10}", text):
                raise BadCommand(f"{field.name}: a whole number is needed")
            return int(text)
        case "truth":
            return text == "true"
        case "moment":
            return text if text.endswith("Z") or "+" in text else f"{text}Z"
        case "json":
            try:
                value: object = json.loads(text)
            except (ValueError, RecursionError):
                raise BadCommand(f"{field.name}: JSON is needed") from None
            return value
        case _:
            return text
