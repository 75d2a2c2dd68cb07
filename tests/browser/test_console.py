"""The console in a browser, against the real program and stations in software."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from kit.browser import addresses_outside, browser, served, sign_in_first
from kit.program import Program, wait_until
from kit.simulation import simulated

AXE = Path(__file__).parent / "vendor/axe.min.js"
STATIONS = 10
PATIENCE_MS = 30_000
pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with (
        served(tmp_path_factory.mktemp("console")) as running,
        simulated(
            running, "--stations", str(STATIONS), "--sessions", "0", "--speed", "60", "--no-offline-spells"
        ),
    ):
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as launched:
        yield launched


@pytest.fixture(scope="module")
def admin(chromium: Browser, program: Program) -> Iterator[Page]:
    """An administrator, who used the printed link."""
    page = chromium.new_context(viewport={"width": 1280, "height": 900}).new_page()
    page.set_default_timeout(PATIENCE_MS)
    sign_in_first(page, program)
    yield page
    page.context.close()


def test_ten_stations_appear_live_after_the_first_sign_in(admin: Page, program: Program) -> None:
    outside, faults = addresses_outside(admin, program), []
    admin.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    admin.goto(program.api)
    expect(admin.locator(".figure").first).to_contain_text(str(STATIONS), timeout=PATIENCE_MS)
    admin.get_by_role("link", name="Stations", exact=True).click()
    rows = admin.locator("tr[data-station]")
    expect(rows).to_have_count(STATIONS)
    expect(rows.filter(has_text="Online")).to_have_count(STATIONS, timeout=PATIENCE_MS)
    admin.get_by_label("Search by id or title").fill("0003")
    expect(rows).to_have_count(1)
    assert "search=0003" in admin.url
    assert outside == []
    assert faults == [], "the policy refuses nothing that a page of ours wants"


def test_a_session_is_started_seen_to_charge_and_stopped_in_two_browsers(
    admin: Page, chromium: Browser, program: Program
) -> None:
    other = admin.context.new_page()
    for page in (admin, other):
        page.goto(f"{program.api}/stations/SIM0001")
    admin.get_by_label("Token").first.fill("CARD")
    admin.get_by_role("button", name="Start").first.click()
    for page in (admin, other):
        expect(page.get_by_role("button", name="Stop").first).to_be_visible(timeout=PATIENCE_MS)
        expect(page.locator("[data-power]").first).to_have_text(re.compile(r"[1-9]"), timeout=PATIENCE_MS)
    admin.on("dialog", lambda dialog: dialog.accept())
    admin.get_by_role("button", name="Stop").first.click()
    for page in (admin, other):
        expect(page.get_by_role("button", name="Stop")).to_have_count(0, timeout=PATIENCE_MS)
    other.goto(f"{program.api}/sessions?token=CARD")
    expect(other.locator("tbody")).to_contain_text("Stopped from here", timeout=PATIENCE_MS)
    other.close()


def test_a_command_is_a_form_and_its_outcome_is_shown_in_place(admin: Page, program: Program) -> None:
    admin.goto(f"{program.api}/stations/SIM0002/commands")
    admin.get_by_label("Command", exact=True).select_option("ClearCache")
    admin.get_by_role("button", name="Clear the cache of tokens").click()
    expect(admin.locator("[data-outcome=good]")).to_contain_text("Accepted", timeout=PATIENCE_MS)


def test_a_viewer_sees_no_command_and_the_api_says_403(
    admin: Page, chromium: Browser, program: Program
) -> None:
    admin.goto(f"{program.api}/users")
    admin.get_by_label("Name to sign in with").fill("viewer")
    admin.locator("form[action='/users'] select[name=role]").select_option("viewer")
    admin.get_by_role("button", name="Go on").click()
    admin.get_by_role("button", name="Make an invitation").click()
    link = admin.locator("#new-link").inner_text()
    page = chromium.new_context().new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(link)
    page.get_by_label("Password, ten characters or more").fill("correct horse battery")
    page.get_by_label("The same once more").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{program.api}/stations/SIM0003")
    expect(page.get_by_text("No session runs.").first).to_be_visible()
    assert page.get_by_role("button", name="Start").count() == 0
    assert page.get_by_role("link", name="Commands").count() == 0
    page.goto(f"{program.api}/account")
    page.get_by_label("Name").last.fill("mine")
    page.get_by_role("button", name="Make a key").click()
    key = page.locator("pre.secret").inner_text()
    headers = {"Authorization": f"Bearer {key}"}
    url = f"{program.api}/api/v1/stations/SIM0003/commands"
    sent = httpx.post(url, json={"type": "ClearCache"}, headers=headers, trust_env=False, timeout=20)
    assert sent.status_code == 403
    page.context.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_serious_on_any_page(
    admin: Page, chromium: Browser, program: Program, colours: str
) -> None:
    context = chromium.new_context(color_scheme=colours, bypass_csp=True)  # type: ignore[arg-type]
    context.add_cookies(admin.context.cookies())  # type: ignore[arg-type]  # as they came
    page, found = context.new_page(), []
    for path in (
        "/",
        "/stations",
        "/stations/SIM0001",
        "/stations/SIM0001/commands",
        "/sessions",
        "/users",
        "/account",
    ):
        page.goto(program.api + path)
        page.add_script_tag(path=str(AXE))
        result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        found += [
            f"{path}: {each['id']}: {each['nodes'][0]['html'][:120]}"
            for each in result["violations"]
            if each["impact"] in ("serious", "critical")
        ]
    context.close()
    assert not found, "\n".join(found)


WATCH_THE_BANNER = """() => {
    const lost = document.getElementById("lost");
    const watch = () => { window.wasLost = window.wasLost || !lost.hidden; };
    new MutationObserver(watch).observe(lost, { attributes: true });
}"""
"""It may be there for a second only: an office starts quickly."""


def test_a_restart_shows_a_banner_and_the_page_goes_on_by_itself(admin: Page, program: Program) -> None:
    admin.goto(f"{program.api}/stations")
    admin.evaluate(WATCH_THE_BANNER)
    program.kill("office")
    wait_until(lambda: bool(admin.evaluate("window.wasLost")), "the banner")
    expect(admin.locator("#lost")).to_be_hidden(timeout=2 * PATIENCE_MS)
