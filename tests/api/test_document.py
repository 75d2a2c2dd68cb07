"""The OpenAPI document is kept to: schemathesis makes up requests from it, good and bad ones."""

import asyncio
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import CHECKS

from evsys.api.page import POLICY
from kit.central import station
from kit.office import RunningOffice
from kit.samples import quarantined, token, transaction

SAMPLES = 2
"""Requests made up for each operation in each mode; the long test makes more."""
KEPT = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
)
ENDLESS = "/api/v1/events/stream"
"""It answers for as long as it is read; it has tests of its own."""
NOT_HTTP = "Invalid HTTP request received."
"""What the HTTP server says of a request whose headers are none: the application does not see it."""
BAD_IS_REFUSED = "negative_data_rejection"
"""Kept by all but EVSYS' endpoint, which ignores unknown members, as it always did."""


def try_out(operation: APIOperation, mode: GenerationMode, key: str, samples: int) -> int:
    """Make up requests of one operation and check the answers. How many there were."""
    checks = [CHECKS.get_one(name) for name in KEPT]
    refused = CHECKS.get_one(BAD_IS_REFUSED)
    tried = 0

    @settings(
        max_examples=samples,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(operation.as_strategy(generation_mode=mode))
    def answered_as_documented(case: Case) -> None:
        nonlocal tried
        tried += 1
        response = case.call(headers={"Authorization": f"Bearer {key}"}, timeout=20)
        if response.text == NOT_HTTP:
            return
        strict = operation.path != "/api" and not looks_good(case)
        case.validate_response(response, checks=[*checks, refused] if strict else checks)

    try:
        answered_as_documented()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE, "an operation without a good request"
    return tried


def looks_good(case: Case) -> bool:
    """Whether a bad query is a good one by the time it is in a URL: there, a list of one is its member."""
    return any(isinstance(value, list) and len(value) < 2 for value in (case.query or {}).values())


def try_out_all(url: str, key: str, samples: int) -> None:
    document = httpx.get(f"{url}/api/v1/openapi.json").json()
    del document["paths"][ENDLESS]
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=url)
    tried = 0
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
        for found in schema.get_all_operations():
            tried += try_out(found.ok(), mode, key, samples)
    assert tried > samples * len(document["paths"])


async def answered_as_documented(folder: Path, samples: int) -> None:
    async with RunningOffice.run(folder) as office:
        await office.put(station(), token("ABCD"), transaction(1, station_id="CP1"), quarantined())
        await asyncio.to_thread(try_out_all, office.url, await office.key(), samples)


@pytest.mark.timeout(600)
async def test_made_up_requests_are_answered_as_the_document_says(tmp_path: Path) -> None:
    await answered_as_documented(tmp_path, SAMPLES)


@pytest.mark.long
async def test_many_made_up_requests_are_answered_as_the_document_says(tmp_path: Path) -> None:
    await answered_as_documented(tmp_path, 300)


SECRETS = ("secret", "digest", "password", "authorization_key", "authorizationkey")


async def test_no_secret_is_a_member_of_what_is_served(admin: httpx.AsyncClient) -> None:
    document = (await admin.get("/api/v1/openapi.json")).json()
    served = {
        f"{name}.{member}"
        for name, schema in document["components"]["schemas"].items()
        for member in schema.get("properties", {})
        if any(secret in member.lower() for secret in SECRETS)
    }
    assert served == {
        "Made.secret",  # a subscription's, and when it is changed: shown once
        "NewSecret.secret",
        "MadeKey.secret",  # a key is shown once, to whoever made it
        "StationCertificate.request_digest",  # of a CSR, in which nothing is secret
    }
    assert "ApiKeySecret" not in document["components"]["schemas"]


class Page(HTMLParser):
    """The ids, the links and the names of elements of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: set[str] = set()
        self.elements: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.add(tag)
        for name, value in attrs:
            if name == "id":
                self.ids.add(value or "")
            if name in ("href", "src"):
                self.links.add(value or "")


async def test_the_page_tells_of_every_route_and_type_and_needs_nothing_from_elsewhere(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    document = (await admin.get("/api/v1/openapi.json")).json()
    async with office.client(None) as nobody:
        response = await nobody.get("/api/v1/docs")
    assert response.status_code == 200
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers.get_list("content-security-policy") == [POLICY]
    for path, item in document["paths"].items():
        for method in item:
            assert f"{method.upper()} {path}" in response.text
    page = Page(response.text)
    assert page.ids == set(document["components"]["schemas"])
    assert page.links <= {f"#{name}" for name in page.ids} | {"openapi.json"}
    assert not page.elements & {"script", "img", "link", "iframe"}
    style = response.text.partition("<style>")[2].partition("</style>")[0]
    assert b64encode(sha256(style.encode()).digest()).decode() in POLICY
