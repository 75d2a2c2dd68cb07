"""Alarms at the real program: a station that stays away, a connector with a fault, a link that comes and
goes, and a restart in the middle."""

import asyncio
from pathlib import Path
from typing import cast

import httpx
import pytest

from kit.program import Program, running
from kit.wallbox import boot, wallbox
from ocpp.v16 import call

RULES = {"alarms": {"station_offline": {"threshold": 2}}}
PATIENCE_S = 120.0


def alarms_of(program: Program, key: str, query: str = "") -> list[dict[str, object]]:
    answer = program.get(f"/api/v1/alarms?{query}", key)
    assert answer.status_code == 200, answer.text
    return cast(list[dict[str, object]], answer.json()["items"])


async def until_alarms(program: Program, key: str, query: str, wanted: int) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    try:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await asyncio.to_thread(alarms_of, program, key, query)
                if len(found) == wanted:
                    return found
                await asyncio.sleep(0.5)
    except TimeoutError:
        pytest.fail(f"{query}: {found}\n{program.log.read_text()}")


def told(program: Program, key: str) -> list[str]:
    """What was told of alarms, in order."""
    answer = program.get("/api/v1/events?after=0&limit=500", key)
    assert answer.status_code == 200, answer.text
    kinds = [str(each["event"]["kind"]) for each in answer.json()["items"]]
    return [kind for kind in kinds if kind.startswith("Alarm") and kind != "AlarmRuleChanged"]


def put_rule(program: Program, key: str, kind: str, **members: object) -> None:
    answer = httpx.put(
        f"{program.api}/api/v1/alarm-rules/{kind}",
        json=members,
        headers={"Authorization": f"Bearer {key}"},
        timeout=10,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text


async def fault(program: Program) -> None:
    async with wallbox(program) as station:
        await boot(station)
        await station.call(
            call.StatusNotification(
                connector_id=1, status="Faulted", error_code="GroundFailure", vendor_error_code="E17"
            )
        )


async def comes_back(program: Program, key: str, query: str) -> None:
    """The station is there and well until there is no such alarm."""
    async with wallbox(program) as station:
        await boot(station)
        await station.call(call.StatusNotification(connector_id=1, status="Available", error_code="NoError"))
        await until_alarms(program, key, query, 0)


async def visits(program: Program, times: int) -> None:
    for _ in range(times):
        async with wallbox(program) as station:
            await boot(station)
        await asyncio.sleep(0.2)


@pytest.mark.timeout(400)
def test_alarms_from_the_fault_to_the_recovery_over_a_restart(tmp_path: Path) -> None:
    with running(tmp_path, RULES) as program:
        key = program.key("operator")
        asyncio.run(fault(program))
        (faulted,) = asyncio.run(until_alarms(program, key, "state=open&kind=connector_faulted", 1))
        assert faulted["detail"] == "GroundFailure E17"
        assert cast(dict[str, object], faulted["facts"])["vendor_error_code"] == "E17"
        # It has gone, and the first minute of the office in which nothing runs out passes.
        (offline,) = asyncio.run(until_alarms(program, key, "state=open&kind=station_offline", 1))
        assert (offline["station_id"], offline["count"]) == ("Wallbox3", 1)

        assert program.stop()[0] == 0
        program.start()
        (after,) = asyncio.run(until_alarms(program, key, "kind=station_offline", 1))
        assert after == offline, "it is the same one"

        asyncio.run(comes_back(program, key, "state=open"))
        assert len(alarms_of(program, key, "state=cleared")) == 2
        assert sorted(told(program, key)) == ["AlarmCleared"] * 2 + ["AlarmRaised"] * 2


@pytest.mark.timeout(400)
def test_a_link_that_comes_and_goes_is_one_alarm_until_it_has_settled(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        key = program.key("operator")
        put_rule(program, key, "station_offline", clears_after_s=3)
        asyncio.run(visits(program, 8))
        (flapping,) = asyncio.run(until_alarms(program, key, "kind=station_offline", 1))
        assert flapping["flapping"] is True
        program.kill("office")
        program.wait_ready()
        asyncio.run(comes_back(program, key, "state=open&kind=station_offline"))
        kinds = told(program, key)
        assert kinds == ["AlarmRaised", "AlarmSettled", "AlarmCleared"]
        (over,) = alarms_of(program, key, "kind=station_offline")
        assert cast(int, over["count"]) >= 5
