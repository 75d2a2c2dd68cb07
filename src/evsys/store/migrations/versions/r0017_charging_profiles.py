"""Charging profiles: the library, where they are wanted, what stations have and take of them."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import JsonText, ScheduleText, TextTuple, UtcTime

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    op.create_table(
        "library_profiles",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("recurrency_kind", sa.Text(), nullable=True),
        sa.Column("stack_level", sa.BigInteger(), nullable=False),
        sa.Column("valid_from", UtcTime(), nullable=True),
        sa.Column("valid_to", UtcTime(), nullable=True),
        sa.Column("schedule", ScheduleText(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_table(
        "profile_assignments",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.BigInteger(), nullable=False),
        sa.Column("evse_id", sa.BigInteger(), nullable=False),
        sa.Column("transaction_id", sa.Text(), nullable=True),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("stack_level", sa.BigInteger(), nullable=False),
        sa.Column("phases", sa.BigInteger(), nullable=False),
        sa.Column("voltage_v", sa.BigInteger(), nullable=False),
        sa.Column("assigned_by", sa.Text(), nullable=False),
        sa.Column("assigned_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("station_id", "profile_id", name="profile_assignments_profile"),
        sa.UniqueConstraint(
            "station_id", "evse_id", "purpose", "stack_level", name="profile_assignments_slot"
        ),
    )
    op.create_index("profile_assignments_by_profile", "profile_assignments", ["profile_id"], unique=False)
    op.create_table(
        "installed_profiles",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("profile_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("evse_id", sa.BigInteger(), nullable=False),
        sa.Column("assignment_id", sa.Text(), nullable=False),
        sa.Column("profile_version", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("sent", JsonText(), nullable=True),
        sa.Column("firmware_version", sa.Text(), nullable=False),
        sa.Column("at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "profile_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("installed_profiles_by_profile", "installed_profiles", ["profile_id"], unique=False)
    op.create_table(
        "charging_limits",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("max_stack_level", sa.BigInteger(), nullable=True),
        sa.Column("rate_units", TextTuple(), nullable=False),
        sa.Column("max_periods", sa.BigInteger(), nullable=True),
        sa.Column("max_installed", sa.BigInteger(), nullable=True),
        sa.Column("accepted", TextTuple(), nullable=False),
        sa.Column("refused", TextTuple(), nullable=False),
        sa.Column("firmware_version", sa.Text(), nullable=False),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id"),
    )
    op.create_table(
        "composite_schedules",
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("evse_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("answer", JsonText(), nullable=True),
        sa.Column("asked_at", UtcTime(), nullable=False),
        sa.PrimaryKeyConstraint("station_id", "evse_id"),
        sqlite_with_rowid=False,
    )
