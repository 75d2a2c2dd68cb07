"""Many stations on one node: each is connected and each is answered."""

import asyncio
import time
from pathlib import Path

import pytest

from kit.crowd import gather, raise_descriptor_limit
from kit.program import running

STATIONS = 5000
SPARE_DESCRIPTORS = 100


@pytest.mark.timeout(240)
async def test_five_thousand_idle_stations_are_each_answered(tmp_path: Path) -> None:
    assert raise_descriptor_limit() >= STATIONS + SPARE_DESCRIPTORS, "this machine allows too few sockets"
    with running(tmp_path) as program:
        stations = await gather(program.ocpp_port, STATIONS)
        began = time.monotonic()
        answers = await asyncio.gather(*(station.heartbeat() for station in stations))
        seconds = time.monotonic() - began
        assert len(answers) == STATIONS
        assert all(answer.endswith("Z") for answer in answers)
        assert seconds < 30, f"{seconds:.1f} s to answer all"
        status = await asyncio.to_thread(
            program.post_api, charge_point_id="", connector_id=0, feature_name="GetServerStatus", payload=""
        )
        assert status.json()["total_clients"] == STATIONS
        assert program.rows("SELECT count(*) FROM stations") == [(STATIONS,)]
        for station in stations:
            station.close()
