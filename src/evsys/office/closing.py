"""Sessions that an operator ends: asked of the gateway, which alone writes transactions, in turns."""

from functools import partial
from typing import Final

import msgspec

from evsys.core.errors import AlreadyExists, NotFound, OutcomeUnknown, StoreUnavailable
from evsys.core.ports import GATEWAY_CLOSE, Bus, BusTimeout, CloseReply, CloseRequest, NobodyThere
from evsys.core.records import Transaction
from evsys.store.views import transactions
from evsys.store.views.reader import Reader

CLOSE_WITHIN_S: Final = 15.0
"""A station that is not connected is loaded from disk first; then it is one commit."""


class Closing:
    """Ends sessions that their stations will not end."""

    def __init__(self, reader: Reader, bus: Bus) -> None:
        self._reader = reader
        self._bus = bus

    async def close(self, transaction_id: str, by: str) -> Transaction:
        """End an open transaction with its last reading. Raises NotFound, AlreadyExists where it has ended,
        or StoreUnavailable."""
        transaction = await self._find(transaction_id)
        if transaction.ended_at is None:
            reply = await self._ask(transaction, by)
            if reply.failure:
                raise StoreUnavailable(f"the transaction could not be ended: {reply.failure}")
            if reply.found:
                return await self._find(transaction_id)
        raise AlreadyExists(f"the transaction {transaction_id} has ended already")

    async def _ask(self, transaction: Transaction, by: str) -> CloseReply:
        request = CloseRequest(station_id=transaction.station_id, transaction_id=transaction.id, by=by)
        try:
            answer = await self._bus.request(GATEWAY_CLOSE, msgspec.json.encode(request), CLOSE_WITHIN_S)
        except NobodyThere as error:
            raise StoreUnavailable(f"the gateway does not answer: {error}") from None
        except BusTimeout as error:
            raise OutcomeUnknown(f"whether the transaction was ended is not known: {error}") from None
        return msgspec.json.decode(answer, type=CloseReply)

    async def _find(self, transaction_id: str) -> Transaction:
        query = partial(transactions.transaction, transaction_id=transaction_id)
        found = await self._reader.read(query)
        if found is None:
            raise NotFound(f"no transaction {transaction_id}")
        return found
