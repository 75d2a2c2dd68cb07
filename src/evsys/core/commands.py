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
Int32 = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
RequestId = Annotated[int, Meta(ge=0, le=2**31 - 1, description="Names the job in what is said of it.")]
Url = Annotated[str, Meta(min_length=1, max_length=512)]
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


ChargingPurpose = Literal["ChargingStationMaxProfile", "TxDefaultProfile", "TxProfile"]
ChargingKind = Literal["Absolute", "Recurring", "Relative"]
Recurrency = Literal["Daily", "Weekly"]


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
    purpose: ChargingPurpose
    kind: ChargingKind
    recurrency_kind: Recurrency | None = None
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
    """Ask the station to send a message now. 1.6 says what only the security extension knows
    (LogStatusNotification, SignedFirmwareStatusNotification, SignChargingStationCertificate) with
    ExtendedTriggerMessage. OCPP 1.6 §5.17, 2.x F06."""

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


class GetLocalListVersion(Command, frozen=True, kw_only=True):
    """Which version of the local list the station has: 0, an empty one; below 0, none at all. OCPP 1.6
    §5.10."""


class ReserveNow(Command, frozen=True, kw_only=True):
    """Keep an EVSE (0: any) for a token until `expires_at`; the same `id` replaces an older reservation.
    A token of the group `group_id_token` may use it as well. OCPP 1.6 §5.13, 2.x H01."""

    id: Int32
    evse_id: EvseId = 0
    id_token: TokenText
    group_id_token: TokenText | None = None
    expires_at: datetime


class CancelReservation(Command, frozen=True, kw_only=True):
    """Give up a reservation. OCPP 1.6 §5.1, 2.x H02."""

    id: Int32


class SetChargingProfile(Command, frozen=True, kw_only=True):
    """Install a charging profile. OCPP 1.6 §5.16."""

    evse_id: EvseId
    profile: ChargingProfile


class ClearChargingProfile(Command, frozen=True, kw_only=True):
    """Remove charging profiles; without criteria all of them. OCPP 1.6 §5.5."""

    id: int | None = None
    evse_id: EvseId | None = None
    purpose: ChargingPurpose | None = None
    stack_level: Annotated[int, Meta(ge=0)] | None = None


class GetCompositeSchedule(Command, frozen=True, kw_only=True):
    """What limit follows from all profiles together. OCPP 1.6 §5.7."""

    evse_id: EvseId
    duration_s: Annotated[int, Meta(ge=1)]
    charging_rate_unit: Literal["A", "W"] | None = None


class GetDiagnostics(Command, frozen=True, kw_only=True):
    """Have the station upload its diagnostics to `location` (a directory URL). OCPP 1.6 §5.9."""

    location: Url
    retries: int | None = None
    retry_interval_s: int | None = None
    start_at: datetime | None = None
    stop_at: datetime | None = None


class GetLog(Command, frozen=True, kw_only=True):
    """Have the station upload a log to `location`, and tell of it under `request_id`. OCPP 1.6 security
    extension §4.6, 2.x N01."""

    log_type: Literal["DiagnosticsLog", "SecurityLog"] = "DiagnosticsLog"
    request_id: RequestId
    location: Url
    retries: int | None = None
    retry_interval_s: int | None = None
    oldest_at: datetime | None = None
    latest_at: datetime | None = None


class UpdateFirmware(Command, frozen=True, kw_only=True):
    """Have the station fetch firmware from `location`, not before `retrieve_at`, and install it. Signed where
    there is a `signing_certificate` (PEM) with a `signature` (Base64); 1.6 knows `request_id` and
    `install_at` of signed firmware alone. OCPP 1.6 §5.19 and security extension, 2.x L01."""

    request_id: RequestId
    location: Url
    retrieve_at: datetime
    install_at: datetime | None = None
    signing_certificate: Annotated[str, Meta(min_length=1, max_length=5500)] | None = None
    signature: Annotated[str, Meta(min_length=1, max_length=800)] | None = None
    retries: int | None = None
    retry_interval_s: int | None = None


RootUse = Literal[
    "CSMSRootCertificate", "ManufacturerRootCertificate", "MORootCertificate", "V2GRootCertificate"
]
"""What a root certificate is trusted for. 1.6 has the first two."""


class InstallCertificate(Command, frozen=True, kw_only=True):
    """Have the station trust a root certificate (PEM). OCPP 1.6 security extension, 2.x M05."""

    certificate_type: RootUse
    certificate: Annotated[str, Meta(min_length=1, max_length=5500)]


class CertificateHash(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How an installed certificate is named: hashes of its issuer's name and key, and its serial number."""

    hash_algorithm: Literal["SHA256", "SHA384", "SHA512"]
    issuer_name_hash: Annotated[str, Meta(max_length=128)]
    issuer_key_hash: Annotated[str, Meta(max_length=128)]
    serial_number: Annotated[str, Meta(max_length=40)]


class DeleteCertificate(Command, frozen=True, kw_only=True):
    """Have the station trust a certificate no longer. OCPP 1.6 security extension, 2.x M04."""

    certificate: CertificateHash


class GetInstalledCertificateIds(Command, frozen=True, kw_only=True):
    """Which root certificates the station trusts. OCPP 1.6 security extension, 2.x M03."""

    certificate_type: RootUse


class CertificateSigned(Command, frozen=True, kw_only=True):
    """Hand the station the certificate that it asked for with a CSR, and the certificates above it (PEM, its
    own first). OCPP 1.6 security extension, 2.x A02."""

    certificate_chain: Annotated[str, Meta(min_length=1, max_length=10_000)]


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
    | GetLocalListVersion
    | ReserveNow
    | CancelReservation
    | SetChargingProfile
    | ClearChargingProfile
    | GetCompositeSchedule
    | GetDiagnostics
    | GetLog
    | UpdateFirmware
    | InstallCertificate
    | DeleteCertificate
    | GetInstalledCertificateIds
    | CertificateSigned
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


SECRET_KEYS: frozenset[str] = frozenset(("authorizationkey", "basicauthpassword"))
"""Configuration (in lower case) whose value is a secret: it goes to the station and nowhere else."""
_SECRET_KEYS_BYTES = tuple(key.encode() for key in SECRET_KEYS)


def names_secret(content: bytes) -> bool:
    """Whether JSON names configuration that is a secret."""
    lowered = content.lower()
    return any(key in lowered for key in _SECRET_KEYS_BYTES)


NOTHING = Raw(b"null")


class Outcome(Struct, frozen=True, kw_only=True):
    """What the station said: whether it accepted, its status word, and its last answer's payload as sent."""

    accepted: bool
    status: str = ""
    detail: Raw = NOTHING
