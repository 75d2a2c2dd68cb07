"""The schema: one SQLAlchemy Table per record of `core/records.py`, and the event log.

A Table's columns are its Struct's fields, name by name and in their order (a test holds them equal), so
that a row, a record and its JSON are one shape. Times are UTC: microseconds since 1970 as an INTEGER on
SQLite, which sorts and compares as it should, and timestamptz on PostgreSQL; in Python they are aware
datetimes on both. JSON of unknown shape is text, byte for byte as it came.

Nothing here refers to another row by a foreign key: a session outlives its station, and a knock is of a
station that is not there.

Every index is read by something named beside it. They cost: each one that is not filled in the order of time
dirties a page of its own with every row, and a page costs more than all the rest of the row.
"""

from datetime import datetime
from typing import Final, TypeAlias

from msgspec import Raw
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.base import ReadOnlyColumnCollection
from sqlalchemy.types import TypeDecorator, TypeEngine

from evsys.core import records
from evsys.core.commands import ChargingSchedule
from evsys.core.events import PEOPLE_KINDS
from evsys.core.workarounds import Workarounds
from evsys.store.cells import (
    microseconds,
    moment,
    schedule_to_text,
    text_to_schedule,
    text_to_words,
    text_to_workarounds,
    words_to_text,
    workarounds_to_text,
)

VERSION: Final = "0021"
"""The newest revision in `migrations/versions`: what this program reads and writes."""


class UtcTime(TypeDecorator[datetime]):
    """An aware datetime in UTC. SQLite has no type for times and would give back naive ones."""

    impl = BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[datetime] | TypeEngine[int]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(DateTime(timezone=True))
        return dialect.type_descriptor(Integer())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | int | None:
        if value is None or dialect.name == "postgresql":
            return value
        return microseconds(value)

    def process_result_value(self, value: datetime | int | None, dialect: Dialect) -> datetime | None:
        return moment(value) if isinstance(value, int) else value


class JsonText(TypeDecorator[Raw]):
    """JSON as it came, byte for byte."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Raw | None, dialect: Dialect) -> str | None:
        return None if value is None else bytes(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Raw | None:
        return None if value is None else Raw(value.encode())


class TextTuple(TypeDecorator[tuple[str, ...]]):
    """A tuple of short words, as a JSON list."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: tuple[str, ...] | None, dialect: Dialect) -> str | None:
        return None if value is None else words_to_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> tuple[str, ...] | None:
        return None if value is None else text_to_words(value)


class WorkaroundsText(TypeDecorator[Workarounds]):
    """Workarounds, as a JSON object of what is set."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Workarounds | None, dialect: Dialect) -> str | None:
        return None if value is None else workarounds_to_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Workarounds | None:
        return None if value is None else text_to_workarounds(value)


class ScheduleText(TypeDecorator[ChargingSchedule]):
    """A charging schedule, as a JSON object with exact limits."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: ChargingSchedule | None, dialect: Dialect) -> str | None:
        return None if value is None else schedule_to_text(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> ChargingSchedule | None:
        return None if value is None else text_to_schedule(value)


metadata: Final = MetaData()

AnyTable: TypeAlias = Table[ReadOnlyColumnCollection[str, Column[object]]]
"""A Table, its columns not named in its type."""

ROW_ID: Final = BigInteger().with_variant(Integer(), "sqlite")
"""Only an INTEGER PRIMARY KEY counts by itself on SQLite."""


def _key(name: str, kind: type[Text | Integer] = Text) -> Column[object]:
    return Column(name, kind(), primary_key=True, autoincrement=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text(), nullable=False)


def _maybe_text(name: str) -> Column[str]:
    return Column(name, Text())


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean(), nullable=False)


def _maybe_flag(name: str) -> Column[bool]:
    return Column(name, Boolean())


def _number(name: str) -> Column[int]:
    return Column(name, BigInteger(), nullable=False)


def _maybe_number(name: str) -> Column[int]:
    return Column(name, BigInteger())


def _time(name: str) -> Column[datetime]:
    return Column(name, UtcTime(), nullable=False)


def _maybe_time(name: str) -> Column[datetime]:
    return Column(name, UtcTime())


def _amount(name: str) -> Column[float]:
    return Column(name, Float())


def _json(name: str) -> Column[Raw]:
    return Column(name, JsonText(), nullable=False)


def _maybe_json(name: str) -> Column[Raw]:
    return Column(name, JsonText())


def _words(name: str) -> Column[tuple[str, ...]]:
    return Column(name, TextTuple(), nullable=False)


locations: Final = Table(
    "locations",
    metadata,
    _key("id"),
    _text("name"),
    _text("address"),
    _amount("latitude"),
    _amount("longitude"),
    _text("time_zone"),
    _time("created_at"),
    _number("version"),
)

stations: Final = Table(
    "stations",
    metadata,
    _key("id"),
    _text("title"),
    _maybe_text("location_id"),
    _flag("enabled"),
    _text("registration"),
    _text("conformance"),
    _flag("ping"),
    _text("assume_protocol"),
    _flag("assert_measurands"),
    _flag("poll_meter_values"),
    _flag("sweep"),
    _maybe_number("call_timeout_s"),
    _text("model_profile"),
    Column("workarounds", WorkaroundsText(), nullable=False),
    Column("local_list", Boolean()),
    _time("created_at"),
    _number("version"),
)
Index("stations_by_location", stations.c.location_id, stations.c.id)
"""The stations of locations: what somebody sees who is bound to some."""

station_security: Final = Table(
    "station_security",
    metadata,
    _key("station_id"),
    _number("minimum_profile"),
    _text("user"),
    _text("certificate_name"),
    _maybe_time("forgiven_at"),
    _number("version"),
)

station_keys: Final = Table(
    "station_keys",
    metadata,
    _key("station_id"),
    _key("number", Integer),
    _text("digest"),
    _time("made_at"),
    sqlite_with_rowid=False,
)

station_proofs: Final = Table(
    "station_proofs",
    metadata,
    _key("station_id"),
    _number("profile"),
    _number("key_number"),
    _text("certificate_serial"),
    _time("at"),
)

station_certificates: Final = Table(
    "station_certificates",
    metadata,
    _key("serial"),
    _text("station_id"),
    _text("name"),
    _text("issuer"),
    _time("valid_from"),
    _time("valid_until"),
    _time("renew_at"),
    _text("chain"),
    _text("request_digest"),
    _time("issued_at"),
    _maybe_time("accepted_at"),
    _maybe_time("revoked_at"),
    _number("version"),
)
Index("certificates_by_station", station_certificates.c.station_id, station_certificates.c.issued_at)
"""A station's certificates, newest first."""
_in_force = text("revoked_at IS NULL")
Index(
    "certificates_to_renew",
    station_certificates.c.renew_at,
    sqlite_where=_in_force,
    postgresql_where=_in_force,
)
"""What is to be renewed, and next."""
_revoked = text("revoked_at IS NOT NULL")
Index(
    "certificates_revoked",
    station_certificates.c.serial,
    sqlite_where=_revoked,
    postgresql_where=_revoked,
)
"""What handshakes refuse, read whole at the start."""

security_upgrades: Final = Table(
    "security_upgrades",
    metadata,
    _key("id"),
    _text("station_id"),
    _number("profile"),
    _text("state"),
    _text("requested_by"),
    _time("requested_at"),
    _time("changed_at"),
    _text("error"),
    _number("version"),
)
Index("upgrades_by_station", security_upgrades.c.station_id, security_upgrades.c.requested_at)
"""A station's upgrades, newest first."""
_under_way = text("state NOT IN ('done', 'failed')")
Index(
    "upgrades_under_way",
    security_upgrades.c.station_id,
    unique=True,
    sqlite_where=_under_way,
    postgresql_where=_under_way,
)
"""One at a time of a station; and all of them, when the office starts."""

alarms: Final = Table(
    "alarms",
    metadata,
    _key("id"),
    _text("station_id"),
    _text("kind"),
    _text("name"),
    _text("severity"),
    _text("detail"),
    _json("facts"),
    _number("count"),
    _flag("flapping"),
    _time("raised_at"),
    _time("last_at"),
    _number("last_seq"),
    _time("told_at"),
    _maybe_time("acknowledged_at"),
    _text("acknowledged_by"),
    _text("note"),
    _maybe_time("cleared_at"),
    _text("cleared_by"),
    _number("version"),
)
_uncleared = text("cleared_at IS NULL")
Index(
    "alarms_open",
    alarms.c.station_id,
    alarms.c.kind,
    alarms.c.name,
    unique=True,
    sqlite_where=_uncleared,
    postgresql_where=_uncleared,
)
"""One of a kind and name is open at a time: what happens again is counted in it."""
Index(
    "alarms_open_by_time",
    alarms.c.raised_at,
    alarms.c.id,
    alarms.c.severity,
    sqlite_where=_uncleared,
    postgresql_where=_uncleared,
)
"""Pages of those that are open, newest first, and how many there are of each severity."""
Index("alarms_by_time", alarms.c.raised_at, alarms.c.id)
"""Pages of all alarms, newest first."""
Index("alarms_by_station", alarms.c.station_id, alarms.c.raised_at, alarms.c.id)
"""Pages of a station's alarms, newest first."""

alarm_watches: Final = Table(
    "alarm_watches",
    metadata,
    _key("station_id"),
    _key("kind"),
    _key("name"),
    _flag("holds"),
    _time("since"),
    _json("moments"),
    _text("severity"),
    _text("detail"),
    _json("facts"),
    _maybe_time("due_at"),
    _flag("muted"),
    _number("last_seq"),
    _number("version"),
    sqlite_with_rowid=False,
)
Index("alarm_watches_due", alarm_watches.c.due_at)
"""Those whose time has come."""

alarm_rules: Final = Table(
    "alarm_rules",
    metadata,
    _key("kind"),
    _key("station_id"),
    _maybe_flag("enabled"),
    _maybe_text("severity"),
    _maybe_number("after_s"),
    _maybe_number("times"),
    _maybe_number("within_s"),
    _maybe_number("clears_after_s"),
    _maybe_number("repeat_s"),
    _maybe_number("threshold"),
    _number("version"),
    sqlite_with_rowid=False,
)

station_status: Final = Table(
    "station_status",
    metadata,
    _key("station_id"),
    _number("epoch"),
    _flag("connected"),
    _maybe_time("connected_at"),
    _maybe_time("disconnected_at"),
    _text("address"),
    _text("protocol"),
    _maybe_text("registration"),
    _maybe_time("booted_at"),
    _text("vendor"),
    _text("model"),
    _text("serial_number"),
    _text("charge_box_serial_number"),
    _text("firmware_version"),
    _text("iccid"),
    _text("imsi"),
    _text("meter_type"),
    _text("meter_serial_number"),
    _text("firmware_status"),
    _text("diagnostics_status"),
    _maybe_number("firmware_request_id"),
    _maybe_number("diagnostics_request_id"),
    sqlite_with_rowid=False,
)

connector_status: Final = Table(
    "connector_status",
    metadata,
    _key("station_id"),
    _key("evse_id", Integer),
    _key("connector_id", Integer),
    _text("status"),
    _text("error_code"),
    _text("info"),
    _text("vendor_id"),
    _text("vendor_error_code"),
    _maybe_time("reported_at"),
    _time("received_at"),
    sqlite_with_rowid=False,
)

last_seen: Final = Table("last_seen", metadata, _key("station_id"), _time("at"), sqlite_with_rowid=False)

station_quirks: Final = Table(
    "station_quirks",
    metadata,
    _key("station_id"),
    _key("kind"),
    _number("count"),
    _time("first_seen_at"),
    _time("last_seen_at"),
    _text("example"),
    sqlite_with_rowid=False,
)

tokens: Final = Table(
    "tokens",
    metadata,
    _key("id"),
    _text("kind"),
    _text("label"),
    _text("parent"),
    _flag("blocked"),
    _maybe_time("expires_at"),
    _maybe_number("max_concurrent"),
    _words("station_ids"),
    _maybe_text("user_id"),
    _text("note"),
    _time("created_at"),
    _number("version"),
)

users: Final = Table(
    "users",
    metadata,
    _key("id"),
    _text("name"),
    _text("email"),
    _text("phone"),
    _text("note"),
    _text("role"),
    _words("location_ids"),
    _flag("enabled"),
    _time("created_at"),
    _number("version"),
)
_staff = text("role <> 'driver'")
Index("users_staff", users.c.id, sqlite_where=_staff, postgresql_where=_staff)
"""The few who work here, among many drivers (`role <> 'driver'` must be said as such)."""

user_logins: Final = Table(
    "user_logins",
    metadata,
    _key("user_id"),
    _text("password"),
    _text("totp"),
    _number("totp_step"),
    _time("changed_at"),
    _number("version"),
)

user_sessions: Final = Table(
    "user_sessions",
    metadata,
    _key("digest"),
    _text("id"),
    _text("user_id"),
    _time("created_at"),
    _time("seen_at"),
    _time("expires_at"),
    _text("address"),
    _text("agent"),
    _number("version"),
)
Index("sessions_by_user", user_sessions.c.user_id, user_sessions.c.created_at)
"""Where somebody is signed in, newest first."""
Index("sessions_by_end", user_sessions.c.expires_at)
"""What is over, and swept."""

user_links: Final = Table(
    "user_links",
    metadata,
    _key("digest"),
    _text("user_id"),
    _text("purpose"),
    _text("created_by"),
    _time("created_at"),
    _time("expires_at"),
    _number("version"),
)
Index("links_by_user", user_links.c.user_id)
"""The links that somebody was given."""

transactions: Final = Table(
    "transactions",
    metadata,
    _key("id"),
    _maybe_number("number"),
    _maybe_number("alias"),
    _text("station_id"),
    _number("evse_id"),
    _number("connector_id"),
    _text("id_token"),
    _text("id_token_canonical"),
    _text("authorization"),
    _time("started_at"),
    _time("start_received_at"),
    _number("meter_start_wh"),
    _maybe_text("start_key"),
    _maybe_number("reservation_id"),
    _maybe_time("ended_at"),
    _maybe_time("end_received_at"),
    _maybe_number("meter_stop_wh"),
    _maybe_number("energy_wh"),
    _text("stop_reason"),
    _text("stop_id_token"),
    _maybe_text("ended_by"),
    _words("flags"),
    UniqueConstraint("number", name="transactions_number"),
    UniqueConstraint("start_key", name="transactions_start_key"),
)
_open = transactions.c.ended_at.is_(None)
_charging = text("ended_at IS NULL AND evse_id > 0")
Index(
    "transactions_one_open_per_evse",
    transactions.c.station_id,
    transactions.c.evse_id,
    unique=True,
    sqlite_where=_charging,
    postgresql_where=_charging,
)
"""The invariant: an EVSE holds at most one open transaction. EVSE 0 is a station that named none."""
Index("transactions_open", transactions.c.station_id, sqlite_where=_open, postgresql_where=_open)
"""The open ones of a station, and of all (`ended_at IS NULL` must be said as such)."""
Index("transactions_by_time", transactions.c.started_at, transactions.c.id)
"""Pages of all transactions, newest first."""
Index("transactions_by_station", transactions.c.station_id, transactions.c.started_at, transactions.c.id)
"""Pages of a station's transactions, newest first."""
Index("transactions_by_end", transactions.c.station_id, transactions.c.end_received_at)
"""The last few of a station that ended, for its state in memory."""
Index(
    "transactions_by_token",
    transactions.c.id_token_canonical,
    transactions.c.started_at,
    transactions.c.id,
)
"""Pages of a token's transactions, newest first."""

meter_values: Final = Table(
    "meter_values",
    metadata,
    Column("id", ROW_ID, primary_key=True),
    _number("digest"),
    _text("station_id"),
    _number("evse_id"),
    _text("transaction_id"),
    _time("at"),
    _time("reported_at"),
    _time("received_at"),
    _text("context"),
    _amount("energy_wh"),
    _amount("energy_export_wh"),
    _amount("power_w"),
    _amount("power_offered_w"),
    _amount("current_a"),
    _amount("current_l1_a"),
    _amount("current_l2_a"),
    _amount("current_l3_a"),
    _amount("current_offered_a"),
    _amount("voltage_v"),
    _amount("voltage_l1_v"),
    _amount("voltage_l2_v"),
    _amount("voltage_l3_v"),
    _amount("soc_percent"),
    _amount("temperature_c"),
    _amount("frequency_hz"),
    _maybe_json("rest"),
    UniqueConstraint("reported_at", "station_id", "digest", name="meter_values_identity"),
)
"""`id` is the order of arrival and no part of the record. The identity begins with the time, which rises for
all stations alike: so its index grows at one end, and a batch of a thousand stations touches a few pages of
it instead of a thousand."""
Index("meter_values_by_transaction", meter_values.c.transaction_id)
"""The values of a session, on SQLite in the order of arrival (an index ends in the row id)."""

quarantined: Final = Table(
    "quarantined",
    metadata,
    _key("id"),
    _text("station_id"),
    _text("kind"),
    _maybe_number("number"),
    _time("received_at"),
    _text("reason"),
    _json("payload"),
    _maybe_time("resolved_at"),
    _maybe_text("transaction_id"),
)
Index("quarantined_by_station", quarantined.c.station_id, quarantined.c.received_at)
"""A station's quarantine in the order it came, for its state in memory and for people."""

knocks: Final = Table(
    "knocks",
    metadata,
    _key("station_id"),
    _time("first_seen_at"),
    _time("last_seen_at"),
    _text("address"),
    _number("count"),
)
Index("knocks_by_time", knocks.c.last_seen_at)
"""Pages of knocks, newest first; and the oldest, when there are too many."""

api_keys: Final = Table(
    "api_keys",
    metadata,
    _key("id"),
    _text("name"),
    _text("role"),
    _words("scopes"),
    _maybe_text("user_id"),
    _time("created_at"),
    _maybe_time("expires_at"),
    _maybe_time("revoked_at"),
    _number("version"),
)

api_key_secrets: Final = Table(
    "api_key_secrets",
    metadata,
    _key("key_id"),
    _text("digest"),
    UniqueConstraint("digest", name="api_key_secrets_digest"),
)
"""Found by its digest with every request that carries a key."""

commands: Final = Table(
    "commands",
    metadata,
    _key("id"),
    _text("station_id"),
    _text("type"),
    _json("request"),
    _text("requested_by"),
    _time("requested_at"),
    _maybe_time("finished_at"),
    Column("accepted", Boolean()),
    _text("status"),
    _maybe_json("detail"),
    _text("error"),
)
Index("commands_by_station", commands.c.station_id, commands.c.requested_at)
"""A station's commands, newest first."""

queued_commands: Final = Table(
    "queued_commands",
    metadata,
    _key("id"),
    _text("station_id"),
    _number("number"),
    _text("type"),
    _json("request"),
    _text("requested_by"),
    _time("requested_at"),
    _time("expires_at"),
    _text("status"),
    _maybe_time("ended_at"),
    _text("error"),
    _number("version"),
    UniqueConstraint("station_id", "number", name="queued_commands_number"),
)
"""A station's queue in order, and its pages, newest first."""
_waiting = queued_commands.c.ended_at.is_(None)
Index(
    "queued_commands_waiting",
    queued_commands.c.station_id,
    queued_commands.c.number,
    sqlite_where=_waiting,
    postgresql_where=_waiting,
)
"""What waits, of a station and of all, in order."""

reservations: Final = Table(
    "reservations",
    metadata,
    _key("id"),
    _text("station_id"),
    _number("number"),
    _number("evse_id"),
    _text("id_token"),
    _text("parent"),
    _text("status"),
    _text("reason"),
    _maybe_text("transaction_id"),
    _text("requested_by"),
    _time("created_at"),
    _time("expires_at"),
    _maybe_time("ended_at"),
    _number("version"),
    UniqueConstraint("station_id", "number", name="reservations_number"),
)
"""The unique key also serves the pages of a station's reservations, newest first."""
_holding = reservations.c.ended_at.is_(None)
Index("reservations_open", reservations.c.station_id, sqlite_where=_holding, postgresql_where=_holding)
"""Those that have not ended, of a station and of all."""
Index("reservations_by_time", reservations.c.created_at, reservations.c.id)
"""Pages of all reservations, newest first."""

local_lists: Final = Table(
    "local_lists",
    metadata,
    _key("station_id"),
    _text("state"),
    _number("list_version"),
    _text("content"),
    _number("entries"),
    _maybe_number("max_length"),
    _maybe_number("max_update"),
    _text("firmware_version"),
    _maybe_time("asked_at"),
    _maybe_time("synced_at"),
    _text("error"),
)
Index("local_lists_by_content", local_lists.c.content)
"""Whether a content is still on some list."""

local_list_contents: Final = Table(
    "local_list_contents", metadata, _key("digest"), _json("entries"), sqlite_with_rowid=False
)

keyed_requests: Final = Table(
    "keyed_requests",
    metadata,
    _key("owner"),
    _key("key"),
    _text("digest"),
    _time("at"),
    _number("status"),
    _text("location"),
    _maybe_json("answer"),
    _number("version"),
)
Index("keyed_requests_by_time", keyed_requests.c.at)
"""The oldest, which are swept."""

leases: Final = Table("leases", metadata, _key("name"), _number("next"))

consumer_cursors: Final = Table(
    "consumer_cursors",
    metadata,
    _key("name"),
    _number("seq"),
    _text("holder"),
    _time("held_until"),
    _number("version"),
)

deferred_events: Final = Table(
    "deferred_events",
    metadata,
    _key("consumer"),
    _key("seq", BigInteger),
    _text("station_id"),
    _number("tries"),
    _text("reason"),
    sqlite_with_rowid=False,
)

configuration_keys: Final = Table(
    "configuration_keys",
    metadata,
    _key("station_id"),
    _key("key"),
    _maybe_text("value"),
    _flag("readonly"),
    _time("at"),
    sqlite_with_rowid=False,
)

configuration_templates: Final = Table(
    "configuration_templates",
    metadata,
    _key("id"),
    _text("name"),
    _words("station_ids"),
    _text("vendor"),
    _text("model"),
    _text("firmware"),
    _json("configuration"),
    _flag("repair"),
    _time("created_at"),
    _number("version"),
)

telegram_chats: Final = Table(
    "telegram_chats",
    metadata,
    _key("id"),
    _text("name"),
    _flag("private"),
    _text("state"),
    _text("role"),
    _text("language"),
    _time("requested_at"),
    _maybe_time("decided_at"),
    _text("decided_by"),
    _text("reason"),
    _number("version"),
)
Index("telegram_chats_by_state", telegram_chats.c.state, telegram_chats.c.requested_at, telegram_chats.c.id)
"""Those that wait, and those that are let in."""

telegram_invites: Final = Table(
    "telegram_invites",
    metadata,
    _key("id"),
    _text("role"),
    _text("created_by"),
    _time("created_at"),
    _time("expires_at"),
    _maybe_time("used_at"),
    _text("used_by"),
    _number("version"),
)
Index("telegram_invites_by_time", telegram_invites.c.created_at, telegram_invites.c.id)

telegram_invite_secrets: Final = Table(
    "telegram_invite_secrets",
    metadata,
    _key("invite_id"),
    _text("digest"),
    UniqueConstraint("digest", name="telegram_invite_secrets_digest"),
)

configuration_verdicts: Final = Table(
    "configuration_verdicts",
    metadata,
    _key("station_id"),
    _key("key"),
    _text("value"),
    _text("status"),
    _text("firmware_version"),
    _time("at"),
    sqlite_with_rowid=False,
)

library_profiles: Final = Table(
    "library_profiles",
    metadata,
    _key("id", Integer),
    _text("name"),
    _text("description"),
    _text("purpose"),
    _text("kind"),
    _maybe_text("recurrency_kind"),
    _number("stack_level"),
    _maybe_time("valid_from"),
    _maybe_time("valid_to"),
    Column("schedule", ScheduleText(), nullable=False),
    _time("created_at"),
    _number("version"),
)

profile_assignments: Final = Table(
    "profile_assignments",
    metadata,
    _key("id"),
    _text("station_id"),
    _number("profile_id"),
    _number("evse_id"),
    _maybe_text("transaction_id"),
    _text("purpose"),
    _number("stack_level"),
    _number("phases"),
    _number("voltage_v"),
    _text("assigned_by"),
    _time("assigned_at"),
    UniqueConstraint("station_id", "profile_id", name="profile_assignments_profile"),
    UniqueConstraint("station_id", "evse_id", "purpose", "stack_level", name="profile_assignments_slot"),
)
"""A station knows a profile by its id alone, so it has it once; and it has one profile of a slot."""
Index("profile_assignments_by_profile", profile_assignments.c.profile_id)
"""Whether a profile is in use, and where."""

installed_profiles: Final = Table(
    "installed_profiles",
    metadata,
    _key("station_id"),
    _key("profile_id", Integer),
    _number("evse_id"),
    _text("assignment_id"),
    _number("profile_version"),
    _text("state"),
    _text("status"),
    _text("detail"),
    _maybe_json("sent"),
    _text("firmware_version"),
    _time("at"),
    sqlite_with_rowid=False,
)
Index("installed_profiles_by_profile", installed_profiles.c.profile_id)
"""Whether a profile is at a station still."""

charging_limits: Final = Table(
    "charging_limits",
    metadata,
    _key("station_id"),
    _maybe_number("max_stack_level"),
    _words("rate_units"),
    _maybe_number("max_periods"),
    _maybe_number("max_installed"),
    _words("accepted"),
    _words("refused"),
    _text("firmware_version"),
    _time("asked_at"),
)

composite_schedules: Final = Table(
    "composite_schedules",
    metadata,
    _key("station_id"),
    _key("evse_id", Integer),
    _text("status"),
    _maybe_json("answer"),
    _time("asked_at"),
    sqlite_with_rowid=False,
)

events: Final = Table(
    "events",
    metadata,
    Column("seq", ROW_ID, primary_key=True),
    _time("at"),
    _text("station_id"),
    _text("transaction_id"),
    _text("kind"),
    _json("payload"),
    sqlite_autoincrement=True,
)
"""The log: `core.events.LoggedEvent`, the event itself as JSON. A `seq` is never given twice, whatever is
deleted."""
_people = text("kind IN (" + ", ".join(f"'{kind}'" for kind in PEOPLE_KINDS) + ")")
Index("events_of_people", events.c.seq, sqlite_where=_people, postgresql_where=_people)
"""The few events of records that people write, followed every second: a query says the same IN list."""
Index("events_by_station", events.c.station_id)
"""A station's events (an index of SQLite ends in the row id, which is `seq`)."""
_of_transaction = text("transaction_id <> ''")
Index(
    "events_by_transaction",
    events.c.transaction_id,
    sqlite_where=_of_transaction,
    postgresql_where=_of_transaction,
)
"""A session's events: a query adds `transaction_id <> ''`."""
_links = text("kind IN ('StationConnected', 'StationDisconnected')")
Index("events_of_links", events.c.station_id, events.c.seq, sqlite_where=_links, postgresql_where=_links)
"""When stations came and went, for their uptime: a query says the same IN list."""

files: Final = Table(
    "files",
    metadata,
    _key("id"),
    _text("kind"),
    _text("name"),
    _number("size_bytes"),
    _text("sha256"),
    _text("station_id"),
    _text("job_id"),
    _text("firmware_version"),
    _text("signature"),
    _text("signing_certificate"),
    _text("created_by"),
    _time("created_at"),
)
Index("files_by_time", files.c.created_at, files.c.id)
"""Pages of all files, newest first."""
Index("files_by_station", files.c.station_id, files.c.created_at, files.c.id)
"""Pages of what a station uploaded, and (of no station) of firmware, newest first."""

jobs: Final = Table(
    "jobs",
    metadata,
    _key("id"),
    _text("kind"),
    _text("station_id"),
    _maybe_text("campaign_id"),
    _text("state"),
    _maybe_text("file_id"),
    _text("via"),
    _text("log"),
    _maybe_time("from_at"),
    _maybe_time("to_at"),
    _text("firmware_version"),
    _maybe_time("begin_at"),
    _maybe_number("phase_s"),
    _number("retries"),
    _number("attempts"),
    _maybe_number("request_id"),
    _text("status"),
    _number("heard_seq"),
    _text("reason"),
    _time("next_at"),
    _time("expires_at"),
    _maybe_time("deadline_at"),
    _text("created_by"),
    _time("created_at"),
    _maybe_time("finished_at"),
    _number("version"),
)
Index("jobs_by_time", jobs.c.created_at, jobs.c.id)
"""Pages of all jobs, newest first."""
Index("jobs_by_station", jobs.c.station_id, jobs.c.created_at, jobs.c.id)
"""Pages of a station's jobs, newest first."""
Index("jobs_by_campaign", jobs.c.campaign_id, jobs.c.created_at, jobs.c.id, jobs.c.state)
"""Pages of a campaign's jobs, newest first, and how many there are of each state."""
_job_waiting = text("state = 'waiting'")
Index("jobs_waiting", jobs.c.next_at, jobs.c.id, sqlite_where=_job_waiting, postgresql_where=_job_waiting)
"""The jobs that could begin (`state = 'waiting'` must be said as such)."""
_job_under_way = text("state IN ('requested', 'transferring', 'installing')")
Index(
    "jobs_under_way",
    jobs.c.station_id,
    jobs.c.kind,
    unique=True,
    sqlite_where=_job_under_way,
    postgresql_where=_job_under_way,
)
"""The jobs under way. What a station tells of its progress names no job: it has one of a kind at a time."""

transfer_secrets: Final = Table(
    "transfer_secrets",
    metadata,
    _key("job_id"),
    _text("digest"),
    UniqueConstraint("digest", name="transfer_secrets_digest"),
)
"""Found by its digest when a station fetches or delivers a file."""

campaigns: Final = Table(
    "campaigns",
    metadata,
    _key("id"),
    _text("name"),
    _text("kind"),
    _maybe_text("file_id"),
    _text("state"),
    _number("stations"),
    _number("concurrency"),
    _maybe_number("stop_after_failures"),
    _number("forgiven"),
    _text("reason"),
    _text("created_by"),
    _time("created_at"),
    _maybe_time("finished_at"),
    _number("version"),
)
Index("campaigns_by_time", campaigns.c.created_at, campaigns.c.id)
"""Pages of campaigns, newest first."""
_unfinished = text("finished_at IS NULL")
Index("campaigns_unfinished", campaigns.c.created_at, sqlite_where=_unfinished, postgresql_where=_unfinished)
"""The campaigns to look after."""

subscriptions: Final = Table(
    "subscriptions",
    metadata,
    _key("id"),
    _text("owner"),
    _text("title"),
    _text("channel"),
    _text("address"),
    _words("kinds"),
    _words("station_ids"),
    _words("location_ids"),
    _text("min_severity"),
    _text("quiet_from"),
    _text("quiet_until"),
    _flag("critical_passes"),
    _maybe_time("muted_until"),
    _text("time_zone"),
    _text("language"),
    _maybe_number("per_minute"),
    _text("report"),
    _maybe_time("paused_at"),
    _text("paused_reason"),
    _time("created_at"),
    _number("version"),
)
Index("subscriptions_by_owner", subscriptions.c.owner, subscriptions.c.id)
"""Pages of somebody's subscriptions."""

subscription_secrets: Final = Table(
    "subscription_secrets",
    metadata,
    _key("subscription_id"),
    _key("purpose"),
    _key("number", Integer),
    _text("sealed"),
    _time("made_at"),
    _maybe_time("expires_at"),
    sqlite_with_rowid=False,
)

subscription_health: Final = Table(
    "subscription_health",
    metadata,
    _key("subscription_id"),
    _maybe_time("sent_at"),
    _maybe_time("failed_at"),
    _number("failures"),
    _maybe_time("failing_since"),
    _text("error"),
    sqlite_with_rowid=False,
)

deliveries: Final = Table(
    "deliveries",
    metadata,
    _key("id"),
    _text("subscription_id"),
    _text("channel"),
    _number("seq"),
    _text("station_id"),
    _text("kind"),
    _text("severity"),
    _time("at"),
    _text("state"),
    _number("tries"),
    _time("next_at"),
    _text("error"),
    _text("folded_into"),
    _maybe_json("detail"),
    _maybe_time("ended_at"),
)
_to_send = text("state = 'waiting'")
Index(
    "deliveries_waiting",
    deliveries.c.subscription_id,
    deliveries.c.seq,
    sqlite_where=_to_send,
    postgresql_where=_to_send,
)
"""What waits, of a subscription in order, and which subscriptions anything waits for (`state = 'waiting'`
must be said as such)."""
Index("deliveries_by_subscription", deliveries.c.subscription_id, deliveries.c.seq, deliveries.c.id)
"""Pages of a subscription's deliveries, newest first, and what a summary tells of."""
Index("deliveries_by_order", deliveries.c.seq, deliveries.c.id)
"""Pages of all deliveries, newest first."""
_over = text("ended_at IS NOT NULL")
Index("deliveries_ended", deliveries.c.ended_at, sqlite_where=_over, postgresql_where=_over)
"""The oldest that are over, which are swept."""

writer_clients: Final = Table(
    "writer_clients",
    metadata,
    _key("client"),
    _number("number"),
    _number("last_seq"),
    Column("refused", LargeBinary()),
)
"""What the writer last committed for each of its clients, in the same commit: the number of the batch, the
`seq` of its last event, and which of its Works were refused and why. Thus a client whose writer died before
it answered learns what became of its batch."""

TABLES: Final[dict[type[records.Record], AnyTable]] = {
    records.Location: locations,
    records.Station: stations,
    records.StationSecurity: station_security,
    records.StationKey: station_keys,
    records.StationProof: station_proofs,
    records.StationCertificate: station_certificates,
    records.SecurityUpgrade: security_upgrades,
    records.Alarm: alarms,
    records.AlarmWatch: alarm_watches,
    records.AlarmRule: alarm_rules,
    records.StationStatus: station_status,
    records.ConnectorStatus: connector_status,
    records.LastSeen: last_seen,
    records.StationQuirk: station_quirks,
    records.Token: tokens,
    records.User: users,
    records.UserLogin: user_logins,
    records.UserSession: user_sessions,
    records.UserLink: user_links,
    records.Transaction: transactions,
    records.MeterValue: meter_values,
    records.Quarantined: quarantined,
    records.Knock: knocks,
    records.ApiKey: api_keys,
    records.ApiKeySecret: api_key_secrets,
    records.CommandRecord: commands,
    records.QueuedCommand: queued_commands,
    records.Reservation: reservations,
    records.LocalList: local_lists,
    records.LocalListContent: local_list_contents,
    records.KeyedRequest: keyed_requests,
    records.Lease: leases,
    records.ConfigurationKey: configuration_keys,
    records.ConfigurationTemplate: configuration_templates,
    records.ConfigurationVerdict: configuration_verdicts,
    records.TelegramChat: telegram_chats,
    records.TelegramInvite: telegram_invites,
    records.TelegramInviteSecret: telegram_invite_secrets,
    records.ConsumerCursor: consumer_cursors,
    records.DeferredEvent: deferred_events,
    records.StoredFile: files,
    records.Job: jobs,
    records.TransferSecret: transfer_secrets,
    records.Campaign: campaigns,
    records.LibraryProfile: library_profiles,
    records.ProfileAssignment: profile_assignments,
    records.InstalledProfile: installed_profiles,
    records.ChargingLimits: charging_limits,
    records.CompositeSchedule: composite_schedules,
    records.Subscription: subscriptions,
    records.SubscriptionSecret: subscription_secrets,
    records.SubscriptionHealth: subscription_health,
    records.Delivery: deliveries,
}
"""The order is the one in which tables are numbered between a client and its writer: the same program."""

NOT_IN_RECORD: Final = frozenset({meter_values.c.id})
"""Columns that no field of the record stands for."""


def columns_of(table: AnyTable) -> list[Column[object]]:
    """The columns that a record's fields stand for, in their order."""
    return [column for column in table.columns if column not in NOT_IN_RECORD]
