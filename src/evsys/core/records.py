"""The records: what the central system keeps, one shape each for row, model and JSON.

A record is a frozen Struct whose fields are the columns of its table (`store/schema.py`, held equal by a
test) and the members of its JSON. Units stand last in a name; times are aware UTC datetimes; money never
appears here as a float.

One writer per record. `Location`, `Station`, `Token`, `ApiKey`, `Job`, `Campaign`, `LibraryProfile` are the
people's: they carry a `version`, and a stale edit is a conflict. `StationStatus`, `StationProof`,
`ConnectorStatus`, `Transaction`, `MeterValue`, `Quarantined` are written only in a turn of their station.
Secrets are records of their own and are never served.

The vocabulary is OCPP 2.x: station, EVSE, connector, id token, transaction. An OCPP 1.6 connector n is EVSE
n, connector 1; 1.6 connector 0 (the station as a whole) is EVSE 0, connector 0.
"""

from datetime import datetime
from typing import Literal

from msgspec import Raw, Struct

from evsys.core.commands import ChargingKind, ChargingPurpose, ChargingSchedule, Recurrency
from evsys.core.workarounds import STANDARD, Workarounds

Registration = Literal["Accepted", "Pending", "Rejected"]
Role = Literal["admin", "operator", "viewer", "driver"]
LinkPurpose = Literal["first", "invitation", "reset"]
AuthorizationStatus = Literal["Accepted", "Blocked", "Expired", "Invalid", "ConcurrentTx"]
JobKind = Literal["firmware", "diagnostics", "log"]
JobState = Literal["waiting", "requested", "transferring", "installing", "done", "failed", "cancelled"]
CampaignState = Literal["running", "paused", "stopped", "done", "cancelled"]
Ending = Literal["station", "sweep", "superseded", "operator"]
"""Who ended a transaction: the station's own stop, or a synthetic end by the sweep of abandoned sessions, by
a later start on the same EVSE, or by an operator. A late stop of the station replaces a synthetic end."""


class Record(Struct, frozen=True, kw_only=True):
    """Base of all records; see the module for who may write which."""


class Location(Record, frozen=True, kw_only=True):
    """A place with stations. `time_zone` is an IANA name and shapes displays only."""

    id: str
    name: str = ""
    address: str = ""
    latitude: float | None = None
    longitude: float | None = None
    time_zone: str = "UTC"
    created_at: datetime
    version: int = 1


class Station(Record, frozen=True, kw_only=True):
    """What people say of a station: who it is, whether it may charge, and how to get along with it."""

    id: str
    title: str = ""
    location_id: str | None = None
    enabled: bool = True
    """A disabled station may connect and deliver what it has, but its boots are Rejected and every token is
    Blocked on it."""
    registration: Registration = "Accepted"
    """What its BootNotification is answered with."""
    conformance: Literal["lenient", "strict"] = "lenient"
    ping: bool = True
    """Whether the gateway pings its link."""
    assume_protocol: str = ""
    """The OCPP version to assume when the handshake offers none, e.g. `ocpp1.6`; empty: the gateway's
    setting."""
    assert_measurands: bool = True
    """Whether measurands and sample interval are asserted after each boot."""
    poll_meter_values: bool = False
    """Whether meter values are asked for with TriggerMessage while a transaction runs."""
    sweep: bool = True
    """Whether abandoned transactions are closed by the sweep."""
    call_timeout_s: int | None = None
    """How long it may take to answer a CALL; None: the node's setting."""
    model_profile: str = ""
    """The model profile that holds for it; empty: the first that fits what it says of itself; `none`: no
    one."""
    workarounds: Workarounds = STANDARD
    """What is done differently for it, before what its profile says."""
    local_list: bool | None = None
    """Whether its local list is kept as the tokens are; None: the office's setting."""
    created_at: datetime
    version: int = 1


class StationSecurity(Record, frozen=True, kw_only=True):
    """How a station is to prove who it is; the people's. See `core.credentials` for what follows from it."""

    station_id: str
    minimum_profile: int = 0
    """The security profile (0 to 3) below which people want it refused."""
    user: str = ""
    """The user name of its Basic authentication; empty: its id."""
    certificate_name: str = ""
    """The name that its certificate holds (its serial number); empty: its id."""
    forgiven_at: datetime | None = None
    """When people last said that it may come with a lower profile than before."""
    version: int = 1


class StationKey(Record, frozen=True, kw_only=True):
    """A digest of a station's AuthorizationKey (`core.credentials.digest`). Never served."""

    station_id: str
    number: int
    """Counts the keys that the station was given: a higher one is newer."""
    digest: str
    made_at: datetime


class StationProof(Record, frozen=True, kw_only=True):
    """What a station proved itself with when it connected last; written in its turn, where it differs from
    the time before."""

    station_id: str
    profile: int
    """The security profile of that connection."""
    key_number: int = 0
    """The number of the newest key that it ever used; 0: none."""
    certificate_serial: str = ""
    """Of the certificate that it came with, in hex digits; empty without one."""
    at: datetime


class StationCertificate(Record, frozen=True, kw_only=True):
    """A certificate that was signed for a station; the office's."""

    serial: str
    """Its serial number, in hex digits."""
    station_id: str
    name: str
    """What it calls the station: its common name."""
    issuer: str
    valid_from: datetime
    valid_until: datetime
    renew_at: datetime
    """When the station is asked to ask for another one."""
    chain: str
    """PEM: itself and those above it but for the root."""
    request_digest: str
    """SHA-256 of the CSR."""
    issued_at: datetime
    accepted_at: datetime | None = None
    """When the station took it."""
    revoked_at: datetime | None = None
    version: int = 1


UpgradeState = Literal["requested", "keyed", "rooted", "certified", "waiting", "done", "failed"]
"""How far an upgrade of the security profile has come: asked for, the station has its key, trusts the root,
has its certificate, is to come back with the new profile; and how it ended."""


class SecurityUpgrade(Record, frozen=True, kw_only=True):
    """A station on its way to a higher security profile; the office's."""

    id: str
    station_id: str
    profile: int
    """The one that it is to reach."""
    state: UpgradeState = "requested"
    requested_by: str
    requested_at: datetime
    changed_at: datetime
    error: str = ""
    """Why it failed; else what the station would not do on the way."""
    version: int = 1


AlarmKind = Literal[
    "station_offline",
    "connector_faulted",
    "no_energy",
    "session_abandoned",
    "meter_silent",
    "meter_backwards",
    "authorization_refused",
    "clock_off",
    "security_event",
    "connection_refused",
    "certificate_refused",
    "certificate_ends",
    "upgrade_failed",
    "disk_space",
    "database",
    "event_set_aside",
    "channel_failed",
]
AlarmSeverity = Literal["critical", "warning", "info"]


class Alarm(Record, frozen=True, kw_only=True):
    """Something that people should look at; the office's. One of a station, kind and name that is not cleared
    exists at a time."""

    id: str
    station_id: str
    """Empty where it is of no station that is known."""
    kind: AlarmKind
    name: str
    """What it is within its kind: the type of a security event, the reason of a refusal, a connector
    (`1-1`), a transaction."""
    severity: AlarmSeverity
    detail: str = ""
    """What was said of it last."""
    facts: Raw
    """The same as a JSON object, for programs: its members depend on the kind."""
    count: int = 1
    """How often it happened."""
    flapping: bool = False
    """Whether it comes and goes: then only `count` tells of it until it has settled."""
    raised_at: datetime
    last_at: datetime
    last_seq: int
    """The number of the last event that was counted."""
    told_at: datetime
    """When it was last raised or repeated as an event."""
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    note: str = ""
    """What somebody had to say when it was acknowledged or cleared."""
    cleared_at: datetime | None = None
    cleared_by: str = ""
    """Empty: it passed by itself."""
    version: int = 1


class AlarmWatch(Record, frozen=True, kw_only=True):
    """What is to become an alarm, or stops being one, when its time has come (`core.alarms`); the
    office's."""

    station_id: str
    kind: AlarmKind
    name: str
    holds: bool
    """Whether it is so now; never of what only happens."""
    since: datetime
    moments: Raw
    """When it began or happened lately: a JSON list of times."""
    severity: AlarmSeverity
    detail: str = ""
    facts: Raw
    due_at: datetime | None = None
    """When it is to be looked at."""
    muted: bool = False
    """Whether somebody has cleared its alarm while it held: it is not raised again until it has ended."""
    last_seq: int
    version: int = 1


class AlarmRule(Record, frozen=True, kw_only=True):
    """What people want of a kind of alarm, everywhere or at a station; the office's. What is None is as the
    next wider rule says it."""

    kind: AlarmKind
    station_id: str = ""
    """Empty: everywhere."""
    enabled: bool | None = None
    severity: AlarmSeverity | None = None
    after_s: int | None = None
    times: int | None = None
    within_s: int | None = None
    clears_after_s: int | None = None
    repeat_s: int | None = None
    threshold: int | None = None
    version: int = 1


class StationStatus(Record, frozen=True, kw_only=True, gc=False):
    """What a station says of itself and of its link."""

    station_id: str
    epoch: int = 0
    """Rises with each claim of the station by a connection; an older epoch writes nothing."""
    connected: bool = False
    connected_at: datetime | None = None
    disconnected_at: datetime | None = None
    address: str = ""
    protocol: str = ""
    registration: Registration | None = None
    """The status last answered to a BootNotification; None before the first."""
    booted_at: datetime | None = None
    vendor: str = ""
    model: str = ""
    serial_number: str = ""
    charge_box_serial_number: str = ""
    firmware_version: str = ""
    iccid: str = ""
    imsi: str = ""
    meter_type: str = ""
    meter_serial_number: str = ""
    firmware_status: str = ""
    diagnostics_status: str = ""
    firmware_request_id: int | None = None
    """The update of which `firmware_status` tells, where the station named one."""
    diagnostics_request_id: int | None = None
    """The same of `diagnostics_status`."""


class ConnectorStatus(Record, frozen=True, kw_only=True, gc=False):
    """The last reported status of a connector, as sent. EVSE 0, connector 0 is the station as a whole."""

    station_id: str
    evse_id: int
    connector_id: int
    status: str
    error_code: str = "NoError"
    info: str = ""
    vendor_id: str = ""
    vendor_error_code: str = ""
    reported_at: datetime | None = None
    """The station's own time, where it gave a plausible one."""
    received_at: datetime


class LastSeen(Record, frozen=True, kw_only=True):
    """When a station was last heard of; flushed in bulk, never an event."""

    station_id: str
    at: datetime


class StationQuirk(Record, frozen=True, kw_only=True):
    """How often a station left the standard in one way (`core.quirks`); flushed in bulk, never an event."""

    station_id: str
    kind: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    example: str
    """What it sent the last time: the beginning, secrets masked."""


class Token(Record, frozen=True, kw_only=True):
    """An id token (a card, an app user) and its rights. `id` is the canonical form: upper case (OCPP compares
    tokens without regard to case)."""

    id: str
    kind: str = ""
    """The type of the id token in OCPP 2.x words (ISO14443, Central …); empty where unknown."""
    label: str = ""
    parent: str = ""
    """The group (1.6: parentIdTag): tokens of one group may stop each other's transactions."""
    blocked: bool = False
    expires_at: datetime | None = None
    max_concurrent: int | None = 1
    """How many transactions may run at once; None: any number."""
    station_ids: tuple[str, ...] = ()
    """The only stations where it may charge; empty: all."""
    user_id: str | None = None
    note: str = ""
    created_at: datetime
    version: int = 1


class User(Record, frozen=True, kw_only=True):
    """Somebody who owns id tokens, or works here. How they sign in is a `UserLogin`."""

    id: str
    name: str = ""
    email: str = ""
    phone: str = ""
    note: str = ""
    role: Role = "driver"
    """What they may do (`core.access`); a driver owns tokens and may do nothing here."""
    location_ids: tuple[str, ...] = ()
    """The only locations that they see; empty: all."""
    enabled: bool = True
    """Somebody who is not can neither sign in nor use a key."""
    created_at: datetime
    version: int = 1


class Transaction(Record, frozen=True, kw_only=True):
    """One charging session from start to stop, as OCPP has it.

    `energy_wh` is None while it runs without readings, else never negative: the sum over register restarts.
    """

    id: str
    number: int | None = None
    """OCPP 1.6's transactionId: positive, 32-bit, unique for ever."""
    alias: int | None = None
    """The number that the station uses instead of ours, where it makes up its own (field quirk 43)."""
    station_id: str
    evse_id: int
    connector_id: int
    id_token: str = ""
    """As the station sent it."""
    id_token_canonical: str = ""
    authorization: AuthorizationStatus
    """What the start was answered with. A refused start is stored as well: energy may flow."""
    started_at: datetime
    start_received_at: datetime
    meter_start_wh: int
    start_key: str | None = None
    """Identity of the start, unique: see `core.transactions.start_key`. None where the transaction was made
    from its stop alone, or where the start carries no plausible time."""
    reservation_id: int | None = None
    ended_at: datetime | None = None
    end_received_at: datetime | None = None
    meter_stop_wh: int | None = None
    energy_wh: int | None = None
    stop_reason: str = ""
    """As the station sent it; empty while running and where it sent none."""
    stop_id_token: str = ""
    ended_by: Ending | None = None
    flags: tuple[str, ...] = ()
    """What an operator should know: `clock`, `negative_meter`, `register_restart`, `orphan_stop`, `no_token`
    …"""


class MeterValue(Record, frozen=True, kw_only=True, gc=False):
    """One MeterValue element: the samples of one moment. Common measurands have columns, all else is in
    `rest`.

    `digest` is the identity of the value: station, connector, transaction, reported time and a hash of the
    samples. A repeat has the same one and adds no row.
    """

    digest: int
    station_id: str
    evse_id: int
    transaction_id: str
    """Empty outside transactions."""
    at: datetime
    """The reported time, or the time of receipt where none plausible was reported."""
    reported_at: datetime
    """The time exactly as reported, part of the value's identity; 1970-01-01 where none was."""
    received_at: datetime
    context: str = ""
    """Empty: Sample.Periodic, the default."""
    energy_wh: float | None = None
    energy_export_wh: float | None = None
    power_w: float | None = None
    power_offered_w: float | None = None
    current_a: float | None = None
    current_l1_a: float | None = None
    current_l2_a: float | None = None
    current_l3_a: float | None = None
    current_offered_a: float | None = None
    voltage_v: float | None = None
    voltage_l1_v: float | None = None
    voltage_l2_v: float | None = None
    voltage_l3_v: float | None = None
    soc_percent: float | None = None
    temperature_c: float | None = None
    frequency_hz: float | None = None
    rest: Raw | None = None
    """The samples without a column of their own, a JSON list as sent; signed values byte-exact."""


class Quarantined(Record, frozen=True, kw_only=True):
    """A message of a station that could not be attached to a session when it came: kept, visible, reconciled
    later."""

    id: str
    station_id: str
    kind: Literal["stop", "meter_values"]
    number: int | None = None
    """The transactionId it named."""
    received_at: datetime
    reason: str
    payload: Raw
    resolved_at: datetime | None = None
    transaction_id: str | None = None
    """The transaction it was attached to in the end."""


class Knock(Record, frozen=True, kw_only=True):
    """An unknown station that tried to connect and was refused."""

    station_id: str
    first_seen_at: datetime
    last_seen_at: datetime
    address: str
    count: int = 1


class ApiKey(Record, frozen=True, kw_only=True):
    """A key of the API; its secret is an `ApiKeySecret`."""

    id: str
    name: str
    role: Role
    scopes: tuple[str, ...] = ()
    """What it is limited to; empty: all that its role may."""
    user_id: str | None = None
    """Whose it is: it may never do more than they, and sees no other locations."""
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    version: int = 1


class UserLogin(Record, frozen=True, kw_only=True):
    """What a user proves themselves with. Never served."""

    user_id: str
    password: str = ""
    """Its argon2id hash; empty: there is none."""
    totp: str = ""
    """The secret of the authenticator, encrypted with the server's key; empty: there is none."""
    totp_step: int = 0
    """The last step of time whose code was used: no code is good twice."""
    changed_at: datetime
    version: int = 1


class UserSession(Record, frozen=True, kw_only=True):
    """Somebody signed in, at one browser. Never served."""

    digest: str
    """The SHA-256 of its secret (256 random bits)."""
    id: str
    user_id: str
    created_at: datetime
    seen_at: datetime
    """When it was last used, to within minutes."""
    expires_at: datetime
    address: str
    agent: str
    """What the browser says it is: its beginning."""
    version: int = 1


class UserLink(Record, frozen=True, kw_only=True):
    """A link that lets a user sign in once and choose a password. Never served."""

    digest: str
    """The SHA-256 of its secret (256 random bits)."""
    user_id: str
    purpose: LinkPurpose
    created_by: str
    created_at: datetime
    expires_at: datetime
    version: int = 1


class ApiKeySecret(Record, frozen=True, kw_only=True):
    """The SHA-256 of a key (keys are 256 random bits, so a fast hash is enough). Never served."""

    key_id: str
    digest: str


class CommandRecord(Record, frozen=True, kw_only=True):
    """A command to a station: who asked for what when, and what came of it."""

    id: str
    station_id: str
    type: str
    request: Raw
    requested_by: str
    requested_at: datetime
    finished_at: datetime | None = None
    accepted: bool | None = None
    status: str = ""
    detail: Raw | None = None
    error: str = ""


ReservationStatus = Literal["REQUESTED", "ACTIVE", "USED", "EXPIRED", "CANCELLED", "REJECTED"]
"""*Requested*: the station was asked, and what it said is not known (yet). The last four are final."""


class Reservation(Record, frozen=True, kw_only=True):
    """An EVSE that a station keeps for a token. The office writes it, also where a start has used it."""

    id: str
    station_id: str
    number: int
    """OCPP's reservationId, unique for the station."""
    evse_id: int = 0
    """0: any of the station."""
    id_token: str
    """In canonical form."""
    parent: str = ""
    """The group of the token (1.6: parentIdTag): all tokens of it may use it."""
    status: ReservationStatus = "REQUESTED"
    reason: str = ""
    """Why it is no longer, or was never, active: what the station answered, or an error."""
    transaction_id: str | None = None
    """The transaction that used it."""
    requested_by: str = ""
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    version: int = 1


LocalListState = Literal["PENDING", "SENDING", "SYNCED", "FAILED", "UNSUPPORTED", "DISABLED"]
"""*Unsupported*: the station said that it has none; *disabled*: its LocalAuthListEnabled says so."""


class LocalList(Record, frozen=True, kw_only=True):
    """The local list of a station: what the office sent it, and how that went. The office writes it."""

    station_id: str
    state: LocalListState = "PENDING"
    list_version: int = 0
    """The version that was last sent and accepted."""
    content: str = ""
    """What is on the station's list: the digest of a `LocalListContent`; empty: not known."""
    entries: int = 0
    max_length: int | None = None
    """Its LocalAuthListMaxLength; None: it does not say."""
    max_update: int | None = None
    """Its SendLocalListMaxLength; None: it does not say."""
    firmware_version: str = ""
    """Of the station when it was last asked for what it can."""
    asked_at: datetime | None = None
    """When it was last asked for what it can, and for the version of its list."""
    synced_at: datetime | None = None
    error: str = ""
    """Why it is not as it should be; empty while all is well."""


class LocalListContent(Record, frozen=True, kw_only=True):
    """What is on local lists of one digest: most stations have the same."""

    digest: str
    entries: Raw
    """A list of `core.commands.LocalListEntry`."""


QueuedStatus = Literal["Queued", "Sending", "Sent", "Expired", "Cancelled", "Failed", "Unknown"]
"""Unknown: the gateway that it was given to never said whether it sent it."""


class QueuedCommand(Record, frozen=True, kw_only=True):
    """A command that waits until its station is back. The office writes it; from the moment it is sent the
    station's turns keep a `CommandRecord` of the same id."""

    id: str
    station_id: str
    number: int
    """Its place among all commands that were ever queued for the station."""
    type: str
    request: Raw
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    """When it is no longer to be sent."""
    status: QueuedStatus = "Queued"
    ended_at: datetime | None = None
    """When it stopped waiting: sent or not."""
    error: str = ""
    version: int = 1


class KeyedRequest(Record, frozen=True, kw_only=True):
    """A request to the API that came with an Idempotency-Key, and what it was answered: told again instead of
    done again."""

    owner: str
    """The id of the API key that it came with."""
    key: str
    digest: str
    """HMAC-SHA-256 of the request (method, target and body) with what it was authorised by."""
    at: datetime
    status: int = 0
    """The HTTP status of the answer; 0 while the request is under way, or where it was cut short."""
    location: str = ""
    answer: Raw | None = None
    """None where it is not to be told again, or was lost."""
    version: int = 1


class Lease(Record, frozen=True, kw_only=True):
    """A number handed out in blocks (1.6 transaction numbers): all below `next` are given away."""

    name: str
    next: int


class ConsumerCursor(Record, frozen=True, kw_only=True):
    """How far a consumer of the log of events has come, and which office follows the log for it."""

    name: str
    seq: int
    """All events up to this one were taken."""
    holder: str
    """The office that holds the lease."""
    held_until: datetime
    """Afterwards another office may take over."""
    version: int = 1


class DeferredEvent(Record, frozen=True, kw_only=True):
    """An event that a consumer has passed and not taken yet: it was refused, or an earlier one of its station
    was. Written by the holder of the consumer's lease alone."""

    consumer: str
    seq: int
    station_id: str
    """Empty: of no station."""
    tries: int = 0
    """How often it was refused."""
    reason: str = ""
    """Why, the last time."""


class ConfigurationKey(Record, frozen=True, kw_only=True):
    """A configuration key of a station as it last reported it. AuthorizationKey is never stored."""

    station_id: str
    key: str
    value: str | None = None
    readonly: bool = False
    at: datetime


class StoredFile(Record, frozen=True, kw_only=True):
    """A file that is kept: a firmware image that people gave, or what a station uploaded. Its bytes lie in
    the data folder under its id; they are written once and never changed."""

    id: str
    kind: JobKind
    name: str
    """As it was called where it came from: for showing, never a path."""
    size_bytes: int
    sha256: str
    station_id: str = ""
    """Where it came from; empty for firmware."""
    job_id: str = ""
    """The job that it arrived for; empty for firmware."""
    firmware_version: str = ""
    """The version that a station boots with when this image is installed; empty where nobody said."""
    signature: str = ""
    """Of a signed image, base64 (OCPP 1.6 security extension, SignedUpdateFirmware)."""
    signing_certificate: str = ""
    """PEM; the certificate that the signature is checked with."""
    created_by: str = ""
    created_at: datetime


class Job(Record, frozen=True, kw_only=True):
    """A file on its way: a firmware image to a station, or diagnostics or a log from one.

    The people's: written by the office alone, which moves it by what the station tells and by what really
    arrives (`core.jobs`)."""

    id: str
    kind: JobKind
    station_id: str
    campaign_id: str | None = None
    state: JobState = "waiting"
    file_id: str | None = None
    """Firmware: the image. Else what arrived, once it has."""
    via: Literal["http", "ftp"]
    log: Literal["", "diagnostics", "security"] = ""
    """Which log (kind log)."""
    from_at: datetime | None = None
    to_at: datetime | None = None
    """What the diagnostics or the log are to cover."""
    firmware_version: str = ""
    """What the station must boot with for the job to be done; empty: its word is enough."""
    begin_at: datetime | None = None
    """Firmware: when the station may begin to fetch it; None: at once."""
    phase_s: int | None = None
    """How long the station may stay in one state; None: the usual (`core.jobs`)."""
    retries: int = 0
    """How often it is asked again where it failed."""
    attempts: int = 0
    request_id: int | None = None
    """What a log or a signed image of the present attempt is asked for with."""
    status: str = ""
    """The last that the station said of it, in its words."""
    heard_seq: int = 0
    """Events up to this one say nothing new of the present attempt."""
    reason: str = ""
    """Why the last attempt failed."""
    next_at: datetime
    """While waiting: not before."""
    expires_at: datetime
    """While waiting: not after."""
    deadline_at: datetime | None = None
    """While under way: when the present state has lasted too long."""
    created_by: str = ""
    created_at: datetime
    finished_at: datetime | None = None
    version: int = 1


class TransferSecret(Record, frozen=True, kw_only=True):
    """The SHA-256 of what a station shows to fetch or deliver the file of a job (128 random bits). It lives
    as long as the attempt. Never served."""

    job_id: str
    digest: str


class Campaign(Record, frozen=True, kw_only=True):
    """One kind of job for many stations, a few at a time. `done`: all its jobs have ended; `stopped`: by
    itself, after too many failures."""

    id: str
    name: str = ""
    kind: JobKind
    file_id: str | None = None
    state: CampaignState = "running"
    stations: int
    """How many jobs it began with."""
    concurrency: int
    """How many of them may be under way at once."""
    stop_after_failures: int | None = None
    forgiven: int = 0
    """Failures that somebody has seen: it was resumed after them."""
    reason: str = ""
    created_by: str = ""
    created_at: datetime
    finished_at: datetime | None = None
    version: int = 1


class ConfigurationTemplate(Record, frozen=True, kw_only=True):
    """The configuration that people want of some stations: those that it names, or those of a model as model
    profiles find them, `*` and `?` standing for any letters and for one."""

    id: str
    name: str = ""
    station_ids: tuple[str, ...] = ()
    vendor: str = ""
    """The pattern of the vendor; empty: only the stations that are named."""
    model: str = "*"
    firmware: str = "*"
    configuration: Raw
    """A JSON object of keys and their values."""
    repair: bool = False
    """Whether what differs is set without being asked; else it is only shown."""
    created_at: datetime
    version: int = 1


class ConfigurationVerdict(Record, frozen=True, kw_only=True):
    """What a station said when it was last told to repair a key; written by the office alone."""

    station_id: str
    key: str
    value: str
    status: str
    firmware_version: str = ""
    at: datetime


class LibraryProfile(Record, frozen=True, kw_only=True):
    """A charging profile of the library; stations are sent it under its own id."""

    id: int
    """OCPP's chargingProfileId."""
    name: str
    description: str = ""
    purpose: ChargingPurpose
    kind: ChargingKind
    recurrency_kind: Recurrency | None = None
    stack_level: int = 0
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    schedule: ChargingSchedule
    created_at: datetime
    version: int = 1


class ProfileAssignment(Record, frozen=True, kw_only=True):
    """That people want a profile of the library at a station. It is made and removed, never changed; so
    `purpose` and `stack_level` are the profile's, which keeps them while it is assigned."""

    id: str
    station_id: str
    profile_id: int
    evse_id: int = 0
    """0: the station as a whole (ChargingStationMaxProfile), or each of its EVSEs (TxDefaultProfile)."""
    transaction_id: str | None = None
    """TxProfile: the running transaction that it is for; the assignment ends with it."""
    purpose: ChargingPurpose
    stack_level: int
    phases: int = 3
    """How many the EVSE has: what limits in A and in W are converted with."""
    voltage_v: int = 230
    assigned_by: str
    assigned_at: datetime


ProfileState = Literal["SENDING", "INSTALLED", "REFUSED", "UNFIT", "UNKNOWN", "CLEARING"]
"""*Unfit*: not sent, for the station's limits do not allow it; *sending*, *unknown*: what the station has of
it nobody knows (yet); *clearing*: it is not wanted any more, and the station is to be told."""


class InstalledProfile(Record, frozen=True, kw_only=True):
    """A profile of the library at a station: what the station was sent last, and what it said; written by the
    office's worker alone, whatever people want."""

    station_id: str
    profile_id: int
    evse_id: int
    assignment_id: str
    """The assignment for which it was sent."""
    profile_version: int
    state: ProfileState
    status: str = ""
    """The station's word, or the code of its CALLERROR."""
    detail: str = ""
    """What was changed to fit the station, or why it could not be."""
    sent: Raw | None = None
    """`core.commands.ChargingProfile`, as the station was told it."""
    firmware_version: str = ""
    at: datetime
    """When it came to this."""


class ChargingLimits(Record, frozen=True, kw_only=True):
    """What charging profiles a station takes, as far as it tells and has shown; the office's."""

    station_id: str
    max_stack_level: int | None = None
    rate_units: tuple[str, ...] = ()
    """Of A and W; empty: it does not say."""
    max_periods: int | None = None
    max_installed: int | None = None
    accepted: tuple[str, ...] = ()
    """The ways in which it took profiles: purpose, kind, unit and stack level."""
    refused: tuple[str, ...] = ()
    """The ways in which it did not."""
    firmware_version: str = ""
    """Of the station when it was asked; another one is asked again, and may take what this one refused."""
    asked_at: datetime


class CompositeSchedule(Record, frozen=True, kw_only=True):
    """What limit follows from all profiles of an EVSE, as the station answered last (GetCompositeSchedule);
    the office's."""

    station_id: str
    evse_id: int
    status: str
    """The station's word, or the code of its CALLERROR."""
    answer: Raw | None = None
    """Its answer as sent."""
    asked_at: datetime


Severity = Literal["info", "warning", "critical"]
Language = Literal["en", "es"]
"""What messages to people are written in."""
DigestPeriod = Literal["", "daily", "weekly", "monthly"]
DeliveryState = Literal["waiting", "sent", "folded", "failed"]
"""*Folded*: a summary tells of it. The last three are final, but for a replay."""


class Subscription(Record, frozen=True, kw_only=True):
    """What somebody wants to hear of, and where. The people's; the office pauses it where its messages are
    refused."""

    id: str
    owner: str
    """Who it belongs to: the id of a user or of an API key, or another name of whoever made it."""
    title: str = ""
    channel: str
    """The name of a notifier (`evsys.notify`)."""
    address: str
    """As people may see it; where it holds a secret, that is a `SubscriptionSecret`."""
    kinds: tuple[str, ...] = ()
    """Kinds of events and groups of them (`office.subscriptions.GROUPS`); empty: alarms."""
    station_ids: tuple[str, ...] = ()
    """Only what is of these stations, or of stations at these locations; both empty: all."""
    location_ids: tuple[str, ...] = ()
    min_severity: Severity = "info"
    """Of alarms: what is less is left out."""
    quiet_from: str = ""
    """From this time of day on (`22:00`, in `time_zone`) messages wait … ; empty: never."""
    quiet_until: str = ""
    """… until this one."""
    critical_passes: bool = True
    """Whether a critical alarm does not wait."""
    muted_until: datetime | None = None
    """Until then messages wait."""
    time_zone: str = "UTC"
    """An IANA name: of the quiet hours, the digests, and of times that are of no location."""
    language: Language = "en"
    per_minute: int | None = None
    """So many messages in a minute, then they are folded into one; None: as the channel has it."""
    report: DigestPeriod = ""
    """How often it gets a summary of sessions, energy and uptime; empty: never."""
    paused_at: datetime | None = None
    """While it is paused, no messages are made for it, and none is sent."""
    paused_reason: str = ""
    created_at: datetime
    version: int = 1


class SubscriptionSecret(Record, frozen=True, kw_only=True):
    """A secret of a subscription, encrypted with the server's key. Never served."""

    subscription_id: str
    purpose: Literal["signing", "address"]
    number: int
    """A higher one is newer; two of signing are good while receivers learn the newer."""
    sealed: str
    made_at: datetime
    expires_at: datetime | None = None


class SubscriptionHealth(Record, frozen=True, kw_only=True):
    """How sending to a subscription goes; written by who holds the lease of deliveries alone."""

    subscription_id: str
    sent_at: datetime | None = None
    """When a message was last sent."""
    failed_at: datetime | None = None
    """When one was last not sent."""
    failures: int = 0
    """How many tries failed since one went well."""
    failing_since: datetime | None = None
    """The first of them."""
    error: str = ""
    """What the last of them said."""


class Delivery(Record, frozen=True, kw_only=True):
    """A message to one subscription, on its way. Written by who holds the lease of deliveries, once it is
    there."""

    id: str
    """The idempotency key: the same each time that it is sent."""
    subscription_id: str
    channel: str
    seq: int
    """The event that it tells of; of others, the number of the last event when it was made: their order."""
    station_id: str
    kind: str
    """The kind of the event, or `Test`, `Summary`, `Digest`."""
    severity: Severity
    at: datetime
    """When it happened."""
    state: DeliveryState = "waiting"
    tries: int = 0
    next_at: datetime
    """While waiting: not before."""
    error: str = ""
    """Why it was not sent the last time."""
    folded_into: str = ""
    """The summary that tells of it."""
    detail: Raw | None = None
    """What a summary or a digest is of."""
    ended_at: datetime | None = None


ChatState = Literal["pending", "approved", "refused", "ended"]
ChatRole = Literal["viewer", "operator"]


class TelegramChat(Record, frozen=True, kw_only=True):
    """A chat with the bot on Telegram. The office writes it."""

    id: str
    """As Telegram has it: a number, below 0 of a group."""
    name: str
    """What Telegram calls it: for showing."""
    private: bool
    """Whether it is one person's; nobody else is ever an operator."""
    state: ChatState = "pending"
    role: ChatRole = "viewer"
    language: Language = "en"
    requested_at: datetime
    decided_at: datetime | None = None
    decided_by: str = ""
    """Who approved or refused it: a person, or the id of an invite."""
    reason: str = ""
    """Why it has ended."""
    version: int = 1


class TelegramInvite(Record, frozen=True, kw_only=True):
    """What lets one chat in without being asked for; the people's. Its code is a `TelegramInviteSecret`."""

    id: str
    role: ChatRole = "viewer"
    created_by: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    used_by: str = ""
    """The chat that it let in."""
    version: int = 1


class TelegramInviteSecret(Record, frozen=True, kw_only=True):
    """The SHA-256 of an invite's code (130 random bits). Never served."""

    invite_id: str
    digest: str
