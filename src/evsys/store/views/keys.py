"""Reads of API keys. Their secrets never leave here: only a digest to compare with."""

from sqlalchemy import Connection, select

from evsys.core.records import ApiKey, User
from evsys.store.schema import api_key_secrets, api_keys, columns_of
from evsys.store.views.reader import record_by_id, records, select_record

MAX_KEYS = 1000
"""Keys listed at most; who has more should revoke some."""


def key_by_digest(connection: Connection, digest: str) -> tuple[ApiKey, str, User | None] | None:
    """The key whose secret has this digest, the digest as stored, and whose key it is. Indexes:
    api_key_secrets_digest, the primary keys."""
    query = (
        select(api_key_secrets.c.digest, *columns_of(api_keys))
        .join(api_keys, api_keys.c.id == api_key_secrets.c.key_id)
        .where(api_key_secrets.c.digest == digest)
    )
    row = connection.execute(query).first()
    if row is None:
        return None
    key = ApiKey(**dict(zip(ApiKey.__struct_fields__, row[1:], strict=True)))
    user = None if key.user_id is None else record_by_id(connection, User, key.user_id)
    return key, row[0], user


def keys(connection: Connection) -> list[ApiKey]:
    """All keys, the oldest first."""
    query = select_record(ApiKey).order_by(api_keys.c.created_at, api_keys.c.id).limit(MAX_KEYS)
    return records(connection, ApiKey, query)


def key(connection: Connection, key_id: str) -> ApiKey | None:
    """A key by its id."""
    found = records(connection, ApiKey, select_record(ApiKey).where(api_keys.c.id == key_id))
    return found[0] if found else None
