"""People who sign in: roles, locations, passwords, sessions and links; keys that belong to somebody."""

import sqlalchemy as sa
from alembic import op

from evsys.store.schema import TextTuple, UtcTime

revision = "0020"
down_revision = "0019"

STAFF = sa.text("role <> 'driver'")


def upgrade() -> None:
    _users()
    _keys()
    op.create_table(
        "user_logins",
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("password", sa.Text(), nullable=False),
        sa.Column("totp", sa.Text(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("user_id"),
    )
    op.create_table(
        "user_sessions",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("seen_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("sessions_by_user", "user_sessions", ["user_id", "created_at"], unique=False)
    op.create_index("sessions_by_end", "user_sessions", ["expires_at"], unique=False)
    op.create_table(
        "user_links",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("created_by", sa.Text(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    op.create_index("links_by_user", "user_links", ["user_id"], unique=False)
    op.create_index("stations_by_location", "stations", ["location_id", "id"], unique=False)


def _users() -> None:
    # Made anew, so that the columns stand where the record has its fields.
    op.rename_table("users", "users_before")
    op.create_table(
        "users",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("email", sa.Text(), nullable=False),
        sa.Column("phone", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("location_ids", TextTuple(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    before = "id, name, email, phone, note"
    op.execute(
        f"INSERT INTO users ({before}, role, location_ids, enabled, created_at, version) "
        f"SELECT {before}, 'driver', '[]', 1, created_at, version FROM users_before"
    )
    op.drop_table("users_before")
    op.create_index("users_staff", "users", ["id"], sqlite_where=STAFF, postgresql_where=STAFF)


def _keys() -> None:
    op.rename_table("api_keys", "api_keys_before")
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.Text(), nullable=False),
        sa.Column("scopes", TextTuple(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=True),
        sa.Column("created_at", UtcTime(), nullable=False),
        sa.Column("expires_at", UtcTime(), nullable=True),
        sa.Column("revoked_at", UtcTime(), nullable=True),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    before = "id, name, role, scopes"
    after = "created_at, expires_at, revoked_at, version"
    op.execute(
        f"INSERT INTO api_keys ({before}, user_id, {after}) "
        f"SELECT {before}, NULL, {after} FROM api_keys_before"
    )
    op.drop_table("api_keys_before")
