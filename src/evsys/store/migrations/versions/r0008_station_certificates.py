"""Certificates that were signed for stations."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import UtcTime

revision = "0008"
down_revision = "0007"

PEOPLE = sa.text(
    "kind IN ('ApiKeyCreated', 'ApiKeyRevoked', 'CertificateRevoked', 'LocationChanged', 'LocationRemoved', "
    "'ReservationChanged', 'StationChanged', 'StationRegistered', 'StationRemoved', "
    "'StationSecurityChanged', 'TokenChanged', 'TokenRegistered', 'TokenRemoved', 'UserChanged', "
    "'UserRemoved')"
)
"""The events of records that people write."""
IN_FORCE = sa.text("revoked_at IS NULL")
REVOKED = sa.text("revoked_at IS NOT NULL")


def upgrade() -> None:
    op.create_table(
        "station_certificates",
        sa.Column("serial", sa.Text(), nullable=False),
        sa.Column("station_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("valid_from", UtcTime(), nullable=False),
        sa.Column("valid_until", UtcTime(), nullable=False),
        sa.Column("renew_at", UtcTime(), nullable=False),
        sa.Column("chain", sa.Text(), nullable=False),
        sa.Column("request_digest", sa.Text(), nullable=False),
        sa.Column("issued_at", UtcTime(), nullable=False),
        sa.Column("accepted_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("serial"),
    )
    op.create_index(
        "certificates_by_station", "station_certificates", ["station_id", "issued_at"], unique=False
    )
    op.create_index(
        "certificates_to_renew",
        "station_certificates",
        ["renew_at"],
        unique=False,
        sqlite_where=IN_FORCE,
        postgresql_where=IN_FORCE,
    )
    op.create_index(
        "certificates_revoked",
        "station_certificates",
        ["serial"],
        unique=False,
        sqlite_where=REVOKED,
        postgresql_where=REVOKED,
    )
    op.drop_index("events_of_people", table_name="events")
    op.create_index(
        "events_of_people", "events", ["seq"], unique=False, sqlite_where=PEOPLE, postgresql_where=PEOPLE
    )
