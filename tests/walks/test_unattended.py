"""What the real program does by itself, with simulated stations: local lists, commands that wait,
reservations that end."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import httpx

from evsys.core.records import Token
from evsys.core.work import Work
from evsys.store.inline import InlineStore
from kit.clock import NOON
from kit.database import new_database
from kit.link import Payload
from kit.program import Program, running, wait_until
from kit.simulation import simulated

PATIENCE_S = 90.0
STATIONS = 20
TOKENS = 1000


def stations(program: Program, number: int) -> AbstractContextManager[None]:
    """Simulated stations to which nobody comes."""
    return simulated(program, "--stations", str(number), "--sessions", "0", "--no-offline-spells")


@contextmanager
def people(program: Program) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {program.key('admin')}"}
    with httpx.Client(
        base_url=f"{program.api}/api/v1", headers=headers, timeout=30, trust_env=False
    ) as client:
        yield client


def asked(client: httpx.Client, path: str) -> Payload:
    response = client.get(path)
    assert response.status_code == 200, response.text
    return cast(Payload, response.json())


def tokens_in(program: Program) -> None:
    """A database with so many tokens, before the program starts."""
    program.database.parent.mkdir()
    store = InlineStore(new_database(program.database.parent, program.database.name))
    work = Work(NOON)
    for number in range(TOKENS):
        work.add(Token(id=f"CARD{number:04}", created_at=NOON - timedelta(hours=number)))
    store.submit(work, lambda settlement: None)
    store.flush()
    store.crash()


def test_a_local_list_of_a_thousand_tokens_converges_on_twenty_stations_without_an_operator(
    tmp_path: Path,
) -> None:
    program = Program(tmp_path, {"local_lists": {"enabled": True}})
    tokens_in(program)
    ids = [f"SIM{number:04}" for number in range(1, STATIONS + 1)]
    try:
        program.start()
        with people(program) as client, stations(program, STATIONS):
            versions: dict[str, object] = {}

            def all_have(least: int) -> bool:
                for id in ids:
                    if client.get(f"/stations/{id}").status_code == 404:
                        return False
                    found = asked(client, f"/stations/{id}/local-list?limit=1")
                    kept = cast(Payload | None, found["list"])
                    if kept is None or not found["in_sync"] or cast(int, kept["list_version"]) < least:
                        return False
                    assert found["wanted_entries"] == kept["entries"] == TOKENS
                    versions[id] = kept["list_version"]
                return True

            wait_until(lambda: all_have(1), "all have the list", PATIENCE_S)
            blocked = client.patch("/tokens/CARD0500", json={"version": 1, "blocked": True})
            assert blocked.status_code == 200, blocked.text
            wait_until(lambda: all_have(2), "all know of the blocked token", PATIENCE_S)
            for id in ids:
                answer = client.post(f"/stations/{id}/commands", json={"type": "GetLocalListVersion"})
                assert answer.json()["status"] == str(versions[id]), "the station says so itself"
            sent = program.rows(
                "SELECT count(*) FROM commands WHERE type = 'SendLocalList' AND request LIKE '%Differential%'"
                """ AND request LIKE '%[{"id_token":"CARD0500","status":"Blocked"%'"""
            )
            assert sent == [(STATIONS,)], "one small message for each"
    finally:
        program.close()


def test_a_command_that_waits_outlives_the_program_and_is_sent_once(tmp_path: Path) -> None:
    with running(tmp_path) as program:
        command = {"type": "ChangeAvailability", "evse_id": 1, "operative": False}
        with people(program) as client:
            assert client.post("/stations", json={"id": "SIM0001"}).status_code == 201
            queued = client.post("/stations/SIM0001/commands?queue=PT1H", json=command)
            assert (queued.status_code, queued.json()["status"]) == (202, "Queued")
        program.kill("supervisor")
        program.start()
        with people(program) as client, stations(program, 1):
            path = f"/commands/{queued.json()['id']}"
            wait_until(lambda: asked(client, path)["status"] == "Accepted", "it is sent", PATIENCE_S)
            (sent,) = cast(list[Payload], asked(client, "/stations/SIM0001/commands")["items"])
            assert (sent["id"], sent["requested_by"]) == (queued.json()["id"], "key:a admin")


def test_a_reservation_that_is_cancelled_frees_the_connector(tmp_path: Path) -> None:
    with running(tmp_path) as program, people(program) as client, stations(program, 1):

        def status_is(wanted: str) -> bool:
            response = client.get("/stations/SIM0001/connectors")
            connectors = response.json()["items"] if response.status_code == 200 else []
            return any(each["evse_id"] == 1 and each["status"] == wanted for each in connectors)

        wait_until(lambda: status_is("Available"), "the station is there", PATIENCE_S)
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        wanted = {"station_id": "SIM0001", "evse_id": 1, "id_token": "CARD", "expires_at": until}
        made = client.post("/reservations", json=wanted).json()
        assert made["status"] == "ACTIVE"
        assert cast(list[Payload], asked(client, "/stations/SIM0001")["reservations"]) == [made]
        wait_until(lambda: status_is("Reserved"), "the connector is reserved", PATIENCE_S)
        assert client.delete(f"/reservations/{made['id']}").status_code == 204
        assert asked(client, f"/reservations/{made['id']}")["status"] == "CANCELLED"
        wait_until(lambda: status_is("Available"), "the connector is free again", PATIENCE_S)


def test_a_configuration_is_kept_as_a_template_wants_it(tmp_path: Path) -> None:
    """Drift is shown, repaired once that is wanted, and again after the station was changed; what is
    read-only is shown and left alone."""
    path = "/stations/SIM0001/configuration"
    template = {
        "id": "all",
        "vendor": "*",
        "configuration": {"MeterValueSampleInterval": "77", "NumberOfConnectors": "9"},
    }
    with running(tmp_path) as program, people(program) as client, stations(program, 1):

        def wanted(key: str) -> Payload:
            items = cast(list[Payload], asked(client, path)["wanted"])
            return next((each for each in items if each["key"] == key), {})

        def is_in_place() -> bool:
            interval = wanted("MeterValueSampleInterval")
            return interval["actual"] == "77" and not interval["drifts"]

        assert client.post("/stations", json={"id": "SIM0001"}).status_code in (201, 409)
        made = client.post("/configuration-templates", json=template)
        assert made.status_code == 201, made.text
        wait_until(lambda: wanted("MeterValueSampleInterval").get("drifts"), "drift is shown", PATIENCE_S)
        assert wanted("MeterValueSampleInterval")["actual"] != "77"
        assert asked(client, path)["drifts"] is True
        changed = client.patch("/configuration-templates/all", json={"version": 1, "repair": True})
        assert changed.status_code == 200, changed.text
        wait_until(is_in_place, "it is repaired", PATIENCE_S)

        other = {"type": "SetVariables", "variables": [{"name": "MeterValueSampleInterval", "value": "13"}]}
        answer = client.post("/stations/SIM0001/commands", json=other).json()
        assert answer["accepted"], answer
        seen = client.post(f"{path}/read").json()
        assert [each["actual"] for each in seen["wanted"] if each["drifts"]] == ["13", "2"]
        wait_until(is_in_place, "it is repaired again", PATIENCE_S)
        told = client.post(
            "/stations/SIM0001/commands", json={"type": "GetVariables", "names": ["MeterValueSampleInterval"]}
        )
        assert '"77"' in told.text, "the station says so itself"

        fixed = wanted("NumberOfConnectors")
        assert (fixed["readonly"], fixed["drifts"], fixed["actual"], fixed["verdict"]) == (
            True,
            True,
            "2",
            None,
        )
        sets = "SELECT request, requested_by FROM commands WHERE type = 'SetVariables' ORDER BY requested_at"
        assert [by for _, by in program.rows(sets)] == [
            "configuration-templates",
            "key:a admin",
            "configuration-templates",
        ]
        assert not any("NumberOfConnectors" in str(request) for request, _ in program.rows(sets))
