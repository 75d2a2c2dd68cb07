"""Fetches what browsers load of other people's work, exactly as published: `tools/vendor.py`.

The packages are pinned here by version and by the digest of what is fetched; the files taken from them
are named, and their digests are written to `manifest.json` beside them, which a test holds the files to.
Nothing of it is needed to run: the files are part of the program. It needs npm, which knows where
packages are.
"""

import json
import subprocess
import tarfile
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[1]
SERVED: Final = ROOT / "src/evsys/console/static/vendor"
FOR_TESTS: Final = ROOT / "tests/browser/vendor"

MIT: Final = """MIT License

Copyright (c) {holder}

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and
associated documentation files (the "Software"), to deal in the Software without restriction,
including without limitation the rights to use, copy, modify, merge, publish, distribute,
sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial
portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT
NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND
NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES
OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN
CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.
"""


class Package(NamedTuple):
    """A package, and what is taken of it: its names in the package and here."""

    version: str
    sha256: str
    files: dict[str, str]
    folder: Path = SERVED
    holder: str = ""
    """Who holds the copyright, where the package has no licence text of its own: it is MIT then."""


PACKAGES: Final = {
    "@tabler/core": Package(
        "1.6.1",
        "d02d679e51f6c179b21f035e154c13cdcb2ae8b18579e56ea606408ba7fc7a87",
        {"dist/css/tabler.min.css": "tabler.min.css"},
        holder="2018-2026 The Tabler Authors",
    ),
    "htmx.org": Package(
        "2.0.11",
        "165a2655073e9e6e55e307a7c74e8ebcdb76afb7701f9c16cfd106a13add408e",
        {"dist/htmx.min.js": "htmx.min.js", "LICENSE": "LICENSE.htmx"},
    ),
    "@alpinejs/csp": Package(
        "3.17.4",
        "4c4cd80495f4bbfac3cc026a191b84f341df885d175d757cba7675bcc7b87ec4",
        {"dist/cdn.min.js": "alpine-csp.min.js"},
        holder="2019-2026 Caleb Porzio and contributors",
    ),
    "uplot": Package(
        "1.6.32",
        "4b8a8191e425658e3ea8c8c1314b0fc679c861ee3a1af2b20c7b16ba50b5133d",
        {
            "dist/uPlot.iife.min.js": "uplot.min.js",
            "dist/uPlot.min.css": "uplot.min.css",
            "LICENSE": "LICENSE.uplot",
        },
    ),
    "axe-core": Package(
        "4.14.1",
        "e6b0ce02b84d892e2e33e403485e7f3d6c29e2be6df65daf44d89ba564139745",
        {
            "axe.min.js": "axe.min.js",
            "LICENSE": "LICENSE.axe",
            "LICENSE-3RD-PARTY.txt": "LICENSE.axe-3rd-party",
        },
        FOR_TESTS,
    ),
}


def fetch(name: str, package: Package) -> dict[str, bytes]:
    """The files of a package, by their names here."""
    with TemporaryDirectory() as folder:
        packed = subprocess.run(
            ["npm", "pack", f"{name}@{package.version}", "--silent"],
            cwd=folder,
            check=True,
            capture_output=True,
            text=True,
        )
        archive = Path(folder) / packed.stdout.strip().splitlines()[-1]
        if (found := sha256(archive.read_bytes()).hexdigest()) != package.sha256:
            raise SystemExit(f"{name} {package.version}: its digest is {found}")
        taken = {}
        with tarfile.open(archive) as tar:
            for inside, here in package.files.items():
                member = tar.extractfile(f"package/{inside}")
                assert member is not None
                taken[here] = member.read()
    if package.holder:
        name_here = next(iter(taken)).partition(".")[0]
        taken[f"LICENSE.{name_here}"] = MIT.format(holder=package.holder).encode()
    return taken


def main() -> None:
    digests: dict[Path, dict[str, str]] = {}
    for name, package in PACKAGES.items():
        package.folder.mkdir(parents=True, exist_ok=True)
        for here, content in fetch(name, package).items():
            (package.folder / here).write_bytes(content)
            digests.setdefault(package.folder, {})[here] = sha256(content).hexdigest()
    for folder, found in digests.items():
        (folder / "manifest.json").write_text(json.dumps(found, indent=2, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
