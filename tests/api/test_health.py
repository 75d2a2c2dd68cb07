"""Health: whether the server lives, and whether it can do its work."""

import httpx

from kit.office import RunningOffice


async def test_a_server_that_can_work_is_ready(admin: httpx.AsyncClient) -> None:
    for path in ("/health/live", "/health/ready"):
        response = await admin.get(path)
        assert (response.status_code, response.json()) == (200, {"ready": True, "reasons": []})


async def test_without_its_gateway_it_lives_and_is_not_ready(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await office.node.stop()
    assert (await admin.get("/health/live")).status_code == 200
    response = await admin.get("/health/ready")
    assert response.status_code == 503
    assert "gateway" in response.json()["reasons"][0]


async def test_a_failed_commit_makes_it_unready_until_one_succeeds(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    pages = office.store._connection.execute("PRAGMA page_count").fetchone()[0]
    office.store._connection.execute(f"PRAGMA max_page_count = {pages}").fetchone()
    status = 201
    for number in range(1000):
        made = await admin.post("/api/v1/tokens", json={"id": f"T{number}", "note": "x" * 2000})
        status = made.status_code
        if status != 201:
            break
    assert status == 503
    assert made.headers["content-type"] == "application/problem+json"
    assert "full" in made.json()["detail"]
    response = await admin.get("/health/ready")
    assert response.status_code == 503
    assert "full" in response.json()["reasons"][0]
    office.store._connection.execute("PRAGMA max_page_count = 1000000").fetchone()
    assert (await admin.post("/api/v1/tokens", json={"id": "LAST"})).status_code == 201
    assert (await admin.get("/health/ready")).status_code == 200


async def test_a_failed_commit_of_people_does_not_speak_for_ever(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    office.store._connection.execute("PRAGMA query_only = ON")
    assert (await admin.post("/api/v1/tokens", json={"id": "A"})).status_code == 503
    assert (await admin.get("/health/ready")).status_code == 503
    office.store._connection.execute("PRAGMA query_only = OFF")
    office.clock.step(61)
    assert (await admin.get("/health/ready")).status_code == 200
