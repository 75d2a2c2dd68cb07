"""TLS of the stations' listeners: certificates of servers and stations, old versions, and reloading."""

import asyncio
import json
import ssl
from base64 import b64encode
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from evsys.core.credentials import digest, key_bytes
from evsys.core.events import ConnectionRefused
from evsys.core.records import StationKey, StationProof, StationSecurity
from evsys.gateway.tls import Certificates, TlsFiles, context_of
from kit.clock import NOON
from kit.gateway import SERVER_KEY, Serve, Served, request, station
from kit.pki import DAY, Authority, Files, station_context
from kit.waiting import until

VECTORS: list[dict[str, dict[str, str]]] = [
    record
    for record in json.loads((Path(__file__).parents[1] / "vectors" / "handshake.json").read_text())
    if record["id"].startswith("H-profile3")
]
PASSWORD = "correct-horse-battery"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def certificates(authority: Authority) -> Certificates:
    """Both kinds of server certificates, and stations' certificates of the authority."""
    pairs = [authority.issue("localhost", kind=kind, server=True).pair for kind in ("ecdsa", "rsa")]
    return Certificates(TlsFiles(certificates=tuple(pairs), roots=(authority.root,)))


def password(name: str) -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{name}:{PASSWORD}".encode()).decode()}


def key(name: str = "CP1") -> StationKey:
    kept = digest(SERVER_KEY, name, key_bytes(PASSWORD))
    return StationKey(station_id=name, number=1, digest=kept, made_at=NOON)


def asked(profile: int, name: str = "CP1", **more: object) -> StationSecurity:
    return StationSecurity(station_id=name, minimum_profile=profile, **more)  # type: ignore[arg-type]


def put(file: Path, content: bytes) -> None:
    file.write_bytes(content)


async def connects(served: Served, tls: ssl.SSLContext, name: str = "CP1", **headers: str) -> int:
    """The status of a handshake over TLS; where it succeeds, what was proved is recorded."""
    async with served.wire(tls=tls) as wire:
        wire.send(request(f"/ws/{name}", **headers))
        status, _, _ = await wire.answer()
        if status == 101:
            await until(lambda: served.claimed(name))
    return status


async def why(served: Served) -> set[tuple[str, str]]:
    """The refusals as they are recorded: station and reason."""
    await until(lambda: served.gateway.admission.live == 0)
    served.node.tick()
    await until(lambda: served.events(ConnectionRefused) != [])
    return {(each.station_id, each.reason) for each in served.events(ConnectionRefused)}


# -- the server's certificates -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["ECDSA", "RSA"])
@pytest.mark.parametrize("suite", ["ECDHE-{}-AES128-GCM-SHA256", "ECDHE-{}-AES256-GCM-SHA384"])
async def test_a_station_is_shown_the_kind_of_certificate_that_it_can_verify(
    serve: Serve, certificates: Certificates, authority: Authority, kind: str, suite: str
) -> None:
    served = await serve(tls=certificates)
    of_station = station_context(authority.root)
    of_station.maximum_version = ssl.TLSVersion.TLSv1_2
    of_station.set_ciphers(suite.format(kind))
    assert await connects(served, of_station) == 101


@pytest.mark.parametrize("suite", ["AES128-GCM-SHA256", "AES256-GCM-SHA384"])
async def test_a_station_that_knows_no_other_key_exchange_than_rsa_is_served(
    serve: Serve, certificates: Certificates, authority: Authority, suite: str
) -> None:
    served = await serve(tls=certificates)
    of_station = station_context(authority.root)
    of_station.maximum_version = ssl.TLSVersion.TLSv1_2
    of_station.set_ciphers(suite)
    assert await connects(served, of_station) == 101


async def test_a_key_that_does_not_fit_its_certificate_is_told_by_name(authority: Authority) -> None:
    good, other = authority.issue("a", server=True), authority.issue("b", server=True)
    rsa = authority.issue("c", kind="rsa", server=True)
    with pytest.raises(OSError, match=r"a-ecdsa\.pem"):
        context_of(TlsFiles(certificates=(rsa.pair, (good.cert_file, other.key_file))))


async def test_new_certificates_are_taken_without_a_link_being_cut(
    serve: Serve, certificates: Certificates, authority: Authority, tmp_path: Path
) -> None:
    served = await serve(tls=certificates)
    async with served.station("CP1", ssl=station_context(authority.root)) as live:
        newer = Authority(tmp_path, "newer")
        for kind in ("ecdsa", "rsa"):
            newer.issue("localhost", kind=kind, server=True)
        certificates.look()
        assert await connects(served, station_context(newer.root), "CP2") == 101
        assert await live.is_answered()


async def test_certificates_that_are_no_good_leave_the_ones_before_in_force(
    serve: Serve, certificates: Certificates, authority: Authority, tmp_path: Path
) -> None:
    served = await serve(tls=certificates)
    put(tmp_path / "localhost-rsa.pem", b"half a certificate")
    with capture_logs() as entries:
        assert not certificates.reload()
        certificates.look()
    assert "localhost-rsa.pem" in entries[0]["reason"]
    assert await connects(served, station_context(authority.root)) == 101


async def test_a_root_that_comes_later_is_trusted_from_then_on(
    serve: Serve, authority: Authority, tmp_path: Path
) -> None:
    pair = authority.issue("localhost", server=True).pair
    stations = Authority(tmp_path, "stations")
    later = tmp_path / "later.pem"
    certificates = Certificates(TlsFiles(certificates=(pair,), roots=(str(later),)))
    served = await serve(tls=certificates)
    own = station_context(authority.root, stations.issue("CP1"))
    assert await connects(served, own) == 101
    assert served.read(StationProof) == [], "nobody asked for a certificate"
    put(later, stations.root_pem)
    certificates.look()
    assert await connects(served, own) == 101
    assert [each.profile for each in served.read(StationProof)] == [3]


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
async def test_a_station_that_speaks_tls_1_1_is_refused_with_a_recorded_reason(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates)
    old = station_context(authority.root)
    old.set_ciphers("DEFAULT@SECLEVEL=0")  # or the station's own library refuses
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(OSError):
        await connects(served, old)
    assert await why(served) == {("", "TLS version")}


async def test_a_station_without_a_common_suite_is_refused_with_a_recorded_reason(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates)
    weak = station_context(authority.root)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("ECDHE-RSA-AES128-SHA256")
    with pytest.raises(OSError):
        await connects(served, weak)
    assert await why(served) == {("", "TLS cipher")}


# -- profiles 2 and 3 ----------------------------------------------------------------------------------------


async def test_a_password_over_tls_is_profile_2_and_nothing_less_is_good_from_then_on(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates, credentials=[asked(1), key()])
    assert await connects(served, station_context(authority.root), **password("CP1")) == 101
    assert served.floor() == 2
    assert await connects(served, station_context(authority.root)) == 401


async def test_a_certificate_of_its_own_is_profile_3_and_nothing_less_is_good_from_then_on(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates, credentials=[asked(2), key()])
    own = authority.issue("cp1")
    assert await connects(served, station_context(authority.root, own)) == 101
    (proof,) = served.read(StationProof)
    assert (proof.profile, int(proof.certificate_serial, 16)) == (3, own.certificate.serial_number)
    assert await connects(served, station_context(authority.root), **password("CP1")) == 401
    assert await why(served) == {("CP1", "no certificate")}


async def test_stations_of_all_profiles_share_a_listener(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates, credentials=[asked(2), key()])
    bare = station_context(authority.root)
    assert await connects(served, bare, "CP2") == 101
    assert await connects(served, bare, **password("CP1")) == 101
    assert await connects(served, station_context(authority.root, authority.issue("CP2")), "CP2") == 101
    assert (served.floor("CP1"), served.floor("CP2")) == (2, 3)


async def test_a_certificate_may_hold_the_serial_number_that_people_gave(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates, credentials=[asked(3, certificate_name="SN-0001")])
    assert await connects(served, station_context(authority.root, authority.issue("SN-0001"))) == 101
    assert await connects(served, station_context(authority.root, authority.issue("CP1"))) == 403


async def test_a_certificate_of_another_station_is_refused_with_a_recorded_reason(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates)
    assert await connects(served, station_context(authority.root, authority.issue("CP2"))) == 403
    assert await why(served) == {("CP1", "wrong certificate name")}


def test_the_vectors_of_certificates_are_all_here() -> None:
    assert [record["id"] for record in VECTORS] == [
        "H-profile3-no-cert",
        "H-profile3-other-o",
        "H-profile3-ok",
    ]


@pytest.mark.parametrize("record", VECTORS, ids=[str(record["id"]) for record in VECTORS])
async def test_a_certificate_of_the_vectors_is_answered_as_it_says(
    serve: Serve, certificates: Certificates, authority: Authority, record: dict[str, dict[str, str]]
) -> None:
    """They are written for 2.0.1; what they say of certificates holds for 1.6, which is offered here."""
    config, subject = record["config"], record["request"].get("client_cert")
    name = config["station"]
    served = await serve(
        [station(name)],
        tls=certificates,
        organisation=config.get("cpo", ""),
        credentials=[asked(3, name, certificate_name=config.get("serial", ""))],
    )
    own = authority.issue(subject["CN"], organisation=subject["O"]) if subject else None  # type: ignore[index]
    status = await connects(served, station_context(authority.root, own), name)
    assert status == 101 if record["expected"].get("http") == 101 else status in (401, 403)


async def test_a_certificate_without_an_organisation_is_none_of_the_operator(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates, organisation="ACME", credentials=[asked(3)])
    assert await connects(served, station_context(authority.root, authority.issue("CP1"))) == 403
    assert await why(served) == {("CP1", "wrong organisation")}


async def test_a_certificate_that_proves_nothing_does_not_shut_out_a_good_password(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates, credentials=[asked(2), key()])
    own = station_context(authority.root, authority.issue("made in a factory"))
    assert await connects(served, own, **password("CP1")) == 101
    assert served.floor() == 2


async def refused(served: Served, authority: Authority, own: Files) -> None:
    """The server refuses within the handshake; the station may hear of it with the first bytes alone."""
    with pytest.raises((OSError, asyncio.IncompleteReadError)):
        await connects(served, station_context(authority.root, own))


@pytest.mark.parametrize("valid", [timedelta(seconds=-1), -5 * DAY])
async def test_an_expired_certificate_is_refused_with_a_recorded_reason(
    serve: Serve, certificates: Certificates, authority: Authority, valid: timedelta
) -> None:
    served = await serve(tls=certificates)
    await refused(served, authority, authority.issue("CP1", valid=valid))
    assert await why(served) == {("", "certificate expired")}


async def test_a_revoked_certificate_is_refused_with_a_recorded_reason(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates)
    own = authority.issue("CP1")
    assert await connects(served, station_context(authority.root, own)) == 101
    served.index.revoke(f"{own.certificate.serial_number:x}")
    assert await connects(served, station_context(authority.root, own)) == 403
    assert await why(served) == {("CP1", "certificate revoked")}


async def test_a_certificate_that_nobody_here_trusts_is_refused_with_a_recorded_reason(
    serve: Serve, certificates: Certificates, authority: Authority, tmp_path: Path
) -> None:
    served = await serve(tls=certificates)
    stranger = Authority(tmp_path, "stranger")
    await refused(served, authority, stranger.issue("CP1"))
    assert await why(served) == {("", "certificate not trusted")}


async def test_a_server_s_certificate_is_none_of_a_station(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    served = await serve(tls=certificates)
    await refused(served, authority, authority.issue("CP1", server=True))
    assert await why(served) == {("", "certificate not trusted")}


# -- storms --------------------------------------------------------------------------------------------------


async def storm(serve: Serve, certificates: Certificates, authority: Authority, count: int) -> None:
    """So many stations with passwords reconnect over TLS at once, and all are let in."""
    names = [f"CP{number}" for number in range(count)]
    served = await serve(
        [station(name) for name in names],
        tls=certificates,
        credentials=[record for name in names for record in (asked(2, name), key(name))],
    )
    bare = station_context(authority.root)
    statuses = await asyncio.gather(*(connects(served, bare, name, **password(name)) for name in names))
    assert statuses == [101] * count
    assert {served.floor(name) for name in names} == {2}


async def test_stations_with_passwords_reconnect_over_tls_in_a_storm(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    await storm(serve, certificates, authority, 100)


@pytest.mark.long
async def test_two_thousand_stations_with_passwords_reconnect_over_tls_in_a_storm(
    serve: Serve, certificates: Certificates, authority: Authority
) -> None:
    await storm(serve, certificates, authority, 2000)
