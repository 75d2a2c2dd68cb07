"""Who is let in: every route for every role, and the rule for programs without a key."""

import asyncio
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from litestar.connection import ASGIConnection
from msgspec.structs import replace

from evsys.api.access import from_this_machine
from evsys.core.records import ApiKey, Role
from evsys.core.work import Work
from evsys.store.views import keys
from kit.office import RunningOffice, json_of

READS = (
    "/api/v1/stations",
    "/api/v1/stations/nobody",
    "/api/v1/transactions",
    "/api/v1/transactions/none",
    "/api/v1/transactions/none/meter_values",
    "/api/v1/tokens",
    "/api/v1/tokens/NONE",
    "/api/v1/stations/nobody/local-list",
    "/api/v1/stations/nobody/configuration",
    "/api/v1/reservations",
    "/api/v1/reservations/held",
    "/api/v1/quarantine",
    "/api/v1/stations/nobody/quirks",
    "/api/v1/model-profiles",
    "/api/v1/knocks",
    "/api/v1/stations/nobody/commands",
    "/api/v1/commands/some",
    "/api/v1/stations/nobody/queue",
    "/api/v1/stations/nobody/connectors",
    "/api/v1/locations",
    "/api/v1/locations/here",
    "/api/v1/configuration-templates",
    "/api/v1/configuration-templates/which-one",
    "/api/v1/charging-profiles",
    "/api/v1/charging-profiles/100",
    "/api/v1/charging-profiles/100/assignments",
    "/api/v1/stations/nobody/charging-profiles",
    "/api/v1/status",
    "/api/v1/events",
    "/api/v1/events/stream",
    "/api/v1/alarms",
    "/api/v1/alarms/alarm",
    "/api/v1/alarm-rules",
    "/api/v1/jobs",
    "/api/v1/jobs/job",
    "/api/v1/campaigns",
    "/api/v1/campaigns/many",
    "/api/v1/subscriptions",
    "/api/v1/subscriptions/told",
    "/api/v1/subscriptions/told/health",
    "/api/v1/deliveries",
)
OPERATORS_READ = (
    "/api/v1/users",
    "/api/v1/users/who",
    "/api/v1/stations/nobody/messages",
    "/api/v1/stations/nobody/security",
    "/api/v1/stations/nobody/certificates",
    "/api/v1/stations/nobody/security-profile",
    "/api/v1/authority",
    "/api/v1/files",
    "/api/v1/files/file",
    "/api/v1/files/file/content",
    "/api/v1/telegram/chats",
    "/api/v1/telegram/invites",
)
ADMINS_READ = ("/api/v1/keys",)
WRITES = (
    ("POST", "/api/v1/tokens"),
    ("PATCH", "/api/v1/tokens/NONE"),
    ("DELETE", "/api/v1/tokens/NONE"),
    ("POST", "/api/v1/stations/nobody/commands"),
    ("DELETE", "/api/v1/commands/some"),
    ("POST", "/api/v1/stations/nobody/local-list/sync"),
    ("POST", "/api/v1/stations/nobody/configuration/read"),
    ("POST", "/api/v1/reservations"),
    ("DELETE", "/api/v1/reservations/held"),
    ("POST", "/api/v1/transactions/none/close"),
    ("POST", "/api/v1/alarms/alarm/acknowledge"),
    ("POST", "/api/v1/alarms/alarm/clear"),
    ("PUT", "/api/v1/alarm-rules/clock_off"),
    ("POST", "/api/v1/stations"),
    ("PATCH", "/api/v1/stations/nobody"),
    ("DELETE", "/api/v1/stations/nobody"),
    ("POST", "/api/v1/knocks/nobody/admit"),
    ("POST", "/api/v1/locations"),
    ("PATCH", "/api/v1/locations/here"),
    ("DELETE", "/api/v1/locations/here"),
    ("POST", "/api/v1/configuration-templates"),
    ("PATCH", "/api/v1/configuration-templates/which-one"),
    ("DELETE", "/api/v1/configuration-templates/which-one"),
    ("POST", "/api/v1/charging-profiles"),
    ("PATCH", "/api/v1/charging-profiles/100"),
    ("DELETE", "/api/v1/charging-profiles/100"),
    ("POST", "/api/v1/stations/nobody/charging-profiles"),
    ("DELETE", "/api/v1/stations/nobody/charging-profiles/100"),
    ("POST", "/api/v1/stations/nobody/charging-profiles/sync"),
    ("POST", "/api/v1/users"),
    ("PATCH", "/api/v1/users/who"),
    ("DELETE", "/api/v1/users/who"),
    ("POST", "/api/v1/stations/nobody/firmware"),
    ("POST", "/api/v1/stations/nobody/diagnostics"),
    ("POST", "/api/v1/stations/nobody/logs"),
    ("POST", "/api/v1/jobs/job/cancel"),
    ("POST", "/api/v1/campaigns"),
    ("POST", "/api/v1/campaigns/many/pause"),
    ("POST", "/api/v1/campaigns/many/resume"),
    ("POST", "/api/v1/campaigns/many/cancel"),
    ("POST", "/api/v1/files"),
    ("DELETE", "/api/v1/files/file"),
    ("POST", "/api/v1/subscriptions"),
    ("PATCH", "/api/v1/subscriptions/told"),
    ("DELETE", "/api/v1/subscriptions/told"),
    ("POST", "/api/v1/subscriptions/told/test"),
    ("POST", "/api/v1/subscriptions/told/replay"),
    ("POST", "/api/v1/subscriptions/told/rotate-secret"),
    ("POST", "/api/v1/telegram/chats/77/approve"),
    ("POST", "/api/v1/telegram/chats/77/refuse"),
    ("POST", "/api/v1/telegram/invites"),
    *(("GET", path) for path in OPERATORS_READ),
)
ADMINS = (
    ("POST", "/api/v1/stations/nobody/ocpp/Reset"),
    ("POST", "/api/v1/keys"),
    ("DELETE", "/api/v1/keys/which"),
    ("PATCH", "/api/v1/stations/nobody/security"),
    ("POST", "/api/v1/stations/nobody/security/key"),
    ("DELETE", "/api/v1/stations/nobody/security/key"),
    ("POST", "/api/v1/stations/nobody/certificates"),
    ("POST", "/api/v1/stations/nobody/security-profile"),
    ("POST", "/api/v1/certificates/whose/revoke"),
    ("POST", "/api/v1/users/who/sign-in-link"),
    ("DELETE", "/api/v1/users/who/sessions"),
    ("DELETE", "/api/v1/users/who/authenticator"),
    *(("GET", path) for path in ADMINS_READ),
)
NAMES = {
    "nobody": "{station_id}",
    "none": "{transaction_id}",
    "NONE": "{token_id}",
    "some": "{command_id}",
    "held": "{reservation_id}",
    "here": "{location_id}",
    "who": "{user_id}",
    "which": "{key_id}",
    "which-one": "{template_id}",
    "whose": "{serial}",
    "100": "{profile_id}",
    "77": "{chat_id}",
    "alarm": "{alarm_id}",
    "job": "{job_id}",
    "many": "{campaign_id}",
    "file": "{file_id}",
    "told": "{subscription_id}",
    "clock_off": "{kind}",
}
"""What stands for an id in the paths above."""
OPEN = ("/health/live", "/health/ready", "/api/v1/openapi.json")


async def test_every_route_for_every_role(office: RunningOffice) -> None:
    reached = {200, 400, 404}
    roles: tuple[Role | None, ...] = (None, "driver", "viewer", "operator", "admin")
    for role in roles:
        async with office.client(role) as client:
            for path in OPEN:
                assert (await client.get(path)).status_code == 200
            for path in READS:
                async with client.stream("GET", path) as response:  # one of them has no end
                    status = response.status_code
                if role in (None, "driver"):
                    assert status == (401 if role is None else 403), (role, path)
                else:
                    assert status in reached, (role, path)
            for method, path in (*WRITES, *ADMINS):
                status = (
                    await client.request(method, path, json=None if method == "GET" else {})
                ).status_code
                if role == "admin" or (role == "operator" and (method, path) in WRITES):
                    assert status in reached, (role, path)
                else:
                    assert status == (401 if role is None else 403), (role, path)


async def test_no_route_is_forgotten_in_the_test_of_roles(admin: httpx.AsyncClient) -> None:
    document = json_of(await admin.get("/api/v1/openapi.json"))
    paths = document["paths"]
    assert isinstance(paths, dict)
    tried = {("GET", path) for path in (*READS, *OPEN)} | set(WRITES) | set(ADMINS) | {("POST", "/api")}
    known = {
        (method, "/".join(NAMES.get(part, part) for part in path.replace("/Reset", "/{action}").split("/")))
        for method, path in tried
    }
    assert {(method.upper(), path) for path, item in paths.items() for method in item} <= known


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
async def test_post_api_takes_a_key_with_the_right_role(office: RunningOffice, role: Role) -> None:
    async with office.client(role) as client:
        status = await client.post("/api", json={"feature_name": "GetServerStatus"})
        assert status.status_code == 200
        command = await client.post("/api", json={"feature_name": "Reset", "payload": "Hard"})
        assert command.status_code == (403 if role == "viewer" else 200)


STATUS = b'{"feature_name":"GetServerStatus"}'


async def raw_post(url: str, *headers: str, version: str = "1.1") -> int:
    """The status of a POST /api with exactly these headers."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [f"POST /api HTTP/{version}", *headers, f"Content-Length: {len(STATUS)}", "Connection: close"]
    writer.write("\r\n".join(head).encode() + b"\r\n\r\n" + STATUS)
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:5001", "127.0.0.1", "127.0.0.1:5001", "127.8.9.10", "[::1]", "[::1]:5001"],
)
async def test_a_program_on_this_machine_needs_no_key(office: RunningOffice, host: str) -> None:
    assert await raw_post(office.url, f"Host: {host}") == 200


@pytest.mark.parametrize(
    "headers",
    [
        ("Host: evil.example",),
        ("Host: localhost.evil.example",),
        ("Host: 127.0.0.1.evil.example",),
        ("Host: 192.168.0.1",),
        ("Host: user@localhost",),
        ("Host: localhost:5001x",),
        ("Host: [::1",),
        ("Host: [::1]x",),
        ("Host: 0.0.0.0",),
        ("Host: ",),
        ("Host: localhost", "Forwarded: for=1.2.3.4"),
        ("Host: localhost", "X-Forwarded-For: 127.0.0.1"),
        ("Host: localhost", "x-forwarded-proto: https"),
        ("Host: localhost", "X-Forwarded-Anything:"),
        ("Host: localhost", "Via: 1.1 proxy"),
        ("Host: localhost", "Origin: http://localhost"),
        ("Host: localhost", "Origin: null"),
        ("Host: localhost", "Sec-Fetch-Site: cross-site"),
        ("Host: localhost", "Sec-Fetch-Mode: no-cors"),
    ],
)
async def test_what_may_come_from_elsewhere_needs_a_key(
    office: RunningOffice, headers: tuple[str, ...]
) -> None:
    assert await raw_post(office.url, *headers) == 401
    secret = await office.key("operator")
    assert await raw_post(office.url, *headers, f"Authorization: Bearer {secret}") == 200


async def test_without_a_host_a_key_is_needed(office: RunningOffice) -> None:
    assert await raw_post(office.url, version="1.0") == 401


async def test_a_companions_own_token_does_not_shut_out_a_program_on_this_machine(
    office: RunningOffice,
) -> None:
    assert await raw_post(office.url, "Host: localhost", "Authorization: Bearer of-another-system") == 200


async def test_a_known_keys_role_counts_on_this_machine_too(office: RunningOffice) -> None:
    async with office.client("viewer") as client:
        response = await client.post("/api", json={"feature_name": "Reset", "payload": "Hard"})
    assert response.status_code == 403


async def test_key_required_closes_the_endpoint_wholly(tmp_path: Path) -> None:
    async with RunningOffice.run(tmp_path, key_required=True) as office:
        assert await raw_post(office.url, "Host: localhost") == 401
        secret = await office.key("viewer")
        assert await raw_post(office.url, "Host: localhost", f"Authorization: Bearer {secret}") == 200


@pytest.mark.parametrize("header", ["Basic {}", "{}", "Bearer x{}", "Bearer {}x", "Bearer ", "bearer\t{}"])
async def test_a_key_in_another_form_is_no_key(office: RunningOffice, header: str) -> None:
    secret = await office.key()
    async with office.client(None) as client:
        response = await client.get(
            "/api/v1/stations", headers={"Authorization": header.format(secret).strip()}
        )
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_key_is_refused_with_the_next_request(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    assert (await admin.get("/api/v1/stations")).status_code == 200
    (key,) = await office.reader.read(keys.keys)
    await office.office.keys.revoke(key.id, by="test")
    assert (await admin.get("/api/v1/stations")).status_code == 401


async def test_a_key_is_good_until_it_expires(office: RunningOffice) -> None:
    until = office.clock.now() + timedelta(hours=1)
    secret = await office.office.keys.create("guest", "viewer", "test", expires_at=until)
    async with office.client(None) as client:
        client.headers["Authorization"] = f"Bearer {secret}"
        assert (await client.get("/api/v1/stations")).status_code == 200
        office.clock.step(3600)
        assert (await client.get("/api/v1/stations")).status_code == 401


async def test_scopes_narrow_what_a_role_may(office: RunningOffice, admin: httpx.AsyncClient) -> None:
    (key,) = await office.reader.read(keys.keys)
    narrowed: ApiKey = replace(key, scopes=("token.*",), version=key.version + 1)
    work = Work(office.clock.now())
    work.change(narrowed)
    await office.store.commit(work)
    assert (await admin.get("/api/v1/tokens")).status_code == 200
    assert (await admin.get("/api/v1/stations")).status_code == 403


@pytest.mark.parametrize(
    ("peer", "here"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("192.168.1.5", False),
        ("::ffff:192.168.1.5", False),
        ("0.0.0.0", False),
        ("fe80::1", False),
        ("localhost", False),
        ("", False),
        (None, False),
    ],
)
def test_the_peers_address_must_be_of_this_machine(peer: str | None, here: bool) -> None:
    client = None if peer is None else (peer, 40000)
    scope = {"type": "http", "method": "POST", "client": client, "headers": [(b"host", b"localhost")]}
    assert from_this_machine(ASGIConnection(scope)) is here  # type: ignore[arg-type]


def test_two_hosts_are_none() -> None:
    headers = [(b"host", b"localhost"), (b"host", b"localhost")]
    scope = {"type": "http", "method": "POST", "client": ("127.0.0.1", 40000), "headers": headers}
    assert not from_this_machine(ASGIConnection(scope))  # type: ignore[arg-type]
