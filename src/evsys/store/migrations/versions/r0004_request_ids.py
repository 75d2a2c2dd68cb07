"""The status of an update or an upload knows which one it tells of."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    with op.batch_alter_table(
        "station_status", recreate="always", table_kwargs={"sqlite_with_rowid": False}
    ) as table:
        table.add_column(sa.Column("firmware_request_id", sa.BigInteger(), nullable=True))
        table.add_column(sa.Column("diagnostics_request_id", sa.BigInteger(), nullable=True))
