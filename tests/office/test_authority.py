"""The authority: its own certificate, what it signs, and one that is elsewhere."""

import stat
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from evsys.core.errors import AuthorityUnavailable, BadCommand, CertificateRequestRefused
from evsys.office.authority import KEY_FILE, Kind, OwnAuthority, RemoteAuthority, read_csr, texts
from kit.clock import NOON
from kit.pki import Key, name_of, new_key


def csr(name: str = "CP1", organisation: str = "ACME", key: Key | None = None) -> str:
    key = key or new_key()
    asked = x509.CertificateSigningRequestBuilder().subject_name(name_of(name, organisation))
    return asked.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def made(folder: Path, kind: Kind = "ecdsa", passphrase: str = "") -> OwnAuthority:
    OwnAuthority.create(folder, "The root", "ACME", kind, passphrase, NOON)
    opened = OwnAuthority.open(folder, passphrase, days=90)
    assert opened is not None
    return opened


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
async def test_a_signed_certificate_is_a_station_s_and_hangs_on_the_root(tmp_path: Path, kind: Kind) -> None:
    authority = made(tmp_path / "ca", kind)
    leaf = x509.load_pem_x509_certificate(
        (await authority.sign(read_csr(csr("SN-1")), "SN-1", NOON)).encode()
    )
    leaf.verify_directly_issued_by(authority.certificate)
    assert texts(leaf.subject, NameOID.COMMON_NAME) == ["SN-1"]
    assert texts(leaf.subject, NameOID.ORGANIZATION_NAME) == ["ACME"]
    assert leaf.not_valid_before_utc == NOON - timedelta(days=1), "clocks of stations are wrong"
    assert leaf.not_valid_after_utc == NOON + timedelta(days=90)
    use = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(use) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert leaf.serial_number.bit_length() > 64


def test_the_key_is_its_owner_s_alone_and_is_never_overwritten(tmp_path: Path) -> None:
    made(tmp_path / "ca")
    assert stat.S_IMODE((tmp_path / "ca" / KEY_FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "ca").stat().st_mode) == 0o700
    with pytest.raises(FileExistsError):
        made(tmp_path / "ca")


def test_a_key_with_a_passphrase_is_encrypted(tmp_path: Path) -> None:
    made(tmp_path / "ca", passphrase="open sesame")
    assert b"ENCRYPTED" in (tmp_path / "ca" / KEY_FILE).read_bytes()
    for wrong in ("", "close sesame"):
        with pytest.raises(AuthorityUnavailable, match="cannot be read"):
            OwnAuthority.open(tmp_path / "ca", wrong, days=1)


def test_a_folder_without_an_authority_has_none(tmp_path: Path) -> None:
    assert OwnAuthority.open(tmp_path, "", days=1) is None


async def test_no_certificate_outlives_the_root(tmp_path: Path) -> None:
    authority = made(tmp_path / "ca")
    late = authority.certificate.not_valid_after_utc - timedelta(days=10)
    leaf = x509.load_pem_x509_certificate((await authority.sign(read_csr(csr()), "CP1", late)).encode())
    assert leaf.not_valid_after_utc == authority.certificate.not_valid_after_utc


def test_a_server_s_certificate_names_its_hosts(tmp_path: Path) -> None:
    certificate, _ = made(tmp_path / "ca").issue_server(("evsys.example", "192.0.2.1"), "ACME", "rsa", NOON)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["evsys.example"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1"]
    with pytest.raises(BadCommand, match="neither a name nor an address"):
        made(tmp_path / "other").issue_server(("überall",), "", "ecdsa", NOON)


@pytest.mark.parametrize(
    ("pem", "reason"),
    [
        ("", "no CSR"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----", "no CSR"),
        (csr(key=rsa.generate_private_key(public_exponent=65537, key_size=1024)), "its key is neither"),
        (csr(key=ec.generate_private_key(ec.SECP192R1())), "its key is neither"),
    ],
)
def test_a_request_that_is_no_good_is_refused_with_the_reason(pem: str, reason: str) -> None:
    with pytest.raises(CertificateRequestRefused, match=reason):
        read_csr(pem)


def test_a_request_that_somebody_changed_is_refused() -> None:
    signed = x509.load_pem_x509_csr(csr("CP1").encode())
    content = bytearray(signed.public_bytes(serialization.Encoding.DER))
    at = content.index(b"CP1")
    content[at : at + 3] = b"CP2"
    changed = x509.load_der_x509_csr(bytes(content)).public_bytes(serialization.Encoding.PEM).decode()
    with pytest.raises(CertificateRequestRefused, match="not signed with the key"):
        read_csr(changed)


# -- elsewhere -----------------------------------------------------------------------------------------------


class Elsewhere(ThreadingHTTPServer):
    """An authority that signs what is posted to it, or answers `content`."""

    def __init__(self, authority: OwnAuthority) -> None:
        super().__init__(("127.0.0.1", 0), Signing)
        self.authority = authority
        self.content: bytes | None = None
        self.status = 200
        self.url = f"http://127.0.0.1:{self.server_address[1]}/sign"


class Signing(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_POST(self) -> None:
        posted = self.rfile.read(int(self.headers["Content-Length"])).decode()
        signed = self.server.authority.sign_now(read_csr(posted), "CP1", NOON).encode()
        content = self.server.content if self.server.content is not None else signed
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: a test looks at what comes of it."""


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    with Elsewhere(made(tmp_path / "ca")) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def test_an_authority_elsewhere_signs_a_posted_request(elsewhere: Elsewhere) -> None:
    key = new_key()
    chain = await RemoteAuthority(elsewhere.url).sign(read_csr(csr(key=key)), "CP1", NOON)
    leaf = x509.load_pem_x509_certificate(chain.encode())
    assert leaf.public_key() == key.public_key()
    leaf.verify_directly_issued_by(elsewhere.authority.certificate)


@pytest.mark.parametrize(("status", "content"), [(200, b"no certificate"), (500, b""), (200, b"x" * 20_000)])
async def test_an_authority_elsewhere_that_does_not_sign_is_asked_again_later(
    elsewhere: Elsewhere, status: int, content: bytes
) -> None:
    elsewhere.status, elsewhere.content = status, content
    with pytest.raises(AuthorityUnavailable, match="does not sign"):
        await RemoteAuthority(elsewhere.url).sign(read_csr(csr()), "CP1", NOON)


async def test_a_certificate_for_another_key_is_not_taken(elsewhere: Elsewhere) -> None:
    elsewhere.content = elsewhere.authority.sign_now(read_csr(csr()), "CP1", NOON).encode()
    with pytest.raises(AuthorityUnavailable, match="another key"):
        await RemoteAuthority(elsewhere.url).sign(read_csr(csr()), "CP1", NOON)


async def test_an_authority_that_is_not_there_is_asked_again_later() -> None:
    with pytest.raises(AuthorityUnavailable, match="does not sign"):
        await RemoteAuthority("http://127.0.0.1:1/").sign(read_csr(csr()), "CP1", NOON)
