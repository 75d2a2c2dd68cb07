"""Reservations; the gateway follows what people change of them."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import UtcTime

revision = "0007"
down_revision = "0006"

PEOPLE = sa.text(
    "kind IN ('ApiKeyCreated', 'ApiKeyRevoked', 'LocationChanged', 'LocationRemoved', "
    "'ReservationChanged', 'StationChanged', 'StationRegistered', 'StationRemoved', "
    "'StationSecurityChanged', 'TokenChanged', 'TokenRegistered', 'TokenRemoved', "
    "'UserChanged', 'UserRemoved')"
)
"""The events of records that people write."""


def upgrade() -> None:
    op.create_table(
        "reservations",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("evse_id", sa.BigInteger(), nullable=False),
        sa.Column("id_token", sa.Text(), nullable=False),
        sa.Column("parent", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("requested_by", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("ended_at", UtcTime(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("station_id", "number", name="reservations_number"),
    )
    op.create_index("reservations_by_time", "reservations", ["created_at", "id"], unique=False)
    op.create_index(
        "reservations_open",
        "reservations",
        ["station_id"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.drop_index("events_of_people", "events")
    op.create_index(
        "events_of_people", "events", ["seq"], unique=False, sqlite_where=PEOPLE, postgresql_where=PEOPLE
    )
