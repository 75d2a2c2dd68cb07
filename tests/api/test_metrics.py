"""GET /metrics: EVSYS' series, the office's own, and the gateway's over the bus."""

from datetime import timedelta

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from evsys.core.ports import GATEWAY_METRICS
from kit.central import station
from kit.clock import NOON
from kit.office import AnsweringStation, RunningOffice

Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


async def scrape(office: RunningOffice) -> Series:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{office.metrics_url}/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    families = list(text_string_to_metric_families(response.text))
    names = [family.name for family in families]
    assert len(names) == len(set(names)), "a family is told twice"
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def at(series: Series, name: str, **labels: str) -> float | None:
    return series.get((name, frozenset(labels.items())))


async def charge(office: RunningOffice, charger: AnsweringStation, start: int, stop: int) -> None:
    """A whole session."""
    now = office.clock.now().isoformat()
    started = await charger.ask(
        "StartTransaction", {"connectorId": 1, "idTag": "CARD", "meterStart": start, "timestamp": now}
    )
    await charger.ask(
        "StopTransaction",
        {"transactionId": started["transactionId"], "meterStop": stop, "timestamp": now},
    )


async def run(charger: AnsweringStation) -> None:
    """A session that goes on: 120 Wh in its last minute, and no power is reported."""
    started = await charger.ask(
        "StartTransaction",
        {"connectorId": 1, "idTag": "X", "meterStart": 0, "timestamp": NOON.isoformat()},
    )
    for minute, energy in ((1, "60"), (2, "180")):
        stamp = (NOON + timedelta(minutes=minute)).isoformat()
        value = {"timestamp": stamp, "sampledValue": [{"value": energy}]}
        await charger.ask(
            "MeterValues",
            {"connectorId": 1, "transactionId": started["transactionId"], "meterValue": [value]},
        )


async def test_the_series_of_evsys_tell_what_is_and_what_was_today(office: RunningOffice) -> None:
    await office.put(station("CP1", location_id="yard"), station("CP2"))
    before = await scrape(office)
    assert at(before, "server_connections_active", location="yard") == 0
    assert at(before, "server_connections_active", location="") == 0
    first, second = await office.station(id="CP1"), await office.station(id="CP2")
    await charge(office, first, 1000, 3500)
    await charge(office, first, 3500, 4000)
    for error in ("E1", "E2", "E1"):
        for code, status in (("OtherError", "Faulted"), ("NoError", "Available")):
            await first.ask(
                "StatusNotification",
                {"connectorId": 1, "errorCode": code, "status": status, "vendorErrorCode": error},
            )
    await run(second)
    series = await scrape(office)
    one, two = {"location": "yard", "charge_point_id": "CP1"}, {"location": "", "charge_point_id": "CP2"}
    assert at(series, "server_connections_active", location="yard") == 1
    assert at(series, "server_connections_active", location="") == 1
    assert at(series, "server_transactions_active", location="yard") == 0
    assert at(series, "server_transactions_active", location="") == 1
    assert at(series, "ocpp_transaction_count", **one) == 2
    assert at(series, "ocpp_consumed_power", **one) == 3000
    assert at(series, "ocpp_consumed_today", **one) == 3000
    assert at(series, "ocpp_vendor_error_count", **one, code="E1") == 2
    assert at(series, "ocpp_errors_today", **one, code="E2") == 1
    assert at(series, "ocpp_current_power_rate", **one, connector_id="1") == 0
    assert at(series, "ocpp_current_power_rate", **two, connector_id="1") == pytest.approx(7.2)


async def test_what_was_today_begins_anew_at_midnight_and_what_was_since_the_start_does_not(
    office: RunningOffice,
) -> None:
    await office.put(station())
    await scrape(office)
    charger = await office.station()
    await charge(office, charger, 0, 700)
    labels = {"location": "", "charge_point_id": "CP1"}
    series = await scrape(office)
    assert (at(series, "ocpp_consumed_power", **labels), at(series, "ocpp_consumed_today", **labels)) == (
        700,
        700,
    )
    office.clock.step(13 * 3600)
    series = await scrape(office)
    assert (at(series, "ocpp_consumed_power", **labels), at(series, "ocpp_consumed_today", **labels)) == (
        None,
        700,
    )


async def test_the_first_scrape_finds_in_the_log_what_was_before_it(office: RunningOffice) -> None:
    await office.put(station())
    charger = await office.station()
    await charge(office, charger, 0, 100)
    office.clock.step(20 * 3600)
    await charge(office, charger, 100, 300)
    labels = {"location": "", "charge_point_id": "CP1"}
    series = await scrape(office)
    assert at(series, "ocpp_consumed_power", **labels) == 200
    assert at(series, "ocpp_consumed_today", **labels) == 300, "since the start, a day ago"


async def test_the_gateways_part_is_joined_and_its_absence_is_told(
    office: RunningOffice, admin: httpx.AsyncClient
) -> None:
    await admin.get("/api/v1/stations")
    series = await scrape(office)
    assert at(series, "evsys_gateway_up") == 0
    assert at(series, "evsys_database_up") == 1
    requests = {"method": "GET", "route": "/api/v1/stations", "status": "200"}
    assert at(series, "evsys_http_requests_total", **requests) == 1

    async def answer(payload: bytes) -> bytes:
        return b"# TYPE evsys_frames_received_total counter\nevsys_frames_received_total 5.0\n"

    office.bus.serve(GATEWAY_METRICS, answer)
    series = await scrape(office)
    assert at(series, "evsys_gateway_up") == 1
    assert at(series, "evsys_frames_received_total") == 5


async def test_the_listener_has_nothing_but_metrics(office: RunningOffice) -> None:
    async with httpx.AsyncClient(base_url=office.metrics_url) as client:
        assert (await client.get("/")).status_code == 404
        assert (await client.post("/metrics")).status_code == 405
        assert (await client.get("/api/v1/stations")).status_code == 404
