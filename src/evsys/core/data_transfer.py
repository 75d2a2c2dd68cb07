"""Data transfer: what vendors say outside the standard (OCPP 1.6 §4.3; 2.x chapter P).

A message is accepted where an operator named its vendor; nobody else's is understood here. What came is told
as an event, so that nothing a station says is lost.
"""

from typing import Final, Literal

from evsys.core.events import DataTransferReceived
from evsys.core.work import Turn

DataTransferStatus = Literal["Accepted", "Rejected", "UnknownMessageId", "UnknownVendorId"]

KNOWN_VENDORS: Final = frozenset(("org.openchargealliance.iso15118pnc",))
"""Vendor ids that belong to the standard's own extensions, of which no message is supported."""
MAX_UNKNOWN_CHARS: Final = 1000
"""How much is kept of the data of a vendor that nobody asked for."""


def receive(turn: Turn, vendor_id: str, message_id: str, data: str) -> DataTransferStatus:
    """Record a vendor's message and say how it is answered. Vendor ids are compared without regard to
    case."""
    status: DataTransferStatus = "UnknownVendorId"
    vendor = vendor_id.casefold()
    if any(vendor == each.casefold() for each in turn.facts.policy.data_transfer_vendors):
        status = "Accepted"
    elif vendor in KNOWN_VENDORS:
        status = "UnknownMessageId"
    turn.work.tell(
        DataTransferReceived(
            station_id=turn.station.id,
            vendor_id=vendor_id,
            message_id=message_id,
            data=data if status == "Accepted" else data[:MAX_UNKNOWN_CHARS],
            status=status,
        )
    )
    return status
