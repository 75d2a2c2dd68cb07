"""The first schema."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import JsonText, TextTuple, UtcTime

revision = "0001"
down_revision = None

PEOPLE = sa.text(
    "kind IN ('ApiKeyCreated', 'ApiKeyRevoked', 'LocationChanged', 'LocationRemoved', "
    "'StationChanged', 'StationRegistered', 'StationRemoved', 'TokenChanged', "
    "'TokenRegistered', 'TokenRemoved', 'UserChanged', 'UserRemoved')"
)
"""The events of records that people write."""


def upgrade() -> None:
    op.create_table(
        "api_key_secrets",
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key_id"),
        sa.UniqueConstraint("digest", name="api_key_secrets_digest"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scopes", TextTuple(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "commands",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("request", JsonText(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", UtcTime(), nullable=False),
        sa.Column("finished_at", UtcTime(), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=True),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", JsonText(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("commands_by_station", "commands", ["station_id", "requested_at"], unique=False)
    op.create_table(
        "configuration_keys",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("readonly", sa.Boolean(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "key"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "connector_status",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), nullable=False),
        sa.Column("connector_id", sa.Integer(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("info", sa.Text(), nullable=False),
        sa.Column("vendor_id", sa.Text(), nullable=False),
        sa.Column("vendor_error_code", sa.Text(), nullable=False),
        sa.Column("reported_at", UtcTime(), nullable=True),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "connector_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "events",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("payload", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("seq"),
        sqlite_autoincrement=True,
    )
    op.create_index("events_by_station", "events", ["station_id"], unique=False)
    op.create_index(
        "events_by_transaction",
        "events",
        ["transaction_id"],
        unique=False,
        sqlite_where=sa.text("transaction_id <> ''"),
        postgresql_where=sa.text("transaction_id <> ''"),
    )
    op.create_index(
        "events_of_people", "events", ["seq"], unique=False, sqlite_where=PEOPLE, postgresql_where=PEOPLE
    )
    op.create_table(
        "knocks",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("first_seen_at", UtcTime(), nullable=False),
        sa.Column("last_seen_at", UtcTime(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
    )
    op.create_index("knocks_by_time", "knocks", ["last_seen_at"], unique=False)
    op.create_table(
        "last_seen",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("next", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "locations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("latitude", sa.Float(), nullable=True),
        sa.Column("longitude", sa.Float(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "meter_values",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("digest", sa.BigInteger(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("reported_at", UtcTime(), nullable=False),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("context", sa.Text(), nullable=False),
        sa.Column("energy_wh", sa.Float(), nullable=True),
        sa.Column("energy_export_wh", sa.Float(), nullable=True),
        sa.Column("power_w", sa.Float(), nullable=True),
        sa.Column("power_offered_w", sa.Float(), nullable=True),
        sa.Column("current_a", sa.Float(), nullable=True),
        sa.Column("current_l1_a", sa.Float(), nullable=True),
        sa.Column("current_l2_a", sa.Float(), nullable=True),
        sa.Column("current_l3_a", sa.Float(), nullable=True),
        sa.Column("current_offered_a", sa.Float(), nullable=True),
        sa.Column("voltage_v", sa.Float(), nullable=True),
        sa.Column("voltage_l1_v", sa.Float(), nullable=True),
        sa.Column("voltage_l2_v", sa.Float(), nullable=True),
        sa.Column("voltage_l3_v", sa.Float(), nullable=True),
        sa.Column("soc_percent", sa.Float(), nullable=True),
        sa.Column("temperature_c", sa.Float(), nullable=True),
        sa.Column("frequency_hz", sa.Float(), nullable=True),
        sa.Column("rest", JsonText(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("reported_at", "station_id", "digest", name="meter_values_identity"),
    )
    op.create_index("meter_values_by_transaction", "meter_values", ["transaction_id"], unique=False)
    op.create_table(
        "quarantined",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("received_at", UtcTime(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("payload", JsonText(), nullable=False),
        sa.Column("resolved_at", UtcTime(), nullable=True),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("quarantined_by_station", "quarantined", ["station_id", "received_at"], unique=False)
    op.create_table(
        "station_status",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("connected", sa.Boolean(), nullable=False),
        sa.Column("connected_at", UtcTime(), nullable=True),
        sa.Column("disconnected_at", UtcTime(), nullable=True),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("protocol", sa.Text(), nullable=False),
        sa.Column("registration", sa.Text(), nullable=True),
        sa.Column("booted_at", UtcTime(), nullable=True),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("serial_number", sa.Text(), nullable=False),
        sa.Column("charge_box_serial_number", sa.Text(), nullable=False),
        sa.Column("firmware_version", sa.Text(), nullable=False),
        sa.Column("iccid", sa.Text(), nullable=False),
        sa.Column("imsi", sa.Text(), nullable=False),
        sa.Column("meter_type", sa.Text(), nullable=False),
        sa.Column("meter_serial_number", sa.Text(), nullable=False),
        sa.Column("firmware_status", sa.Text(), nullable=False),
        sa.Column("diagnostics_status", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("location_id", sa.Text(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("registration", sa.Text(), nullable=False),
        sa.Column("conformance", sa.Text(), nullable=False),
        sa.Column("ping", sa.Boolean(), nullable=False),
        sa.Column("assume_protocol", sa.Text(), nullable=False),
        sa.Column("assert_measurands", sa.Boolean(), nullable=False),
        sa.Column("poll_meter_values", sa.Boolean(), nullable=False),
        sa.Column("sweep", sa.Boolean(), nullable=False),
        sa.Column("call_timeout_s", sa.BigInteger(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("blocked", sa.Boolean(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("max_concurrent", sa.BigInteger(), nullable=True),
        sa.Column("station_ids", TextTuple(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "transactions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("alias", sa.BigInteger(), nullable=True),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.BigInteger(), nullable=False),
        sa.Column("connector_id", sa.BigInteger(), nullable=False),
        sa.Column("id_token", sa.Text(), nullable=False),
        sa.Column("id_token_canonical", sa.Text(), nullable=False),
        sa.Column("authorization", sa.Text(), nullable=False),
        sa.Column("started_at", UtcTime(), nullable=False),
        sa.Column("start_received_at", UtcTime(), nullable=False),
        sa.Column("meter_start_wh", sa.BigInteger(), nullable=False),
        sa.Column("start_key", sa.Text(), nullable=True),
        sa.Column("reservation_id", sa.BigInteger(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("end_received_at", UtcTime(), nullable=True),
        sa.Column("meter_stop_wh", sa.BigInteger(), nullable=True),
        sa.Column("energy_wh", sa.BigInteger(), nullable=True),
        sa.Column("stop_reason", sa.Text(), nullable=False),
        sa.Column("stop_id_token", sa.Text(), nullable=False),
        sa.Column("ended_by", sa.Text(), nullable=True),
        sa.Column("flags", TextTuple(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number", name="transactions_number"),
        sa.UniqueConstraint("start_key", name="transactions_start_key"),
    )
    op.create_index("transactions_by_end", "transactions", ["station_id", "end_received_at"], unique=False)
    op.create_index(
        "transactions_by_station", "transactions", ["station_id", "started_at", "id"], unique=False
    )
    op.create_index("transactions_by_time", "transactions", ["started_at", "id"], unique=False)
    op.create_index(
        "transactions_by_token", "transactions", ["id_token_canonical", "started_at", "id"], unique=False
    )
    op.create_index(
        "transactions_one_open_per_evse",
        "transactions",
        ["station_id", "evse_id"],
        unique=True,
        sqlite_where=sa.text("ended_at IS NULL AND evse_id > 0"),
        postgresql_where=sa.text("ended_at IS NULL AND evse_id > 0"),
    )
    op.create_index(
        "transactions_open",
        "transactions",
        ["station_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "writer_clients",
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("client"),
    )
