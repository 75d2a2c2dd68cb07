"""Reads of the requests that came with an Idempotency-Key."""

from datetime import datetime

from sqlalchemy import Connection, func, select

from evsys.core.records import KeyedRequest
from evsys.store.schema import keyed_requests
from evsys.store.views.reader import records, select_record


def keyed_request(connection: Connection, owner: str, key: str) -> tuple[KeyedRequest | None, int]:
    """The request of an API key with this Idempotency-Key, and how many of this API key there are in all.
    Index: the primary key."""
    columns = keyed_requests.c
    query = select_record(KeyedRequest).where(columns.owner == owner, columns.key == key)
    found = records(connection, KeyedRequest, query)
    count = connection.execute(select(func.count()).where(columns.owner == owner)).scalar_one()
    return (found[0] if found else None), int(count)


def keyed_requests_until(connection: Connection, at: datetime, limit: int) -> list[KeyedRequest]:
    """The oldest, none of which came after `at`. Index: keyed_requests_by_time."""
    columns = keyed_requests.c
    query = select_record(KeyedRequest).where(columns.at <= at).order_by(columns.at).limit(limit)
    return records(connection, KeyedRequest, query)
