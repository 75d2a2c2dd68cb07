"""Every page for every role, in both languages; what is on it, and what is not."""

import re
from typing import Final

import pytest

from evsys.console.app import create_console
from evsys.console.forms import forms
from evsys.console.visitors import Settings
from evsys.core.records import Knock, Location, Role
from kit.central import station
from kit.clock import NOON
from kit.office import RunningOffice, Visitor
from kit.samples import meter_value, transaction

OPEN: Final = ("/sign-in", "/favicon.ico")
MINE: Final = ("/account",)
VIEWERS: Final = (
    "/",
    "/figures",
    "/stations",
    "/stations?search=CP&state=connected&location=&sort=down",
    "/stations?state=charging",
    "/stations?state=faulted",
    "/stations/rows?id=CP1",
    "/stations/CP1",
    "/stations/CP1/connectors",
    "/stations/CP1/quirks",
    "/stations/CP1/configuration",
    "/sessions",
    "/sessions?station=CP1&token=abcd&state=running&since=2026-01-01&until=2026-12-31",
    "/sessions.csv",
    "/sessions/1",
    "/events",
    "/events?kind=StationBooted&station=CP1",
)
OPERATORS: Final = (
    "/stations/CP1/commands",
    *(f"/stations/CP1/commands?type={name}" for name in forms()),
    "/stations/CP1/messages",
    "/stations/CP1/messages.jsonl?direction=in&action=BootNotification",
)
ADMINS: Final = ("/users", "/users?search=a&everybody=true", "/users/the%20admin")
POSTS: Final[dict[str, Role | None]] = {
    "/stations/CP1/commands": "operator",
    "/stations/CP1/configuration": "operator",
    "/knocks/CP9/admit": "operator",
    "/users": "admin",
    "/users/nobody": "admin",
    "/users/nobody/link": "admin",
    "/users/nobody/sessions": "admin",
    "/users/nobody/authenticator": "admin",
    "/users/nobody/remove": "admin",
    "/account/password": "driver",
    "/account/authenticator": "driver",
    "/account/authenticator/confirm": "driver",
    "/account/authenticator/remove": "driver",
    "/account/keys": "driver",
    "/account/keys/none/revoke": "driver",
    "/account/sessions": "driver",
    "/sign-out": "driver",
    "/sign-in": None,
    "/link/none": None,
    "/choose": None,
}
"""Who may send them, and whoever may more."""
ROLES: Final[tuple[Role | None, ...]] = (None, "driver", "viewer", "operator", "admin")


async def network(office: RunningOffice) -> None:
    await office.put(
        Location(id="yard", name="Yard", created_at=NOON),
        station("CP1", location_id="yard", title="first"),
        transaction(1, station_id="CP1"),
        meter_value(1, station_id="CP1"),
        meter_value(2, station_id="CP1", energy_wh=1600.0),
        Knock(station_id="CP9", first_seen_at=NOON, last_seen_at=NOON, address="10.0.0.9"),
    )
    there = await office.station(id="CP1")
    await there.ask("StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"})


@pytest.mark.parametrize("language", ["en", "es"])
async def test_every_page_for_every_role(office: RunningOffice, language: str) -> None:
    await network(office)
    allowed = {None: (), "driver": (), "viewer": VIEWERS, "operator": VIEWERS + OPERATORS}
    for role in ROLES if language == "en" else ("admin",):
        async with office.visitor(role) as visitor:
            for path in (*OPEN, *MINE, *VIEWERS, *OPERATORS, *ADMINS):
                response = await visitor.get(path, **{"Accept-Language": language})
                if path in OPEN or (role and path in MINE) or role == "admin" or path in allowed[role]:
                    assert response.status_code == 200, (role, path, response.text[:2000])
                    assert "Undefined" not in response.text
                elif role is None:
                    assert response.status_code == 303, path
                    assert response.headers["location"].startswith("/sign-in")
                else:
                    assert response.status_code == 403, (role, path)


@pytest.mark.parametrize("role", ROLES)
async def test_every_form_for_every_role(office: RunningOffice, role: Role | None) -> None:
    ranks = {each: rank for rank, each in enumerate(ROLES)}
    async with office.visitor(role) as visitor:
        for path, needed in POSTS.items():
            if role is not None and path == "/sign-out":
                continue  # the last word, with its own test
            status = (await visitor.post(path)).status_code
            if ranks[role] >= ranks[needed]:
                assert status not in (403, 405, 500), (role, path, status)
            else:
                assert status == (401 if role is None else 403), (role, path, status)


async def test_no_route_is_forgotten_in_these_tests(office: RunningOffice) -> None:
    known = {path.partition("?")[0] for path in (*OPEN, *MINE, *VIEWERS, *OPERATORS, *ADMINS)} | set(POSTS)
    for name, stands in (
        ("CP1", "{station_id}"),
        ("CP9", "{knock_id}"),
        ("/sessions/1", "/sessions/{session_id}"),
    ):
        known = {path.replace(name, stands) for path in known}
    known = {re.sub("^/users/(nobody|the%20admin)", "/users/{user_id}", path) for path in known}
    known = {
        path.replace("/link/none", "/link/{secret}").replace("keys/none", "keys/{key_id}") for path in known
    }
    routes = {re.sub(r":\w+}", "}", route.path) for route in create_console(office.office, Settings()).routes}
    assert routes - known == {"/static/{name}", "/live"}, "each of which has tests of its own"


async def test_a_viewer_sees_no_command_and_sends_none(office: RunningOffice) -> None:
    await network(office)
    async with office.visitor("viewer") as viewer:
        page = (await viewer.get("/stations/CP1")).text
        assert "hx-post" not in page
        assert "/commands" not in page
        sent = await viewer.post("/stations/CP1/commands", {"type": "Reset"})
        assert sent.status_code == 403
    async with office.visitor("operator") as operator:
        assert "RequestStopTransaction" in (await operator.get("/stations/CP1")).text


async def test_an_operator_bound_to_a_location_sees_only_what_is_there(office: RunningOffice) -> None:
    await network(office)
    await office.put(station("CP2"), transaction(2, station_id="CP2", evse_id=2))
    async with office.visitor("operator", location_ids=("yard",)) as visitor:
        for path in ("/stations", "/sessions", "/events", "/sessions.csv", "/stations/rows?id=CP1&id=CP2"):
            text = (await visitor.get(path)).text
            assert "CP1" in text, path
            assert "CP2" not in text, path
        assert "CP9" not in (await visitor.get("/stations")).text
        for path in ("/stations/CP2", "/sessions/2", "/stations/CP2/commands", "/stations/CP2/messages"):
            assert (await visitor.get(path)).status_code == 404, path
        for path in ("/stations/CP2/commands", "/stations/CP2/configuration"):
            assert (await visitor.post(path, {"type": "Reset"})).status_code == 404, path
        assert (await visitor.post("/knocks/CP9/admit")).status_code == 403


async def test_a_command_is_sent_and_its_outcome_shown_in_place(office: RunningOffice) -> None:
    await office.put(station("CP1"))
    there = await office.station(
        {"Reset": {"status": "Accepted"}, "ClearCache": ("InternalError", "broken")}, "CP1"
    )
    async with office.visitor("operator") as visitor:
        sent = await visitor.post("/stations/CP1/commands", {"type": "Reset", "when": "idle"})
        assert 'data-outcome="good"' in sent.text
        assert ("Reset", {"type": "Soft"}) in there.calls
        refused = await visitor.post("/stations/CP1/commands", {"type": "ClearCache"})
        assert "InternalError" in refused.text
        wrong = await visitor.post("/stations/CP1/commands", {"type": "UnlockConnector", "evse_id": "x"})
        assert "evse_id" in wrong.text
        listed = await visitor.get("/stations/CP1/commands")
        assert "user:the operator" in listed.text


async def test_a_station_that_knocked_is_let_in(office: RunningOffice) -> None:
    await network(office)
    async with office.visitor("operator") as visitor:
        assert "CP9" in (await visitor.get("/stations")).text
        assert (await visitor.post("/knocks/CP9/admit")).status_code == 303
        assert (await office.office.stations.find("CP9")).id == "CP9"


async def test_pages_go_on_and_filters_stay_in_the_address(office: RunningOffice) -> None:
    await office.put(*(station(f"P{number:03}") for number in range(60)))
    async with office.visitor("viewer") as visitor:
        first = (await visitor.get("/stations?search=P&sort=down")).text
        shown = re.findall(r'data-station="(P\d+)"', first)
        assert shown == [f"P{number:03}" for number in range(59, 9, -1)]
        following = re.search(r'href="(/stations\?[^"]*cursor[^"]*)"', first)
        assert following is not None
        second = (await visitor.get(following[1].replace("&amp;", "&"))).text
        assert re.findall(r'data-station="(P\d+)"', second) == [
            f"P{number:03}" for number in range(9, -1, -1)
        ]


async def test_sessions_are_exported_and_no_cell_is_a_formula(office: RunningOffice) -> None:
    evil = transaction(1, station_id="=cmd()")
    await office.put(evil, transaction(2, station_id="CP2"))
    async with office.visitor("viewer") as visitor:
        text = (await visitor.get("/sessions.csv")).text
    lines = text.strip().split("\r\n")
    assert lines[0].startswith("id,number,station")
    assert len(lines) == 3
    assert "'=cmd()" in text
    assert ",=cmd()" not in text


async def test_a_session_tells_all_that_happened_in_order(office: RunningOffice) -> None:
    await office.put(station("CP1"))
    there = await office.station(id="CP1")
    await office.pass_time(1)  # frames of one moment of a stepped clock lie microseconds apart
    start = {"connectorId": 1, "idTag": "CARD", "meterStart": 0, "timestamp": "2026-06-01T12:00:00Z"}
    await there.ask("StartTransaction", start)
    (found,) = (await office.reader.read(first_sessions))[0]
    async with office.visitor("operator") as visitor:
        page = (await visitor.get(f"/sessions/{found.id}")).text
    assert "It failed: the token was answered Invalid" in page
    assert page.index("StartTransaction (call)") < page.index("Session on connector 1 with token CARD")


def first_sessions(connection):  # type: ignore[no-untyped-def]
    from evsys.store.views import transactions
    from evsys.store.views.transactions import TransactionFilter

    return transactions.transactions_page(connection, TransactionFilter(), 10)


async def test_an_id_with_a_slash_has_a_page(office: RunningOffice) -> None:
    await office.put(station("A/B"))
    async with office.visitor("viewer") as visitor:
        assert 'href="/stations/A%2FB"' in (await visitor.get("/stations")).text
        assert (await visitor.get("/stations/A%2FB")).status_code == 200


async def first_load(visitor: Visitor, path: str) -> int:
    """Bytes of a page with all that it loads, as they go over the wire."""
    page = await visitor.get(path)
    total = len(page.content)
    for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text):
        async with visitor.client.stream("GET", address) as response:
            total += sum([len(piece) async for piece in response.aiter_raw()])
    return total


async def test_no_first_load_is_over_300_kilobytes(office: RunningOffice) -> None:
    await network(office)
    async with office.visitor("admin") as visitor:
        for path in ("/sign-in", "/", "/stations", "/stations/CP1", "/sessions/1", "/account"):
            assert await first_load(visitor, path) < 300_000, path
