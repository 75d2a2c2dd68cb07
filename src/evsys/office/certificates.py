"""Certificates of stations: signed when a station asks, renewed before they end, revoked when they must.

A station asks with SignCertificate, which the log of events has as CertificateRequested. What it may be
called in its certificate: its id, the name that people gave it, or the serial number that it reported at its
boot, which is then its name. What is signed is written down before it is handed over; a station that did not
get it asks again with the same CSR, and gets the same certificate.

An old certificate is good until the station has connected with a newer one; then it is revoked.
"""

import asyncio
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from typing import Final

import structlog
from cryptography import x509
from cryptography.x509.oid import NameOID
from msgspec.structs import replace
from sqlalchemy import Connection

from evsys.core.commands import CertificateSigned, TriggerMessage
from evsys.core.errors import (
    AlreadyExists,
    CertificateRequestRefused,
    EvsysError,
    NotFound,
    StaleVersion,
    StationOffline,
)
from evsys.core.events import (
    CertificateEnding,
    CertificateIssued,
    CertificateRefused,
    CertificateRequested,
    CertificateRevoked,
    LoggedEvent,
    StationConnected,
    StationSecurityChanged,
)
from evsys.core.ports import Clock
from evsys.core.records import StationCertificate
from evsys.core.work import Work
from evsys.office.authority import Signer, read_csr, serial_of, texts
from evsys.office.commands import Commands
from evsys.office.consumers import Consumers
from evsys.office.writing import Books
from evsys.store.views import certificates, credentials, stations
from evsys.store.views.reader import Reader

BY_ITSELF: Final = "evsys"
"""Who the audit says it was, where nobody asked."""
HAND_OVER_WITHIN_S: Final = 60.0
"""How long a station may take to answer CertificateSigned: small ones verify a chain for many seconds."""
HANDED_OVER_AT_ONCE: Final = 20
RENEW_LOOK_S: Final = 600.0
RENEW_AFTER: Final = 2 / 3
"""Of a certificate's life."""
RENEW_AGAIN: Final = timedelta(hours=6)
"""How often a station is asked to renew, where it does not."""
WARN_DAYS: Final = (7, 14, 30)
"""Before its end a certificate is told of that its station was not given another one for."""
MAX_RENEWED_AT_ONCE: Final = 100
"""Stations asked to renew in one look: certificates of one day must not end in one hour."""

log = structlog.get_logger()


def revocation(certificate: StationCertificate, now: datetime, by: str) -> tuple[StationCertificate, Work]:
    """A certificate as it is when it has been revoked, and the Work that does so."""
    revoked = replace(certificate, revoked_at=now, version=certificate.version + 1)
    work = Work(now, certificate.station_id)
    work.change(revoked)
    work.tell(CertificateRevoked(station_id=certificate.station_id, serial=certificate.serial, by=by))
    return revoked, work


class Certificates:
    """The certificates of a running office. `organisation` is what each must hold, where it is not empty."""

    def __init__(
        self,
        books: Books,
        reader: Reader,
        clock: Clock,
        commands: Commands,
        signer: Signer | None,
        organisation: str = "",
    ) -> None:
        self._books = books
        self._reader = reader
        self._clock = clock
        self._commands = commands
        self._signer = signer
        self._organisation = organisation
        self._handing = asyncio.Semaphore(HANDED_OVER_AT_ONCE)
        self._under_way: set[asyncio.Task[None]] = set()
        self._asked: dict[str, datetime] = {}
        """When a station was last asked to renew."""
        self._warned: dict[str, int] = {}
        """Within how many days a certificate ends, as it was told last; once more after a restart."""

    # -- what the log tells ---

    def follow(self, consumers: Consumers) -> None:
        """Hear of what stations ask for and prove."""
        consumers.add("certificates", (CertificateRequested, StationConnected), self.take)

    async def take(self, logged: LoggedEvent) -> None:
        """A station asks for a certificate, or has connected. Raises EvsysError where it is to be told
        again."""
        match logged.event:
            case CertificateRequested(station_id=station_id, csr=csr):
                await self._requested(station_id, csr)
            case StationConnected(station_id=station_id, security_profile=3):
                await self._supersede(station_id)
            case _:
                pass

    async def _requested(self, station_id: str, csr: str) -> None:
        try:
            issued = await self.issue(station_id, csr, BY_ITSELF)
        except CertificateRequestRefused as error:
            log.warning("a certificate is not signed", station=station_id, reason=str(error))
            work = Work(self._clock.now(), station_id)
            work.tell(CertificateRefused(station_id=station_id, reason=str(error)))
            await self._books.write(work)
            return
        task = asyncio.create_task(self._hand_over(issued))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _hand_over(self, issued: StationCertificate) -> None:
        """Give a station its certificate. One that does not get it asks again."""
        async with self._handing:
            command = CertificateSigned(certificate_chain=issued.chain)
            try:
                outcome = await self._commands.send(issued.station_id, command, BY_ITSELF, HAND_OVER_WITHIN_S)
                if outcome.accepted:
                    now = self._clock.now()
                    work = Work(now, issued.station_id)
                    work.change(replace(issued, accepted_at=now, version=issued.version + 1))
                    await self._books.write(work)
                else:
                    log.warning("a station rejects its certificate", station=issued.station_id)
            except EvsysError as error:
                log.warning(
                    "a certificate could not be handed over", station=issued.station_id, reason=str(error)
                )

    # -- what people and the log ask for ---

    @property
    def signs(self) -> bool:
        """Whether there is an authority."""
        return self._signer is not None

    @property
    def root(self) -> str:
        """The root certificate of the own authority, as PEM; empty without one."""
        return self._signer.root if self._signer is not None else ""

    async def of_station(self, station_id: str) -> list[StationCertificate]:
        """What was signed for a station, the newest first."""
        return await self._reader.read(partial(certificates.of_station, station_id=station_id))

    async def issue(self, station_id: str, pem: str, by: str) -> StationCertificate:
        """Sign a station's CSR, or give what was signed of it before. Raises CertificateRequestRefused,
        AuthorityUnavailable."""
        if self._signer is None:
            raise CertificateRequestRefused("there is no authority here (evsys ca init)")
        now = self._clock.now()
        digest = sha256(pem.strip().encode()).hexdigest()
        known = await self._reader.read(
            partial(certificates.of_request, station_id=station_id, digest=digest)
        )
        if known is not None and known.revoked_at is None and known.valid_until > now:
            return known
        csr = read_csr(pem)
        name = self._name_of(csr)
        new_name = await self._reader.read(partial(_new_name, station_id=station_id, name=name))
        chain = await self._signer.sign(csr, name, now)
        leaf = x509.load_pem_x509_certificate(chain.encode())
        issued = StationCertificate(
            serial=serial_of(leaf),
            station_id=station_id,
            name=name,
            issuer=leaf.issuer.rfc4514_string(),
            valid_from=leaf.not_valid_before_utc,
            valid_until=leaf.not_valid_after_utc,
            renew_at=now + RENEW_AFTER * (leaf.not_valid_after_utc - now),
            chain=chain,
            request_digest=digest,
            issued_at=now,
        )
        work = Work(now, station_id)
        work.add(issued)
        work.tell(
            CertificateIssued(
                station_id=station_id, serial=issued.serial, name=name, valid_until=issued.valid_until, by=by
            )
        )
        if new_name:
            await self._put_name(work, station_id, name)
        if await self._books.write(work):
            raise StaleVersion(f"the security of {station_id} was changed by somebody else")
        return issued

    def _name_of(self, csr: x509.CertificateSigningRequest) -> str:
        """What a CSR calls its station."""
        names = texts(csr.subject, NameOID.COMMON_NAME)
        if len(names) != 1:
            raise CertificateRequestRefused("it has not one common name")
        organisations = texts(csr.subject, NameOID.ORGANIZATION_NAME)
        if self._organisation and self._organisation not in organisations:
            raise CertificateRequestRefused(f"its organisation is not {self._organisation}")
        return names[0]

    async def _put_name(self, work: Work, station_id: str, name: str) -> None:
        """The serial number that a station reported is its name from now on."""
        known = await self._reader.read(partial(credentials.credentials, station_id=station_id))
        security = replace(known.security, certificate_name=name, version=known.security.version + 1)
        if security.version == 1:
            work.add(security)
        else:
            work.change(security)
        work.tell(StationSecurityChanged(station_id=station_id, by=BY_ITSELF))

    async def revoke(self, serial: str, by: str) -> StationCertificate:
        """End a certificate: it is refused with the next handshake, and a link that it made is cut. Raises
        NotFound, AlreadyExists where it is revoked, StaleVersion."""
        found = await self._reader.read(partial(certificates.certificate, serial=serial))
        if found is None:
            raise NotFound(f"no certificate {serial}")
        if found.revoked_at is not None:
            raise AlreadyExists(f"the certificate {serial} is revoked already")
        revoked, work = revocation(found, self._clock.now(), by)
        if await self._books.write(work):
            raise StaleVersion(f"the certificate {serial} was changed by somebody else: look again")
        return revoked

    async def _supersede(self, station_id: str) -> None:
        """A station has connected with a certificate: older ones end."""
        known = await self._reader.read(partial(credentials.credentials, station_id=station_id))
        used = known.proof.certificate_serial if known.proof is not None else ""
        all_ = await self._reader.read(partial(certificates.of_station, station_id=station_id))
        current = next((each for each in all_ if each.serial == used), None)
        if current is None:
            return
        for each in all_:
            if each.issued_at < current.issued_at and each.revoked_at is None:
                await self.revoke(each.serial, BY_ITSELF)

    # -- in time ---

    async def run(self) -> None:
        """Have certificates renewed before they end, until cancelled."""
        while True:
            try:
                await self.renew()
            except EvsysError as error:
                log.warning("certificates are not renewed", reason=str(error))
            await asyncio.sleep(RENEW_LOOK_S)

    async def renew(self) -> None:
        """Ask the stations whose certificate is good for a third of its time or less to ask for a new one."""
        now = self._clock.now()
        due = await self._reader.read(partial(certificates.ending, now=now, limit=MAX_RENEWED_AT_ONCE))
        self._asked = {name: at for name, at in self._asked.items() if now - at < RENEW_AGAIN}
        ending = {each.serial for each in due}
        self._warned = {serial: days for serial, days in self._warned.items() if serial in ending}
        for each in due:
            await self._warn(each, now)
            if self._signer is None or each.station_id in self._asked:
                continue
            try:
                await self.ask(each.station_id, BY_ITSELF)
            except StationOffline:
                continue  # it is asked when it is back
            except EvsysError as error:
                log.warning("a station cannot renew", station=each.station_id, reason=str(error))
            self._asked[each.station_id] = now

    async def _warn(self, certificate: StationCertificate, now: datetime) -> None:
        """Tell of a certificate that ends soon, once for each number of days."""
        left = certificate.valid_until - now
        days = next((each for each in WARN_DAYS if left <= timedelta(days=each)), None)
        if days is None or self._warned.get(certificate.serial) == days:
            return
        work = Work(now, certificate.station_id)
        work.tell(
            CertificateEnding(
                station_id=certificate.station_id,
                serial=certificate.serial,
                valid_until=certificate.valid_until,
                days=days,
            )
        )
        await self._books.write(work)
        self._warned[certificate.serial] = days

    async def ask(self, station_id: str, by: str) -> bool:
        """Have a station make a new key and ask for a certificate; whether it will."""
        trigger = TriggerMessage(message="SignChargingStationCertificate")
        outcome = await self._commands.send(station_id, trigger, by, HAND_OVER_WITHIN_S)
        return outcome.accepted


def _new_name(connection: Connection, station_id: str, name: str) -> bool:
    """Whether a station may be called so in its certificate and was not yet. Raises
    CertificateRequestRefused."""
    known = credentials.credentials(connection, station_id).security
    if name.casefold() == (known.certificate_name or station_id).casefold():
        return False
    status = stations.statuses_of(connection, [station_id]).get(station_id)
    reported = {status.serial_number, status.charge_box_serial_number} if status is not None else set()
    if known.certificate_name or name not in reported - {""}:
        raise CertificateRequestRefused(f"its common name {name[:50]!r} is not of this station")
    if credentials.station_named(connection, name) is not None:
        raise CertificateRequestRefused(f"another station is called {name[:50]!r} already")
    return True
