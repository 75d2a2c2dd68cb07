"""Charging profiles between the real program and stations: a simulated one, whose power they really limit,
and one made of the `ocpp` package, which takes little."""

import asyncio
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import cast

import httpx
import websockets
from ocpp.routing import on

from kit.link import Payload
from kit.program import Program, running, wait_until
from kit.simulation import simulated
from ocpp.v16 import ChargePoint, call, call_result

STATION = "SIM0001"
OPTIONS = ("--stations", "1", "--sessions", "0", "--no-offline-spells", "--speed", "60")
NOON = "2026-06-01T12:00:00Z"
WATTS_OF_AN_AMPERE = 3 * 230


def schedule(*limits: float, unit: str = "A") -> Payload:
    periods = [{"start_period": 3600 * hour, "limit": limit} for hour, limit in enumerate(limits)]
    return {"charging_rate_unit": unit, "periods": periods}


class Charging:
    """The program's charging profiles, as an operator has them."""

    def __init__(self, program: Program, station: str = STATION) -> None:
        self.program = program
        self.station = f"/api/v1/stations/{station}"
        self.profiles = f"{self.station}/charging-profiles"
        self._key = program.key("operator")

    def ask(self, method: str, path: str, status: int = 200, **body: object) -> Payload:
        answer = httpx.request(
            method,
            self.program.api + path,
            json=body or None,
            headers={"Authorization": f"Bearer {self._key}"},
            timeout=30,
            trust_env=False,
        )
        assert answer.status_code == status, (path, answer.text)
        return cast(Payload, answer.json()) if answer.content else {}

    def profile(self, purpose: str, limits: Payload, **members: object) -> int:
        """Make a profile; its id."""
        given = {"name": "A limit", "purpose": purpose, "kind": "Relative", "schedule": limits, **members}
        return cast(int, self.ask("POST", "/api/v1/charging-profiles", 201, **given)["id"])

    def assign(self, profile_id: int, **members: object) -> None:
        self.ask("POST", self.profiles, 201, profile_id=profile_id, **members)

    def items(self) -> dict[int, Payload]:
        """The profiles of the station by their ids."""
        found = cast(list[Payload], self.ask("GET", self.profiles)["items"])
        return {cast(int, each["profile_id"]): each for each in found}

    def installed(self, profile_id: int) -> Payload:
        return cast(Payload, self.items()[profile_id]["installed"])

    def wait_in_force(self, profile_id: int) -> Payload:
        wait_until(lambda: self.items()[profile_id]["in_force"], f"profile {profile_id} in force", 60)
        return self.installed(profile_id)

    def composite(self, evse_id: int) -> object:
        """The periods of the limit that the station told of an EVSE last."""
        view = self.ask("GET", self.profiles)
        for each in cast(list[Payload], view["composite_schedules"]):
            if each["evse_id"] == evse_id and each["answer"] is not None:
                told = cast(Payload, cast(Payload, each["answer"])["chargingSchedule"])
                return told["chargingSchedulePeriod"]
        return None

    def frames(self, action: str) -> list[str]:
        """The CALLs of an action that went out to the station, oldest first."""
        path = f"{self.station}/messages?action={action}&direction=out"
        found = cast(list[dict[str, str]], self.ask("GET", path)["items"])
        return [each["frame"] for each in reversed(found)]

    def sent(self, profile_id: int) -> list[str]:
        """How often a profile went out, and as what."""
        own = f'"chargingProfileId":{profile_id},'
        return [each for each in self.frames("SetChargingProfile") if own in each]

    def power_w(self) -> float:
        """What the station measured last."""
        sql = "SELECT power_w FROM meter_values WHERE power_w IS NOT NULL ORDER BY id DESC LIMIT 1"
        return cast(float, next(iter(self.program.rows(sql)), (0.0,))[0])

    def wait_for_power(self, is_right: Callable[[float], bool], what: str) -> float:
        wait_until(lambda: is_right(self.power_w()), what, 60)
        return self.power_w()


def test_profiles_limit_a_simulated_station_and_come_again_after_a_boot(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        charging = Charging(program)
        default = charging.profile("TxDefaultProfile", schedule(8.1))
        with simulated(program, *OPTIONS):
            booted = "SELECT 1 FROM station_status WHERE connected AND registration = 'Accepted'"
            wait_until(lambda: program.rows(booted), "booted")
            limits_a_session(charging, default)
            again_after_a_boot(charging, default)
        changed_while_it_is_away(charging, default)
        with simulated(program, *OPTIONS):
            charging.wait_in_force(default)
            assert '"limit":10.5}' in charging.sent(default)[-1]
            cleared(charging, default)


def limits_a_session(charging: Charging, default: int) -> None:
    start: Payload = {"type": "RequestStartTransaction", "id_token": "A", "evse_id": 1}
    charging.ask("POST", f"{charging.station}/commands", **start)
    free_w = charging.wait_for_power(lambda power_w: power_w > 0, "it charges")

    charging.assign(default)
    told = charging.wait_in_force(default)
    assert (told["state"], told["status"]) == ("INSTALLED", "Accepted")
    (frame,) = charging.sent(default)
    assert '"limit":8.1}' in frame, "its limit keeps its decimal on the wire"
    assert json.loads(frame)[3]["csChargingProfiles"]["chargingProfileId"] == default
    limited_w = charging.wait_for_power(lambda power_w: power_w < free_w, "it is limited")
    assert 0 < limited_w <= 8.1 * WATTS_OF_AN_AMPERE
    wait_until(lambda: charging.composite(1) == [{"startPeriod": 0, "limit": 8.1}], "what follows")

    ((id,),) = charging.program.rows("SELECT id FROM transactions WHERE ended_at IS NULL")
    own = charging.profile("TxProfile", schedule(6))
    charging.assign(own, transaction_id=id)
    charging.wait_in_force(own)
    charging.wait_for_power(lambda power_w: power_w < limited_w, "the transaction has a limit of its own")
    assert f'"transactionId":{id},' in charging.sent(own)[0]
    wait_until(lambda: charging.composite(1) == [{"startPeriod": 0, "limit": 6}], "what follows of it")
    stop: Payload = {"type": "RequestStopTransaction", "transaction_id": id}
    charging.ask("POST", f"{charging.station}/commands", **stop)
    wait_until(lambda: own not in charging.items(), "it goes with its transaction", 60)
    charging.ask("DELETE", f"/api/v1/charging-profiles/{own}", 204)


def again_after_a_boot(charging: Charging, default: int) -> None:
    before = len(charging.sent(default))
    charging.ask("POST", f"{charging.station}/commands", type="Reset", when="now")
    wait_until(lambda: len(charging.sent(default)) > before, "sent again after the boot", 90)
    charging.wait_in_force(default)
    assert len(charging.frames("GetConfiguration")) <= 2, "its limits are asked for once, beside measurands"


def changed_while_it_is_away(charging: Charging, default: int) -> None:
    away = "SELECT 1 FROM station_status WHERE NOT connected"
    wait_until(lambda: charging.program.rows(away), "it is away")
    profile = f"/api/v1/charging-profiles/{default}"
    charging.ask("PATCH", profile, version=1, schedule=schedule(10.5))
    assert not charging.items()[default]["in_force"]
    charging.ask("PATCH", profile, 409, version=1, name="somebody else's")


def cleared(charging: Charging, default: int) -> None:
    charging.ask("DELETE", f"/api/v1/charging-profiles/{default}", 409)
    charging.ask("DELETE", f"{charging.profiles}/{default}", 204)
    wait_until(lambda: not charging.items(), "cleared", 60)
    assert [json.loads(each)[3] for each in charging.frames("ClearChargingProfile")] == [{"id": default}]
    wait_until(lambda: charging.composite(1) != [{"startPeriod": 0, "limit": 10.5}], "no limit follows")
    charging.ask("DELETE", f"/api/v1/charging-profiles/{default}", 204)


class Small(ChargePoint):  # type: ignore[misc]  # the package has no types
    """A station that takes amperes alone, stack levels to 2, three profiles, and no TxProfile."""

    def __init__(self, socket: websockets.ClientConnection) -> None:
        super().__init__("Small", socket)
        self.sent: list[dict[str, object]] = []
        self.cleared: list[object] = []

    @on("GetConfiguration")  # type: ignore[untyped-decorator]
    def on_get_configuration(self, key: list[str]) -> object:
        values = {
            "ChargeProfileMaxStackLevel": "2",
            "ChargingScheduleAllowedChargingRateUnit": "Current",
            "MaxChargingProfilesInstalled": "3",
        }
        told = [{"key": each, "readonly": True, "value": values[each]} for each in key if each in values]
        return call_result.GetConfiguration(told, [each for each in key if each not in values])

    @on("SetChargingProfile")  # type: ignore[untyped-decorator]
    def on_set_charging_profile(self, connector_id: int, cs_charging_profiles: dict[str, object]) -> object:
        self.sent.append({"connector_id": connector_id, **cs_charging_profiles})
        is_taken = cs_charging_profiles["charging_profile_purpose"] != "TxProfile"
        return call_result.SetChargingProfile("Accepted" if is_taken else "NotSupported")

    @on("ClearChargingProfile")  # type: ignore[untyped-decorator]
    def on_clear_charging_profile(self, **members: object) -> object:
        self.cleared.append(members)
        return call_result.ClearChargingProfile("Accepted")

    @on("GetCompositeSchedule")  # type: ignore[untyped-decorator]
    def on_get_composite_schedule(self, **_: object) -> object:
        return call_result.GetCompositeSchedule("Rejected")

    @on("ChangeConfiguration")  # type: ignore[untyped-decorator]
    def on_change_configuration(self, **_: object) -> object:
        return call_result.ChangeConfiguration("Accepted")


async def test_a_station_that_takes_little_is_sent_what_it_takes_and_the_rest_is_told(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        async with websockets.connect(f"{program.url}/Small", subprotocols=["ocpp1.6"]) as socket:
            station = Small(socket)
            hearing = asyncio.create_task(station.start())
            boot = call.BootNotification(charge_point_model="One", charge_point_vendor="Acme")
            await station.call(boot, suppress=False)
            start = call.StartTransaction(connector_id=2, id_tag="A", meter_start=0, timestamp=NOON)
            started = await station.call(start, suppress=False)
            await asyncio.to_thread(takes_little, program, station, started.transaction_id)
            hearing.cancel()
            await asyncio.gather(hearing, return_exceptions=True)


def takes_little(program: Program, station: Small, number: int) -> None:
    charging = Charging(program, "Small")
    watts = charging.profile("TxDefaultProfile", schedule(3700.5, 11000, unit="W"), stack_level=5)
    charging.assign(watts, evse_id=1, phases=1, voltage_v=240)
    told = charging.wait_in_force(watts)
    (sent,) = station.sent
    assert (sent["connector_id"], sent["charging_profile_id"], sent["stack_level"]) == (1, watts, 2)
    converted = cast(dict[str, object], sent["charging_schedule"])
    periods = cast(list[dict[str, float]], converted["charging_schedule_period"])
    limits = [Decimal(str(each["limit"])) for each in periods]
    assert (converted["charging_rate_unit"], limits) == ("A", [Decimal("15.4"), Decimal("45.8")])
    assert "in A instead of W" in cast(str, told["detail"])
    assert "at stack level 2 instead of 5" in cast(str, told["detail"])

    lower = charging.profile("TxDefaultProfile", schedule(8.1), stack_level=2)
    charging.assign(lower, evse_id=1)
    wait_until(lambda: charging.items()[lower]["installed"], "what cannot be")
    unfit = charging.installed(lower)
    assert (unfit["state"], unfit["sent"]) == ("UNFIT", None)
    assert f"the profile {watts} there already" in cast(str, unfit["detail"])

    own = charging.profile("TxProfile", schedule(8.1))
    charging.assign(own, transaction_id=str(number))
    wait_until(lambda: charging.items()[own]["installed"], "refused")
    wait_until(lambda: charging.installed(own)["state"] != "SENDING", "refused")
    refused = charging.installed(own)
    assert (refused["state"], refused["status"]) == ("REFUSED", "NotSupported")
    view = charging.ask("GET", charging.profiles)
    limits_told = cast(Payload, view["limits"])
    assert limits_told["accepted"] == ["TxDefaultProfile Relative A 2"], "what it takes is remembered"
    assert limits_told["refused"] == ["TxProfile Relative A 0"]
    assert (limits_told["max_installed"], limits_told["rate_units"]) == (3, ["A"])
    charging.ask("DELETE", f"{charging.profiles}/{watts}", 204)
    wait_until(lambda: charging.items().keys() == {lower, own}, "cleared")
    assert station.cleared == [{"id": watts}]
    charging.wait_in_force(lower)
    assert len(station.sent) == 3, "nothing is sent again and again"
    counted = 'evsys_charging_profiles_told_total{state="%s"} %s.0'
    for state, count in (("INSTALLED", 2), ("REFUSED", 1), ("UNFIT", 1)):
        assert counted % (state, count) in program.metrics()
