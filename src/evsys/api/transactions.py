"""Transactions and their meter values: read, and ended by an operator."""

from functools import partial
from typing import Annotated

from litestar import get, post
from litestar.params import FromPath, FromQuery, QueryParameter
from msgspec import Struct

from evsys.api.access import CONFINES, needs
from evsys.api.desk import Cursor, Desk, Limit
from evsys.api.problems import documented
from evsys.api.strict import StrictRequest, moment
from evsys.core.authorization import canonical
from evsys.core.errors import NotFound
from evsys.core.records import Transaction
from evsys.office.access import Person
from evsys.office.office import Office
from evsys.store.views import transactions
from evsys.store.views.paging import DEFAULT_PAGE
from evsys.store.views.transactions import Sample, TransactionFilter, TransactionView


class TransactionList(Struct, frozen=True, kw_only=True):
    items: list[Transaction]
    next: str | None = None


class MeterValueList(Struct, frozen=True, kw_only=True):
    items: list[Sample]
    next: str | None = None


@get(
    "/transactions",
    guards=[needs("transaction.read")],
    responses=documented(400, 401, 403, 503),
    tags=["transactions"],
    opt={CONFINES: True},
)
async def list_transactions(
    office: Desk,
    request: StrictRequest,
    station: FromQuery[str] = "",
    token: FromQuery[str] = "",
    is_open: Annotated[
        bool | None, QueryParameter(name="open", description="Running ones, or ended ones.")
    ] = None,
    since: Annotated[
        str | None, QueryParameter(name="from", description="Started at or after; RFC 3339 with an offset.")
    ] = None,
    until: Annotated[
        str | None, QueryParameter(name="to", description="Started before; RFC 3339 with an offset.")
    ] = None,
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> TransactionList:
    """Transactions, newest start first: all that meet every condition given."""
    which = TransactionFilter(
        station_id=station,
        token=canonical(token),
        open=is_open,
        since=moment("from", since),
        until=moment("to", until),
        within=request.auth.location_ids,
    )
    items, following = await office.reader.read(
        partial(transactions.transactions_page, which=which, limit=limit, cursor=cursor)
    )
    return TransactionList(items=items, next=following)


@get(
    "/transactions/{transaction_id:str}",
    guards=[needs("transaction.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["transactions"],
    opt={CONFINES: True},
)
async def get_transaction(
    office: Desk, request: StrictRequest, transaction_id: FromPath[str]
) -> TransactionView:
    """A transaction with its first meter values, in the order they arrived."""
    found = await office.reader.read(partial(transactions.transaction_view, transaction_id=transaction_id))
    if found is None:
        raise NotFound(f"no transaction {transaction_id}")
    await office.reach.check(request.auth, found.station_id)
    return found


@get(
    "/transactions/{transaction_id:str}/meter_values",
    guards=[needs("transaction.read")],
    responses=documented(400, 401, 403, 404, 503),
    tags=["transactions"],
    opt={CONFINES: True},
)
async def list_meter_values(
    office: Desk,
    request: StrictRequest,
    transaction_id: FromPath[str],
    limit: Limit = DEFAULT_PAGE,
    cursor: Cursor = "",
) -> MeterValueList:
    """A transaction's meter values, in the order they arrived."""
    await _seen(office, request.auth, transaction_id)
    items, following = await office.reader.read(
        partial(transactions.meter_values_page, transaction_id=transaction_id, limit=limit, cursor=cursor)
    )
    return MeterValueList(items=items, next=following)


@post(
    "/transactions/{transaction_id:str}/close",
    status_code=200,
    guards=[needs("transaction.close")],
    responses=documented(400, 401, 403, 404, 409, 503),
    tags=["transactions"],
    opt={CONFINES: True},
)
async def close_transaction(
    office: Desk, transaction_id: FromPath[str], request: StrictRequest
) -> Transaction:
    """End a running transaction that its station will not stop, with its last reading. Nothing is sent to the
    station, and its own stop, should it come, replaces this end. 409 where it has ended."""
    await _seen(office, request.auth, transaction_id)
    return await office.closing.close(transaction_id, request.auth.name)


async def _seen(office: Office, person: Person, transaction_id: str) -> None:
    """Raises NotFound or StationUnknown for a transaction that the person does not see."""
    found = await office.reader.read(partial(transactions.transaction, transaction_id=transaction_id))
    if found is None:
        raise NotFound(f"no transaction {transaction_id}")
    await office.reach.check(person, found.station_id)
