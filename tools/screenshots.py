"""Pictures of every page of the console, wide and narrow, light and dark: `tools/screenshots.py [FOLDER]`.

The real program serves ten simulated stations meanwhile.
"""

import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

ROOT: Final = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from kit.browser import browser, first_link, served, sign_in_first  # noqa: E402
from kit.program import EVSYS  # noqa: E402

SIZES: Final = {"wide": (1280, 800), "narrow": (390, 844)}
THEMES: Final = ("light", "dark")
STATION: Final = "SIM0001"
CHARGES_FOR_S: Final = 25.0
"""Until there is something to see."""
PAGES: Final = {
    "overview": "/",
    "stations": "/stations",
    "station": f"/stations/{STATION}",
    "commands": f"/stations/{STATION}/commands?type=SetChargingProfile",
    "configuration": f"/stations/{STATION}/configuration",
    "messages": f"/stations/{STATION}/messages",
    "quirks": f"/stations/{STATION}/quirks",
    "sessions": "/sessions",
    "events": "/events",
    "users": "/users",
    "user": "/users/admin",
    "account": "/account",
}


def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as place, served(Path(place)) as program, browser() as chromium:
        simulator = subprocess.Popen(
            [EVSYS, "simulate", program.url, "--stations", "10", "--speed", "60", "--no-offline-spells"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            page = chromium.new_context().new_page()
            page.goto(f"{program.api}/sign-in")
            page.screenshot(path=folder / "sign-in-wide-light.png")
            page.goto(first_link(program))
            page.screenshot(path=folder / "link-wide-light.png")
            sign_in_first(page, program)
            cookies = page.context.cookies()
            time.sleep(CHARGES_FOR_S)
            page.goto(f"{program.api}/sessions")
            session = page.locator("tbody a[href^='/sessions/']").first.get_attribute("href")
            pages = {**PAGES, "session": session or "/sessions"}
            for theme in THEMES:
                for size, (width, height) in SIZES.items():
                    context = chromium.new_context(
                        viewport={"width": width, "height": height}, color_scheme=theme
                    )
                    context.add_cookies(cookies)  # type: ignore[arg-type]  # as they came
                    shown = context.new_page()
                    for name, address in pages.items():
                        shown.goto(program.api + address)
                        shown.wait_for_timeout(400)
                        shown.screenshot(path=folder / f"{name}-{size}-{theme}.png")
                    context.close()
        finally:
            simulator.terminate()
            simulator.wait(10)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/screenshots")
