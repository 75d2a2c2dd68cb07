"""The resources under /api/v1, over HTTP: a session and what is read of it, tokens, bad requests."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from evsys.core.records import Knock, Token, Transaction
from kit.central import BOOT, station
from kit.clock import NOON
from kit.link import Payload
from kit.office import RunningOffice, json_of
from kit.samples import quarantined


async def get(client: httpx.AsyncClient, path: str, **query: str | int) -> Payload:
    response = await client.get(path, params=query)
    assert response.status_code == 200, response.text
    return json_of(response)


def transaction(number: int, **more: object) -> Transaction:
    members: dict[str, object] = {
        "id": f"T{number:04}",
        "number": number,
        "station_id": "CP1",
        "evse_id": 1,
        "connector_id": 1,
        "id_token": "card",
        "id_token_canonical": "CARD",
        "authorization": "Accepted",
        "started_at": NOON + timedelta(minutes=number),
        "start_received_at": NOON + timedelta(minutes=number),
        "meter_start_wh": 0,
        "ended_at": NOON + timedelta(minutes=number, seconds=30),
        **more,
    }
    return Transaction(**members)  # type: ignore[arg-type]


async def test_a_session_with_its_energy_is_in_the_api(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station(), Token(id="CARD", created_at=NOON))
    charger = await office.station()
    at = "2026-06-01T12:00:00Z"
    await charger.ask("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})
    started = await charger.ask(
        "StartTransaction", {"connectorId": 1, "idTag": "card", "meterStart": 1000, "timestamp": at}
    )
    number = started["transactionId"]
    for minute, energy in ((1, "1.1"), (2, "1.25")):
        values = [
            {"value": energy, "unit": "kWh"},
            {"value": "7200", "measurand": "Power.Active.Import"},
            {"value": "3", "measurand": "RPM"},
        ]
        stamp = f"2026-06-01T12:0{minute}:00Z"
        await charger.ask(
            "MeterValues",
            {
                "connectorId": 1,
                "transactionId": number,
                "meterValue": [{"timestamp": stamp, "sampledValue": values}],
            },
        )

    shown = await get(admin, "/api/v1/stations/CP1")
    assert shown["id"] == "CP1"
    assert shown["status"]["connected"] is True  # type: ignore[index]
    assert shown["status"]["vendor"] == "Acme"  # type: ignore[index]
    assert [each["status"] for each in shown["connectors"]] == ["Charging"]  # type: ignore[attr-defined]
    (running,) = shown["open_transactions"]  # type: ignore[misc]
    assert running["number"] == number

    await charger.ask(
        "StopTransaction",
        {
            "transactionId": number,
            "meterStop": 1300,
            "timestamp": "2026-06-01T12:03:00Z",
            "reason": "EVDisconnected",
        },
    )
    (listed,) = (await get(admin, "/api/v1/transactions"))["items"]  # type: ignore[misc]
    assert listed["energy_wh"] == 300
    whole = await get(admin, f"/api/v1/transactions/{listed['id']}")
    assert {name: whole[name] for name in listed} == listed
    assert whole["started_at"] == at
    assert whole["ended_at"] == "2026-06-01T12:03:00Z"
    assert whole["meter_start_wh"] == 1000
    assert whole["meter_stop_wh"] == 1300
    assert whole["stop_reason"] == "EVDisconnected"
    assert whole["id_token"] == "card"
    values = whole["meter_values"]
    assert [(each["at"], each["energy_wh"], each["power_w"]) for each in values] == [  # type: ignore[index]
        ("2026-06-01T12:01:00Z", 1100, 7200),
        ("2026-06-01T12:02:00Z", 1250, 7200),
    ]
    assert values[0]["rest"][0]["measurand"] == "RPM"  # type: ignore[index]
    assert whole["meter_values_next"] is None
    page = await get(admin, f"/api/v1/transactions/{listed['id']}/meter_values", limit=1)
    following = await get(
        admin, f"/api/v1/transactions/{listed['id']}/meter_values", limit=1, cursor=str(page["next"])
    )
    assert [*page["items"], *following["items"]] == values  # type: ignore[misc]
    assert following["next"] is None
    assert (await get(admin, "/api/v1/stations/CP1"))["open_transactions"] == []


@pytest.mark.parametrize("connected", [True, False])
async def test_an_operator_ends_a_session_whose_station_will_not(
    office: RunningOffice, admin: httpx.AsyncClient, connected: bool
) -> None:
    await office.put(station(), transaction(1, ended_at=None, meter_start_wh=100))
    if connected:
        await office.station()
    assert "T0001" in (await admin.delete("/api/v1/stations/CP1")).json()["detail"], "it runs yet"
    response = await admin.post("/api/v1/transactions/T0001/close")
    assert response.status_code == 200, response.text
    closed = json_of(response)
    assert (closed["ended_by"], closed["meter_stop_wh"]) == ("operator", 100)
    (told,) = (await admin.get("/api/v1/events?kind=TransactionEnded")).json()["items"]
    assert told["event"]["by"] == "key:the admin"
    assert (await admin.post("/api/v1/transactions/T0001/close")).status_code == 409
    assert (await admin.post("/api/v1/transactions/nothing/close")).status_code == 404
    assert (await get(admin, "/api/v1/transactions", open="true"))["items"] == []


async def test_transactions_are_found_by_all_their_filters(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(
        transaction(1),
        transaction(2, station_id="CP2", id_token_canonical="OTHER"),
        transaction(3, ended_at=None),
        transaction(4, station_id="CP2", ended_at=None),
    )

    async def found(**query: str) -> list[str]:
        return [each["id"] for each in (await get(admin, "/api/v1/transactions", **query))["items"]]  # type: ignore[attr-defined]

    assert await found() == ["T0004", "T0003", "T0002", "T0001"]
    assert await found(station="CP1") == ["T0003", "T0001"]
    assert await found(token="card") == ["T0004", "T0003", "T0001"]
    assert await found(open="true") == ["T0004", "T0003"]
    assert await found(open="false") == ["T0002", "T0001"]
    assert await found(open="true", station="CP2") == ["T0004"]
    assert await found(open="true", token="OTHER") == []
    assert await found(token="other", station="CP2") == ["T0002"]
    boundary = {"from": "2026-06-01T12:02:00Z", "to": "2026-06-01T14:04:00+02:00"}
    assert await found(**boundary) == ["T0003", "T0002"]
    assert await found(station="nobody") == []


async def test_pages_stay_consistent_while_rows_are_inserted(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    first = [transaction(number * 10) for number in range(1, 31)]
    await office.put(*first)
    seen: list[str] = []
    cursor, more = "", 400
    while True:
        page = await get(admin, "/api/v1/transactions", limit=7, cursor=cursor)
        seen += [each["id"] for each in page["items"]]  # type: ignore[attr-defined]
        if page["next"] is None:
            break
        cursor = str(page["next"])
        await office.put(transaction(more), transaction(more - 395))  # a newer one, and a late one of old
        more += 1
    assert len(seen) == len(set(seen)), "a row came twice"
    assert {each.id for each in first} <= set(seen), "a row was left out"
    assert seen == sorted(seen, reverse=True)


async def test_a_cursor_is_good_for_its_own_list_with_its_own_filters_alone(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(*(transaction(number) for number in range(1, 6)))
    await office.put(*(Token(id=name, created_at=NOON) for name in "ABC"))
    cursor = str((await get(admin, "/api/v1/transactions", limit=2))["next"])
    tampered = ("A" if cursor[0] != "A" else "B") + cursor[1:]
    for path, query in (
        ("/api/v1/transactions", {"cursor": cursor, "station": "CP1"}),
        ("/api/v1/transactions", {"cursor": tampered}),
        ("/api/v1/transactions", {"cursor": cursor[:-1]}),
        ("/api/v1/transactions", {"cursor": cursor + "A"}),
        ("/api/v1/transactions", {"cursor": "ü"}),
        ("/api/v1/transactions", {"cursor": "*" * 40}),
        ("/api/v1/tokens", {"cursor": cursor}),
        ("/api/v1/knocks", {"cursor": cursor}),
    ):
        response = await admin.get(path, params=query)
        assert response.status_code == 400, (path, query)
        assert "cursor" in response.json()["detail"]
    assert (await get(admin, "/api/v1/transactions", limit=2, cursor=cursor))["items"] != []


async def test_stations_quarantine_and_knocks_are_listed_in_pages(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(*(station(f"CP{n}") for n in range(5)))
    await office.put(*(quarantined(f"q{n}", station_id=f"CP{n}") for n in range(5)))
    knocks = (
        Knock(station_id=f"X{n}", first_seen_at=NOON, last_seen_at=NOON, address="10.0.0.1") for n in range(5)
    )
    await office.put(*knocks)
    for path, key in (("stations", "id"), ("quarantine", "id"), ("knocks", "station_id")):
        names: list[str] = []
        cursor = ""
        while True:
            page = await get(admin, f"/api/v1/{path}", limit=2, cursor=cursor)
            names += [each[key] for each in page["items"]]  # type: ignore[attr-defined]
            if page["next"] is None:
                break
            cursor = str(page["next"])
        assert len(set(names)) == len(names) == 5, path
    only = await get(admin, "/api/v1/quarantine", station="CP3", resolved="false")
    assert [each["id"] for each in only["items"]] == ["q3"]  # type: ignore[attr-defined]
    assert (await get(admin, "/api/v1/quarantine", resolved="true"))["items"] == []


async def test_a_token_lives_from_its_creation_to_its_removal(admin: httpx.AsyncClient) -> None:
    made = await admin.post("/api/v1/tokens", json={"id": "card-1", "label": "Öl", "parent": "fleet"})
    assert made.status_code == 201
    token = json_of(made)
    assert (token["id"], token["parent"], token["max_concurrent"], token["version"]) == (
        "CARD-1",
        "FLEET",
        1,
        1,
    )
    assert await get(admin, "/api/v1/tokens/card-1") == token
    assert (await get(admin, "/api/v1/tokens"))["items"] == [token]
    assert (await admin.post("/api/v1/tokens", json={"id": "CARD-1"})).status_code == 409

    change = {
        "version": 1,
        "blocked": True,
        "max_concurrent": None,
        "expires_at": "2027-01-01T00:00:00+01:00",
    }
    changed = json_of(await admin.patch("/api/v1/tokens/card-1", json=change))
    assert changed == {
        **token,
        "blocked": True,
        "max_concurrent": None,
        "expires_at": "2026-12-31T23:00:00Z",
        "version": 2,
    }
    assert (await admin.patch("/api/v1/tokens/card-1", json=change)).status_code == 409
    assert (await admin.delete("/api/v1/tokens/CARD-1", params={"version": 1})).status_code == 409
    assert (await admin.delete("/api/v1/tokens/CARD-1", params={"version": 2})).status_code == 204
    for response in (
        await admin.get("/api/v1/tokens/CARD-1"),
        await admin.patch("/api/v1/tokens/CARD-1", json={"version": 2}),
        await admin.delete("/api/v1/tokens/CARD-1"),
    ):
        assert response.status_code == 404


async def test_of_many_changes_of_one_version_one_wins(admin: httpx.AsyncClient) -> None:
    await admin.post("/api/v1/tokens", json={"id": "CARD"})
    answers = await asyncio.gather(
        *(
            admin.patch("/api/v1/tokens/CARD", json={"version": 1, "note": str(number)})
            for number in range(10)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 9
    (winner,) = (answer.json() for answer in answers if answer.status_code == 200)
    assert await get(admin, "/api/v1/tokens/CARD") == winner


async def test_a_change_of_a_token_reaches_the_stations(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    charger = await office.station()

    async def verdict() -> object:
        answer = await charger.ask("Authorize", {"idTag": "CARD"})
        return answer["idTagInfo"]["status"]  # type: ignore[index]

    assert await verdict() == "Invalid"
    await admin.post("/api/v1/tokens", json={"id": "card"})
    await asyncio.sleep(1)
    assert await verdict() == "Accepted"
    await admin.patch("/api/v1/tokens/card", json={"version": 1, "blocked": True})
    await asyncio.sleep(1)
    assert await verdict() == "Blocked"


BAD_TOKENS: tuple[bytes, ...] = (
    b"",
    b"null",
    b"[]",
    b"{}",
    b'{"id":""}',
    b'{"id":" "}',
    b'{"id":1}',
    b'{"id":"A","unknown":1}',
    b'{"id":"A","version":1}',
    b'{"id":"A","blocked":"true"}',
    b'{"id":"A","blocked":1}',
    b'{"id":"A","expires_at":0}',
    b'{"id":"A","expires_at":"2027-01-01T00:00:00"}',
    b'{"id":"A","expires_at":"0001-01-01T00:00:00+01:00"}',
    b'{"id":"A","max_concurrent":0}',
    b'{"id":"A","max_concurrent":"1"}',
    b'{"id":"A","station_ids":"CP1"}',
    b'{"id":"A","label":null}',
    b'{"id":"' + b"x" * 256 + b'"}',
    b'{"id":"\xff"}',
    b'{"id":"A"',
    b"[" * 50_000,
)


@pytest.mark.parametrize("body", BAD_TOKENS, ids=range(len(BAD_TOKENS)))
async def test_a_bad_body_is_a_problem_of_the_sender(admin: httpx.AsyncClient, body: bytes) -> None:
    response = await admin.post("/api/v1/tokens", content=body)
    assert_problem(response, 400)
    assert (await get(admin, "/api/v1/tokens"))["items"] == []


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=501",
        "limit=x",
        "limit=",
        "limit=1&limit=2",
        "open=maybe",
        "from=yesterday",
        "from=0",
        "from=2026-06-01T12:00:00",
        "to=0001-01-01T00:00:00%2B01:00",
        "staton=CP1",
        "cursor=" + "A" * 2000,
    ],
)
async def test_a_bad_query_is_a_problem_of_the_sender(admin: httpx.AsyncClient, query: str) -> None:
    assert_problem(await admin.get(f"/api/v1/transactions?{query}"), 400)


async def test_every_error_is_a_problem_document(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    assert_problem(await admin.get("/api/v1/nothing"), 404)
    for nowhere in (
        "/docs",
        "/docs/openapi.json",
        "/docs/swagger",
        "/docs/a/b",
        "/schema",
        "/api/v1%2Fusers",
    ):
        assert (await admin.get(nowhere)).status_code == 404, nowhere
    assert_problem(await admin.get("/api/v1/stations/nobody"), 404)
    assert_problem(await admin.put("/api/v1/stations"), 405)
    assert_problem(await admin.post("/api/v1/tokens", content=bytes(2_000_000)), 413)
    async with office.client(None) as nobody:
        assert_problem(await nobody.get("/api/v1/stations"), 401)
    async with office.client("viewer") as viewer:
        assert_problem(await viewer.post("/api/v1/tokens", json={"id": "A"}), 403)


async def test_a_bug_is_told_without_its_traceback(
    office: RunningOffice, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(office.office, "tokens")
    response = await admin.get("/api/v1/tokens/A")
    assert_problem(response, 500)
    assert "Error" not in response.json()["detail"]
    assert "tokens" not in response.text


async def test_an_unreadable_database_is_503(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    assert (await admin.get("/health/ready")).status_code == 200
    office.path.unlink()
    office.reader._engine.dispose()  # what is open would still read the file that is gone
    response = await admin.get("/health/ready")
    assert response.status_code == 503
    assert "database" in response.json()["reasons"][0]
    async with office.client(None) as nobody:
        nobody.headers["Authorization"] = "Bearer x"
        assert_problem(await nobody.get("/api/v1/stations"), 503)


async def test_answers_are_for_the_asker_alone_and_no_page(admin: httpx.AsyncClient) -> None:
    for path in ("/api/v1/stations", "/nothing"):
        headers = (await admin.get(path)).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "access-control-allow-origin" not in headers
        assert "server" not in headers


def assert_problem(response: httpx.Response, status: int) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["title"]
    assert "Traceback" not in response.text


async def test_the_quirks_of_a_station_are_told_in_plain_words(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    peer = await office.station()
    for _ in range(3):
        await peer.ask("BootNotification", BOOT | {"chargePointSerialNumber": "9" * 30})
    await peer.ask("Heartbeat", None)
    await office.pass_time(20)
    items = (await get(admin, "/api/v1/stations/CP1/quirks"))["items"]
    assert [(each["kind"], each["count"]) for each in items] == [("too_long", 3), ("null_payload", 1)]
    assert "longer than the standard allows" in items[0]["text"]
    assert "9" * 30 in items[0]["example"]
    assert (await admin.get("/api/v1/stations/nobody/quirks")).status_code == 404


async def test_the_profile_of_a_stations_model_is_told_and_overridden(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    peer = await office.station()
    await peer.ask("BootNotification", BOOT | {"chargePointVendor": "KEBA"})
    told = await get(admin, "/api/v1/stations/CP1/quirks")
    assert told["profile"]["name"] == "keba"  # type: ignore[index]
    assert told["workarounds"] == {"id_tag_suffix": "_"}
    change = {"version": 1, "workarounds": {"stack_level": 0, "never_trigger": ["BootNotification"]}}
    changed = await admin.patch("/api/v1/stations/CP1", json=change)
    assert changed.json()["workarounds"] == change["workarounds"]
    told = await get(admin, "/api/v1/stations/CP1/quirks")
    assert told["workarounds"] == {"id_tag_suffix": "_"} | change["workarounds"]  # type: ignore[operator]
    refused = await admin.patch("/api/v1/stations/CP1", json={"version": 2, "model_profile": "kebab"})
    assert refused.status_code == 400
    assert "no model profile kebab" in refused.text
    for bad in ({"stak_level": 0}, {"time_zone": "Mars"}, {"stack_level": -1}):
        response = await admin.patch("/api/v1/stations/CP1", json={"version": 2, "workarounds": bad})
        assert response.status_code == 400, bad
    known = (await get(admin, "/api/v1/model-profiles"))["items"]
    assert "keba" in [each["name"] for each in known]


async def test_strict_conformance_is_set_over_the_api_and_holds(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.put(station())
    peer = await office.station()
    await admin.patch("/api/v1/stations/CP1", json={"version": 1, "conformance": "strict"})
    await office.node.refresh()
    assert peer.connection is not None
    peer.connection.received(b'[2,"odd","BootNotification",{"chargePointVendor":7,"chargePointModel":"M"}]')
    await office.pass_time(20)
    assert peer.errors["odd"] == "TypeConstraintViolation"
    items = (await get(admin, "/api/v1/stations/CP1/quirks"))["items"]
    assert [each["kind"] for each in items] == ["refused_call"]
