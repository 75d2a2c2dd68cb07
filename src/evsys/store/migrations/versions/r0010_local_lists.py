"""Local lists of stations."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import JsonText, UtcTime

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    with op.batch_alter_table("stations", recreate="always") as table:
        table.add_column(sa.Column("local_list", sa.Boolean(), nullable=True), insert_after="workarounds")
    op.create_table(
        "local_list_contents",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("entries", JsonText(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "local_lists",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("list_version", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("entries", sa.BigInteger(), nullable=False),
        sa.Column("max_length", sa.BigInteger(), nullable=True),
        sa.Column("max_update", sa.BigInteger(), nullable=True),
        sa.Column("firmware_version", sa.Text(), nullable=False),
        sa.Column("asked_at", UtcTime(), nullable=True),
        sa.Column("synced_at", UtcTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
    )
    op.create_index("local_lists_by_content", "local_lists", ["content"], unique=False)
