"""The charging profiles of stations are kept as people want them."""

import asyncio
import json
from collections.abc import Callable
from typing import cast

import pytest

from evsys.core.errors import InUse, StationUnknown
from evsys.core.records import ConfigurationKey, LibraryProfile
from evsys.core.workarounds import Workarounds
from evsys.office.charging_profiles import ProfileView, StationProfiles
from evsys.office.queue import SETTLED_AFTER
from evsys.store.views.events import EventFilter, events_after
from kit.central import BOOT, station
from kit.clock import NOON
from kit.link import Payload
from kit.office import AnsweringStation, RunningOffice, json_of
from kit.samples import schedule
from kit.waiting import until

Verdict = Callable[[Payload], str]
ACCEPTED: dict[str, object] = {"status": "Accepted"}
START = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-06-01T12:00:00Z"}


class Charger(AnsweringStation):
    """A station that takes the profiles that `takes` says, and says what it can where `keys` tell it."""

    def __init__(self, takes: Verdict = lambda profile: "Accepted", **keys: str) -> None:
        composite = {"status": "Accepted", "connectorId": 1, "scheduleStart": "2026-06-01T12:00:00Z"}
        super().__init__({"ClearChargingProfile": ACCEPTED, "GetCompositeSchedule": composite})
        self.takes = takes
        self.keys = keys

    def send(self, frame: bytes) -> None:
        message = json.loads(frame)
        if message[0] == 2 and message[2] == "SetChargingProfile":
            verdict = self.takes(message[3]["csChargingProfiles"])
            self.answers["SetChargingProfile"] = {"status": verdict} if verdict != "silent" else None
        told = [{"key": key, "value": value, "readonly": True} for key, value in self.keys.items()]
        self.answers["GetConfiguration"] = {"configurationKey": told}
        super().send(frame)

    @property
    def sent(self) -> list[Payload]:
        """The profiles that it was sent."""
        return [each for action, each in self.calls if action == "SetChargingProfile"]

    @property
    def profiles(self) -> list[Payload]:
        return [cast(Payload, each["csChargingProfiles"]) for each in self.sent]

    def asked(self, action: str) -> list[Payload]:
        return [each for said, each in self.calls if said == action]

    async def boot(self, office: RunningOffice) -> None:
        """Connect where it is not, boot, and settle."""
        if self.connection is None:
            self.connection = office.node.connect("CP1", "ocpp1.6", "127.0.0.1", self)
        office.clock.step(1)
        await self.ask("BootNotification", BOOT)
        office.clock.step(SETTLED_AFTER.total_seconds())

    def leave(self) -> None:
        assert self.connection is not None
        self.connection.lost("gone")
        self.connection = None


async def want(office: RunningOffice, evse_id: int | None = None, **members: object) -> LibraryProfile:
    """Make a profile, and assign it to the station."""
    profile = await library(office, **members)
    await office.office.charging_profiles.assign("CP1", profile.id, "test", evse_id)
    return profile


async def library(office: RunningOffice, **members: object) -> LibraryProfile:
    given = {
        "name": "Night",
        "purpose": "TxDefaultProfile",
        "kind": "Relative",
        "schedule": schedule("8.1", "16"),
    }
    return await office.office.charging_profiles.library.make(None, {**given, **members}, "test")


async def shown(office: RunningOffice, as_it_should: Callable[[StationProfiles], object]) -> StationProfiles:
    """Wait until the profiles of the station are shown so."""
    async with asyncio.timeout(90):
        while not as_it_should(view := await office.office.charging_profiles.view("CP1")):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return view


async def in_state(office: RunningOffice, state: str) -> ProfileView:
    """Wait until the only profile of the station has this state."""
    view = await shown(
        office, lambda view: view.items and view.items[0].installed and view.items[0].installed.state == state
    )
    return view.items[0]


def limits_in(profile: Payload) -> list[object]:
    told = cast(dict[str, list[dict[str, object]]], profile["chargingSchedule"])
    return [each["limit"] for each in told["chargingSchedulePeriod"]]


async def test_a_profile_goes_out_under_its_own_id_and_what_came_of_it_stands_beside_it(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger(ChargeProfileMaxStackLevel="3", ChargingScheduleAllowedChargingRateUnit="Current")
    await charger.boot(office)
    profile = await want(office, 1)
    view = await shown(office, lambda view: view.composite_schedules)
    (item,), (told,) = view.items, charger.profiles
    assert (told["chargingProfileId"], limits_in(told)) == (profile.id, [8.1, 16])
    assert charger.sent[0]["connectorId"] == 1
    assert item.in_force
    assert item.installed is not None
    assert (item.installed.state, item.installed.status) == ("INSTALLED", "Accepted")
    assert item.installed.sent is not None
    assert b'"limit":"8.1"' in bytes(item.installed.sent)
    (composite,) = view.composite_schedules
    assert (composite.evse_id, composite.status) == (1, "Accepted")
    assert charger.asked("GetCompositeSchedule")[0]["chargingRateUnit"] == "A"
    assert view.limits is not None
    assert (view.limits.max_stack_level, view.limits.rate_units) == (3, ("A",))
    assert view.limits.accepted == ("TxDefaultProfile Relative A 0",)
    assert await kinds_told(office) == ["ChargingProfileAssigned", "ChargingProfileTold"]


async def kinds_told(office: RunningOffice) -> list[str]:
    """The events of charging profiles of the station."""
    found, _ = await office.reader.read(
        lambda connection: events_after(connection, 0, EventFilter(station_id="CP1"), 500)
    )
    kinds = [type(each.event).__name__ for each in found]
    return [each for each in kinds if each.startswith("ChargingProfile")]


async def test_what_was_wanted_while_the_station_was_away_is_sent_when_it_has_settled(
    office: RunningOffice,
) -> None:
    await office.put(station())
    profile = await want(office, 1)
    charger = Charger()
    charger.connection = office.node.connect("CP1", "ocpp1.6", "127.0.0.1", charger)
    await charger.ask("BootNotification", BOOT)
    await asyncio.sleep(2)
    assert charger.sent == [], "it has not settled"
    office.clock.step(SETTLED_AFTER.total_seconds())
    await in_state(office, "INSTALLED")
    charger.leave()
    changed = {"schedule": schedule("10.5", "16")}
    await office.office.charging_profiles.library.change(profile.id, 1, changed, "test")
    view = await office.office.charging_profiles.view("CP1")
    assert not view.items[0].in_force
    office.clock.step(5)
    await charger.boot(office)
    await shown(office, lambda view: view.items[0].in_force)
    assert [limits_in(each) for each in charger.profiles] == [[8.1, 16], [10.5, 16]]


async def test_after_a_boot_all_of_it_is_sent_again_and_the_limits_are_not_asked_for_again(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger(MaxChargingProfilesInstalled="4")
    await charger.boot(office)
    await want(office, 1)
    await in_state(office, "INSTALLED")
    await charger.boot(office)
    booted_at = office.clock.now()
    await until(lambda: len(charger.sent) > 1)
    await shown(office, lambda view: view.items[0].installed and view.items[0].installed.at >= booted_at)
    assert len(charger.sent) == 2
    assert len(charger.asked("GetConfiguration")) == 1, "what it can was probed once"
    charger.leave()
    charger.connection = office.node.connect("CP1", "ocpp1.6", "127.0.0.1", charger)
    office.clock.step(SETTLED_AFTER.total_seconds())
    await asyncio.sleep(2.5)
    assert len(charger.sent) == 2, "a station that was cut off and has not booted has what it had"


async def test_the_limits_are_read_from_the_configuration_that_is_kept(office: RunningOffice) -> None:
    key = ConfigurationKey(
        station_id="CP1", key="ChargingScheduleAllowedChargingRateUnit", value="Power", at=NOON
    )
    await office.put(station(), key)
    charger = Charger()
    await charger.boot(office)
    await want(office, 1)
    item = await in_state(office, "INSTALLED")
    assert charger.asked("GetConfiguration") == []
    assert limits_in(charger.profiles[0]) == [5589, 11040]
    assert item.installed is not None
    assert "in W instead of A" in item.installed.detail


async def test_a_profile_in_watts_is_converted_for_a_station_of_amperes_and_a_level_that_is_too_high_lowered(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger(ChargeProfileMaxStackLevel="2", ChargingScheduleAllowedChargingRateUnit="Current")
    await charger.boot(office)
    profile = await library(office, stack_level=9, schedule=schedule("11000", "3700", unit="W"))
    await office.office.charging_profiles.assign("CP1", profile.id, "test", 1, phases=1, voltage_v=240)
    item = await in_state(office, "INSTALLED")
    (told,) = charger.profiles
    assert (told["stackLevel"], limits_in(told)) == (2, [45.8, 15.4])
    assert item.installed is not None
    assert "in A instead of W" in item.installed.detail
    assert "at stack level 2 instead of 9" in item.installed.detail


async def test_what_the_station_has_no_room_for_is_not_sent_until_there_is(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger(MaxChargingProfilesInstalled="1")
    await charger.boot(office)
    first = await want(office, 1)
    await in_state(office, "INSTALLED")
    second = await want(office, 1, stack_level=1)
    view = await shown(office, lambda view: len(view.items) == 2 and view.items[1].installed)
    unfit = view.items[1].installed
    assert unfit is not None
    assert unfit.state == "UNFIT"
    assert "takes 1 profiles (MaxChargingProfilesInstalled)" in unfit.detail
    await office.office.charging_profiles.unassign("CP1", first.id, "test")
    await shown(office, lambda view: [each.profile_id for each in view.items if each.in_force] == [second.id])
    assert [each["id"] for each in charger.asked("ClearChargingProfile")] == [first.id]


async def test_a_refusal_is_kept_and_not_asked_for_again_until_the_station_boots_or_it_is_edited(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger(lambda profile: "NotSupported", ChargingScheduleAllowedChargingRateUnit="Current")
    await charger.boot(office)
    profile = await want(office, 1)
    item = await in_state(office, "REFUSED")
    assert item.installed is not None
    assert (item.installed.status, item.in_force) == ("NotSupported", False)
    office.clock.step(3600)
    await asyncio.sleep(2.5)
    assert len(charger.sent) == 1, "a refusal stands"
    charger.takes = lambda profile: "Accepted"
    await office.office.charging_profiles.library.change(profile.id, 1, {"name": "x"}, "test")
    await in_state(office, "INSTALLED")
    charger.takes = lambda profile: "NotSupported"
    await charger.boot(office)
    await in_state(office, "REFUSED")
    assert len(charger.sent) == 3


async def test_66_a_station_that_takes_stack_level_0_alone_is_sent_that_and_the_next_one_at_once(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger(
        lambda profile: "Rejected" if profile["stackLevel"] else "Accepted",
        ChargingScheduleAllowedChargingRateUnit="Current",
    )
    await charger.boot(office)
    profile = await want(office, 1, stack_level=4)
    item = await in_state(office, "INSTALLED")
    assert [each["stackLevel"] for each in charger.profiles] == [4, 0]
    assert item.installed is not None
    assert "at stack level 0, since the station refuses it otherwise" in item.installed.detail
    await office.office.charging_profiles.library.change(profile.id, 1, {"name": "x"}, "test")
    view = await shown(office, lambda view: view.items[0].in_force)
    assert [each["stackLevel"] for each in charger.profiles] == [4, 0, 0], "what worked is remembered"
    assert view.limits is not None
    assert view.limits.accepted == ("TxDefaultProfile Relative A 0",)
    assert view.limits.refused == ("TxDefaultProfile Relative A 4",)


async def test_67_a_limit_that_always_holds_is_said_in_the_kind_that_the_station_takes(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger(
        lambda profile: "Accepted" if profile["chargingProfileKind"] == "Recurring" else "Rejected",
        ChargingScheduleAllowedChargingRateUnit="Current",
    )
    await charger.boot(office)
    await want(office, 1, schedule=schedule("8.1"))
    item = await in_state(office, "INSTALLED")
    assert [each["chargingProfileKind"] for each in charger.profiles] == ["Relative", "Absolute", "Recurring"]
    assert [limits_in(each) for each in charger.profiles] == [[8.1]] * 3
    assert item.installed is not None
    assert "as a profile of kind Recurring" in item.installed.detail


async def test_68_a_refused_limit_of_the_whole_station_is_told_with_what_to_do_and_the_workaround_helps(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger(
        lambda profile: (
            "Rejected" if profile["chargingProfilePurpose"] == "ChargePointMaxProfile" else "Accepted"
        ),
        ChargingScheduleAllowedChargingRateUnit="Current",
    )
    await charger.boot(office)
    whole = schedule("32", "16", start_schedule=NOON)
    await want(office, purpose="ChargingStationMaxProfile", kind="Absolute", schedule=whole)
    item = await in_state(office, "REFUSED")
    assert item.installed is not None
    assert (item.installed.status, "no_station_limit" in item.installed.detail) == ("Rejected", True)
    needs = {"workarounds": Workarounds(no_station_limit=True)}
    await office.office.stations.change("CP1", 1, needs, "test")
    await office.office.profile_keeping.sync("CP1")
    await in_state(office, "INSTALLED")
    purposes = [each["chargingProfilePurpose"] for each in charger.profiles]
    assert purposes == ["ChargePointMaxProfile", "TxDefaultProfile"]


async def test_other_ways_never_take_the_place_of_another_profile(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger(
        lambda profile: "Rejected" if profile["stackLevel"] else "Accepted",
        ChargingScheduleAllowedChargingRateUnit="Current",
    )
    await charger.boot(office)
    await want(office, 1)
    await in_state(office, "INSTALLED")
    await want(office, 1, stack_level=4)
    view = await shown(office, lambda view: len(view.items) == 2 and view.items[1].installed)
    view = await shown(
        office, lambda view: view.items[1].installed and view.items[1].installed.state == "REFUSED"
    )
    assert view.items[0].in_force
    assert [each["stackLevel"] for each in charger.profiles] == [0, 4]


async def test_an_error_of_the_station_is_a_verdict_too(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger()
    charger.answers["GetCompositeSchedule"] = ("InternalError", "")
    await charger.boot(office)
    await want(office, 1)
    await in_state(office, "INSTALLED")
    view = await shown(office, lambda view: view.composite_schedules)
    assert view.composite_schedules[0].status == "InternalError"


async def test_a_profile_that_is_not_wanted_any_more_is_cleared_by_its_id(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger()
    await charger.boot(office)
    profile = await want(office, 1)
    await in_state(office, "INSTALLED")
    charger.leave()
    await office.office.charging_profiles.unassign("CP1", profile.id, "test")
    await office.office.charging_profiles.library.remove(profile.id, 1, "test")
    given = {"name": "x", "purpose": "TxProfile", "kind": "Relative", "schedule": schedule("6")}
    with pytest.raises(InUse, match="may still have an older profile"):
        await office.office.charging_profiles.library.make(profile.id, given, "test")
    view = await office.office.charging_profiles.view("CP1")
    assert (view.items[0].assignment, view.items[0].profile) == (None, None)
    await charger.boot(office)
    await shown(office, lambda view: not view.items)
    assert charger.asked("ClearChargingProfile") == [{"id": profile.id}]
    assert (await kinds_told(office))[-2:] == ["ChargingProfileUnassigned", "ChargingProfileCleared"]


async def test_a_profile_that_moves_to_another_evse_is_cleared_first(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger()
    await charger.boot(office)
    profile = await want(office, 1)
    await in_state(office, "INSTALLED")
    charger.leave()
    await office.office.charging_profiles.unassign("CP1", profile.id, "test")
    await office.office.charging_profiles.assign("CP1", profile.id, "test", 2)
    await charger.boot(office)
    view = await shown(office, lambda view: view.items[0].in_force)
    assert view.items[0].installed is not None
    assert view.items[0].installed.evse_id == 2
    said = [action for action, _ in charger.calls if action.endswith("ChargingProfile")]
    assert said == ["SetChargingProfile", "ClearChargingProfile", "SetChargingProfile"]


async def test_a_profile_of_a_transaction_is_sent_with_its_number_and_goes_when_it_ends(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger()
    await charger.boot(office)
    started = await charger.ask("StartTransaction", START)
    number = cast(int, started["transactionId"])
    office.clock.step(SETTLED_AFTER.total_seconds())
    profile = await library(office, purpose="TxProfile")
    await office.office.charging_profiles.assign("CP1", profile.id, "test", transaction_id=str(number))
    await in_state(office, "INSTALLED")
    (told,) = charger.sent
    assert told["connectorId"] == 1
    assert (charger.profiles[0]["transactionId"], charger.profiles[0]["chargingProfilePurpose"]) == (
        number,
        "TxProfile",
    )
    stop = {"transactionId": number, "meterStop": 5, "timestamp": "2026-06-01T13:00:00Z"}
    await charger.ask("StopTransaction", stop)
    await shown(office, lambda view: not view.items)
    assert charger.asked("ClearChargingProfile") == [], "the station forgets it by itself"
    assert (
        await office.reader.read(lambda c: c.exec_driver_sql("SELECT 1 FROM profile_assignments").all()) == []
    )


async def test_a_profile_of_a_transaction_that_an_operator_has_ended_is_cleared(
    office: RunningOffice,
) -> None:
    await office.put(station())
    charger = Charger()
    await charger.boot(office)
    number = (await charger.ask("StartTransaction", START))["transactionId"]
    office.clock.step(SETTLED_AFTER.total_seconds())
    profile = await library(office, purpose="TxProfile")
    await office.office.charging_profiles.assign("CP1", profile.id, "test", transaction_id=str(number))
    await in_state(office, "INSTALLED")
    async with office.client("operator") as operator:
        assert (await operator.post(f"/api/v1/transactions/{number}/close")).status_code == 200
    await shown(office, lambda view: not view.items)
    assert charger.asked("ClearChargingProfile") == [{"id": profile.id}]


async def test_a_station_that_does_not_answer_is_asked_again_later(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger(lambda profile: "silent")
    await charger.boot(office)
    await want(office, 1)
    await in_state(office, "SENDING")
    await office.pass_time(40)
    item = await in_state(office, "UNKNOWN")
    assert not item.in_force
    charger.takes = lambda profile: "Accepted"
    office.clock.step(60)
    await in_state(office, "INSTALLED")
    assert len(charger.sent) == 2


async def test_workarounds_hold_and_what_they_forbid_is_not_sent(office: RunningOffice) -> None:
    await office.put(station(workarounds=Workarounds(zero_is_unlimited=True)))
    charger = Charger()
    await charger.boot(office)
    profile = await want(office, 1, schedule=schedule("0"))
    item = await in_state(office, "UNFIT")
    assert item.installed is not None
    assert "takes 0 as no limit" in item.installed.detail
    changed = {"schedule": schedule("6")}
    await office.office.charging_profiles.library.change(profile.id, 1, changed, "test")
    await in_state(office, "INSTALLED")
    assert [limits_in(each) for each in charger.profiles] == [[6]]


async def test_all_is_sent_again_where_people_ask_for_it(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger()
    await charger.boot(office)
    await want(office, 1)
    await in_state(office, "INSTALLED")
    async with office.client("operator") as operator:
        answer = await operator.post("/api/v1/stations/CP1/charging-profiles/sync")
        assert (answer.status_code, json_of(answer)["limits"]) == (202, None)
    await in_state(office, "INSTALLED")
    assert (len(charger.sent), len(charger.asked("GetConfiguration"))) == (2, 2)
    with pytest.raises(StationUnknown):
        await office.office.profile_keeping.sync("CP9")


async def test_a_station_that_is_removed_takes_its_profiles_with_it(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger()
    await charger.boot(office)
    profile = await want(office, 1)
    await in_state(office, "INSTALLED")
    await shown(office, lambda view: view.composite_schedules)
    await office.office.stations.remove("CP1", None, "test")
    tables = ("profile_assignments", "installed_profiles", "charging_limits", "composite_schedules")
    async with asyncio.timeout(20):
        while any([await rows(office, table) for table in tables]):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    await office.office.charging_profiles.library.remove(profile.id, None, "test")


async def rows(office: RunningOffice, table: str) -> int:
    return await office.reader.read(
        lambda connection: int(connection.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())
    )


async def test_what_somebody_else_clears_is_sent_again_but_not_without_end(office: RunningOffice) -> None:
    await office.put(station())
    charger = Charger()
    await charger.boot(office)
    await want(office, 1)
    await in_state(office, "INSTALLED")
    path = "/api/v1/stations/CP1/commands"
    async with office.client("operator") as operator:
        for sent in (2, 3, 4):
            answer = await operator.post(path, json={"type": "ClearChargingProfile"})
            assert answer.status_code == 200
            await shown(office, lambda view, sent=sent: len(charger.sent) == sent)  # type: ignore[misc]
            await in_state(office, "INSTALLED")
        await operator.post(path, json={"type": "ClearChargingProfile", "evse_id": 2})
        await operator.post(path, json={"type": "ClearChargingProfile", "id": 100})
        item = await in_state(office, "REFUSED")
    assert item.installed is not None
    assert item.installed.status == "Displaced"
    assert "the operator has taken it away" in item.installed.detail
    assert len(charger.sent) == 4
    await charger.boot(office)
    await in_state(office, "INSTALLED")
