"""The configuration of stations is kept as templates want it."""

import asyncio
import json
from collections.abc import Callable

import msgspec

from evsys.core.commands import SetVariable, SetVariables
from evsys.office.configuration import Configuration
from evsys.office.queue import SETTLED_AFTER
from evsys.office.upkeep import AGAIN_AFTER, AT_ONCE, LOOK_EVERY_S, READ_AFTER
from kit.central import BOOT, station
from kit.link import Payload
from kit.office import AnsweringStation, RunningOffice

KEY = "LightIntensity"


class Charger(AnsweringStation):
    """A station with a configuration that can be changed, where it `says` that it does so."""

    def __init__(self, says: str = "Accepted") -> None:
        super().__init__({"ChangeConfiguration": {"status": says}})
        self.values = {KEY: "10", "HeartbeatInterval": "300"}

    def send(self, frame: bytes) -> None:
        message = json.loads(frame)
        if message[0] == 2 and message[2] == "ChangeConfiguration":
            payload, says = message[3], self.answers["ChangeConfiguration"]
            if says == {"status": "Accepted"}:
                self.values[payload["key"]] = payload["value"]
        keys: list[object] = [
            {"key": key, "value": value, "readonly": False} for key, value in self.values.items()
        ]
        self.answers["GetConfiguration"] = {"configurationKey": keys}
        super().send(frame)

    @property
    def sets(self) -> list[object]:
        """The values that it was told to take."""
        calls: list[Payload] = [call for action, call in self.calls if action == "ChangeConfiguration"]
        return [each["value"] for each in calls if each["key"] == KEY]

    async def boot(self, office: RunningOffice) -> None:
        """Connect where it is not, boot, and settle."""
        if self.connection is None:
            self.connection = office.node.connect("CP1", "ocpp1.6", "127.0.0.1", self)
        office.clock.step(1)
        await self.ask("BootNotification", BOOT)
        office.clock.step(SETTLED_AFTER.total_seconds())


async def want(office: RunningOffice, value: str, repair: bool = True) -> None:
    """Make a template for the model, which wants this value."""
    members = {
        "vendor": "acm*",
        "configuration": msgspec.Raw(msgspec.json.encode({KEY: value})),
        "repair": repair,
    }
    await office.office.templates.create("acme", members, "test")


async def shown(office: RunningOffice, as_it_should: Callable[[Configuration], bool]) -> Configuration:
    """Wait until the configuration is shown so."""
    async with asyncio.timeout(90):
        while not as_it_should(view := await office.office.configurations.view("CP1")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return view


def verdict(view: Configuration) -> str | None:
    return view.wanted[0].verdict


async def test_a_drifted_key_is_repaired_without_an_operator(office: RunningOffice) -> None:
    await office.put(station())
    await want(office, "70")
    charger = Charger()
    await charger.boot(office)
    view = await shown(office, lambda view: verdict(view) == "Accepted" and not view.drifts)
    assert (view.wanted[0].actual, charger.values[KEY], charger.sets) == ("70", "70", ["70"])


async def test_a_template_without_repair_only_shows_that_a_key_drifts(office: RunningOffice) -> None:
    await office.put(station())
    await want(office, "70", repair=False)
    charger = Charger()
    await charger.boot(office)
    view = await shown(office, lambda view: view.drifts)
    assert (view.wanted[0].actual, view.wanted[0].value, verdict(view)) == ("10", "70", None)
    template = await office.office.templates.find("acme")
    changed = {"configuration": msgspec.Raw(msgspec.json.encode({KEY: "80"})), "repair": True}
    await office.office.templates.change("acme", template.version, changed, "test")
    await shown(office, lambda view: not view.drifts)
    assert charger.sets == ["80"], "the template that has changed is put in force, the first one never was"


async def test_a_key_that_was_refused_is_not_set_again_until_something_else_is_wanted(
    office: RunningOffice,
) -> None:
    await office.put(station())
    await want(office, "70")
    charger = Charger("Rejected")
    await charger.boot(office)
    view = await shown(office, lambda view: verdict(view) == "Rejected")
    assert view.drifts
    settled_at = office.clock.now()
    await charger.boot(office)
    await shown(office, lambda view: view.read_at is not None and view.read_at > settled_at)
    changed = {"configuration": msgspec.Raw(msgspec.json.encode({KEY: "80"}))}
    await office.office.templates.change("acme", 1, changed, "test")
    view = await shown(office, lambda view: verdict(view) == "Rejected")
    assert (view.wanted[0].value, charger.sets) == ("80", ["70", "80"])


async def test_a_value_that_was_in_place_and_is_changed_is_set_again_a_few_times_an_hour(
    office: RunningOffice,
) -> None:
    await office.put(station())
    await want(office, "70")
    charger = Charger()
    await charger.boot(office)
    await shown(office, lambda view: verdict(view) == "Accepted" and not view.drifts)
    for times in range(2, 2 + AT_ONCE):
        charger.values[KEY] = "10"
        await office.office.configurations.read("CP1", "ann")
        await shown(office, lambda view: not view.drifts)
        assert charger.sets == ["70"] * times
    charger.values[KEY] = "10"
    assert (await office.office.configurations.read("CP1", "ann")).drifts
    await asyncio.sleep(2 * LOOK_EVERY_S)
    assert len(charger.sets) == 1 + AT_ONCE, "enough for this hour"
    office.clock.step(AGAIN_AFTER.total_seconds())
    await shown(office, lambda view: not view.drifts)


async def test_what_somebody_else_has_set_is_read_and_repaired(office: RunningOffice) -> None:
    await office.put(station())
    await want(office, "70")
    charger = Charger()
    await charger.boot(office)
    await shown(office, lambda view: verdict(view) == "Accepted" and not view.drifts)
    other = SetVariables(variables=(SetVariable(name=KEY, value="20"),))
    await office.office.commands.send("CP1", other, "ann", 5)
    office.clock.step(SETTLED_AFTER.total_seconds())
    async with asyncio.timeout(90):
        while charger.sets != ["70", "20", "70"]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_a_configuration_is_read_again_after_a_day(office: RunningOffice) -> None:
    await office.put(station())
    await want(office, "70", repair=False)
    charger = Charger()
    await charger.boot(office)
    await shown(office, lambda view: view.drifts)
    charger.values[KEY] = "70"
    office.clock.step(READ_AFTER.total_seconds())
    await shown(office, lambda view: not view.drifts)
