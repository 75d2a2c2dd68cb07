"""How stations prove who they are, over the API."""

from datetime import UTC, datetime

from evsys.core.credentials import matching
from evsys.core.records import Station, StationProof
from kit.office import SERVER_KEY, RunningOffice, json_of

CP1 = Station(id="CP1", created_at=datetime(2026, 1, 1, tzinfo=UTC))
PATH = "/api/v1/stations/CP1/security"


async def test_a_station_s_key_is_made_and_shown_once(office: RunningOffice) -> None:
    await office.put(CP1)
    async with office.client() as client:
        made = await client.post(f"{PATH}/key", json={})
        assert made.status_code == 201
        key = str(json_of(made)["key"])
        assert (len(bytes.fromhex(key)), json_of(made)["user"], json_of(made)["number"]) == (20, "CP1", 1)
        shown = await client.get(PATH)
        assert key not in shown.text
        assert json_of(shown)["floor"] == 1, "a password is needed from now on"
        assert [each["number"] for each in json_of(shown)["keys"]] == [1]  # type: ignore[union-attr]
        events = await client.get("/api/v1/events?kind=StationSecurityChanged")
        assert "CP1" in events.text
        assert key not in events.text
    credentials = await office.office.security.find("CP1")
    assert matching(SERVER_KEY, "CP1", credentials.keys, bytes.fromhex(key)) is not None
    assert key not in str(credentials)


async def test_a_given_key_is_taken_without_being_required(office: RunningOffice) -> None:
    await office.put(CP1)
    async with office.client() as client:
        made = await client.post(f"{PATH}/key", json={"key": "correct-horse-battery", "require": False})
        assert json_of(made)["key"] == "correct-horse-battery"
        assert json_of(await client.get(PATH))["floor"] == 0
    credentials = await office.office.security.find("CP1")
    assert matching(SERVER_KEY, "CP1", credentials.keys, b"correct-horse-battery") is not None


async def test_keys_that_no_station_can_hold_are_refused(office: RunningOffice) -> None:
    await office.put(CP1)
    async with office.client() as client:
        for key in ("short", "x" * 41, "ü" * 20, "with\ncontrol-characters"):
            assert (await client.post(f"{PATH}/key", json={"key": key})).status_code == 400, key


async def test_keys_that_were_never_used_do_not_pile_up(office: RunningOffice) -> None:
    await office.put(CP1, StationProof(station_id="CP1", profile=1, key_number=1, at=CP1.created_at))
    async with office.client() as client:
        for _ in range(4):
            await client.post(f"{PATH}/key", json={})
        numbers = [each["number"] for each in json_of(await client.get(PATH))["keys"]]  # type: ignore[union-attr]
        assert numbers == [5, 4]
        await client.post(f"{PATH}/key", json={"replace": True})
        numbers = [each["number"] for each in json_of(await client.get(PATH))["keys"]]  # type: ignore[union-attr]
        assert numbers == [6]
        assert (await client.delete(f"{PATH}/key")).status_code == 204
        assert json_of(await client.get(PATH))["keys"] == []


async def test_the_lowest_profile_and_names_are_changed_from_a_version(office: RunningOffice) -> None:
    await office.put(CP1)
    async with office.client() as client:
        assert json_of(await client.get(PATH))["version"] == 0
        changed = await client.patch(
            PATH, json={"version": 0, "minimum_profile": 2, "user": "box", "certificate_name": "SN-1"}
        )
        assert changed.status_code == 200
        assert (json_of(changed)["floor"], json_of(changed)["version"]) == (2, 1)
        assert json_of(await client.get(PATH)) == json_of(changed)
        assert (await client.patch(PATH, json={"version": 0, "minimum_profile": 0})).status_code == 409
        assert (await client.patch(PATH, json={"version": 1, "minimum_profile": 4})).status_code == 400


async def test_people_may_let_a_station_fall_to_a_lower_profile(office: RunningOffice) -> None:
    await office.put(CP1, StationProof(station_id="CP1", profile=3, at=CP1.created_at))
    async with office.client() as client:
        assert json_of(await client.get(PATH))["floor"] == 3
        forgiven = await client.patch(PATH, json={"version": 0, "allow_lower": True})
        assert json_of(forgiven)["floor"] == 0


async def test_a_station_that_is_not_known_has_no_security(office: RunningOffice) -> None:
    async with office.client() as client:
        assert (await client.get(PATH)).status_code == 404
        assert (await client.post(f"{PATH}/key", json={})).status_code == 404


async def test_keys_are_made_by_administrators_and_seen_by_operators(office: RunningOffice) -> None:
    await office.put(CP1)
    for role, may_see in (("operator", True), ("viewer", False)):
        async with office.client(role) as client:  # type: ignore[arg-type]
            assert (await client.get(PATH)).status_code == (200 if may_see else 403)
            assert (await client.post(f"{PATH}/key", json={})).status_code == 403
