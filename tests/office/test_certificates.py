"""Certificates of stations: signed, handed over, renewed, superseded, revoked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from evsys.core.credentials import Proved
from evsys.core.errors import AlreadyExists, CertificateRequestRefused, NotFound
from evsys.core.events import (
    CertificateEnding,
    CertificateIssued,
    CertificateRefused,
    CertificateRevoked,
)
from evsys.core.records import Station, StationCertificate, StationSecurity
from evsys.office.authority import OwnAuthority
from evsys.store.views import certificates, credentials, events
from kit.clock import NOON
from kit.office import AnsweringStation, RunningOffice, json_of
from kit.pki import name_of, new_key
from kit.waiting import until

ACCEPTS = {"CertificateSigned": {"status": "Accepted"}, "ExtendedTriggerMessage": {"status": "Accepted"}}
CP1 = Station(id="CP1", created_at=NOON)


def csr(name: str = "CP1", organisation: str = "") -> str:
    asked = x509.CertificateSigningRequestBuilder().subject_name(name_of(name, organisation))
    return asked.sign(new_key(), hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def authority(tmp_path: Path) -> OwnAuthority:
    OwnAuthority.create(tmp_path / "ca", "The root", "", "ecdsa", "", NOON)
    opened = OwnAuthority.open(tmp_path / "ca", "", days=90)
    assert opened is not None
    return opened


@asynccontextmanager
async def working(
    folder: Path, authority: OwnAuthority, organisation: str = ""
) -> AsyncIterator[RunningOffice]:
    """An office that follows the log, with CP1 registered."""
    async with RunningOffice.run(folder, signer=authority, organisation=organisation) as office:
        await office.put(CP1)
        await until(lambda: cursor_of(office) is not None)
        yield office


def cursor_of(office: RunningOffice) -> object:
    return office.reader.read_here(lambda connection: events.cursor(connection, "certificates"))


def all_of(office: RunningOffice, station_id: str = "CP1") -> list[StationCertificate]:
    return office.reader.read_here(lambda connection: certificates.of_station(connection, station_id))


def told(office: RunningOffice, kind: type) -> list[object]:
    which = events.EventFilter(kinds=(kind.__name__,))
    page, _ = office.reader.read_here(lambda connection: events.events_after(connection, 0, which, 100))
    return [each.event for each in page]


async def handed(station: AnsweringStation, count: int = 1) -> str:
    """The chain that a station was handed last."""
    calls = [("", {})]

    def came() -> bool:
        calls[:] = [each for each in station.calls if each[0] == "CertificateSigned"]
        return len(calls) >= count

    await until(came)
    return str(calls[-1][1]["certificateChain"])


async def test_a_station_that_asks_is_signed_and_handed_its_certificate(
    tmp_path: Path, authority: OwnAuthority
) -> None:
    async with working(tmp_path, authority) as office:
        station = await office.station(ACCEPTS)
        assert await station.ask("SignCertificate", {"csr": csr()}) == {"status": "Accepted"}
        leaf = x509.load_pem_x509_certificate((await handed(station)).encode())
        leaf.verify_directly_issued_by(authority.certificate)
        await until(lambda: all_of(office)[0].accepted_at is not None)
        (kept,) = all_of(office)
        assert (int(kept.serial, 16), kept.name) == (leaf.serial_number, "CP1")
        (event,) = told(office, CertificateIssued)
        assert isinstance(event, CertificateIssued)
        assert event.serial == kept.serial


async def test_a_station_that_did_not_get_its_certificate_asks_again_and_gets_the_same(
    tmp_path: Path, authority: OwnAuthority
) -> None:
    async with working(tmp_path, authority) as office:
        station = await office.station({"CertificateSigned": ("InternalError", "not now")})
        asked = csr()
        await station.ask("SignCertificate", {"csr": asked})
        first = await handed(station)
        station.answers.update(ACCEPTS)
        await station.ask("SignCertificate", {"csr": asked})
        assert await handed(station, 2) == first
        assert len(all_of(office)) == 1


async def test_a_certificate_is_called_by_the_serial_number_that_its_station_reported(
    tmp_path: Path, authority: OwnAuthority
) -> None:
    async with working(tmp_path, authority) as office:
        station = await office.station(ACCEPTS)
        boot = {"chargePointVendor": "a", "chargePointModel": "b", "chargePointSerialNumber": "SN-7"}
        await station.ask("BootNotification", boot)
        await station.ask("SignCertificate", {"csr": csr("SN-7")})
        await handed(station)
        assert (await office.office.security.show("CP1")).certificate_name == "SN-7"


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (csr("CP2", "ACME"), "common name 'CP2' is not of this station"),
        (csr("CP1", "Other"), "organisation is not ACME"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nxxx", "no CSR"),
    ],
)
async def test_a_request_that_is_not_signed_is_told_with_its_reason(
    tmp_path: Path, authority: OwnAuthority, asked: str, reason: str
) -> None:
    async with working(tmp_path, authority, "ACME") as office:
        station = await office.station(ACCEPTS)
        await station.ask("SignCertificate", {"csr": asked})
        await until(lambda: told(office, CertificateRefused) != [])
        (event,) = told(office, CertificateRefused)
        assert isinstance(event, CertificateRefused)
        assert reason in event.reason
        assert all_of(office) == []


async def test_no_two_stations_are_called_the_same(tmp_path: Path, authority: OwnAuthority) -> None:
    async with working(tmp_path, authority) as office:
        await office.put(
            Station(id="CP2", created_at=NOON), StationSecurity(station_id="CP2", certificate_name="SN-7")
        )
        station = await office.station(ACCEPTS)
        boot = {"chargePointVendor": "a", "chargePointModel": "b", "chargePointSerialNumber": "SN-7"}
        await station.ask("BootNotification", boot)
        with pytest.raises(CertificateRequestRefused, match="another station"):
            await office.office.certificates.issue("CP1", csr("SN-7"), "ann")


async def test_without_an_authority_a_request_is_refused(tmp_path: Path) -> None:
    async with RunningOffice.run(tmp_path) as office:
        await office.put(CP1)
        with pytest.raises(CertificateRequestRefused, match="no authority"):
            await office.office.certificates.issue("CP1", csr(), "ann")


async def test_a_certificate_is_renewed_before_it_ends(tmp_path: Path, authority: OwnAuthority) -> None:
    async with working(tmp_path, authority) as office:
        station = await office.station(ACCEPTS)
        await station.ask("SignCertificate", {"csr": csr()})
        await handed(station)
        await until(lambda: all_of(office)[0].accepted_at is not None)
        renew = office.office.certificates.renew

        def triggers() -> int:
            return [action for action, _ in station.calls].count("ExtendedTriggerMessage")

        office.clock.step(59 * 86_400)
        await renew()
        assert triggers() == 0
        office.clock.step(2 * 86_400)
        await renew()
        await renew()
        assert triggers() == 1, "and not at each look"
        office.clock.step(7 * 3600)
        await renew()
        assert triggers() == 2
        await station.ask("SignCertificate", {"csr": csr()})
        await handed(station, 2)
        await until(lambda: all_of(office)[0].accepted_at is not None)
        office.clock.step(7 * 3600)
        await renew()
        assert triggers() == 2, "the newer one is good for long"


async def test_an_old_certificate_ends_when_the_station_has_connected_with_a_newer_one(
    tmp_path: Path, authority: OwnAuthority
) -> None:
    async with working(tmp_path, authority) as office:
        old = await office.office.certificates.issue("CP1", csr(), "ann")
        office.clock.step(1)
        new = await office.office.certificates.issue("CP1", csr(), "ann")
        for used in (old, new):
            proved = Proved(3, 0, used.serial, new=True)
            office.node.connect("CP1", "ocpp1.6", "127.0.0.1", AnsweringStation({}), proved)
            await until(partial(proof_is, office, used.serial))
            office.clock.step(1)
            office.node.tick()
        await until(lambda: all_of(office)[1].revoked_at is not None)
        assert all_of(office)[0].revoked_at is None
        (event,) = told(office, CertificateRevoked)
        assert isinstance(event, CertificateRevoked)
        assert event.serial == old.serial


def proof_is(office: RunningOffice, serial: str) -> bool:
    known = office.reader.read_here(lambda connection: credentials.credentials(connection, "CP1"))
    return known.proof is not None and known.proof.certificate_serial == serial


async def test_a_revoked_certificate_cuts_the_link_that_it_made(
    tmp_path: Path, authority: OwnAuthority
) -> None:
    async with working(tmp_path, authority) as office:
        issued = await office.office.certificates.issue("CP1", csr(), "ann")
        station = AnsweringStation({})
        station.connection = office.node.connect(
            "CP1", "ocpp1.6", "127.0.0.1", station, Proved(3, 0, issued.serial, new=True)
        )
        await office.office.certificates.revoke(issued.serial, "ann")
        await office.node.refresh()
        assert station.connection is None
        with pytest.raises(AlreadyExists):
            await office.office.certificates.revoke(issued.serial, "ann")
        with pytest.raises(NotFound):
            await office.office.certificates.revoke("ab", "ann")


async def test_certificates_over_the_api(tmp_path: Path, authority: OwnAuthority) -> None:
    async with working(tmp_path, authority) as office, office.client() as client:
        signed = await client.post("/api/v1/stations/CP1/certificates", json={"csr": csr()})
        assert signed.status_code == 201
        serial = json_of(signed)["serial"]
        listed = await client.get("/api/v1/stations/CP1/certificates")
        assert json_of(listed)["items"] == [json_of(signed)]
        assert (await client.get("/api/v1/authority")).text == authority.root
        revoked = await client.post(f"/api/v1/certificates/{serial}/revoke")
        assert revoked.status_code == 200
        assert json_of(revoked)["revoked_at"] is not None
        assert (await client.post(f"/api/v1/certificates/{serial}/revoke")).status_code == 409
        refused = await client.post("/api/v1/stations/CP1/certificates", json={"csr": csr("CP2")})
        assert refused.status_code == 400


async def test_a_certificate_that_is_not_renewed_is_told_of_before_it_ends(
    tmp_path: Path, authority: OwnAuthority
) -> None:
    async with working(tmp_path, authority) as office:
        station = await office.station({"CertificateSigned": ACCEPTS["CertificateSigned"]})
        await station.ask("SignCertificate", {"csr": csr()})
        await until(lambda: all_of(office) != [] and all_of(office)[0].accepted_at is not None)
        assert station.connection is not None
        station.connection.lost("the network")
        await until(lambda: office.node.stations["CP1"].connection is None)
        days = []
        for step in (59, 2, 15, 6, 6):  # after 59, 61, 76, 82 and 88 of 90 days
            office.clock.step(step * 86_400)
            await office.office.certificates.renew()
            await office.office.certificates.renew()
            days.append([each.days for each in told(office, CertificateEnding)])  # type: ignore[attr-defined]
        assert days == [[], [30], [30, 14], [30, 14], [30, 14, 7]]
