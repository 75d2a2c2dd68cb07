"""Certificates for tests: an authority, and what it signs, as files."""

import ipaddress
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
DAY = timedelta(days=1)


def new_key(kind: str = "ecdsa") -> Key:
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return ec.generate_private_key(ec.SECP256R1())


def name_of(common_name: str, organisation: str = "") -> x509.Name:
    parts = [x509.NameAttribute(NameOID.COMMON_NAME, common_name)]
    if organisation:
        parts.append(x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation))
    return x509.Name(parts)


def private_pem(key: Key) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Files:
    """A certificate and its key."""

    def __init__(self, folder: Path, name: str, certificate: x509.Certificate, key: Key) -> None:
        self.certificate = certificate
        self.key = key
        self.cert_file = str(folder / f"{name}.pem")
        self.key_file = str(folder / f"{name}.key")
        Path(self.cert_file).write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        Path(self.key_file).write_bytes(private_pem(key))

    @property
    def pair(self) -> tuple[str, str]:
        return self.cert_file, self.key_file


class Authority:
    """An authority of a test's own, whose certificate is `root`."""

    def __init__(self, folder: Path, name: str = "authority", kind: str = "ecdsa") -> None:
        self.folder = folder
        self._key = new_key(kind)
        self._name = name_of(f"The {name}")
        now = datetime.now(UTC)
        signed = (
            x509.CertificateBuilder()
            .subject_name(self._name)
            .issuer_name(self._name)
            .public_key(self._key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.root = Files(folder, name, signed, self._key).cert_file
        self.root_pem = signed.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        common_name: str,
        *,
        file: str = "",
        kind: str = "ecdsa",
        organisation: str = "",
        valid: timedelta = DAY,
        server: bool = False,
        hosts: Sequence[str] = (),
    ) -> Files:
        """A certificate; `valid` from now, which may be negative."""
        key = new_key(kind)
        use = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(name_of(common_name, organisation))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - 10 * DAY)
            .not_valid_after(now + valid)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
        )
        if server:
            local = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
            names = [*local, *(x509.DNSName(host) for host in hosts)]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        signed = builder.sign(self._key, hashes.SHA256())
        return Files(self.folder, file or f"{common_name}-{kind}", signed, key)


def station_context(root: str, own: Files | None = None) -> ssl.SSLContext:
    """What a station speaks TLS with: it trusts `root`, and brings its own certificate where it has one."""
    context = ssl.create_default_context(cafile=root)
    if own is not None:
        context.load_cert_chain(*own.pair)
    return context
