"""The metrics: what Prometheus can ask for, defined in one place.

Each process has a registry of its own; the office's page joins its own with the gateway's, which it asks for
over the bus. Rooms only ever count; nothing reads a metric to decide anything. Labels are few and closed:
never a station's id where ten thousand stations may connect, except in the series of EVSYS, whose names and
labels its users' dashboards know (an empty label where a station has no location).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""From a fast disk's sync to the time-out of a commit."""
SIZES: Final = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)
"""Works in a commit: one on an idle server, thousands in a storm."""


class StoreMetrics:
    """Commits, as the process that asks for them sees them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._works = Histogram("evsys_commit_works", "Works in one commit", buckets=SIZES, registry=registry)
        self._seconds = Histogram(
            "evsys_commit_seconds",
            "Time from sending a batch to its settlement",
            buckets=SECONDS,
            registry=registry,
        )

    def observe(self, works: int, seconds: float) -> None:
        """A batch was settled."""
        self._works.observe(works)
        self._seconds.observe(seconds)


class Tallies(Collector):
    """Metrics that rooms keep as plain numbers, read when somebody asks: the hot path only does `+= 1`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._read: list[Callable[[], Metric]] = []
        registry.register(self)

    def count(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A number that only rises."""
        self._read.append(lambda: CounterMetricFamily(name, text, value()))

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A number that rises and falls."""
        self._read.append(lambda: GaugeMetricFamily(name, text, value()))

    def counts(self, name: str, text: str, label: str, values: Callable[[], Mapping[str, float]]) -> None:
        """Numbers that only rise, by the value of a label."""

        def read() -> Metric:
            family = CounterMetricFamily(name, text, labels=[label])
            for value, number in sorted(values().items()):
                family.add_metric([value], number)
            return family

        self._read.append(read)

    def collect(self) -> Iterator[Metric]:
        for read in self._read:
            yield read()

    def describe(self) -> Iterator[Metric]:
        """Nothing beforehand: the numbers may not be there yet when the registry asks for names."""
        return iter(())


class OfficeMetrics:
    """Requests to the API."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "evsys_http_requests",
            "Requests answered; the route is empty where there is none",
            labelnames=["method", "route", "status"],
            registry=registry,
        )
        self.request_seconds = Histogram(
            "evsys_http_request_seconds",
            "Time from a request's head to the end of its answer",
            labelnames=["route"],
            buckets=SECONDS,
            registry=registry,
        )


class Sample(Struct, frozen=True):
    """One value of a series of EVSYS."""

    name: str
    labels: dict[str, str]
    value: float


class Series(Struct, frozen=True):
    """A series of EVSYS: its name, type and what it says."""

    name: str
    kind: Literal["gauge", "unknown"]
    text: str


EVSYS_SERIES: Final = (
    Series("server_connections_active", "gauge", "Connected stations"),
    Series("server_transactions_active", "gauge", "Transactions running"),
    Series("ocpp_vendor_error_count", "unknown", "Vendor error codes reported since start"),
    Series("ocpp_errors_today", "gauge", "Errors reported today (UTC)"),
    Series("ocpp_transaction_count", "gauge", "Transactions ended today (UTC)"),
    Series("ocpp_consumed_power", "gauge", "Energy of the transactions ended today (UTC), in Wh"),
    Series("ocpp_consumed_today", "unknown", "Energy of the transactions ended since start, in Wh"),
    Series("ocpp_current_power_rate", "gauge", "Power of the latest sample of a connector, in kW"),
)
"""The counters among them are told as `unknown`: the client library would append `_total` to a counter's
name, and the dashboards know the name without it."""


def evsys_series(samples: Iterable[Sample]) -> Iterator[Metric]:
    """The samples as metrics, grouped by series; a series without samples is told without any."""
    by_name: dict[str, list[Sample]] = {}
    for sample in samples:
        by_name.setdefault(sample.name, []).append(sample)
    for series in EVSYS_SERIES:
        metric = Metric(series.name, series.text, series.kind)
        for sample in by_name.get(series.name, ()):
            metric.add_sample(series.name, sample.labels, sample.value)
        yield metric


class Fixed(Collector):
    """Metrics that were gathered before the registry is read, for sources that answer asynchronously."""

    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = list(metrics)

    def collect(self) -> Iterator[Metric]:
        yield from self._metrics


def text(registry: CollectorRegistry) -> bytes:
    """The registry in Prometheus' text format."""
    return generate_latest(registry)
