"""Security events, trusted roots, and the certificate of a charge point."""

from datetime import timedelta
from typing import cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp

from evsys.simulator.configuration import SETTINGS
from evsys.simulator.security import MAX_CHAIN_CHARS, MAX_LOG, MAX_ROOTS
from kit.certificates import Authority, pem_of
from kit.clock import NOON
from kit.point import Central, Payload

ACCEPTED = {"status": "Accepted"}
REJECTED = {"status": "Rejected"}
NOT_FOUND = {"status": "NotFound"}
SERVER = {"certificateType": "CentralSystemRootCertificate"}
MAKER = {"certificateType": "ManufacturerRootCertificate"}


def booted(**members: object) -> Central:
    central = Central(sessions=0, **members)  # type: ignore[arg-type]
    central.pass_time(1)
    return central


def events(central: Central) -> list[object]:
    return [each["type"] for each in central.of("SecurityEventNotification")]


# -- events ---


def test_what_happens_to_a_charge_point_is_told_once() -> None:
    central = booted()
    assert events(central) == ["StartupOfTheDevice"]
    central.ask("Reset", {"type": "Soft"})
    central.pass_time(120)
    assert events(central) == ["StartupOfTheDevice", "ResetOrReboot"]
    assert central.of("SecurityEventNotification")[1]["techInfo"] == "SoftReset"


def test_events_wait_for_a_link_and_are_told_again_where_it_broke() -> None:
    central = Central(sessions=0)
    central.silent = {"SecurityEventNotification"}
    central.pass_time(1)
    central.cut()
    central.reachable = False
    central.point.security.report("TamperDetectionActivated", central.now)
    central.pass_time(60)
    assert events(central) == ["StartupOfTheDevice"]
    central.reachable, central.silent = True, set()
    central.pass_time(600)
    assert events(central)[1:] == ["StartupOfTheDevice", "TamperDetectionActivated"]


def test_events_that_are_refused_are_not_told_again_and_few_are_kept() -> None:
    central = Central(sessions=0)
    central.refusing = {"SecurityEventNotification"}
    central.pass_time(1)
    central.cut()
    central.pass_time(600)
    assert events(central) == ["StartupOfTheDevice"]
    for _ in range(2 * MAX_LOG):
        central.point.security.report("InvalidMessages", central.now)
    assert len(central.point.security.log) == MAX_LOG


# -- whom it trusts ---


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
def test_roots_are_installed_listed_as_ocsp_names_them_and_deleted(kind: str) -> None:
    central, root = booted(), Authority(kind=kind)
    assert central.ask("GetInstalledCertificateIds", SERVER) == NOT_FOUND
    for _ in range(2):
        assert central.ask("InstallCertificate", {**SERVER, "certificate": root.pem}) == ACCEPTED
    answer = central.ask("GetInstalledCertificateIds", SERVER)
    (named,) = cast(list[dict[str, str]], answer["certificateHashData"])
    assert central.ask("GetInstalledCertificateIds", MAKER) == NOT_FOUND
    builder = ocsp.OCSPRequestBuilder().add_certificate(root.certificate, root.certificate, hashes.SHA256())
    request = builder.build()
    assert named == {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": request.issuer_name_hash.hex(),
        "issuerKeyHash": request.issuer_key_hash.hex(),
        "serialNumber": f"{request.serial_number:x}",
    }
    spelled = {
        **named,
        "issuerKeyHash": named["issuerKeyHash"].upper(),
        "serialNumber": "00" + named["serialNumber"],
    }
    wrong: Payload = {"certificateHashData": {**named, "issuerNameHash": "00"}}
    assert central.ask("DeleteCertificate", wrong) == NOT_FOUND
    if len(spelled["serialNumber"]) <= 40:
        named = spelled
    assert central.ask("DeleteCertificate", {"certificateHashData": named}) == ACCEPTED
    assert central.ask("DeleteCertificate", {"certificateHashData": named}) == NOT_FOUND
    assert central.ask("GetInstalledCertificateIds", SERVER) == NOT_FOUND


def test_what_is_no_root_is_not_installed_and_there_is_an_end_to_the_room() -> None:
    central, root = booted(), Authority()
    for pem in ("no PEM", pem_of(root.issue("leaf"))):
        assert central.ask("InstallCertificate", {**SERVER, "certificate": pem}) == REJECTED
    for number in range(MAX_ROOTS):
        another = Authority(f"Root {number}").pem
        assert central.ask("InstallCertificate", {**MAKER, "certificate": another}) == ACCEPTED
    assert central.ask("InstallCertificate", {**MAKER, "certificate": root.pem}) == {"status": "Failed"}


def test_the_keys_tell_the_true_limits() -> None:
    assert SETTINGS["CertificateStoreMaxLength"].value == str(MAX_ROOTS)
    assert SETTINGS["CertificateSignedMaxChainSize"].value == str(MAX_CHAIN_CHARS)


# -- its own certificate ---


def asked(central: Central) -> x509.CertificateSigningRequest:
    """The request for a certificate that a trigger brings."""
    trigger: Payload = {"requestedMessage": "SignChargePointCertificate"}
    assert central.ask("ExtendedTriggerMessage", trigger) == ACCEPTED
    csr = cast(str, central.of("SignCertificate")[-1]["csr"])
    return x509.load_pem_x509_csr(csr.encode())


def test_a_certificate_is_asked_for_and_taken() -> None:
    central, root = booted(), Authority()
    central.ask("ChangeConfiguration", {"key": "CpoName", "value": "Acme"})
    csr = asked(central)
    assert csr.is_signature_valid
    assert csr.subject.rfc4514_string() in ("O=Acme,CN=SIM0001", "CN=SIM0001,O=Acme")
    own = pem_of(root.issue("SIM0001", public=csr.public_key()))
    assert central.ask("CertificateSigned", {"certificateChain": own + root.pem}) == ACCEPTED
    security = central.point.security
    assert security.chain == own + root.pem
    key = serialization.load_pem_private_key(security.key, None)
    assert key.public_key() == csr.public_key()
    assert central.ask("CertificateSigned", {"certificateChain": own}) == REJECTED, "it was not asked for"


def test_a_certificate_that_does_not_fit_is_rejected_and_told() -> None:
    central, root = booted(), Authority()
    public = asked(central).public_key()
    for wrong in (
        "no PEM",
        pem_of(root.issue("SIM0002", public=public)),
        pem_of(root.issue("SIM0001")),
        pem_of(root.issue("SIM0001", public=public, days=-1)),
    ):
        assert central.ask("CertificateSigned", {"certificateChain": wrong}) == REJECTED
    assert central.point.security.chain == ""
    assert events(central).count("InvalidChargePointCertificate") == 4


def test_who_signs_firmware_is_judged_by_the_manufacturers_roots() -> None:
    central, maker, other = booted(), Authority("Maker"), Authority("Other")
    security = central.point.security
    good, bad = pem_of(maker.issue("signer", days=365)), pem_of(other.issue("signer"))
    assert security.firmware_signer(bad, NOON) is not None, "without a root every one is trusted"
    assert security.install("ManufacturerRootCertificate", maker.pem) == "Accepted"
    assert security.firmware_signer(good, NOON) is not None
    assert security.firmware_signer(bad, NOON) is None
    assert security.firmware_signer("no PEM", NOON) is None
    assert security.firmware_signer(good, NOON + timedelta(days=400)) is None
