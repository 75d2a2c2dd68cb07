"""Security: what a station reports of its own safety, and its certificate (OCPP 1.6 security extension; 2.x
A02, A04).

Whether a certificate is signed is decided elsewhere and later: what is answered here says only that the
request has been taken.
"""

from datetime import datetime
from typing import Final, Literal

from evsys.core.events import CertificateRequested, SecurityEventReported
from evsys.core.work import Turn

MAX_CSR_CHARS: Final = 5500
"""What OCPP allows a CSR; one with a key of 4096 bits has some 1,700 characters."""
CSR_MARK: Final = "-----BEGIN CERTIFICATE REQUEST-----"
"""How a CSR in PEM begins (RFC 7468 §7)."""


def report_security_event(turn: Turn, type: str, reported_at: datetime | None, info: str) -> None:
    """Record a security event. A station repeats one that was not confirmed, and nothing tells that from a
    second one: both are kept."""
    turn.work.tell(
        SecurityEventReported(station_id=turn.station.id, type=type, reported_at=reported_at, info=info)
    )


def request_certificate(turn: Turn, csr: str) -> Literal["Accepted", "Rejected"]:
    """Take a station's CSR, of a station that may charge here and in a form that can be read."""
    settings = turn.station.settings
    if not settings.enabled or settings.registration == "Rejected":
        return "Rejected"
    if len(csr) > MAX_CSR_CHARS or CSR_MARK not in csr:
        return "Rejected"
    turn.work.tell(CertificateRequested(station_id=turn.station.id, csr=csr))
    return "Accepted"
