"""Alarms that pass, what may become one, and rules of them."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import JsonText, UtcTime

revision = "0019"
down_revision = "0018"

UNCLEARED = sa.text("cleared_at IS NULL")
KEPT = "id, station_id, kind, name, severity, detail"
SEEN = "acknowledged_at, acknowledged_by"


def upgrade() -> None:
    # Made anew, so that the columns stand where the record has its fields.
    for index in ("alarms_open", "alarms_by_time", "alarms_by_station"):
        op.drop_index(index, "alarms")
    op.rename_table("alarms", "alarms_before")
    op.create_table(
        "alarms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("facts", JsonText(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("flapping", sa.Boolean(), nullable=False),
        sa.Column("raised_at", UtcTime(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("told_at", UtcTime(), nullable=False),
        sa.Column("acknowledged_at", UtcTime(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cleared_at", UtcTime(), nullable=True),
        sa.Column("cleared_by", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    # What was acknowledged was over: it was raised anew when it happened again.
    op.execute(
        f"INSERT INTO alarms ({KEPT}, facts, count, flapping, raised_at, last_at, last_seq, told_at, {SEEN}, "
        f"note, cleared_at, cleared_by, version) SELECT {KEPT}, '{{}}', count, 0, raised_at, last_at, "
        f"last_seq, raised_at, {SEEN}, '', acknowledged_at, acknowledged_by, version FROM alarms_before"
    )
    op.drop_table("alarms_before")
    op.create_index(
        "alarms_open",
        "alarms",
        ["station_id", "kind", "name"],
        unique=True,
        sqlite_where=UNCLEARED,
        postgresql_where=UNCLEARED,
    )
    op.create_index(
        "alarms_open_by_time",
        "alarms",
        ["raised_at", "id", "severity"],
        unique=False,
        sqlite_where=UNCLEARED,
        postgresql_where=UNCLEARED,
    )
    op.create_index("alarms_by_time", "alarms", ["raised_at", "id"], unique=False)
    op.create_index("alarms_by_station", "alarms", ["station_id", "raised_at", "id"], unique=False)
    op.create_table(
        "alarm_watches",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("holds", sa.Boolean(), nullable=False),
        sa.Column("since", UtcTime(), nullable=False),
        sa.Column("moments", JsonText(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("facts", JsonText(), nullable=False),
        sa.Column("due_at", UtcTime(), nullable=True),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "kind", "name"),
        sqlite_with_rowid=False,
    )
    op.create_index("alarm_watches_due", "alarm_watches", ["due_at"], unique=False)
    op.create_table(
        "alarm_rules",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=True),
        sa.Column("severity", sa.Text(), nullable=True),
        sa.Column("after_s", sa.BigInteger(), nullable=True),
        sa.Column("times", sa.BigInteger(), nullable=True),
        sa.Column("within_s", sa.BigInteger(), nullable=True),
        sa.Column("clears_after_s", sa.BigInteger(), nullable=True),
        sa.Column("repeat_s", sa.BigInteger(), nullable=True),
        sa.Column("threshold", sa.BigInteger(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "station_id"),
        sqlite_with_rowid=False,
    )
