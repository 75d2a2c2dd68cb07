"""Who wants to hear of what, and the messages on their way."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import JsonText, TextTuple, UtcTime

revision = "0018"
down_revision = "0017"

WAITING = sa.text("state = 'waiting'")
OVER = sa.text("ended_at IS NOT NULL")
LINKS = sa.text("kind IN ('StationConnected', 'StationDisconnected')")


def upgrade() -> None:
    _subscriptions()
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("next_at", UtcTime(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("folded_into", sa.Text(), nullable=False),
        sa.Column("detail", JsonText(), nullable=True),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "deliveries_waiting",
        "deliveries",
        ["subscription_id", "seq"],
        unique=False,
        sqlite_where=WAITING,
        postgresql_where=WAITING,
    )
    op.create_index(
        "deliveries_by_subscription", "deliveries", ["subscription_id", "seq", "id"], unique=False
    )
    op.create_index("deliveries_by_order", "deliveries", ["seq", "id"], unique=False)
    op.create_index(
        "deliveries_ended", "deliveries", ["ended_at"], unique=False, sqlite_where=OVER, postgresql_where=OVER
    )
    op.create_index(
        "events_of_links",
        "events",
        ["station_id", "seq"],
        unique=False,
        sqlite_where=LINKS,
        postgresql_where=LINKS,
    )


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("kinds", TextTuple(), nullable=False),
        sa.Column("station_ids", TextTuple(), nullable=False),
        sa.Column("location_ids", TextTuple(), nullable=False),
        sa.Column("min_severity", sa.Text(), nullable=False),
        sa.Column("quiet_from", sa.Text(), nullable=False),
        sa.Column("quiet_until", sa.Text(), nullable=False),
        sa.Column("critical_passes", sa.Boolean(), nullable=False),
        sa.Column("muted_until", UtcTime(), nullable=True),
        sa.Column("time_zone", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False),
        sa.Column("per_minute", sa.BigInteger(), nullable=True),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("paused_at", UtcTime(), nullable=True),
        sa.Column("paused_reason", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("subscriptions_by_owner", "subscriptions", ["owner", "id"], unique=False)
    op.create_table(
        "subscription_secrets",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.PrimaryKeyConstraint("subscription_id", "purpose", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "subscription_health",
        sa.Column("subscription_id", sa.Text(), nullable=False),
        sa.Column("sent_at", UtcTime(), nullable=True),
        sa.Column("failed_at", UtcTime(), nullable=True),
        sa.Column("failures", sa.BigInteger(), nullable=False),
        sa.Column("failing_since", UtcTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subscription_id"),
        sqlite_with_rowid=False,
    )
