"""Security events and requests for certificates."""

import pytest

from evsys.core.events import CertificateRequested, SecurityEventReported
from evsys.core.security import CSR_MARK, MAX_CSR_CHARS, report_security_event, request_certificate
from kit.clock import NOON
from kit.desk import Desk

CSR = CSR_MARK + "\nMIIB\n-----END CERTIFICATE REQUEST-----\n"


def test_a_security_event_is_told_each_time_it_comes():
    desk = Desk()
    for _ in range(2):
        desk.turn(lambda turn: report_security_event(turn, "TamperDetectionActivated", NOON, "lid"))
    told = SecurityEventReported(
        station_id="CP1", type="TamperDetectionActivated", reported_at=NOON, info="lid"
    )
    assert desk.events == [told, told]


def test_a_request_for_a_certificate_is_taken_and_told():
    desk = Desk(registration="Pending")
    assert desk.turn(lambda turn: request_certificate(turn, CSR)) == "Accepted"
    assert desk.events == [CertificateRequested(station_id="CP1", csr=CSR)]


@pytest.mark.parametrize("csr", ["", "MIIB", CSR + "x" * MAX_CSR_CHARS])
def test_what_is_no_request_for_a_certificate_is_rejected(csr):
    desk = Desk()
    assert desk.turn(lambda turn: request_certificate(turn, csr)) == "Rejected"
    assert desk.events == []


@pytest.mark.parametrize("settings", [{"registration": "Rejected"}, {"enabled": False}])
def test_a_station_that_may_not_charge_here_gets_no_certificate(settings):
    desk = Desk(**settings)
    assert desk.turn(lambda turn: request_certificate(turn, CSR)) == "Rejected"
    assert desk.events == []
