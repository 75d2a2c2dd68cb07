"""The certificate authority: who signs stations' certificates (OCPP 1.6 security extension §3.4; 2.x A02).

EVSYS can be its own: a root certificate and its key in a folder, made by `evsys ca init`; the key is
encrypted where there is a passphrase, and its owner's alone in any case. Or an authority elsewhere signs: a
CSR is posted to it and it answers with the certificate and those above it, all as PEM. Both are a `Signer`.

A certificate begins a day ago, because clocks of stations are wrong, and never outlives the root.
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal, Protocol, Self
from urllib.request import Request, urlopen

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evsys.core.errors import AuthorityUnavailable, BadCommand, CertificateRequestRefused

Kind = Literal["ecdsa", "rsa"]
PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

ROOT_FILE: Final = "ca.pem"
KEY_FILE: Final = "ca.key"
KEY_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
ROOT_YEARS: Final = 20
SERVER_DAYS: Final = 825
"""What clients accept at most of a server's certificate."""
BEGINS_BEFORE: Final = timedelta(days=1)
RSA_BITS: Final = 3072
MIN_RSA_BITS: Final = 2048
MIN_EC_BITS: Final = 224
"""OCPP 1.6 security extension §3.3: what a key must have at least."""
MAX_CHAIN_BYTES: Final = 10_000
"""What CertificateSigned has room for."""
ANSWER_WITHIN_S: Final = 30.0
"""How long an authority elsewhere may take."""


class Signer(Protocol):
    """Who signs a station's CSR."""

    @property
    def root(self) -> str:
        """The certificate that all others hang on, as PEM; empty where it is not known here."""

    async def sign(self, csr: x509.CertificateSigningRequest, name: str, now: datetime) -> str:
        """The certificate for the station that is called `name` in it, and those above it but for the root,
        as PEM. Raises AuthorityUnavailable."""


def read_csr(pem: str) -> x509.CertificateSigningRequest:
    """A CSR that was signed with the key it is for, and whose key is good enough. Raises
    CertificateRequestRefused."""
    try:
        csr = x509.load_pem_x509_csr(pem.encode())
        good, key = csr.is_signature_valid, csr.public_key()
    except (ValueError, UnsupportedAlgorithm, InvalidSignature, TypeError):
        raise CertificateRequestRefused("it is no CSR that can be read") from None
    if not good:
        raise CertificateRequestRefused("it is not signed with the key it is for")
    match key:
        case rsa.RSAPublicKey() if key.key_size >= MIN_RSA_BITS:
            return csr
        case ec.EllipticCurvePublicKey() if key.key_size >= MIN_EC_BITS:
            return csr
        case _:
            raise CertificateRequestRefused(
                f"its key is neither RSA of {MIN_RSA_BITS} bits nor ECDSA of {MIN_EC_BITS}, or more"
            )


def texts(name: x509.Name, kind: x509.ObjectIdentifier) -> list[str]:
    """The values of one kind in a name."""
    return [str(each.value) for each in name.get_attributes_for_oid(kind)]


class OwnAuthority:
    """The authority in a folder."""

    def __init__(self, root: x509.Certificate, key: PrivateKey, days: int) -> None:
        """`days` is how long a station's certificate is good for."""
        self.certificate = root
        self._key = key
        self._days = days

    @classmethod
    def create(
        cls, folder: Path, name: str, organisation: str, kind: Kind, passphrase: str, now: datetime
    ) -> Self:
        """A new one. Raises FileExistsError where there is one, OSError where the machine refuses."""
        key = _new_key(kind)
        subject = _name(name, organisation)
        key_id = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        root = (
            _builder(subject, subject, key.public_key(), now)
            .not_valid_after(now + timedelta(days=365 * ROOT_YEARS))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(key_id, critical=False)
            .sign(key, hashes.SHA256())
        )
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        write_private(folder / KEY_FILE, key, passphrase)
        (folder / ROOT_FILE).write_bytes(pem_of(root))
        return cls(root, key, days=1)

    @classmethod
    def open(cls, folder: Path, passphrase: str, days: int) -> Self | None:
        """The one in a folder; None where there is none. Raises AuthorityUnavailable where it cannot be
        read."""
        if not (folder / ROOT_FILE).exists():
            return None
        try:
            root = x509.load_pem_x509_certificate((folder / ROOT_FILE).read_bytes())
            secret = passphrase.encode() or None
            key = serialization.load_pem_private_key((folder / KEY_FILE).read_bytes(), secret)
        except (OSError, ValueError, TypeError) as error:
            raise AuthorityUnavailable(f"the authority in {folder} cannot be read: {error}") from None
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey):
            raise AuthorityUnavailable(f"the authority in {folder} has a key of an unknown kind")
        return cls(root, key, days)

    @property
    def root(self) -> str:
        """See Signer."""
        return pem_of(self.certificate).decode()

    async def sign(self, csr: x509.CertificateSigningRequest, name: str, now: datetime) -> str:
        """See Signer."""
        return self.sign_now(csr, name, now)

    def sign_now(self, csr: x509.CertificateSigningRequest, name: str, now: datetime) -> str:
        """The same without waiting."""
        organisation = next(iter(texts(csr.subject, NameOID.ORGANIZATION_NAME)), "")
        key = csr.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey | rsa.RSAPublicKey)  # `read_csr` has seen to it
        signed = (
            self._builder(_name(name, organisation), key, now, self._days)
            .add_extension(_usage(encrypts=isinstance(key, rsa.RSAPublicKey)), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return pem_of(signed).decode()

    def issue_server(
        self, hosts: Sequence[str], organisation: str, kind: Kind, now: datetime
    ) -> tuple[x509.Certificate, PrivateKey]:
        """A certificate for a server of these names and addresses, and its key."""
        key = _new_key(kind)
        signed = (
            self._builder(_name(hosts[0], organisation), key.public_key(), now, SERVER_DAYS)
            .add_extension(_usage(encrypts=kind == "rsa"), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_host(host) for host in hosts]), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return signed, key

    def _builder(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
        now: datetime,
        days: int,
    ) -> x509.CertificateBuilder:
        ends = min(now + timedelta(days=days), self.certificate.not_valid_after_utc)
        own = self._key.public_key()
        return (
            _builder(subject, self.certificate.subject, key, now)
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(own), critical=False)
        )


class RemoteAuthority:
    """An authority elsewhere, which answers a posted CSR (`application/pkcs10`, PEM) with certificates."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def root(self) -> str:
        """See Signer."""
        return ""

    async def sign(self, csr: x509.CertificateSigningRequest, name: str, now: datetime) -> str:
        """See Signer."""
        pem = csr.public_bytes(serialization.Encoding.PEM)
        try:
            answer = await asyncio.to_thread(self._post, pem)
            chain = x509.load_pem_x509_certificates(answer)
        except (OSError, ValueError) as error:
            raise AuthorityUnavailable(f"the authority at {self._url} does not sign: {error}") from None
        if chain[0].public_key() != csr.public_key():
            raise AuthorityUnavailable(f"the authority at {self._url} signed another key")
        return b"".join(pem_of(each) for each in chain).decode()

    def _post(self, pem: bytes) -> bytes:
        request = Request(self._url, data=pem, headers={"Content-Type": "application/pkcs10"})
        with urlopen(request, timeout=ANSWER_WITHIN_S) as answer:
            content = answer.read(MAX_CHAIN_BYTES + 1)
        assert isinstance(content, bytes)
        if len(content) > MAX_CHAIN_BYTES:
            raise ValueError(f"more than {MAX_CHAIN_BYTES} bytes")
        return content


def pem_of(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def serial_of(certificate: x509.Certificate) -> str:
    """Its serial number as it is kept and compared: hex digits."""
    return f"{certificate.serial_number:x}"


def write_private(path: Path, key: PrivateKey, passphrase: str = "") -> None:
    """A key into a new file that is its owner's alone. Raises FileExistsError, OSError."""
    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        encryption = serialization.BestAvailableEncryption(passphrase.encode())
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, KEY_MODE), "wb") as file:
        file.write(pem)


def _new_key(kind: Kind) -> PrivateKey:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def _name(common_name: str, organisation: str) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def _host(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        pass
    try:
        return x509.DNSName(host)
    except ValueError:
        raise BadCommand(f"{host!r} is neither a name nor an address of a server") from None


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey,
    now: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BEGINS_BEFORE)
    )


def _usage(signs_certificates: bool = False, encrypts: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=encrypts,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )
