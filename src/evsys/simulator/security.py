"""The security of a charge point: what it reports of itself, whom it trusts, and its own certificate (the
security extension of OCPP 1.6).

Security events wait for a link. The roots that are installed here are what firmware
and the servers of files are checked against. The private key never leaves the charge point.
"""

from datetime import datetime
from hashlib import new as new_hash
from typing import Final, Literal

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from msgspec import Struct

from evsys.ocpp.v16 import messages as m
from evsys.simulator.cabinet import Cabinet

MAX_LOG: Final = 100
"""Security events kept for the security log; the oldest give way."""
MAX_ROOTS: Final = 10
"""Certificates that find room (CertificateStoreMaxLength)."""
MAX_CHAIN_CHARS: Final = 10_000
"""Of a certificate with those above it (CertificateSignedMaxChainSize)."""

Use = Literal["CentralSystemRootCertificate", "ManufacturerRootCertificate"]


class SecurityEvent(Struct, frozen=True):
    type: str
    at: datetime
    info: str = ""


class Security:
    """Events, roots and the certificate of one charge point."""

    __slots__ = ("_cabinet", "_key", "_roots", "chain", "key", "log")

    def __init__(self, cabinet: Cabinet) -> None:
        self.log: list[SecurityEvent] = []
        self.chain = ""
        """Its own certificate and those above it (PEM); empty before one was signed."""
        self.key = b""
        """The private key of that certificate (PEM)."""
        self._cabinet = cabinet
        self._key: ec.EllipticCurvePrivateKey | None = None
        """The key of the certificate that is asked for."""
        self._roots: list[tuple[Use, str, x509.Certificate]] = []

    # -- events ---

    def report(self, type: str, now: datetime, info: str = "") -> None:
        """Something happened that security hangs on."""
        event = SecurityEvent(type, now, info)
        self.log = [*self.log, event][-MAX_LOG:]
        request = m.SecurityEventNotificationRequest(type=type, timestamp=now, techInfo=info)
        self._cabinet.tell("SecurityEventNotification", request, now)

    # -- whom it trusts ---

    def roots(self, use: Use) -> list[str]:
        """The installed roots for a use (PEM)."""
        return [pem for each, pem, _ in self._roots if each == use]

    def install(self, use: Use, pem: str) -> Literal["Accepted", "Failed", "Rejected"]:
        """Trust a root certificate: one that signed itself."""
        try:
            found = x509.load_pem_x509_certificate(pem.encode())
            found.verify_directly_issued_by(found)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            return "Rejected"
        kept = [each for each in self._roots if (each[0], each[2]) != (use, found)]
        if len(kept) >= MAX_ROOTS:
            return "Failed"
        self._roots = [*kept, (use, pem, found)]
        return "Accepted"

    def ids(self, use: Use) -> list[m.CertificateHashData]:
        """How the installed roots for a use are named."""
        return [hash_data(found, "SHA256") for each, _, found in self._roots if each == use]

    def delete(self, named: m.CertificateHashData) -> bool:
        """Trust a certificate no longer. Whether there was one of this name."""
        kept = [each for each in self._roots if not _is_named(each[2], named)]
        found = len(kept) < len(self._roots)
        self._roots = kept
        return found

    def firmware_signer(self, pem: str, now: datetime) -> x509.Certificate | None:
        """The certificate that firmware is signed with; None where it cannot be trusted. Without any root of
        a manufacturer every one that is valid now can."""
        try:
            found = x509.load_pem_x509_certificate(pem.encode())
        except ValueError:
            return None
        makers = [root for use, _, root in self._roots if use == "ManufacturerRootCertificate"]
        valid = found.not_valid_before_utc <= now <= found.not_valid_after_utc
        return found if valid and (not makers or any(_issued(found, maker) for maker in makers)) else None

    # -- its own certificate ---

    def request(self, now: datetime) -> None:
        """Make a key, and ask to have a certificate signed for it."""
        self._key = ec.generate_private_key(ec.SECP256R1())
        names = [x509.NameAttribute(NameOID.COMMON_NAME, self._cabinet.name[:64])]
        operator = self._cabinet.configuration.value("CpoName")
        if operator:
            names.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, operator[:64]))
        builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name(names))
        csr = builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()
        self._cabinet.say("SignCertificate", m.SignCertificateRequest(csr=csr), now)

    def signed(self, chain: str, now: datetime) -> bool:
        """A certificate has come. Whether it is for the key that it was asked for, for this station, and
        valid: then it is in use from the next link on."""
        try:
            found = x509.load_pem_x509_certificates(chain.encode())[0]
        except ValueError:
            found = None
        if found is None or self._key is None or not self._fits(found, self._key, now):
            self.report("InvalidChargePointCertificate", now, "the certificate that was sent does not fit")
            return False
        self.key = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self.chain, self._key = chain, None
        return True

    def _fits(self, found: x509.Certificate, key: ec.EllipticCurvePrivateKey, now: datetime) -> bool:
        names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return (
            found.public_key() == key.public_key()
            and [each.value for each in names] == [self._cabinet.name[:64]]
            and found.not_valid_before_utc <= now <= found.not_valid_after_utc
        )


def hash_data(
    root: x509.Certificate, algorithm: Literal["SHA256", "SHA384", "SHA512"]
) -> m.CertificateHashData:
    """How OCPP names a root certificate (RFC 6960 §4.1.1): it is its own issuer."""
    key = root.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return m.CertificateHashData(
        hashAlgorithm=algorithm,
        issuerNameHash=new_hash(algorithm.lower(), root.issuer.public_bytes()).hexdigest(),
        issuerKeyHash=new_hash(algorithm.lower(), _bit_string(key)).hexdigest(),
        serialNumber=f"{root.serial_number:x}",
    )


def is_signed(content: bytes, signature: bytes, signer: x509.Certificate) -> bool:
    """Whether firmware is signed by the key of a certificate, over its SHA-256: with ECDSA, or with RSA in
    either padding."""
    key = signer.public_key()
    try:
        if isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
            return True
        if isinstance(key, rsa.RSAPublicKey):
            return _is_signed_by_rsa(content, signature, key)
    except InvalidSignature:
        pass
    return False


def _is_signed_by_rsa(content: bytes, signature: bytes, key: rsa.RSAPublicKey) -> bool:
    pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)
    for known in (pss, padding.PKCS1v15()):
        try:
            key.verify(signature, content, known, hashes.SHA256())
        except InvalidSignature:
            continue
        return True
    return False


def _is_named(root: x509.Certificate, named: m.CertificateHashData) -> bool:
    own = hash_data(root, named.hashAlgorithm)
    return (
        own.issuerNameHash == named.issuerNameHash.lower()
        and own.issuerKeyHash == named.issuerKeyHash.lower()
        and own.serialNumber == (named.serialNumber.lower().lstrip("0") or "0")
    )


def _issued(found: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        found.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _bit_string(public_key: bytes) -> bytes:
    """The key itself in a SubjectPublicKeyInfo: the contents of the BIT STRING that ends it, without the
    number of unused bits (RFC 5280 §4.1). It follows the algorithm, which is a SEQUENCE."""
    at = _header(public_key, 0)[0]
    start, length = _header(public_key, at)
    start, length = _header(public_key, start + length)
    return public_key[start + 1 : start + length]


def _header(der: bytes, at: int) -> tuple[int, int]:
    """Where the contents of a DER element at `at` begin, and how long they are."""
    first = der[at + 1]
    if first < 0x80:
        return at + 2, first
    size = first & 0x7F
    return at + 2 + size, int.from_bytes(der[at + 2 : at + 2 + size])
