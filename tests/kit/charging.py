"""Stations that charge one session after another and keep what they were acknowledged.

Each sends a CALL until it is answered, over a new connection where the old one broke, as a real station does
with its transaction messages. So at the end every message was acknowledged, and `lost_or_doubled` compares
that with the rows on disk.
"""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Final

import websockets

from kit.program import Program

ANSWER_WITHIN_S: Final = 5.0
"""Then the CALL is sent again, under a new message id."""
AGAIN_AFTER_S: Final = 0.05
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """As times stand on disk."""
    return (moment - EPOCH) // timedelta(microseconds=1)


class Charging:
    """One station. `charge` runs until `finish` is called and its session has ended."""

    def __init__(self, program: Program, station_id: str) -> None:
        self.id = station_id
        self.numbers: dict[int, int] = {}
        """The number of each acknowledged start, by its time."""
        self.stops: dict[int, int] = {}
        """The final meter of each acknowledged stop, by the time of its start."""
        self.meter_values: set[int] = set()
        """The times of acknowledged meter values."""
        self.resent = 0
        self._url = f"{program.url}/{station_id}"
        self._socket: websockets.ClientConnection | None = None
        self._ids = count(1)
        self._clock = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
        self._finishing = False

    def finish(self) -> None:
        self._finishing = True

    async def charge(self) -> None:
        meter = 0
        while not self._finishing:
            at, stamp = self._moment()
            started = {"connectorId": 1, "idTag": self.id[:20], "meterStart": meter, "timestamp": stamp}
            number = int((await self._acknowledged("StartTransaction", started))["transactionId"])
            self.numbers[at] = number
            for _ in range(3):
                meter += 10
                await self._meter(number, meter)
            _, stamp = self._moment()
            stopped = {"transactionId": number, "meterStop": meter, "timestamp": stamp}
            await self._acknowledged("StopTransaction", stopped)
            self.stops[at] = meter
        if self._socket is not None:
            await self._socket.close()

    async def _meter(self, number: int, energy_wh: int) -> None:
        at, stamp = self._moment()
        value = {"timestamp": stamp, "sampledValue": [{"value": str(energy_wh)}]}
        await self._acknowledged(
            "MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [value]}
        )
        self.meter_values.add(at)

    def _moment(self) -> tuple[int, str]:
        """The next moment of the station's own clock, as on disk and as on the wire."""
        self._clock += timedelta(milliseconds=100)
        return microseconds(self._clock), self._clock.isoformat(timespec="milliseconds")

    async def _acknowledged(self, action: str, payload: object) -> dict[str, int]:
        """Send until there is a CALLRESULT. Its payload."""
        while True:
            try:
                answer = await self._ask(action, payload)
            except (OSError, TimeoutError, websockets.WebSocketException):
                self._socket = None
                answer = None
            if answer is not None:
                return answer
            self.resent += 1
            await asyncio.sleep(AGAIN_AFTER_S)

    async def _ask(self, action: str, payload: object) -> dict[str, int] | None:
        """One attempt. None where the answer is a CALLERROR."""
        if self._socket is None:
            self._socket = await websockets.connect(
                self._url, subprotocols=["ocpp1.6"], open_timeout=ANSWER_WITHIN_S, proxy=None
            )
        message_id = f"{self.id}-{next(self._ids)}"
        await self._socket.send(json.dumps([2, message_id, action, payload]))
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while True:
                frame = json.loads(await self._socket.recv())
                if frame[1] == message_id:
                    return frame[2] if frame[0] == 3 else None


def lost_or_doubled(program: Program, stations: list[Charging]) -> list[str]:
    """What is not on disk exactly once, in words; empty when all is well."""
    faults = []
    for station in stations:
        rows = program.rows(
            "SELECT started_at, number, ended_at IS NOT NULL, meter_stop_wh FROM transactions"
            f" WHERE station_id = '{station.id}'"
        )
        wanted = [(at, number, 1, station.stops[at]) for at, number in station.numbers.items()]
        faults += [f"{station.id}: session {row} is lost" for row in set(wanted) - set(rows)]
        faults += [f"{station.id}: session {row} was never acknowledged" for row in set(rows) - set(wanted)]
        if len(rows) != len(wanted):
            faults.append(f"{station.id}: {len(rows)} sessions on disk, {len(wanted)} acknowledged")
        times = [
            at for (at,) in program.rows(f"SELECT at FROM meter_values WHERE station_id = '{station.id}'")
        ]
        faults += [f"{station.id}: meter value {at} is lost" for at in station.meter_values - set(times)]
        if len(times) != len(station.meter_values):
            faults.append(
                f"{station.id}: {len(times)} meter values on disk, {len(station.meter_values)} acknowledged"
            )
    return faults
