"""Availability: the status of connectors as stations report it (OCPP 1.6 §4.9; 2.x chapter G).

Every transition is recorded, allowed or not: what the station says is what is known. A report that repeats
the last one changes nothing, so that a station that floods its status costs no writes.
"""

from datetime import datetime
from typing import Final

from evsys.core.events import ConnectorStatusChanged
from evsys.core.meter_values import plausible
from evsys.core.records import ConnectorStatus
from evsys.core.work import Turn

MAX_CONNECTORS: Final = 256
"""Connectors kept per station: more than any has, and a bound to what a station that counts on can fill."""


def report(
    turn: Turn,
    evse_id: int,
    connector_id: int,
    status: str,
    error_code: str = "NoError",
    info: str = "",
    vendor_id: str = "",
    vendor_error_code: str = "",
    reported_at: datetime | None = None,
) -> None:
    """Record a connector's status; (0, 0) is the station as a whole."""
    last = turn.station.connectors.get((evse_id, connector_id))
    if (
        last is not None
        and last.status == status
        and last.error_code == error_code
        and last.info == info
        and last.vendor_id == vendor_id
        and last.vendor_error_code == vendor_error_code
    ):
        return
    if last is None and len(turn.station.connectors) >= MAX_CONNECTORS:
        return
    if reported_at is not None and not plausible(reported_at, turn.now):
        turn.quirks.append("implausible_time")
        reported_at = None
    connector = ConnectorStatus(
        station_id=turn.station.id,
        evse_id=evse_id,
        connector_id=connector_id,
        status=status,
        error_code=error_code,
        info=info,
        vendor_id=vendor_id,
        vendor_error_code=vendor_error_code,
        reported_at=reported_at,
        received_at=turn.now,
    )
    turn.work.save(connector)
    turn.work.tell(ConnectorStatusChanged(connector=connector, previous=last.status if last else ""))
