"""What attackers try at the console: fixation, forged requests, scripts in what stations say, redirects."""

import re

import httpx
import pytest
from litestar.connection import ASGIConnection

from evsys.console.app import HEADERS, POLICY, create_console
from evsys.console.visitors import Settings, here, same_origin, session_cookie
from evsys.core.records import Transaction
from evsys.office.passwords import FREE_ATTEMPTS
from evsys.store.views import transactions
from evsys.store.views.transactions import TransactionFilter
from kit.central import station
from kit.office import PASSWORD, RunningOffice

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


async def signed_in(office: RunningOffice, client: httpx.AsyncClient, **form: str) -> httpx.Response:
    return await client.post(
        "/sign-in",
        data={"name": "ann", "password": PASSWORD, **form},
        headers={"Sec-Fetch-Site": "same-origin"},
    )


async def test_a_session_that_was_planted_is_worth_nothing_after_the_sign_in(office: RunningOffice) -> None:
    async with office.visitor("viewer", "ann") as visitor:
        planted = visitor.client.cookies["evsys"]
        response = await signed_in(office, visitor.client, csrf=visitor.token)
        assert response.status_code == 303
        assert visitor.client.cookies["evsys"] != planted
        assert await office.office.sign_in.who(planted) is None
    async with httpx.AsyncClient(base_url=office.url) as stranger:
        stranger.cookies.set("evsys", "a value of the attacker's")
        response = await signed_in(office, stranger)
        assert "a value of the attacker" not in response.headers["set-cookie"]


async def test_the_cookie_cannot_be_read_by_scripts_nor_sent_by_other_sites(office: RunningOffice) -> None:
    async with office.visitor("viewer", "ann"), httpx.AsyncClient(base_url=office.url) as client:
        cookie = (await signed_in(office, client)).headers["set-cookie"]
    assert cookie.startswith("evsys=")
    for flag in ("HttpOnly", "SameSite=lax", "Path=/"):
        assert flag.lower() in cookie.lower()
    assert "domain" not in cookie.lower()


def test_over_https_the_cookie_is_of_this_host_alone() -> None:
    cookie = session_cookie(Settings(secure=True), "x")
    assert (cookie.key, cookie.secure, cookie.path, cookie.domain) == ("__Host-evsys", True, "/", None)
    console = create_console(None, Settings(secure=True))  # type: ignore[arg-type]  # nobody asks it
    assert console.state.settings.secure


FORGED: tuple[dict[str, str], ...] = (
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {},
)


@pytest.mark.parametrize("headers", FORGED, ids=str)
async def test_a_request_of_another_page_does_nothing(office: RunningOffice, headers: dict[str, str]) -> None:
    async with office.visitor("admin") as visitor:
        for path, form in (
            ("/users", {"id": "mallory", "role": "admin"}),
            ("/sign-out", {}),
            ("/sign-in", {}),
        ):
            data = {"csrf": visitor.token, **form}
            response = await visitor.client.post(path, data=data, headers=headers)
            assert response.status_code == 403, path
        assert (await visitor.get("/users/mallory")).status_code == 404
        assert (await visitor.get("/account")).status_code == 200


async def test_a_form_without_the_sessions_token_does_nothing(office: RunningOffice) -> None:
    async with office.visitor("admin") as visitor, office.visitor("admin", "other") as other:
        for token in ("", "x", other.token):
            visitor.token, kept = token, visitor.token
            assert (await visitor.post("/users", {"id": "mallory", "role": "admin"})).status_code == 403
            visitor.token = kept
        headers = {"Sec-Fetch-Site": "same-origin", "X-CSRF-Token": visitor.token}
        made = await visitor.client.post("/users", data={"id": "mallory", "role": "viewer"}, headers=headers)
        assert made.status_code == 303


def test_a_browser_that_tells_only_its_origin_is_believed_where_it_is_ours() -> None:
    def asked(origin: bytes) -> bool:
        headers = [(b"host", b"evsys.example:5001"), (b"origin", origin)]
        scope = {"type": "http", "method": "POST", "headers": headers}
        return same_origin(ASGIConnection(scope))  # type: ignore[arg-type]

    assert asked(b"https://evsys.example:5001")
    assert not asked(b"https://evsys.example")
    assert not asked(b"https://evil.example:5001")


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "https://evil.example",
        "/\\evil.example",
        "\\\\evil",
        "javascript:alert(1)",
        "",
        "/a\nb",
        "evil",
    ],
)
async def test_signing_in_leads_to_no_other_site(office: RunningOffice, target: str) -> None:
    assert here(target) == "/"
    async with office.visitor("viewer", "ann"), httpx.AsyncClient(base_url=office.url) as client:
        response = await signed_in(office, client, next=target)
        assert response.headers["location"] == "/"
        assert (await signed_in(office, client, next="/stations?state=away")).status_code in (303, 403)


async def test_whoever_guesses_is_slowed_down_and_told_the_same_of_everybody(office: RunningOffice) -> None:
    async with office.visitor("viewer", "ann"), httpx.AsyncClient(base_url=office.url) as client:
        pages = {}
        for name in ("ann", "nobody"):
            answers = [
                await signed_in(office, client, name=name, password="wrong") for _ in range(FREE_ATTEMPTS + 1)
            ]
            assert [each.status_code for each in answers] == [401] * FREE_ATTEMPTS + [429]
            pages[name] = answers[0].text.replace(f'value="{name}"', "")
        assert pages["ann"] == pages["nobody"]


async def test_nothing_that_a_station_says_becomes_a_script(office: RunningOffice) -> None:
    await office.put(station("CP1", title=EVIL))
    there = await office.station(id="CP1")
    boot = {
        "chargePointVendor": EVIL[:20],
        "chargePointModel": EVIL[:20],
        "chargePointSerialNumber": EVIL[:25],
        "firmwareVersion": EVIL[:50],
    }
    await there.ask("BootNotification", boot)
    fault = {"errorCode": "OtherError", "info": EVIL[:50], "vendorErrorCode": EVIL[:50], "vendorId": EVIL}
    await there.ask("StatusNotification", {"connectorId": 1, "status": "Faulted", **fault})
    start = {"connectorId": 1, "idTag": EVIL[:20], "meterStart": 0, "timestamp": "2026-06-01T12:00:00Z"}
    await there.ask("StartTransaction", start)
    await there.ask("DataTransfer", {"vendorId": EVIL, "messageId": EVIL[:50], "data": EVIL})
    await there.ask("Authorize", {"idTag": EVIL[20:40]})
    found: Transaction = (await office.reader.read(first_sessions))[0][0]
    async with office.visitor("admin") as visitor:
        for path in (
            "/",
            "/figures",
            "/stations",
            "/stations/rows?id=CP1",
            "/stations/CP1",
            "/stations/CP1/messages",
            "/stations/CP1/quirks",
            "/stations/CP1/commands",
            "/sessions",
            f"/sessions/{found.id}",
            "/events",
            f"/stations?search={EVIL}",
            f"/sign-in?next={EVIL}",
            f"/users?search={EVIL}",
        ):
            text = (await visitor.get(path)).text
            assert "<script>alert" not in text, path
            assert not re.search(r"<img[^>]*onerror", text), path
            assert "&lt;script&gt;" in text or path in ("/sign-in?next=" + EVIL, "/stations/CP1/quirks"), path


def first_sessions(connection):  # type: ignore[no-untyped-def]
    return transactions.transactions_page(connection, TransactionFilter(), 10)


async def test_every_answer_says_what_a_browser_may_do_with_it(office: RunningOffice) -> None:
    async with office.visitor("viewer") as visitor:
        for path in ("/", "/sign-in", "/nowhere", "/users", "/live?after=x"):
            headers = (await visitor.get(path)).headers
            for name, value in HEADERS:
                assert headers[name.decode()] == value.decode(), (path, name)
    assert "unsafe" not in POLICY


async def test_what_is_nowhere_or_too_large_is_told_without_a_trace(office: RunningOffice) -> None:
    async with office.visitor("viewer") as visitor:
        missing = await visitor.get("/nowhere")
        assert missing.status_code == 404
        assert missing.headers["content-type"].startswith("text/html")
        large = await visitor.post("/sign-in", {"name": "x" * 300_000})
        assert large.status_code in (403, 413)
        assert "Traceback" not in large.text
        many = await visitor.post("/choose", {f"f{number}": "x" for number in range(200)})
        assert many.status_code == 403


async def test_a_session_that_is_ended_is_refused_with_the_next_request(office: RunningOffice) -> None:
    async with office.visitor("viewer", "ann") as visitor:
        assert (await visitor.get("/")).status_code == 200
        await office.office.sign_in.sign_out_everywhere("ann", "test")
        assert (await visitor.get("/")).status_code == 303
        part = await visitor.get("/figures", **{"HX-Request": "true"})
        assert (part.status_code, part.headers["hx-redirect"]) == (401, "/sign-in")
