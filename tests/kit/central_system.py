"""A central system made of the `ocpp` package, on `websockets`: one that nobody here wrote."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import websockets
from ocpp.routing import on

from ocpp.v16 import ChargePoint, call_result


class Charger(ChargePoint):  # type: ignore[misc]  # the package has no types
    """The central system's side of one connection. It validates each message by its schema."""

    central: "CentralSystem"
    socket: websockets.ServerConnection

    @on("BootNotification")  # type: ignore[untyped-decorator]  # the package has no types
    def on_boot(self, **_: object) -> object:
        self.central.boots.append(self.id)
        now = datetime.now(UTC).isoformat()
        return call_result.BootNotification(current_time=now, interval=300, status="Accepted")

    @on("Authorize")  # type: ignore[untyped-decorator]
    def on_authorize(self, **_: object) -> object:
        return call_result.Authorize(id_tag_info={"status": "Accepted"})

    @on("StatusNotification")  # type: ignore[untyped-decorator]
    def on_status(self, connector_id: int, status: str, **_: object) -> object:
        self.central.statuses[(self.id, connector_id)] = status
        return call_result.StatusNotification()

    @on("StartTransaction")  # type: ignore[untyped-decorator]
    def on_start(self, **request: object) -> object:
        key = (self.id, *sorted(request.items()))
        number = self.central.starts.setdefault(str(key), len(self.central.starts) + 1)
        return call_result.StartTransaction(number, id_tag_info={"status": "Accepted"})

    @on("MeterValues")  # type: ignore[untyped-decorator]
    def on_meter_values(self, transaction_id: int = 0, **_: object) -> object:
        self.central.meter_values[transaction_id] = self.central.meter_values.get(transaction_id, 0) + 1
        return call_result.MeterValues()

    @on("StopTransaction")  # type: ignore[untyped-decorator]
    def on_stop(self, transaction_id: int, meter_stop: int, **_: object) -> object:
        self.central.stops[transaction_id] = meter_stop
        return call_result.StopTransaction()

    @on("Heartbeat")  # type: ignore[untyped-decorator]
    def on_heartbeat(self) -> object:
        return call_result.Heartbeat(current_time=datetime.now(UTC).isoformat())

    @on("DiagnosticsStatusNotification")  # type: ignore[untyped-decorator]
    def on_diagnostics(self, status: str) -> object:
        self.central.files.append(status)
        return call_result.DiagnosticsStatusNotification()

    @on("FirmwareStatusNotification")  # type: ignore[untyped-decorator]
    def on_firmware(self, status: str) -> object:
        self.central.files.append(status)
        return call_result.FirmwareStatusNotification()

    @on("LogStatusNotification")  # type: ignore[untyped-decorator]
    def on_log(self, status: str, request_id: int | None = None) -> object:
        self.central.files.append(f"log {request_id}: {status}")
        return call_result.LogStatusNotification()

    @on("SignedFirmwareStatusNotification")  # type: ignore[untyped-decorator]
    def on_signed_firmware(self, status: str, request_id: int | None = None) -> object:
        self.central.files.append(f"firmware {request_id}: {status}")
        return call_result.SignedFirmwareStatusNotification()

    @on("SecurityEventNotification")  # type: ignore[untyped-decorator]
    def on_security_event(self, type: str, **_: object) -> object:
        self.central.security_events.append(type)
        return call_result.SecurityEventNotification()

    @on("SignCertificate")  # type: ignore[untyped-decorator]
    def on_sign_certificate(self, csr: str) -> object:
        self.central.requests.append(csr)
        return call_result.SignCertificate(status="Accepted")


class CentralSystem:
    """What it has heard, from all stations. Starts are numbered once for each content."""

    def __init__(self) -> None:
        self.url = ""
        self.chargers: dict[str, Charger] = {}
        """The connections that are there now, by the station's id."""
        self.boots: list[str] = []
        self.starts: dict[str, int] = {}
        self.stops: dict[int, int] = {}
        self.meter_values: dict[int, int] = {}
        self.statuses: dict[tuple[str, int], str] = {}
        self.files: list[str] = []
        """What was told of files, in order."""
        self.security_events: list[str] = []
        self.requests: list[str] = []
        """The requests for a certificate."""

    async def serve(self, socket: websockets.ServerConnection) -> None:
        assert socket.request is not None
        id = socket.request.path.rpartition("/")[2]
        charger = self.chargers[id] = Charger(id, socket)
        charger.central, charger.socket = self, socket
        try:
            await charger.start()
        except websockets.ConnectionClosed:
            pass
        finally:
            if self.chargers.get(id) is charger:
                del self.chargers[id]


@asynccontextmanager
async def central_system(*subprotocols: str) -> AsyncIterator[CentralSystem]:
    """A central system on a free port, until the end of the block."""
    central = CentralSystem()
    known = [websockets.Subprotocol(each) for each in subprotocols or ("ocpp1.6",)]
    async with websockets.serve(central.serve, "127.0.0.1", 0, subprotocols=known) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        central.url = f"ws://127.0.0.1:{port}/ocpp"
        yield central
        await asyncio.sleep(0)
