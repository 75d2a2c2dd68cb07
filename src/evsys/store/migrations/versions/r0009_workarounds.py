"""What is done differently for a station: the profile of its model, and what people set."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import UtcTime, WorkaroundsText

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    # Made anew, so that the columns stand where the record has its fields.
    op.rename_table("stations", "stations_before")
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
        sa.Column("model_profile", sa.Text(), nullable=False),
        sa.Column("workarounds", WorkaroundsText(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    before = (
        "id, title, location_id, enabled, registration, conformance, ping, assume_protocol, "
        "assert_measurands, poll_meter_values, sweep, call_timeout_s"
    )
    op.execute(
        f"INSERT INTO stations ({before}, model_profile, workarounds, created_at, version) "
        f"SELECT {before}, '', '{{}}', created_at, version FROM stations_before"
    )
    op.drop_table("stations_before")
