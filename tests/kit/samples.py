"""Records with plausible contents, for tests that need one and do not care what it says."""

from datetime import datetime, timedelta
from decimal import Decimal

from msgspec import Raw

from evsys.core import records
from evsys.core.commands import ChargingSchedule, ChargingSchedulePeriod
from evsys.core.records import (
    Alarm,
    AlarmRule,
    AlarmWatch,
    ApiKey,
    ApiKeySecret,
    Campaign,
    ChargingLimits,
    CommandRecord,
    CompositeSchedule,
    ConfigurationKey,
    ConfigurationTemplate,
    ConfigurationVerdict,
    ConnectorStatus,
    ConsumerCursor,
    DeferredEvent,
    Delivery,
    InstalledProfile,
    Job,
    KeyedRequest,
    Knock,
    LastSeen,
    Lease,
    LibraryProfile,
    LocalList,
    LocalListContent,
    Location,
    MeterValue,
    ProfileAssignment,
    Quarantined,
    QueuedCommand,
    Record,
    Reservation,
    SecurityUpgrade,
    StationCertificate,
    StationKey,
    StationProof,
    StationQuirk,
    StationSecurity,
    StationStatus,
    StoredFile,
    Subscription,
    SubscriptionHealth,
    SubscriptionSecret,
    TelegramChat,
    TelegramInvite,
    TelegramInviteSecret,
    Token,
    Transaction,
    TransferSecret,
    User,
    UserLink,
    UserLogin,
    UserSession,
)
from kit.clock import NOON


def station(station_id: str = "CP-1", version: int = 1) -> records.Station:
    return records.Station(id=station_id, title="Yard", created_at=NOON, version=version)


def status(station_id: str = "CP-1", epoch: int = 1) -> StationStatus:
    return StationStatus(
        station_id=station_id, epoch=epoch, connected=True, connected_at=NOON, vendor="Wall", model="W1"
    )


def connector(station_id: str = "CP-1", evse_id: int = 1, status: str = "Available") -> ConnectorStatus:
    return ConnectorStatus(
        station_id=station_id,
        evse_id=evse_id,
        connector_id=1,
        status=status,
        reported_at=NOON,
        received_at=NOON + timedelta(microseconds=1),
    )


def token(token_id: str = "ABCD", version: int = 1) -> Token:
    return Token(id=token_id, label="Öl ☃", station_ids=("CP-1", "CP-2"), created_at=NOON, version=version)


def transaction(number: int = 1, station_id: str = "CP-1", evse_id: int = 1) -> Transaction:
    return Transaction(
        id=str(number),
        number=number,
        station_id=station_id,
        evse_id=evse_id,
        connector_id=1,
        id_token="abcd",
        id_token_canonical="ABCD",
        authorization="Accepted",
        started_at=NOON + timedelta(seconds=number),
        start_received_at=NOON + timedelta(seconds=number),
        meter_start_wh=1000,
        start_key=f"key-{number}",
    )


def meter_value(
    digest: int = 1,
    station_id: str = "CP-1",
    transaction_id: str = "1",
    at: datetime = NOON,
    energy_wh: float | None = 1500.5,
) -> MeterValue:
    return MeterValue(
        digest=digest,
        station_id=station_id,
        evse_id=1,
        transaction_id=transaction_id,
        at=at,
        reported_at=at,
        received_at=at,
        energy_wh=energy_wh,
    )


def quarantined(name: str = "q1", station_id: str = "CP-1", number: int | None = 7) -> Quarantined:
    return Quarantined(
        id=name,
        station_id=station_id,
        kind="stop",
        number=number,
        received_at=NOON,
        reason="no transaction of this number is known",
        payload=Raw(b'{"number" :7,"meter_stop_wh":1.50}'),
    )


def stored_file(id: str = "f1", **members: object) -> StoredFile:
    given = {"kind": "firmware", "name": "one.bin", "size_bytes": 3, "sha256": "a" * 64, "created_at": NOON}
    return StoredFile(id=id, **{**given, **members})  # type: ignore[arg-type]


def job(id: str = "j1", **members: object) -> Job:
    given = {
        "kind": "diagnostics",
        "station_id": "CP-1",
        "via": "http",
        "next_at": NOON,
        "expires_at": NOON + timedelta(days=7),
        "created_at": NOON,
    }
    return Job(id=id, **{**given, **members})  # type: ignore[arg-type]


def schedule(*limits: str, unit: str = "A", **members: object) -> ChargingSchedule:
    """A schedule of these limits, one an hour."""
    periods = tuple(
        ChargingSchedulePeriod(start_period=3600 * hour, limit=Decimal(limit))
        for hour, limit in enumerate(limits)
    )
    return ChargingSchedule(charging_rate_unit=unit, periods=periods, **members)  # type: ignore[arg-type]


def library_profile(id: int = 100, **members: object) -> LibraryProfile:
    given = {
        "name": "Night",
        "purpose": "TxDefaultProfile",
        "kind": "Relative",
        "schedule": schedule("8.1"),
        "created_at": NOON,
    }
    return LibraryProfile(id=id, **{**given, **members})  # type: ignore[arg-type]


def assignment(station_id: str = "CP-1", **members: object) -> ProfileAssignment:
    given = {
        "id": "a1",
        "profile_id": 100,
        "purpose": "TxDefaultProfile",
        "stack_level": 0,
        "assigned_by": "somebody",
        "assigned_at": NOON,
    }
    return ProfileAssignment(station_id=station_id, **{**given, **members})  # type: ignore[arg-type]


def subscription(
    subscription_id: str = "s", channel: str = "webhook", address: str = "https://example.com/hook"
) -> Subscription:
    return Subscription(
        id=subscription_id,
        owner="anna",
        title="The yard",
        channel=channel,
        address=address,
        kinds=("alarms", "StationBooted"),
        station_ids=("CP-1",),
        quiet_from="22:00",
        quiet_until="06:00",
        muted_until=NOON,
        time_zone="Europe/Madrid",
        language="es",
        per_minute=5,
        report="weekly",
        paused_at=NOON,
        paused_reason="gone",
        created_at=NOON,
    )


def delivery(subscription_id: str = "s", seq: int = 7, station_id: str = "CP-1") -> Delivery:
    return Delivery(
        id=f"{subscription_id}-{seq}",
        subscription_id=subscription_id,
        channel="webhook",
        seq=seq,
        station_id=station_id,
        kind="StationBooted",
        severity="info",
        at=NOON,
        next_at=NOON,
        detail=Raw(b'{"a":1}'),
    )


def one_of_each() -> list[Record]:
    """Every kind of record once, with as many of its fields filled as make sense."""
    return [
        Location(id="yard", name="Yard", latitude=48.2, longitude=16.4, created_at=NOON),
        station(),
        StationSecurity(station_id="CP-1", minimum_profile=2, user="box", forgiven_at=NOON),
        StationKey(station_id="CP-1", number=1, digest="d" * 64, made_at=NOON),
        StationCertificate(
            serial="ab12",
            station_id="CP-1",
            name="SN-1",
            issuer="CN=The authority",
            valid_from=NOON,
            valid_until=NOON,
            renew_at=NOON,
            chain="-----BEGIN CERTIFICATE-----",
            request_digest="d" * 64,
            issued_at=NOON,
            revoked_at=NOON,
        ),
        Alarm(
            id="a1",
            station_id="CP-1",
            kind="security_event",
            name="MemoryExhaustion",
            severity="critical",
            facts=Raw(b"{}"),
            raised_at=NOON,
            last_at=NOON,
            last_seq=7,
            told_at=NOON,
        ),
        AlarmWatch(
            station_id="CP-1",
            kind="station_offline",
            name="",
            holds=True,
            since=NOON,
            moments=Raw(b"[]"),
            severity="warning",
            facts=Raw(b"{}"),
            due_at=NOON,
            last_seq=7,
        ),
        AlarmRule(kind="station_offline", station_id="CP-1", enabled=True, after_s=60),
        SecurityUpgrade(
            id="u1",
            station_id="CP-1",
            profile=2,
            requested_by="ann",
            requested_at=NOON,
            changed_at=NOON,
        ),
        StationProof(station_id="CP-1", profile=2, key_number=1, certificate_serial="ab12", at=NOON),
        status(),
        connector(),
        LastSeen(station_id="CP-1", at=NOON),
        StationQuirk(
            station_id="CP-1",
            kind="too_long",
            count=3,
            first_seen_at=NOON,
            last_seen_at=NOON,
            example='{"idTag":"ABCD"}',
        ),
        token(),
        User(id="u1", name="Ada", role="operator", location_ids=("yard",), created_at=NOON),
        UserLogin(user_id="u1", password="$argon2id$", totp_step=1, changed_at=NOON),
        UserSession(
            digest="d" * 64,
            id="s1",
            user_id="u1",
            created_at=NOON,
            seen_at=NOON,
            expires_at=NOON,
            address="127.0.0.1",
            agent="a browser",
        ),
        UserLink(
            digest="d" * 64,
            user_id="u1",
            purpose="reset",
            created_by="ann",
            created_at=NOON,
            expires_at=NOON,
        ),
        transaction(),
        meter_value(digest=-(2**63)),
        quarantined(),
        Knock(station_id="CP-9", first_seen_at=NOON, last_seen_at=NOON, address="192.0.2.1:4000"),
        ApiKey(id="k1", name="ops", role="operator", scopes=("station.read",), created_at=NOON),
        ApiKeySecret(key_id="k1", digest="d" * 64),
        CommandRecord(
            id="c1",
            station_id="CP-1",
            type="Reset",
            request=Raw(b'{"type": "Reset"}'),
            requested_by="ops",
            requested_at=NOON,
            accepted=False,
            detail=Raw(b"[1, 2.50]"),
        ),
        QueuedCommand(
            id="q1",
            station_id="CP-1",
            number=1,
            type="Reset",
            request=Raw(b'{"type": "Reset"}'),
            requested_by="ops",
            requested_at=NOON,
            expires_at=NOON + timedelta(hours=2),
        ),
        Reservation(id="r1", station_id="CP-1", number=1, id_token="ABCD", created_at=NOON, expires_at=NOON),
        LocalList(station_id="CP-1", state="SYNCED", list_version=3, content="d", entries=1, synced_at=NOON),
        LocalListContent(digest="d", entries=Raw(b'[{"id_token":"ABCD"}]')),
        KeyedRequest(owner="k1", key="r1", digest="d" * 64, at=NOON, status=201, answer=Raw(b'{"id" :"a"}')),
        Lease(name="numbers", next=501),
        ConfigurationKey(station_id="CP-1", key="HeartbeatInterval", value="300", at=NOON),
        ConfigurationTemplate(id="t1", vendor="Acme", configuration=Raw(b'{"k":"v"}'), created_at=NOON),
        ConfigurationVerdict(station_id="CP-1", key="k", value="v", status="Rejected", at=NOON),
        stored_file(),
        job(),
        TransferSecret(job_id="j1", digest="d" * 64),
        Campaign(id="g1", kind="firmware", stations=2, concurrency=1, created_at=NOON),
        library_profile(
            kind="Recurring",
            recurrency_kind="Weekly",
            valid_from=NOON,
            schedule=schedule("8.1", "16", start_schedule=NOON, min_charging_rate=Decimal("6.0")),
        ),
        assignment(transaction_id="1"),
        InstalledProfile(
            station_id="CP-1",
            profile_id=100,
            evse_id=1,
            assignment_id="a1",
            profile_version=1,
            state="INSTALLED",
            status="Accepted",
            sent=Raw(b'{"limit":8.10}'),
            at=NOON,
        ),
        ChargingLimits(
            station_id="CP-1", rate_units=("A", "W"), accepted=("TxProfile Relative A 0",), asked_at=NOON
        ),
        CompositeSchedule(
            station_id="CP-1", evse_id=1, status="Accepted", answer=Raw(b'{"limit":8.10}'), asked_at=NOON
        ),
        TelegramChat(id="7", name="Ann", private=True, requested_at=NOON),
        TelegramInvite(id="i1", created_by="ann", created_at=NOON, expires_at=NOON),
        TelegramInviteSecret(invite_id="i1", digest="e" * 64),
        ConsumerCursor(name="notices", seq=7, holder="office", held_until=NOON),
        DeferredEvent(consumer="notices", seq=6, station_id="CP1", tries=1, reason="away"),
        subscription(),
        SubscriptionSecret(
            subscription_id="s", purpose="signing", number=1, sealed="x", made_at=NOON, expires_at=NOON
        ),
        SubscriptionHealth(subscription_id="s", sent_at=NOON, failures=1, failing_since=NOON, error="gone"),
        delivery(),
    ]
