"""Upgrades of stations' security profiles."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import UtcTime

revision = "0011"
down_revision = "0010"

UNDER_WAY = sa.text("state NOT IN ('done', 'failed')")


def upgrade() -> None:
    op.create_table(
        "security_upgrades",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("requested_at", UtcTime(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("upgrades_by_station", "security_upgrades", ["station_id", "requested_at"], unique=False)
    op.create_index(
        "upgrades_under_way",
        "security_upgrades",
        ["station_id"],
        unique=True,
        sqlite_where=UNDER_WAY,
        postgresql_where=UNDER_WAY,
    )
