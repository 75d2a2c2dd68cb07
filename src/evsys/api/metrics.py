"""The metrics listener: GET /metrics, for Prometheus, on an address of its own.

One page joins what the office counts, EVSYS' series computed from the database, and what the gateway says
of itself over the bus. A part that cannot be had is left out and says so with a zero in its `up` series: a
scrape never fails because of one of them.
"""

from typing import Final, get_args

import structlog
from litestar import Litestar, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from evsys import metrics
from evsys.api import problems
from evsys.core.errors import StoreUnavailable
from evsys.core.ports import GATEWAY_METRICS, BusTimeout, NobodyThere
from evsys.core.records import AlarmSeverity
from evsys.office.office import Office
from evsys.office.series import EvsysSeries
from evsys.store.views import alarms

GATEWAY_WITHIN_S: Final = 3.0
"""How long the gateway's part is waited for; Prometheus gives up a scrape after ten seconds."""

log = structlog.get_logger()


class Page:
    """What a scrape is answered with."""

    def __init__(self, office: Office, registry: CollectorRegistry) -> None:
        self._office = office
        self._registry = registry
        self._series = EvsysSeries(office.reader, office.clock)
        self._gateway_up = Gauge(
            "evsys_gateway_up", "Whether the gateway answered this scrape", registry=registry
        )
        self._database_up = Gauge(
            "evsys_database_up", "Whether the database could be read for this scrape", registry=registry
        )
        self._alarms = Gauge(
            "evsys_open_alarms", "Alarms that are not cleared", labelnames=["severity"], registry=registry
        )

    async def text(self) -> bytes:
        gateway = await self._gateway()
        series = await self._evsys()
        await self._count_alarms()
        return metrics.text(self._registry) + series + gateway

    async def _evsys(self) -> bytes:
        try:
            samples = await self._series.samples()
        except StoreUnavailable as error:
            log.warning("metrics without EVSYS' series", reason=str(error))
            self._database_up.set(0)
            return b""
        self._database_up.set(1)
        registry = CollectorRegistry()
        registry.register(metrics.Fixed(metrics.evsys_series(samples)))
        return metrics.text(registry)

    async def _count_alarms(self) -> None:
        try:
            found = await self._office.reader.read(alarms.open_by_severity)
        except StoreUnavailable:
            self._alarms.clear()
            return
        for severity in get_args(AlarmSeverity):
            self._alarms.labels(severity).set(found.get(severity, 0))

    async def _gateway(self) -> bytes:
        try:
            text = await self._office.bus.request(GATEWAY_METRICS, b"", GATEWAY_WITHIN_S)
        except (NobodyThere, BusTimeout):
            self._gateway_up.set(0)
            return b""
        self._gateway_up.set(1)
        return text


@get("/metrics", include_in_schema=False)
async def get_metrics(state: State) -> Response[bytes]:
    page: Page = state.page
    return Response(await page.text(), headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})


def create_metrics_app(office: Office, registry: CollectorRegistry) -> Litestar:
    """The application of the metrics listener. `registry` holds what the office's process counts."""
    return Litestar(
        route_handlers=[get_metrics],
        exception_handlers={HTTPException: problems.of_http, Exception: problems.of_bug},
        openapi_config=None,
        state=State({"page": Page(office, registry)}),
        logging_config=None,
    )
