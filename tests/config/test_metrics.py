"""The metrics: EVSYS' names to the letter, and numbers read when somebody asks."""

from prometheus_client import CollectorRegistry

from evsys import metrics
from evsys.metrics import Fixed, Sample, StoreMetrics, Tallies, evsys_series, text


def test_evsys_series_keep_their_names_and_labels() -> None:
    registry = CollectorRegistry()
    labels = {"location": "", "charge_point_id": "CP1"}
    registry.register(Fixed(evsys_series([Sample("ocpp_consumed_today", labels, 4000.0)])))
    page = text(registry).decode()
    assert 'ocpp_consumed_today{charge_point_id="CP1",location=""} 4000.0\n' in page
    for series in metrics.EVSYS_SERIES:
        assert f"# HELP {series.name} " in page


def test_tallies_are_read_at_each_scrape() -> None:
    registry = CollectorRegistry()
    tallies = Tallies(registry)
    numbers = {"answered": 1}
    tallies.counts("evsys_turns", "Turns", "outcome", lambda: numbers)
    tallies.gauge("evsys_connections", "Connections", lambda: len(numbers))
    tallies.count("evsys_frames_received", "Frames", lambda: 7)
    assert 'evsys_turns_total{outcome="answered"} 1.0\n' in text(registry).decode()
    numbers["failed"] = 2
    page = text(registry).decode()
    assert 'evsys_turns_total{outcome="failed"} 2.0\n' in page
    assert "evsys_connections 2.0\n" in page
    assert "evsys_frames_received_total 7.0\n" in page


def test_commits_are_told_by_size_and_time() -> None:
    registry = CollectorRegistry()
    StoreMetrics(registry).observe(3, 0.002)
    page = text(registry).decode()
    assert 'evsys_commit_works_bucket{le="5.0"} 1.0\n' in page
    assert 'evsys_commit_seconds_bucket{le="0.001"} 0.0\n' in page
