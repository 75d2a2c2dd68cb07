"""Alarms."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import UtcTime

revision = "0013"
down_revision = "0012"

UNSEEN = sa.text("acknowledged_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "alarms",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("count", sa.BigInteger(), nullable=False),
        sa.Column("raised_at", UtcTime(), nullable=False),
        sa.Column("last_at", UtcTime(), nullable=False),
        sa.Column("last_seq", sa.BigInteger(), nullable=False),
        sa.Column("acknowledged_at", UtcTime(), nullable=True),
        sa.Column("acknowledged_by", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "alarms_open",
        "alarms",
        ["station_id", "kind", "name"],
        unique=True,
        sqlite_where=UNSEEN,
        postgresql_where=UNSEEN,
    )
    op.create_index("alarms_by_time", "alarms", ["raised_at", "id"], unique=False)
    op.create_index("alarms_by_station", "alarms", ["station_id", "raised_at", "id"], unique=False)
