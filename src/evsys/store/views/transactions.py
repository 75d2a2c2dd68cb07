"""Reads of transactions and of their meter values."""

from collections.abc import Sequence
from datetime import datetime

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import asdict
from sqlalchemy import Connection, select, tuple_

from evsys.core.records import Transaction
from evsys.store.cells import microseconds, moment
from evsys.store.schema import meter_values, transactions
from evsys.store.views.paging import MAX_PAGE, Place, cut, from_cursor
from evsys.store.views.reach import standing_at
from evsys.store.views.reader import records, select_record


class TransactionFilter(Struct, frozen=True, kw_only=True):
    """Which transactions: all that meet every condition given. Times are of the start, `since` included,
    `until` not."""

    station_id: str = ""
    token: str = ""
    """In canonical form."""
    open: bool | None = None
    since: datetime | None = None
    until: datetime | None = None
    within: Sequence[str] = ()
    """The locations that count; empty: all."""


class Sample(Struct, frozen=True, kw_only=True):
    """The meter values of one moment of a transaction, as `core.records.MeterValue` has them."""

    at: datetime
    received_at: datetime
    context: str = ""
    energy_wh: float | None = None
    energy_export_wh: float | None = None
    power_w: float | None = None
    power_offered_w: float | None = None
    current_a: float | None = None
    current_l1_a: float | None = None
    current_l2_a: float | None = None
    current_l3_a: float | None = None
    current_offered_a: float | None = None
    voltage_v: float | None = None
    voltage_l1_v: float | None = None
    voltage_l2_v: float | None = None
    voltage_l3_v: float | None = None
    soc_percent: float | None = None
    temperature_c: float | None = None
    frequency_hz: float | None = None
    rest: Raw | None = None
    """Samples of other measurands, as sent."""


_SAMPLE_COLUMNS = [meter_values.c[name] for name in Sample.__struct_fields__]


class TransactionView(Transaction, frozen=True, kw_only=True):
    """A transaction with its first page of meter values, in the order they arrived."""

    meter_values: tuple[Sample, ...] = ()
    meter_values_next: str | None = None
    """Where there are more: the cursor to go on with at `/transactions/{id}/meter_values`."""


def transaction(connection: Connection, transaction_id: str) -> Transaction | None:
    """A transaction by its id."""
    query = select_record(Transaction).where(transactions.c.id == transaction_id)
    found = records(connection, Transaction, query)
    return found[0] if found else None


def transaction_view(connection: Connection, transaction_id: str) -> TransactionView | None:
    """A transaction with its first page of meter values."""
    found = transaction(connection, transaction_id)
    if found is None:
        return None
    values, following = meter_values_page(connection, transaction_id, MAX_PAGE)
    return TransactionView(**asdict(found), meter_values=tuple(values), meter_values_next=following)


def transactions_page(
    connection: Connection, which: TransactionFilter, limit: int, cursor: str = ""
) -> tuple[list[Transaction], str | None]:
    """Transactions, newest start first. Index: transactions_open where only open ones are asked for, else
    transactions_by_token, transactions_by_station or transactions_by_time."""
    of = "transactions " + msgspec.json.encode(which).decode()
    columns = transactions.c
    query = select_record(Transaction)
    if which.station_id:
        query = query.where(columns.station_id == which.station_id)
    if which.token:
        query = query.where(columns.id_token_canonical == which.token)
    if which.within:
        query = query.where(standing_at(columns.station_id, which.within))
    if which.open is not None:
        query = query.where(columns.ended_at.is_(None) if which.open else columns.ended_at.is_not(None))
    if which.since is not None:
        query = query.where(columns.started_at >= which.since)
    if which.until is not None:
        query = query.where(columns.started_at < which.until)
    if cursor:
        at, last = from_cursor(of, cursor, [int, str])
        query = query.where(tuple_(columns.started_at, columns.id) < (moment(int(at)), last))
    query = (
        query.with_hint(transactions, f"INDEXED BY {_index(which)}", "sqlite")
        .order_by(columns.started_at.desc(), columns.id.desc())
        .limit(limit + 1)
    )
    return cut(records(connection, Transaction, query), limit, of, _place)


def _index(which: TransactionFilter) -> str:
    """Named because the planner does not know that few are open and many ended."""
    if which.open:
        return "transactions_open"
    if which.token:
        return "transactions_by_token"
    return "transactions_by_station" if which.station_id else "transactions_by_time"


def _place(each: Transaction) -> Place:
    return microseconds(each.started_at), each.id


def meter_values_page(
    connection: Connection, transaction_id: str, limit: int, cursor: str = ""
) -> tuple[list[Sample], str | None]:
    """A transaction's meter values in the order they arrived. Index: meter_values_by_transaction."""
    of = f"meter_values {transaction_id}"
    query = (
        select(meter_values.c.id, *_SAMPLE_COLUMNS)
        .where(meter_values.c.transaction_id == transaction_id)
        .order_by(meter_values.c.id)
        .limit(limit + 1)
    )
    if cursor:
        query = query.where(meter_values.c.id > from_cursor(of, cursor, [int])[0])
    rows = list(connection.execute(query))
    page, following = cut(rows, limit, of, lambda row: (int(row[0]),))
    names = Sample.__struct_fields__
    return [Sample(**dict(zip(names, row[1:], strict=True))) for row in page], following
