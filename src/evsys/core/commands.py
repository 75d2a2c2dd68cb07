"""The commands: what people and programs may ask of a station, in the imperative and in OCPP 2.x words.

One Struct per command; a dialect says it in its version (`@performs`). REST, its OpenAPI document, the bus
and the audit follow from the union `AnyCommand`: to add a command is to add a Struct here and one function
per version.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

EvseId = Annotated[int, Meta(ge=0, le=2**31 - 1, description="EVSE number; 0 is the station as a whole.")]
Key = Annotated[str, Meta(min_length=1, max_length=50)]
TokenText = Annotated[str, Meta(min_length=1, max_length=255)]


class Command(Struct, frozen=True, kw_only=True, tag_field="type", tag=True, forbid_unknown_fields=True):
    """Base of all commands."""


class Reset(Command, frozen=True, kw_only=True):
    """Restart the station: *now* (1.6: Hard) or when *idle*, gracefully (1.6: Soft). OCPP 1.6 §5.14, 2.x
    B11/B12."""

    when: Literal["now", "idle"] = "now"


class ChangeAvailability(Command, frozen=True, kw_only=True):
    """Take an EVSE (0: the whole station) out of service or back into it; it survives a restart. OCPP 1.6
    §5.2."""

    evse_id: EvseId = 0
    operative: bool


class SetVariable(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A value to set. 1.6 has configuration keys only: `name` is the key and `component` stays empty."""

    component: Annotated[str, Meta(max_length=50)] = ""
    name: Key
    value: Annotated[str, Meta(max_length=2500)]


class SetVariables(Command, frozen=True, kw_only=True):
    """Change configuration (1.6: ChangeConfiguration, one CALL per key). OCPP 1.6 §5.3."""

    variables: Annotated[tuple[SetVariable, ...], Meta(min_length=1, max_length=100)]


class GetVariables(Command, frozen=True, kw_only=True):
    """Read configuration (1.6: GetConfiguration); without names all of it. OCPP 1.6 §5.8."""

    names: Annotated[tuple[Key, ...], Meta(max_length=1000)] = ()


class ClearCache(Command, frozen=True, kw_only=True):
    """Forget the cached authorisations. OCPP 1.6 §5.4."""


class DataTransfer(Command, frozen=True, kw_only=True):
    """A vendor's own message. OCPP 1.6 §5.6."""

    vendor_id: Annotated[str, Meta(min_length=1, max_length=255)]
    message_id: Annotated[str, Meta(max_length=50)] | None = None
    data: str | None = None


class ChargingSchedulePeriod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    start_period: Annotated[int, Meta(ge=0)]
    limit: Decimal
    number_phases: int | None = None


class ChargingSchedule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    duration_s: Annotated[int, Meta(ge=1)] | None = None
    start_schedule: datetime | None = None
    charging_rate_unit: Literal["A", "W"]
    periods: Annotated[tuple[ChargingSchedulePeriod, ...], Meta(min_length=1, max_length=1024)]
    min_charging_rate: Decimal | None = None


class ChargingProfile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A charging profile in the shape of 2.x; 1.6 has one schedule and calls ChargingStationMaxProfile
    ChargePointMaxProfile. OCPP 1.6 §7.8, 2.x K01."""

    id: int
    stack_level: Annotated[int, Meta(ge=0)]
    purpose: Literal["ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]
    kind: Literal["Absolute", "Recurring", "Relative"]
    recurrency_kind: Literal["Daily", "Weekly"] | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    transaction_id: str | None = None
    schedule: ChargingSchedule


class RequestStartTransaction(Command, frozen=True, kw_only=True):
    """Start a session for a token (1.6: RemoteStartTransaction). OCPP 1.6 §5.11, 2.x F01."""

    id_token: TokenText
    evse_id: Annotated[int, Meta(ge=1)] | None = None
    charging_profile: ChargingProfile | None = None


class RequestStopTransaction(Command, frozen=True, kw_only=True):
    """Stop a running transaction (1.6: RemoteStopTransaction). OCPP 1.6 §5.12, 2.x F03."""

    transaction_id: Annotated[str, Meta(min_length=1)]


class UnlockConnector(Command, frozen=True, kw_only=True):
    """Release the cable; a running transaction is stopped first. OCPP 1.6 §5.18."""

    evse_id: Annotated[int, Meta(ge=1)]
    connector_id: Annotated[int, Meta(ge=1)] = 1


class TriggerMessage(Command, frozen=True, kw_only=True):
    """Ask the station to send a message now. OCPP 1.6 §5.17."""

    message: Annotated[str, Meta(min_length=1, max_length=50)]
    evse_id: EvseId | None = None


class LocalListEntry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An entry of the local list. Without `status` a differential update deletes it."""

    id_token: TokenText
    status: Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"] | None = None
    expires_at: datetime | None = None
    parent: str | None = None


class SendLocalList(Command, frozen=True, kw_only=True):
    """Replace or amend the local authorisation list. OCPP 1.6 §5.15."""

    version: Annotated[int, Meta(ge=1)]
    update: Literal["Full", "Differential"] = "Full"
    entries: tuple[LocalListEntry, ...] = ()


class SetChargingProfile(Command, frozen=True, kw_only=True):
    """Install a charging profile. OCPP 1.6 §5.16."""

    evse_id: EvseId
    profile: ChargingProfile


class ClearChargingProfile(Command, frozen=True, kw_only=True):
    """Remove charging profiles; without criteria all of them. OCPP 1.6 §5.5."""

    id: int | None = None
    evse_id: EvseId | None = None
    purpose: Literal["ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"] | None = None
    stack_level: Annotated[int, Meta(ge=0)] | None = None


class GetCompositeSchedule(Command, frozen=True, kw_only=True):
    """What limit follows from all profiles together. OCPP 1.6 §5.7."""

    evse_id: EvseId
    duration_s: Annotated[int, Meta(ge=1)]
    charging_rate_unit: Literal["A", "W"] | None = None


class GetDiagnostics(Command, frozen=True, kw_only=True):
    """Have the station upload its diagnostics to `location` (a directory URL). OCPP 1.6 §5.9."""

    location: Annotated[str, Meta(min_length=1, max_length=512)]
    retries: int | None = None
    retry_interval_s: int | None = None
    start_at: datetime | None = None
    stop_at: datetime | None = None


class RawCall(Command, frozen=True, kw_only=True):
    """Any CALL, as given: members in the caller's order, white space removed, nothing validated."""

    action: Annotated[str, Meta(min_length=1, max_length=100)]
    payload: Raw


AnyCommand = (
    Reset
    | ChangeAvailability
    | SetVariables
    | GetVariables
    | ClearCache
    | DataTransfer
    | RequestStartTransaction
    | RequestStopTransaction
    | UnlockConnector
    | TriggerMessage
    | SendLocalList
    | SetChargingProfile
    | ClearChargingProfile
    | GetCompositeSchedule
    | GetDiagnostics
)
"""The commands of `POST /stations/{id}/commands`."""

SentCommand = AnyCommand | RawCall
"""What travels over the bus to the station's gateway."""


class AssertMetering(Command, frozen=True, kw_only=True):
    """See to it that these measurands are sampled, at this interval (0: as it is). EVSYS' own initiative: not
    a command for people. What the station samples already is never taken away, and nothing is written that is
    there already: the outcome's status is empty then."""

    measurands: tuple[str, ...] = ()
    sample_interval_s: Annotated[int, Meta(ge=0)] = 0


NOTHING = Raw(b"null")


class Outcome(Struct, frozen=True, kw_only=True):
    """What the station said: whether it accepted, its status word, and its last answer's payload as sent."""

    accepted: bool
    status: str = ""
    detail: Raw = NOTHING
