"""Certificates for stations on a stepped clock: roots that sign themselves, and what they sign, in memory."""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from kit.clock import NOON
from kit.pki import Key, name_of, new_key

CENTURY_DAYS = 36_500
"""For tests in real time, whenever that is."""
YEAR = timedelta(days=365)


class Authority:
    """A root certificate and its key."""

    def __init__(self, common_name: str = "Root", kind: str = "ecdsa") -> None:
        self.key = new_key(kind)
        self.name = name_of(common_name)
        self.certificate = self.issue(common_name, self.key)

    @property
    def pem(self) -> str:
        return pem_of(self.certificate)

    def issue(
        self, common_name: str, key: Key | None = None, days: int = CENTURY_DAYS, public: object = None
    ) -> x509.Certificate:
        """A certificate of this authority, valid from a year before noon on."""
        subject_key = public if public is not None else (key or new_key()).public_key()
        return (
            x509.CertificateBuilder()
            .subject_name(name_of(common_name))
            .issuer_name(self.name)
            .public_key(subject_key)  # type: ignore[arg-type]  # of a request, or of a key
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOON - YEAR)
            .not_valid_after(NOON + timedelta(days=days))
            .sign(self.key, hashes.SHA256())
        )


def pem_of(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
