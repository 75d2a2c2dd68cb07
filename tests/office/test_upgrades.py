"""Upgrades of the security profile that do not go as they should: the station goes on as it was."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from evsys.core.credentials import Proved, matching
from evsys.core.events import SecurityUpgradeChanged
from evsys.core.records import SecurityUpgrade, Station, StationProof
from evsys.store.views import events, upgrades
from kit.clock import NOON
from kit.database import new_database
from kit.office import SERVER_KEY, AnsweringStation, RunningOffice, json_of
from kit.waiting import until

ACCEPTED = {"status": "Accepted"}
CP1 = Station(id="CP1", created_at=NOON)


@asynccontextmanager
async def working(folder: Path) -> AsyncIterator[RunningOffice]:
    """An office that carries upgrades out without patience, with CP1 registered."""
    async with RunningOffice.run(folder) as office:
        await office.put(CP1)
        office.office.upgrades.settles_s = 0
        yield office


async def ended(office: RunningOffice) -> SecurityUpgrade:
    """The upgrade, when it has ended."""

    def latest() -> SecurityUpgrade:
        return office.reader.read_here(lambda connection: upgrades.of_station(connection, "CP1"))[0]

    await until(lambda: latest().state in ("done", "failed"))
    return latest()


async def numbers_of_keys(office: RunningOffice) -> list[int]:
    return [key.number for key in (await office.office.security.find("CP1")).keys]


def given_key(station: AnsweringStation) -> str:
    values = [
        payload["value"]
        for action, payload in station.calls
        if action == "ChangeConfiguration" and payload["key"] == "AuthorizationKey"
    ]
    return str(values[-1])


def come_back(office: RunningOffice, proved: Proved) -> None:
    """The station connects again. A command whose answer the old link did not bring may come once more."""
    again = AnsweringStation({"ChangeConfiguration": ACCEPTED, "Reset": ACCEPTED})
    again.connection = office.node.connect("CP1", "ocpp1.6", "127.0.0.1", again, proved)


async def test_a_station_that_takes_its_key_and_profile_and_comes_back_is_done(tmp_path: Path) -> None:
    async with working(tmp_path) as office:
        station = await office.station({"ChangeConfiguration": ACCEPTED})
        await office.office.upgrades.begin("CP1", 1, "ann")
        await until(lambda: ("SecurityProfile", "1") in changes(station))
        assert len(bytes.fromhex(given_key(station))) == 20
        come_back(office, Proved(1, 1, "", new=True))
        assert (await ended(office)).state == "done"
        which = events.EventFilter(kinds=(SecurityUpgradeChanged.__name__,))
        told, _ = office.reader.read_here(lambda connection: events.events_after(connection, 0, which, 9))
        assert [each.event.state for each in told] == ["requested", "done"]  # type: ignore[union-attr]
        async with office.client() as client:
            commands = await client.get("/api/v1/stations/CP1/commands")
        assert given_key(station) not in commands.text


def changes(station: AnsweringStation) -> list[tuple[object, object]]:
    return [
        (payload["key"], payload["value"])
        for action, payload in station.calls
        if action == "ChangeConfiguration"
    ]


async def test_a_station_that_takes_no_key_is_left_as_it_was(tmp_path: Path) -> None:
    async with working(tmp_path) as office:
        await office.station({"ChangeConfiguration": {"status": "NotSupported"}})
        await office.office.upgrades.begin("CP1", 1, "ann")
        upgrade = await ended(office)
        assert (upgrade.state, upgrade.error) == ("failed", "the station does not take a key: NotSupported")
        assert await numbers_of_keys(office) == []
        assert (await office.office.security.show("CP1")).floor == 0


async def test_a_station_that_does_not_come_back_with_its_profile_may_come_as_it_was(tmp_path: Path) -> None:
    async with working(tmp_path) as office:
        office.office.upgrades.back_within_s = 0.1
        await office.station({"ChangeConfiguration": ACCEPTED})
        await office.office.upgrades.begin("CP1", 1, "ann")
        upgrade = await ended(office)
        assert (upgrade.state, upgrade.error) == ("failed", "it did not come back with profile 1")
        assert (await office.office.security.show("CP1")).floor == 0
        assert await numbers_of_keys(office) == [1], "it may have it"


async def test_a_station_that_needs_a_restart_for_its_profile_is_restarted(tmp_path: Path) -> None:
    async with working(tmp_path) as office:
        await office.put(StationProof(station_id="CP1", profile=1, key_number=1, at=NOON))
        station = await office.station(
            {"ChangeConfiguration": {"status": "RebootRequired"}, "Reset": ACCEPTED}
        )
        await office.office.upgrades.begin("CP1", 2, "ann")
        await until(lambda: "Reset" in [action for action, _ in station.calls])
        assert changes(station) == [("SecurityProfile", "2")], "it has a key already"
        come_back(office, Proved(2, 1, "", new=True))
        assert (await ended(office)).state == "done"


async def test_an_upgrade_that_an_office_left_is_taken_up_by_the_next(tmp_path: Path) -> None:
    office = RunningOffice(new_database(tmp_path))
    await office.put(
        CP1,
        SecurityUpgrade(
            id="u",
            station_id="CP1",
            profile=1,
            state="certified",
            requested_by="ann",
            requested_at=NOON,
            changed_at=NOON,
        ),
    )
    await office.start()
    station = await office.station({"ChangeConfiguration": {"status": "Rejected"}})
    upgrade = await ended(office)
    assert upgrade.error == "the station does not take the profile: Rejected"
    assert changes(station) == [("SecurityProfile", "1")]
    await office.stop()


@pytest.mark.parametrize(("profile", "reason"), [(1, "profile 1 already"), (3, "no authority here")])
async def test_what_cannot_be_is_refused_at_once(tmp_path: Path, profile: int, reason: str) -> None:
    async with RunningOffice.run(tmp_path) as office, office.client() as client:
        await office.put(CP1, StationProof(station_id="CP1", profile=1, key_number=1, at=NOON))
        refused = await client.post("/api/v1/stations/CP1/security-profile", json={"profile": profile})
        assert refused.status_code == 400
        assert reason in str(json_of(refused)["detail"])
        assert (await client.get("/api/v1/stations/CP1/security-profile")).json() == {"items": []}


async def test_one_upgrade_of_a_station_is_under_way_at_a_time(tmp_path: Path) -> None:
    async with RunningOffice.run(tmp_path) as office, office.client() as client:
        await office.put(CP1)
        statuses = [
            (await client.post("/api/v1/stations/CP1/security-profile", json={"profile": 1})).status_code
            for _ in range(2)
        ]
        assert statuses == [202, 409]


# -- keys that are sent --------------------------------------------------------------------------------------

KEY_PATH = "/api/v1/stations/CP1/security/key"


async def test_the_next_key_is_sent_to_its_station(tmp_path: Path) -> None:
    async with working(tmp_path) as office, office.client() as client:
        station = await office.station({"ChangeConfiguration": ACCEPTED})
        made = await client.post(KEY_PATH, json={"send": True})
        assert made.status_code == 201
        assert given_key(station) == json_of(made)["key"]
        assert await numbers_of_keys(office) == [1]


@pytest.mark.parametrize(
    ("answer", "status"), [({"status": "Rejected"}, 400), (("NotSupported", "no such key"), 502)]
)
async def test_a_key_that_its_station_refuses_is_forgotten(
    tmp_path: Path, answer: dict[str, object] | tuple[str, str], status: int
) -> None:
    async with working(tmp_path) as office, office.client() as client:
        await office.station({"ChangeConfiguration": answer})
        assert (await client.post(KEY_PATH, json={"send": True})).status_code == status
        assert await numbers_of_keys(office) == []


async def test_a_key_is_not_made_for_a_station_that_is_away_and_to_be_sent_it(tmp_path: Path) -> None:
    async with working(tmp_path) as office, office.client() as client:
        assert (await client.post(KEY_PATH, json={"send": True})).status_code == 409
        assert await numbers_of_keys(office) == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (
            "/api/v1/stations/CP1/commands",
            {"type": "SetVariables", "variables": [{"name": "authorizationkey", "value": "ab" * 20}]},
        ),
        ("/api/v1/stations/CP1/ocpp/ChangeConfiguration", {"key": "AuthorizationKey", "value": "ab" * 20}),
    ],
)
async def test_a_key_that_is_set_by_a_plain_command_shuts_nobody_out(
    tmp_path: Path, path: str, body: dict[str, object]
) -> None:
    async with working(tmp_path) as office, office.client() as client:
        station = await office.station({"ChangeConfiguration": ACCEPTED})
        for _ in range(2):
            assert (await client.post(path, json=body)).status_code in (200, 201, 202)
        known = await office.office.security.find("CP1")
        assert matching(SERVER_KEY, "CP1", known.keys_in_force, b"ab" * 20) is not None
        assert await numbers_of_keys(office) == [1], "twice the same is one"
        station.answers["ChangeConfiguration"] = {"status": "Rejected"}
        other = json.loads(json.dumps(body).replace("ab" * 20, "cd" * 20))
        await client.post(path, json=other)
        assert await numbers_of_keys(office) == [1], "one that is refused is not good"
