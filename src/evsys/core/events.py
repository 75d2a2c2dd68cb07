"""The events: what has happened, in the past tense, written in the same commit as the rows they tell of.

An event per change and a change per event; meter rows, last-seen and wire frames are not events. The log
orders them by `seq`, which the store assigns at commit. The kind in a row and in JSON is the Struct's name.
"""

from datetime import datetime
from typing import Final, Literal

from msgspec import Raw, Struct

from evsys.core.records import (
    Alarm,
    AlarmRule,
    ApiKey,
    Campaign,
    ConfigurationTemplate,
    ConnectorStatus,
    Job,
    LibraryProfile,
    LinkPurpose,
    LocalListState,
    Location,
    ProfileAssignment,
    ProfileState,
    Quarantined,
    Registration,
    Reservation,
    Station,
    StoredFile,
    Subscription,
    TelegramChat,
    TelegramInvite,
    Token,
    Transaction,
    UpgradeState,
    User,
)


class _Event(Struct, frozen=True, kw_only=True, tag_field="kind", tag=True, omit_defaults=True):
    """Base of all events."""


class StationRegistered(_Event, frozen=True, kw_only=True):
    """A station became known: by itself (accept_unknown_chp) or by an operator's hand."""

    station: Station
    by: str = ""


class StationChanged(_Event, frozen=True, kw_only=True):
    station: Station
    by: str = ""


class StationRemoved(_Event, frozen=True, kw_only=True):
    station_id: str
    by: str = ""


class StationSecurityChanged(_Event, frozen=True, kw_only=True):
    """People changed how a station is to prove who it is, or gave it a key. No key is told."""

    station_id: str
    by: str = ""


class StationConnected(_Event, frozen=True, kw_only=True):
    station_id: str
    address: str
    protocol: str
    epoch: int
    security_profile: int = 0


class SecurityUpgradeChanged(_Event, frozen=True, kw_only=True):
    """An upgrade of a station's security profile began, or ended."""

    station_id: str
    upgrade_id: str
    profile: int
    state: UpgradeState
    error: str = ""
    by: str = ""


class CertificateIssued(_Event, frozen=True, kw_only=True):
    """A certificate was signed for a station."""

    station_id: str
    serial: str
    name: str
    valid_until: datetime
    by: str = ""


class CertificateRefused(_Event, frozen=True, kw_only=True):
    """A station's CSR was not signed."""

    station_id: str
    reason: str


class CertificateEnding(_Event, frozen=True, kw_only=True):
    """A station's certificate ends soon, and it was not given another one."""

    station_id: str
    serial: str
    valid_until: datetime
    days: int
    """It ends within so many."""


class CertificateRevoked(_Event, frozen=True, kw_only=True):
    station_id: str
    serial: str
    by: str = ""


class AlarmRaised(_Event, frozen=True, kw_only=True):
    """Something that people should look at has happened, which no open alarm tells of yet."""

    alarm: Alarm


class AlarmRepeated(_Event, frozen=True, kw_only=True):
    """What an open alarm tells of has happened again; told once in a while, its `count` says how often."""

    alarm: Alarm


class AlarmFlapping(_Event, frozen=True, kw_only=True):
    """What an open alarm tells of comes and goes: only its `count` grows until it has settled."""

    alarm: Alarm


class AlarmSettled(_Event, frozen=True, kw_only=True):
    """What came and went has stayed as it is for a while."""

    alarm: Alarm


class AlarmAcknowledged(_Event, frozen=True, kw_only=True):
    alarm: Alarm
    by: str = ""


class AlarmCleared(_Event, frozen=True, kw_only=True):
    """What an alarm told of is over, by itself (`by` is empty) or because somebody says so."""

    alarm: Alarm
    by: str = ""


class AlarmRuleChanged(_Event, frozen=True, kw_only=True):
    """People want something else of a kind of alarm, everywhere or at a station."""

    rule: AlarmRule
    by: str = ""


RefusalReason = Literal[
    "no password",
    "wrong password",
    "too many attempts",
    "profile too low",
    "no certificate",
    "wrong certificate name",
    "wrong organisation",
    "certificate expired",
    "certificate revoked",
    "certificate not trusted",
    "TLS version",
    "TLS cipher",
]


class ConnectionRefused(_Event, frozen=True, kw_only=True):
    """A connection was refused for what it proved, or did not. Told once in a while for each station and
    reason (`csms.refusals`)."""

    station_id: str = ""
    """Empty where nobody can say which station it was."""
    reason: RefusalReason
    address: str
    """Where the last of them came from."""
    detail: str = ""
    times: int = 1
    """How many there were since the last time it was told."""


STOPPING: Final = "the central system stops"
RESTARTED: Final = "the central system was restarted"
"""Reasons of a StationDisconnected that are no fault of the station or its link."""


class StationDisconnected(_Event, frozen=True, kw_only=True):
    station_id: str
    reason: str


class StationBooted(_Event, frozen=True, kw_only=True):
    station_id: str
    status: Registration
    vendor: str
    model: str
    firmware_version: str = ""
    serial_number: str = ""


class ConnectorStatusChanged(_Event, frozen=True, kw_only=True):
    connector: ConnectorStatus
    previous: str = ""


class TransactionStarted(_Event, frozen=True, kw_only=True):
    transaction: Transaction


class TransactionEnded(_Event, frozen=True, kw_only=True):
    transaction: Transaction
    by: str = ""
    """Who ended it, where that was an operator."""


class TransactionCorrected(_Event, frozen=True, kw_only=True):
    """A late stop replaced a synthetic end, or a quarantined message found its transaction."""

    transaction: Transaction
    reason: str


class AuthorizationAnswered(_Event, frozen=True, kw_only=True):
    """A station asked for a token outside a transaction (Authorize)."""

    station_id: str
    id_token: str
    status: str


class MessageQuarantined(_Event, frozen=True, kw_only=True):
    quarantined: Quarantined


class FirmwareStatusChanged(_Event, frozen=True, kw_only=True):
    station_id: str
    status: str
    request_id: int | None = None
    """The update that it tells of, where the station names one."""


class DiagnosticsStatusChanged(_Event, frozen=True, kw_only=True):
    """How far the upload of diagnostics or of a log has come."""

    station_id: str
    status: str
    request_id: int | None = None
    """The upload that it tells of, where the station names one."""


class SecurityEventReported(_Event, frozen=True, kw_only=True):
    station_id: str
    type: str
    reported_at: datetime | None = None
    """The station's own time, where it gave one."""
    info: str = ""


class CertificateRequested(_Event, frozen=True, kw_only=True):
    """A station asks to have its certificate signed."""

    station_id: str
    csr: str
    certificate_type: str = "ChargingStationCertificate"
    """What it is for, in the words of OCPP 2.x."""


class DataTransferReceived(_Event, frozen=True, kw_only=True):
    station_id: str
    vendor_id: str
    message_id: str = ""
    data: str = ""
    status: str = ""


class TokenRegistered(_Event, frozen=True, kw_only=True):
    token: Token
    by: str = ""


class TokenChanged(_Event, frozen=True, kw_only=True):
    token: Token
    by: str = ""


class TokenRemoved(_Event, frozen=True, kw_only=True):
    token_id: str
    by: str = ""


class LocationChanged(_Event, frozen=True, kw_only=True):
    location: Location
    by: str = ""


class LocationRemoved(_Event, frozen=True, kw_only=True):
    location_id: str
    by: str = ""


class ConfigurationTemplateChanged(_Event, frozen=True, kw_only=True):
    template: ConfigurationTemplate
    by: str = ""


class ConfigurationTemplateRemoved(_Event, frozen=True, kw_only=True):
    template_id: str
    by: str = ""


class UserChanged(_Event, frozen=True, kw_only=True):
    """A user was made, or what people say of them has changed: their role and their locations among it."""

    user: User
    by: str = ""
    address: str = ""
    """Where whoever did it came from, where that is known."""


class UserRemoved(_Event, frozen=True, kw_only=True):
    user_id: str
    by: str = ""
    address: str = ""


class SignedIn(_Event, frozen=True, kw_only=True):
    user_id: str
    method: Literal["password", "password and code", "link"]
    address: str


class SignInRefused(_Event, frozen=True, kw_only=True):
    """Somebody could not sign in. Told so often a minute and no more."""

    user_id: str = ""
    """Empty where it was nobody's name: people type their password there."""
    reason: Literal["password", "code", "disabled", "too many attempts", "link"]
    address: str
    times: int = 1
    """How many there were since the last that was told."""


class SignedOut(_Event, frozen=True, kw_only=True):
    user_id: str
    sessions: int
    """How many sessions were ended."""
    by: str
    address: str = ""


class PasswordChanged(_Event, frozen=True, kw_only=True):
    user_id: str
    by: str
    address: str = ""


class TwoFactorChanged(_Event, frozen=True, kw_only=True):
    """A user signs in with a code of their authenticator from now on, or no longer."""

    user_id: str
    enabled: bool
    by: str
    address: str = ""


class SignInLinkMade(_Event, frozen=True, kw_only=True):
    """A link was made with which a user can sign in once. The link is not told."""

    user_id: str
    purpose: LinkPurpose
    expires_at: datetime
    by: str
    address: str = ""


class ApiKeyCreated(_Event, frozen=True, kw_only=True):
    key: ApiKey
    by: str = ""


class ApiKeyRevoked(_Event, frozen=True, kw_only=True):
    key: ApiKey
    by: str = ""


class CommandSent(_Event, frozen=True, kw_only=True):
    command_id: str
    station_id: str
    type: str
    request: Raw
    by: str


class CommandFinished(_Event, frozen=True, kw_only=True):
    command_id: str
    station_id: str
    type: str
    accepted: bool | None = None
    status: str = ""
    error: str = ""


class CommandQueued(_Event, frozen=True, kw_only=True):
    """A command waits for its station to come back."""

    command_id: str
    station_id: str
    type: str
    request: Raw
    by: str
    expires_at: datetime


class CommandDropped(_Event, frozen=True, kw_only=True):
    """A queued command waits no longer: it has expired, was cancelled, or cannot be sent; or nobody knows
    whether it was (`Unknown`)."""

    command_id: str
    station_id: str
    type: str
    status: str
    by: str = ""
    error: str = ""


class ReservationChanged(_Event, frozen=True, kw_only=True):
    """A reservation was made, or its status has changed."""

    reservation: Reservation
    by: str = ""


class LocalListChanged(_Event, frozen=True, kw_only=True):
    """The local list of a station is as it should be, or could not be brought there."""

    station_id: str
    state: LocalListState
    list_version: int
    entries: int = 0
    error: str = ""


class ChargingProfileChanged(_Event, frozen=True, kw_only=True):
    """A charging profile of the library was made (version 1) or changed."""

    profile: LibraryProfile
    by: str = ""


class ChargingProfileRemoved(_Event, frozen=True, kw_only=True):
    profile_id: int
    by: str = ""


class ChargingProfileAssigned(_Event, frozen=True, kw_only=True):
    """A profile of the library is wanted at a station."""

    assignment: ProfileAssignment


class ChargingProfileUnassigned(_Event, frozen=True, kw_only=True):
    """It is not wanted there any more. `by`: who said so; empty: its transaction has ended."""

    assignment: ProfileAssignment
    by: str = ""


class ChargingProfileTold(_Event, frozen=True, kw_only=True):
    """A station was sent a profile and has answered, or the profile does not fit it."""

    station_id: str
    profile_id: int
    evse_id: int
    state: ProfileState
    status: str = ""
    detail: str = ""


class ChargingProfileCleared(_Event, frozen=True, kw_only=True):
    """A station has a profile no longer."""

    station_id: str
    profile_id: int


class FileStored(_Event, frozen=True, kw_only=True):
    """A firmware image was given, or a station's upload has arrived."""

    file: StoredFile
    by: str = ""


class FileRemoved(_Event, frozen=True, kw_only=True):
    file_id: str
    by: str = ""


class JobChanged(_Event, frozen=True, kw_only=True):
    """A job was made (version 1) or has moved. `by`: who did it; empty: it followed from what happened."""

    job: Job
    by: str = ""


class CampaignChanged(_Event, frozen=True, kw_only=True):
    """A campaign was made (version 1), or somebody or something changed its state."""

    campaign: Campaign
    by: str = ""


class EventSetAside(_Event, frozen=True, kw_only=True):
    """A consumer of the log refused an event too often, and goes on without it."""

    consumer: str
    seq: int
    event_kind: str
    station_id: str = ""
    tries: int
    reason: str


class SubscriptionChanged(_Event, frozen=True, kw_only=True):
    """A subscription was made (version 1) or changed. Its address is not told."""

    subscription: Subscription
    by: str = ""


class SubscriptionRemoved(_Event, frozen=True, kw_only=True):
    subscription_id: str
    by: str = ""


class SubscriptionPaused(_Event, frozen=True, kw_only=True):
    """Messages to a subscription are refused, or have failed for long: none is sent until somebody resumes
    it."""

    subscription_id: str
    owner: str
    title: str = ""
    channel: str
    reason: str


class TelegramChatChanged(_Event, frozen=True, kw_only=True):
    """A chat asks to be let in (version 1), was let in or refused, or has ended."""

    chat: TelegramChat
    by: str = ""


class TelegramInviteCreated(_Event, frozen=True, kw_only=True):
    invite: TelegramInvite
    by: str = ""


class ChannelFailed(_Event, frozen=True, kw_only=True):
    """A channel that people are told things by does not work, and will not until somebody mends it."""

    channel: str
    reason: str


class ServerStarted(_Event, frozen=True, kw_only=True):
    version: str
    stations: int


Event = (
    StationRegistered
    | StationChanged
    | StationRemoved
    | StationSecurityChanged
    | SecurityUpgradeChanged
    | CertificateIssued
    | CertificateRefused
    | CertificateEnding
    | CertificateRevoked
    | ConnectionRefused
    | AlarmRaised
    | AlarmRepeated
    | AlarmFlapping
    | AlarmSettled
    | AlarmAcknowledged
    | AlarmCleared
    | AlarmRuleChanged
    | StationConnected
    | StationDisconnected
    | StationBooted
    | ConnectorStatusChanged
    | TransactionStarted
    | TransactionEnded
    | TransactionCorrected
    | AuthorizationAnswered
    | MessageQuarantined
    | FirmwareStatusChanged
    | DiagnosticsStatusChanged
    | SecurityEventReported
    | CertificateRequested
    | DataTransferReceived
    | TokenRegistered
    | TokenChanged
    | TokenRemoved
    | LocationChanged
    | LocationRemoved
    | ConfigurationTemplateChanged
    | ConfigurationTemplateRemoved
    | UserChanged
    | UserRemoved
    | SignedIn
    | SignInRefused
    | SignedOut
    | PasswordChanged
    | TwoFactorChanged
    | SignInLinkMade
    | ApiKeyCreated
    | ApiKeyRevoked
    | CommandSent
    | CommandFinished
    | CommandQueued
    | CommandDropped
    | ReservationChanged
    | LocalListChanged
    | ChargingProfileChanged
    | ChargingProfileRemoved
    | ChargingProfileAssigned
    | ChargingProfileUnassigned
    | ChargingProfileTold
    | ChargingProfileCleared
    | FileStored
    | FileRemoved
    | JobChanged
    | CampaignChanged
    | EventSetAside
    | SubscriptionChanged
    | SubscriptionRemoved
    | SubscriptionPaused
    | TelegramChatChanged
    | TelegramInviteCreated
    | ChannelFailed
    | ServerStarted
)

PEOPLE = (
    StationRegistered,
    StationChanged,
    StationRemoved,
    StationSecurityChanged,
    CertificateRevoked,
    TokenRegistered,
    TokenChanged,
    TokenRemoved,
    LocationChanged,
    LocationRemoved,
    UserChanged,
    UserRemoved,
    ApiKeyCreated,
    ApiKeyRevoked,
    ReservationChanged,
)
"""Events of records that people write: the gateway follows them to refresh what it holds in memory."""
PEOPLE_KINDS = tuple(sorted(kind.__name__ for kind in PEOPLE))


class LoggedEvent(Struct, frozen=True, kw_only=True):
    """An event as the log holds it. `seq` rises with each; readers resume after the last they saw."""

    seq: int
    at: datetime
    station_id: str = ""
    """Empty for events of no station."""
    transaction_id: str = ""
    event: Event


def station_of(event: Event) -> str:
    """The station an event belongs to, or an empty string."""
    match event:
        case StationRegistered(station=station) | StationChanged(station=station):
            return station.id
        case ConnectorStatusChanged(connector=connector):
            return connector.station_id
        case TransactionStarted() | TransactionEnded() | TransactionCorrected():
            return event.transaction.station_id
        case ReservationChanged(reservation=reservation):
            return reservation.station_id
        case (
            ChargingProfileAssigned(assignment=assignment) | ChargingProfileUnassigned(assignment=assignment)
        ):
            return assignment.station_id
        case (
            AlarmRaised()
            | AlarmRepeated()
            | AlarmFlapping()
            | AlarmSettled()
            | AlarmAcknowledged()
            | AlarmCleared()
        ):
            return event.alarm.station_id
        case AlarmRuleChanged(rule=rule):
            return rule.station_id
        case MessageQuarantined(quarantined=quarantined):
            return quarantined.station_id
        case JobChanged(job=job):
            return job.station_id
        case FileStored(file=file):
            return file.station_id
        case (
            StationRemoved()
            | StationSecurityChanged()
            | SecurityUpgradeChanged()
            | CertificateIssued()
            | CertificateRefused()
            | CertificateEnding()
            | CertificateRevoked()
            | ConnectionRefused()
            | StationConnected()
            | StationDisconnected()
            | StationBooted()
            | AuthorizationAnswered()
            | FirmwareStatusChanged()
            | DiagnosticsStatusChanged()
            | SecurityEventReported()
            | CertificateRequested()
            | DataTransferReceived()
            | CommandSent()
            | CommandFinished()
            | CommandQueued()
            | LocalListChanged()
            | CommandDropped()
            | EventSetAside()
            | ChargingProfileTold()
            | ChargingProfileCleared()
        ):
            return event.station_id
        case _:
            return ""


def transaction_of(event: Event) -> str:
    """The transaction an event belongs to, or an empty string."""
    match event:
        case TransactionStarted() | TransactionEnded() | TransactionCorrected():
            return event.transaction.id
        case _:
            return ""
