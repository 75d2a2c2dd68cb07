"""TLS of the stations' listeners, and of the others (OCPP 1.6 security extension §3.3; 2.x A00).

One context serves an RSA and an ECDSA certificate, whichever a station can verify, from TLS 1.2 on, with the
four suites that the standard asks for and the newer ones; without compression or renegotiation, with tickets:
a small device that comes back is spared half the work. A station may bring a certificate: it is verified
against the roots and is then proof of who it is (profile 3); one without certificate is asked for a password.

The files are looked at now and then, and at once at SIGHUP: a changed certificate, key or root makes a new
context for connections from then on. Those that are there go on. Files that do not fit together are told and
change nothing.
"""

import ssl
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import structlog
from msgspec import Struct

from evsys.core.events import RefusalReason

CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:AES128-GCM-SHA256:AES256-GCM-SHA384"
"""Of TLS 1.2. The last two, without forward secrecy, are what old stations speak; the standard has them."""
LOOK_EVERY_S: Final = 10.0
"""How late a changed file is noticed without a signal."""
EXPIRED: Final = 10
"""X509_V_ERR_CERT_HAS_EXPIRED."""
_NAMES: Final = frozenset(("commonName", "serialNumber"))

log = structlog.get_logger()


class TlsFiles(Struct, frozen=True):
    """PEM files: each certificate with its chain and its key, and what stations' certificates are verified
    against. A root that is not there yet is none."""

    certificates: tuple[tuple[str, str], ...]
    roots: tuple[str, ...] = ()

    def existing_roots(self) -> list[str]:
        return [each for each in self.roots if Path(each).is_file()]


class PeerCertificate(Struct, frozen=True):
    """What is read of a station's verified certificate."""

    names: frozenset[str]
    """Its common names, its serial number as part of the subject, and its DNS names; folded."""
    organisations: tuple[str, ...]
    serial: str
    """Hex digits in lower case, without leading zeros."""
    valid_until: datetime


def context_of(files: TlsFiles) -> ssl.SSLContext:
    """A context for stations. Raises OSError (ssl.SSLError is one) for files that are no good; its text names
    the file."""
    context = _context()
    for certificate, key in files.certificates:
        # Each alone first: beside another one a key that does not fit drops its certificate without a word.
        _load(_context(), certificate, key)
        _load(context, certificate, key)
    for root in files.existing_roots():
        try:
            context.load_verify_locations(root)
        except OSError as error:
            raise OSError(f"{root}: {error.strerror or error}") from None
        context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE | ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    return context


def _load(context: ssl.SSLContext, certificate: str, key: str) -> None:
    try:
        context.load_cert_chain(certificate, key)
    except OSError as error:
        raise OSError(f"{certificate}, {key}: {error.strerror or error}") from None


class Certificates:
    """The context that new connections get. Made, it raises as `context_of`."""

    def __init__(self, files: TlsFiles) -> None:
        self._files = files
        self._stamp = self._stamped()
        self.context = context_of(files)
        self.renewed: Callable[[], None] = lambda: None
        """Hears that the files were loaded again."""

    def look(self) -> None:
        """Load the files again where one has changed."""
        stamp = self._stamped()
        if stamp != self._stamp:
            self._stamp = stamp
            self.reload()

    def reload(self) -> bool:
        """Load the files again; whether they are good."""
        try:
            self.context = context_of(self._files)
        except OSError as error:
            log.error("the certificates are no good: the ones before stay in force", reason=str(error))
            return False
        log.info("the certificates were loaded again")
        self.renewed()
        return True

    def _stamped(self) -> tuple[tuple[int, int] | None, ...]:
        """When each file was changed, and how long it is."""
        return tuple(
            _stamp(Path(name))
            for name in (*(name for pair in self._files.certificates for name in pair), *self._files.roots)
        )


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def peer_certificate(connection: ssl.SSLObject) -> PeerCertificate | None:
    """The verified certificate of a peer; None where it brought none."""
    found = connection.getpeercert()
    if not found:
        return None
    subject = _pairs(found.get("subject"))
    names = [value for kind, value in subject if kind in _NAMES]
    names += [value for kind, value in _pairs((found.get("subjectAltName"),)) if kind == "DNS"]
    return PeerCertificate(
        names=frozenset(name.casefold() for name in names),
        organisations=tuple(value for kind, value in subject if kind == "organizationName"),
        serial=str(found["serialNumber"]).lower().lstrip("0"),
        valid_until=datetime.fromtimestamp(ssl.cert_time_to_seconds(str(found["notAfter"])), UTC),
    )


def _pairs(parts: object) -> list[tuple[str, str]]:
    """The members of a name as the ssl module gives it: tuples of tuples of pairs of texts."""
    return [
        (str(pair[0]), str(pair[1]))
        for part in (parts if isinstance(parts, tuple) else ())
        for pair in (part if isinstance(part, tuple) else ())
        if isinstance(pair, tuple) and len(pair) == 2
    ]


def why_failed(error: OSError) -> RefusalReason | None:
    """Why a TLS handshake failed, where that is for people to know; None for noise: what is no TLS at all, a
    peer that is gone."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return "certificate expired" if error.verify_code == EXPIRED else "certificate not trusted"
    reason = getattr(error, "reason", None) or ""
    if "UNSUPPORTED_PROTOCOL" in reason or "VERSION" in reason:
        return "TLS version"
    if "NO_SHARED_CIPHER" in reason:
        return "TLS cipher"
    return None
