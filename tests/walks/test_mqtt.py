"""The real program and a real broker: what another client sees of a session, and when the office dies."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest

from kit.broker import running_broker, see
from kit.charging import Charging
from kit.program import Program, running, wait_until


def link_of(program: Program) -> float:
    """The metric of the link; 0 while nobody answers."""
    try:
        page = program.metrics()
    except httpx.TransportError:
        return 0.0
    found = [line for line in page.splitlines() if line.startswith("evsys_mqtt_connected ")]
    return float(found[0].split()[1]) if found else 0.0


@pytest.mark.timeout(400)
async def test_a_session_is_mirrored_and_the_death_of_the_office_is_seen(tmp_path: Path) -> None:
    with running_broker(tmp_path) as broker:
        mqtt = {"enabled": True, "port": broker.port, "topic_prefix": "site/evsys"}
        with running(tmp_path, {"mqtt": mqtt}) as program:
            station = Charging(program, "CP1")
            charging = asyncio.create_task(station.charge())
            topic = "site/evsys/CP1/1/session"
            seen = await see(broker, lambda it: json.loads(it.now.get(topic, b"{}")).get("active") is True)
            assert seen.now["site/evsys/availability"] == b"online"

            program.kill("office")
            seen = await see(
                broker,
                lambda it: (
                    ("site/evsys/availability", b"offline") in it.heard
                    or it.retained.get("site/evsys/availability") == b"offline"
                ),
            )
            station.finish()
            await asyncio.wait_for(charging, 60)
            await asyncio.to_thread(wait_until, lambda: link_of(program) == 1, "a link again", 150)
            energy = str(station.stops[max(station.stops)]).encode()
            await see(broker, lambda it: it.now.get("site/evsys/CP1/1/energy_wh") == energy)
        await see(broker, lambda it: it.now.get("site/evsys/availability") == b"offline")
