"""SecurityEventNotification, SignCertificate, CertificateSigned; InstallCertificate, DeleteCertificate and
GetInstalledCertificateIds."""

import pytest

from evsys.core.commands import (
    CertificateHash,
    CertificateSigned,
    Command,
    DeleteCertificate,
    GetInstalledCertificateIds,
    InstallCertificate,
)
from evsys.core.errors import BadCommand
from evsys.core.events import CertificateRequested, SecurityEventReported
from evsys.core.security import CSR_MARK
from kit.clock import NOON
from kit.desk import Desk
from kit.performing import perform


def test_security_events_are_told_as_sent():
    desk = Desk()
    event = {"type": "ResetOrReboot", "timestamp": "2026-06-01T12:00:00Z", "techInfo": "watchdog"}
    assert desk.call("SecurityEventNotification", event) == {}
    assert desk.call("SecurityEventNotification", {"type": "VendorsOwn", "timestamp": "soon"}) == {}
    assert desk.events == [
        SecurityEventReported(station_id="CP1", type="ResetOrReboot", reported_at=NOON, info="watchdog"),
        SecurityEventReported(station_id="CP1", type="VendorsOwn"),
    ]


def test_a_certificate_is_asked_for():
    desk = Desk()
    assert desk.call("SignCertificate", {"csr": CSR_MARK}) == {"status": "Accepted"}
    assert desk.call("SignCertificate", {"csr": "no PEM"}) == {"status": "Rejected"}
    assert desk.events == [CertificateRequested(station_id="CP1", csr=CSR_MARK)]


HASH = CertificateHash(
    hash_algorithm="SHA256", issuer_name_hash="ab", issuer_key_hash="cd", serial_number="1f"
)
SAID = {
    "certificateHashData": {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "ab",
        "issuerKeyHash": "cd",
        "serialNumber": "1f",
    }
}


@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [
        (CertificateSigned(certificate_chain="PEM"), "CertificateSigned", {"certificateChain": "PEM"}),
        (
            InstallCertificate(certificate_type="CSMSRootCertificate", certificate="PEM"),
            "InstallCertificate",
            {"certificateType": "CentralSystemRootCertificate", "certificate": "PEM"},
        ),
        (DeleteCertificate(certificate=HASH), "DeleteCertificate", SAID),
        (
            GetInstalledCertificateIds(certificate_type="ManufacturerRootCertificate"),
            "GetInstalledCertificateIds",
            {"certificateType": "ManufacturerRootCertificate"},
        ),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_certificates_are_handed_over_trusted_removed_and_listed(command, action, payload):
    refused = {"DeleteCertificate": "Failed", "GetInstalledCertificateIds": "NotFound"}.get(
        action, "Rejected"
    )
    for status in ("Accepted", refused):
        outcome, said = perform(command, {"status": status})
        assert said == [(action, payload)]
        assert (outcome.accepted, outcome.status) == (status == "Accepted", status)


@pytest.mark.parametrize(
    "command",
    [
        InstallCertificate(certificate_type="V2GRootCertificate", certificate="PEM"),
        GetInstalledCertificateIds(certificate_type="MORootCertificate"),
    ],
)
def test_a_use_of_certificates_that_16_does_not_know_is_a_bad_command(command: Command):
    with pytest.raises(BadCommand):
        perform(command)
