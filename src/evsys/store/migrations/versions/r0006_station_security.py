"""How stations prove who they are: what people ask for, digests of their keys, and what was proved last."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import UtcTime

revision = "0006"
down_revision = "0005"

PEOPLE = sa.text(
    "kind IN ('ApiKeyCreated', 'ApiKeyRevoked', 'LocationChanged', 'LocationRemoved', "
    "'StationChanged', 'StationRegistered', 'StationRemoved', 'StationSecurityChanged', 'TokenChanged', "
    "'TokenRegistered', 'TokenRemoved', 'UserChanged', 'UserRemoved')"
)
"""The events of records that people write."""


def upgrade() -> None:
    op.create_table(
        "station_security",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("minimum_profile", sa.BigInteger(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("certificate_name", sa.Text(), nullable=False),
        sa.Column("forgiven_at", UtcTime(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
    )
    op.create_table(
        "station_keys",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("made_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "number"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "station_proofs",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("profile", sa.BigInteger(), nullable=False),
        sa.Column("key_number", sa.BigInteger(), nullable=False),
        sa.Column("certificate_serial", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
    )
    op.drop_index("events_of_people", table_name="events")
    op.create_index(
        "events_of_people", "events", ["seq"], unique=False, sqlite_where=PEOPLE, postgresql_where=PEOPLE
    )
