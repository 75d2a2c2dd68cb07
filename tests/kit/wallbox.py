"""A charging station made of the `ocpp` package, which nobody here wrote, on a socket of the real program."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import websockets
from ocpp.routing import on

from kit.program import Program
from ocpp.v16 import ChargePoint, call, call_result


class Wallbox(ChargePoint):  # type: ignore[misc]  # the package has no types
    """A charging station made of the `ocpp` package."""

    @on("GetConfiguration")  # type: ignore[untyped-decorator]  # the package has no types
    def on_get_configuration(self, **_: object) -> object:
        entry = {"key": "AllowOfflineTxForUnknownId", "readonly": False, "value": "true"}
        return call_result.GetConfiguration(configuration_key=[entry], unknown_key=[])

    @on("Reset")  # type: ignore[untyped-decorator]  # the package has no types
    def on_reset(self, **_: object) -> object:
        return call_result.Reset(status="Accepted")


@asynccontextmanager
async def wallbox(program: Program, station_id: str = "Wallbox3") -> AsyncIterator[Wallbox]:
    async with websockets.connect(f"{program.url}/{station_id}", subprotocols=["ocpp1.6"]) as socket:
        station = Wallbox(station_id, socket)
        hearing = asyncio.create_task(station.start())
        try:
            yield station
        finally:
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


async def boot(station: Wallbox) -> object:
    return await station.call(call.BootNotification(charge_point_model="One", charge_point_vendor="Acme"))
