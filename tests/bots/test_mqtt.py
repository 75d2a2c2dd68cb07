"""MQTT on a real broker: what another client finds there, and commands that come from it."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import cast

import pytest

from evsys.bots.mqtt import MqttDoor
from evsys.bots.mqtt_link import MqttSettings
from evsys.office.topics import Names
from kit.broker import Broker, Onlooker, running_broker, see
from kit.link import Payload
from kit.office import Answer, AnsweringStation, RunningOffice
from kit.pki import Authority
from kit.waiting import until

NAMES = Names("evsys", "homeassistant")
NODE = "homeassistant/{}/evsys__CP1/{}/config"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    with running_broker(tmp_path) as broker:
        yield broker


def settings(broker: Broker, **members: object) -> MqttSettings:
    given: dict[str, object] = {
        "host": "127.0.0.1",
        "port": broker.port,
        "client_id": "evsys",
        "availability": NAMES.availability,
        **members,
    }
    return MqttSettings(**given)  # type: ignore[arg-type]


@asynccontextmanager
async def mirrored(
    office: RunningOffice,
    broker: Broker,
    commands: bool = False,
    id_token: str = "",
    **members: object,
) -> AsyncIterator[MqttDoor]:
    """The door is open until the end of the block."""
    door = MqttDoor(office.office, settings(broker, **members), NAMES, commands, id_token, first_retry_s=0.05)
    running = asyncio.create_task(door.run())
    try:
        yield door
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def connected(
    office: RunningOffice, answers: dict[str, Answer] | None = None, id: str = "CP1"
) -> AnsweringStation:
    await office.office.stations.create(id, {}, "ann")
    return await office.station(answers, id)


async def start(station: AnsweringStation, meter: int = 1000) -> int:
    await station.ask("StatusNotification", {"connectorId": 1, "status": "Charging", "errorCode": "NoError"})
    payload = {"connectorId": 1, "idTag": "CARD", "meterStart": meter, "timestamp": "2026-03-01T12:00:00Z"}
    return cast(int, (await station.ask("StartTransaction", payload))["transactionId"])


async def measure(office: RunningOffice, station: AnsweringStation, number: int, **values: float) -> None:
    names = {"energy": ("Energy.Active.Import.Register", "Wh"), "power": ("Power.Active.Import", "W")}
    names["soc"] = ("SoC", "Percent")
    sampled = [
        {"measurand": names[name][0], "unit": names[name][1], "value": str(value)}
        for name, value in values.items()
    ]
    at = office.clock.now().isoformat()
    value = {"timestamp": at, "sampledValue": sampled}
    await station.ask("MeterValues", {"connectorId": 1, "transactionId": number, "meterValue": [value]})
    await office.pass_time(1)


def session(onlooker: Onlooker) -> Payload:
    return cast(Payload, json.loads(onlooker.now.get("evsys/CP1/1/session", b"{}")))


async def test_a_session_is_seen_by_who_comes_later(office: RunningOffice, broker: Broker) -> None:
    station = await connected(office)
    async with mirrored(office, broker) as door:
        await until(door.is_connected)
        number = await start(station)
        await measure(office, station, number, energy=1500, power=7400, soc=42)
        seen = await see(broker, lambda it: session(it).get("soc_percent") == 42 and len(it.now) > 10)
        assert seen.now["evsys/CP1/1/energy_wh"] == b"1500"
        assert seen.now["evsys/availability"] == b"online"
        assert seen.now["evsys/CP1/availability"] == b"online"
        assert seen.now["evsys/CP1/1/status"] == b"Charging"
        assert seen.now["evsys/CP1/1/power_w"] == b"7400"
        running = session(seen)
        assert (running["active"], running["energy_wh"], running["soc_percent"]) == (True, 500, 42)
        assert "CARD" not in str(seen.now), "no id token is told"

        stop = {"transactionId": number, "meterStop": 2100, "timestamp": "2026-03-01T13:00:00Z"}
        await station.ask("StopTransaction", stop)
        seen = await see(broker, lambda it: session(it).get("energy_wh") == 1100 and len(it.now) > 10)
        assert seen.now["evsys/CP1/1/energy_wh"] == b"2100"
        assert seen.now["evsys/CP1/1/power_w"] == b"0"
        assert not session(seen)["active"]


async def test_home_assistant_is_told_of_every_entity(office: RunningOffice, broker: Broker) -> None:
    station = await connected(office)
    await start(station)
    async with mirrored(office, broker, commands=True, id_token="HOME") as door:
        await until(door.is_connected)
        seen = await see(broker, lambda it: len(it.now) >= 13)
    found = {topic: json.loads(value) for topic, value in seen.now.items() if topic.endswith("/config")}
    assert {topic.split("/")[1] + " " + topic.split("/")[3] for topic in found} == {
        "binary_sensor connected",
        "sensor 1_status",
        "sensor 1_power",
        "sensor 1_energy",
        "sensor 1_session_energy",
        "sensor 1_soc",
        "switch 1_charge",
    }
    energy = found[NODE.format("sensor", "1_energy")]
    assert (energy["device_class"], energy["state_class"], energy["unit_of_measurement"]) == (
        "energy",
        "total_increasing",
        "Wh",
    )
    assert energy["device"]["manufacturer"] == "Acme"
    assert {each["unique_id"] for each in found.values()} == {
        f"evsys__CP1_{topic.split('/')[3]}" for topic in found
    }
    for config in found.values():
        assert {each["topic"] for each in config["availability"]} <= seen.now.keys()
        told = {"state_topic", "command_topic"} & config.keys()
        assert {config[name] for name in told} - {"evsys/CP1/1/charge/set"} <= seen.now.keys()


async def test_all_is_told_anew_to_a_broker_that_forgot_everything(
    office: RunningOffice, broker: Broker
) -> None:
    station = await connected(office)
    await start(station)
    async with mirrored(office, broker) as door:
        await see(broker, lambda it: it.now.get("evsys/CP1/1/status") == b"Charging")
        broker.kill()
        await until(lambda: not door.is_connected())
        await station.ask(
            "StatusNotification", {"connectorId": 1, "status": "Faulted", "errorCode": "GroundFailure"}
        )
        broker.start()
        power = NODE.format("sensor", "1_power")
        await see(broker, lambda it: it.now.get("evsys/CP1/1/status") == b"Faulted" and power in it.now)


async def test_a_link_that_ends_is_seen_whether_it_breaks_or_not(
    office: RunningOffice, broker: Broker
) -> None:
    await connected(office)
    async with mirrored(office, broker):
        await see(broker, lambda it: it.now.get("evsys/availability") == b"online")
    await see(broker, lambda it: it.retained.get("evsys/availability") == b"offline")


async def test_a_station_that_is_removed_is_gone_at_once(office: RunningOffice, broker: Broker) -> None:
    station = await connected(office)
    await start(station)
    await connected(office, id="CP2")
    async with mirrored(office, broker):
        await see(broker, lambda it: {"evsys/CP1/availability", "evsys/CP2/availability"} <= it.now.keys())
        await office.office.stations.remove("CP2", None, "ann")
        here = "evsys/CP1/availability"
        await see(broker, lambda it: here in it.now and not any("CP2" in topic for topic in it.now))


async def test_what_was_removed_while_nobody_told_the_broker_is_taken_off_it(
    office: RunningOffice, broker: Broker
) -> None:
    await connected(office)
    stale = (
        ("evsys/GONE/availability", b"online"),
        ("evsys/GONE/1/status", b"Charging"),
        ("homeassistant/sensor/evsys__GONE/1_status/config", b"{}"),
        ("homeassistant/sensor/somebody/else/config", b"{}"),
    )
    await see(broker, lambda it: len(it.heard) >= len(stale), *stale, retain=True)
    async with mirrored(office, broker):
        there = {"evsys/CP1/availability", "homeassistant/sensor/somebody/else/config"}
        await see(broker, lambda it: there <= it.now.keys() and not any("GONE" in topic for topic in it.now))


async def test_an_id_with_signs_of_topics_has_topics_of_its_own(
    office: RunningOffice, broker: Broker
) -> None:
    strange = "a/b+c #1 ü"
    await connected(office, id=strange)
    async with mirrored(office, broker):
        found = {
            "evsys/a%2Fb%2Bc%20%231%20%C3%BC/availability",
            "homeassistant/binary_sensor/evsys__a_2fb_2bc_20_231_20_c3_bc/connected/config",
        }
        await see(broker, lambda it: found <= it.now.keys())


# -- commands


def result(onlooker: Onlooker) -> Payload:
    told = [payload for topic, payload in onlooker.heard if topic == "evsys/CP1/1/charge/result"]
    return cast(Payload, json.loads(told[-1])) if told else {}


async def test_on_starts_and_off_stops_and_both_are_recorded(office: RunningOffice, broker: Broker) -> None:
    accepted = {"status": "Accepted"}
    station = await connected(
        office,
        {"RemoteStartTransaction": accepted, "RemoteStopTransaction": {"status": "Rejected"}},
    )
    async with mirrored(office, broker, commands=True, id_token="HOME") as door:
        await until(door.is_connected)
        seen = await see(broker, lambda it: bool(result(it)), ("evsys/CP1/1/charge/set", b"ON"))
        assert (result(seen)["command"], result(seen)["accepted"]) == ("ON", True)
        assert station.calls[-1] == ("RemoteStartTransaction", {"connectorId": 1, "idTag": "HOME"})

        number = await start(station)
        seen = await see(broker, lambda it: bool(result(it)), ("evsys/CP1/1/charge/set", b"OFF"))
        assert (result(seen)["accepted"], result(seen)["status"]) == (False, "Rejected")
        assert station.calls[-1] == ("RemoteStopTransaction", {"transactionId": number})
    async with office.client("viewer") as client:
        recorded = (await client.get("/api/v1/stations/CP1/commands")).json()["items"]
    assert {(each["requested_by"], each["type"], each["accepted"]) for each in recorded} == {
        ("mqtt", "RequestStartTransaction", True),
        ("mqtt", "RequestStopTransaction", False),
    }


async def test_without_a_token_only_stops_are_offered(office: RunningOffice, broker: Broker) -> None:
    station = await connected(office)
    await start(station)
    async with mirrored(office, broker, commands=True) as door:
        await until(door.is_connected)
        button = NODE.format("button", "1_stop")
        order = ("evsys/CP1/1/charge/set", b"ON")
        seen = await see(broker, lambda it: bool(result(it)) and button in it.now, order)
        assert "mqtt.id_token" in str(result(seen)["error"])
        assert NODE.format("switch", "1_charge") not in seen.now
    assert station.calls == []


async def test_what_is_no_command_is_passed_over(office: RunningOffice, broker: Broker) -> None:
    station = await connected(office, {"RemoteStartTransaction": {"status": "Accepted"}})
    said = (
        ("evsys/CP1/1/charge/set", b"on"),
        ("evsys/CP1/0/charge/set", b"ON"),
        ("evsys/CP1/x/charge/set", b"ON"),
        ("evsys/CP1/1/charge/set", b"\xff"),
        ("evsys/NONE/1/charge/set", b"ON"),
    )
    async with mirrored(office, broker, commands=True, id_token="HOME") as door:
        await until(door.is_connected)
        there = "evsys/NONE/1/charge/result"
        seen = await see(broker, lambda it: any(topic == there for topic, _ in it.heard), *said)
        assert [topic for topic, _ in seen.heard if topic.endswith("/result")] == [there]
    assert station.calls == []


async def test_a_command_that_the_broker_kept_is_not_done_again(
    office: RunningOffice, broker: Broker
) -> None:
    station = await connected(office, {"RemoteStartTransaction": {"status": "Accepted"}})
    topic = "evsys/CP1/1/charge/set"
    await see(broker, lambda it: topic in it.now, (topic, b"ON"), retain=True)
    async with mirrored(office, broker, commands=True, id_token="HOME") as door:
        await until(door.is_connected)
        await see(broker, lambda it: bool(result(it)), ("evsys/CP1/1/charge/set", b"OFF"))
    assert station.calls == []


async def test_no_command_is_heard_where_none_are_wanted(office: RunningOffice, broker: Broker) -> None:
    station = await connected(office, {"RemoteStartTransaction": {"status": "Accepted"}})
    async with mirrored(office, broker, id_token="HOME") as door:
        await until(door.is_connected)
        mark = ("evsys/CP1/1/charge/set", b"ON"), ("somewhere/else", b"x")
        await see(broker, lambda it: len(it.heard) >= len(mark), *mark)
        await asyncio.sleep(0.2)
    assert station.calls == []


# -- who gets in


async def test_a_broker_may_want_a_password(office: RunningOffice, tmp_path: Path) -> None:
    await connected(office)
    with running_broker(tmp_path, password=True) as broker:
        async with mirrored(office, broker, username="evsys", password="wrong") as door:
            await asyncio.sleep(0.5)
            assert not door.is_connected()
        async with mirrored(office, broker, username="evsys", password="correct horse") as door:
            await until(door.is_connected)


@pytest.mark.filterwarnings("ignore:Exception ignored in. <ssl.SSLSocket")  # paho leaves it to the collector
async def test_a_broker_s_certificate_is_checked(office: RunningOffice, tmp_path: Path) -> None:
    await connected(office)
    ours, other = Authority(tmp_path), Authority(tmp_path, "other").root
    certificate = ours.issue("broker", server=True, kind="rsa").pair
    with running_broker(tmp_path, certificate=certificate) as broker:
        async with mirrored(office, broker, tls=True, ca_file=other) as door:
            await asyncio.sleep(0.5)
            assert not door.is_connected()
        async with mirrored(office, broker, tls=True, ca_file=ours.root) as door:
            await until(door.is_connected)
