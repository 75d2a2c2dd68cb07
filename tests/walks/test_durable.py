"""Durable before acknowledged, seen from the station: no reply leaves before the disk has answered."""

import asyncio
import json
from pathlib import Path

import pytest
import websockets

from kit.program import running
from kit.sync_gate import SyncGate

HELD_S = 0.5
"""How long the gate is shut; a reply that does not wait for the disk takes a hundredth of it."""
NOON = "2026-06-01T12:00:00Z"


async def test_no_start_meter_value_or_stop_is_answered_before_its_sync_has_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = SyncGate(tmp_path)
    for name, value in gate.environment.items():
        monkeypatch.setenv(name, value)
    with running(tmp_path) as program:
        async with websockets.connect(f"{program.url}/CP1", subprotocols=["ocpp1.6"]) as socket:

            async def ask(action: str, payload: dict[str, object]) -> dict[str, object]:
                await socket.send(json.dumps([2, action, action, payload]))
                kind, id, answer = json.loads(await socket.recv())
                assert (kind, id) == (3, action)
                return dict(answer)

            async def ask_with_the_gate_shut(action: str, payload: dict[str, object]) -> dict[str, object]:
                gate.shut()
                asking = asyncio.ensure_future(ask(action, payload))
                early, _ = await asyncio.wait([asking], timeout=HELD_S)
                gate.open()
                assert not early, f"{action} was answered before the disk was"
                return await asking

            await ask("BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "One"})
            await ask("Authorize", {"idTag": "CARD"})
            start = {"connectorId": 1, "idTag": "CARD", "meterStart": 10, "timestamp": NOON}
            number = (await ask_with_the_gate_shut("StartTransaction", start))["transactionId"]
            sample = {"timestamp": NOON, "sampledValue": [{"value": "20"}]}
            values = {"connectorId": 1, "transactionId": number, "meterValue": [sample]}
            await ask_with_the_gate_shut("MeterValues", values)
            stop = {"transactionId": number, "meterStop": 30, "timestamp": NOON}
            await ask_with_the_gate_shut("StopTransaction", stop)
            await ask("Heartbeat", {})
