"""The state of the server: who is connected, and whether all parts work."""

from typing import Final

import msgspec

from evsys.core.errors import StoreUnavailable
from evsys.core.ports import GATEWAY_STATUS, Bus, BusTimeout, GatewayStatus, NobodyThere
from evsys.office.writing import Books
from evsys.store.views.reader import Reader

ASK_GATEWAY_S: Final = 2.0
"""A gateway that takes longer to say how it is, is not well."""


class GatewayAway(Exception):
    """The gateway does not answer: it is being restarted."""


class Status:
    def __init__(self, books: Books, reader: Reader, bus: Bus) -> None:
        self._books = books
        self._reader = reader
        self._bus = bus

    async def gateway(self) -> GatewayStatus:
        """What the gateway says of itself. Raises GatewayAway."""
        try:
            answer = await self._bus.request(GATEWAY_STATUS, b"", ASK_GATEWAY_S)
        except (NobodyThere, BusTimeout) as error:
            raise GatewayAway(f"the gateway does not answer: {error}") from None
        return msgspec.json.decode(answer, type=GatewayStatus)

    async def troubles(self) -> list[str]:
        """Why the server cannot do its work now; empty where it can."""
        troubles = []
        try:
            if failure := (await self.gateway()).store_failure:
                troubles.append(f"the gateway's last commit failed: {failure}")
        except GatewayAway as away:
            troubles.append(str(away))
        try:
            await self._reader.check()
        except StoreUnavailable as error:
            troubles.append(str(error))
        if failure := self._books.failure:
            troubles.append(f"the office's last commit failed: {failure}")
        return troubles
