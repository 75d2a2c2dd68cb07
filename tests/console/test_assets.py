"""What browsers load: other people's files as they were published, nothing else, nothing from elsewhere."""

import gzip
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest

from evsys.console.assets import STATIC, addresses, vendored
from evsys.console.rendering import TEMPLATES
from kit.office import RunningOffice

FOR_TESTS = Path(__file__).parents[1] / "browser/vendor"


@pytest.mark.parametrize("folder", [STATIC / "vendor", FOR_TESTS], ids=["served", "for tests"])
def test_vendored_files_are_what_was_published_and_have_their_licences(folder: Path) -> None:
    digests = json.loads((folder / "manifest.json").read_text())
    found = {
        path.name: sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != "manifest.json"
    }
    assert found == digests
    licences = [name for name in found if name.startswith("LICENSE.")]
    scripts = {name.partition(".")[0] for name in found if not name.startswith("LICENSE.")}
    assert {name.removeprefix("LICENSE.") for name in licences} >= scripts


async def test_files_are_packed_kept_for_long_and_of_their_kind(office: RunningOffice) -> None:
    assert vendored()
    async with office.visitor(None) as visitor:
        for name, address in addresses().items():
            response = await visitor.get(address)
            assert response.status_code == 200, name
            assert response.headers["content-encoding"] == "gzip"
            assert "immutable" in response.headers["cache-control"]
            assert response.headers["content-type"].partition(";")[0] in (
                "text/css",
                "text/javascript",
                "image/svg+xml",
            )
            assert response.headers["x-content-type-options"] == "nosniff"
            assert gzip.compress(response.content)
        for wrong in ("/static/none.js", "/static/../app.py", "/static/%2e%2e%2fapp.py", "/static/vendor"):
            assert (await visitor.get(wrong)).status_code == 404


def test_no_page_has_a_script_or_a_style_of_its_own_or_asks_another_host() -> None:
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), path.name
        assert not re.search(r"<style|\sstyle=|\son\w+=|javascript:|hx-on", text), path.name
        assert not re.search(r"https?://(?!\S*www\.w3\.org)", text), path.name
