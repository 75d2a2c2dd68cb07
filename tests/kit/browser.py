"""A browser at the console: Debian's Chromium, driven by Playwright."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Browser, Page, sync_playwright

from kit.program import Program, Settings, wait_until

PASSWORD: Final = "correct horse battery"
INSTALL: Final = "apt-get update && apt-get install -y --no-install-recommends chromium"
SWITCHES: Final = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
STARTS_WITHIN_S: Final = 120.0
"""A machine that others use as well is slow with what people use."""
LINK: Final = re.compile(r"http://\S+/link/\S+")


def chromium() -> str:
    """Where Chromium is. Root has it installed where it is not there yet; all others are told how."""
    found = shutil.which("chromium")
    if found is None and os.geteuid() == 0 and shutil.which("apt-get"):
        subprocess.run(["sh", "-c", INSTALL], check=False, capture_output=True, timeout=600)
        found = shutil.which("chromium")
    assert found is not None, f"the tests of the console need Chromium: {INSTALL}"
    return found


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser without a window, with a new profile."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium(), args=list(SWITCHES))
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def served(folder: Path, settings: Settings | None = None) -> Iterator[Program]:
    """A central system that has printed the link to sign in with, until the end of the block."""
    program = Program(folder, settings)
    try:
        program.start(ready=False)
        wait_until(lambda: LINK.search(program.log.read_text()), "the first link", STARTS_WITHIN_S)
        yield program
    finally:
        program.close()


def first_link(program: Program) -> str:
    """The link that the program printed when it started."""
    found = LINK.findall(program.log.read_text())
    assert found, program.log.read_text()
    return str(found[-1])


def sign_in_first(page: Page, program: Program) -> None:
    """Use the printed link: the page is then the overview, of an administrator."""
    page.goto(first_link(program))
    page.get_by_label("Password, ten characters or more").fill(PASSWORD)
    page.get_by_label("The same once more").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{program.api}/")


def addresses_outside(page: Page, program: Program) -> list[str]:
    """Collects what a page asks of any other host, from now on."""
    outside: list[str] = []
    page.on("request", lambda asked: _note(outside, asked.url, program))
    return outside


def _note(outside: list[str], url: str, program: Program) -> None:
    if not url.startswith((program.api, "data:")):
        outside.append(url)
