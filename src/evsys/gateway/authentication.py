"""Authentication: what a handshake proves, and whether that is enough (OCPP 1.6 security extension §3; 2.x
A00).

Pure and inline: a password costs one or two keyed hashes (`core.credentials`), whatever is right or wrong
about it. What a connection proves gives it a security profile, as the standard numbers them:

    0  nothing
    1  a password
    2  a password, over TLS
    3  a certificate, which TLS has verified

A certificate must be the station's own: its name is the one that is known of the station, and its
organisation the one that certificates here are signed for, where there is one. A station whose certificate
proves nothing may prove itself by its password.

A password counts where it is right. One that is wrong proves nothing, which is enough for a station whose
floor is 0; such stations send credentials of their own that nobody here ever gave them.
"""

import binascii
from base64 import b64decode
from collections.abc import Set
from datetime import datetime
from http import HTTPStatus
from typing import Final

from msgspec import Struct

from evsys.core.credentials import HIGHEST_PROFILE, Proved, matching
from evsys.core.events import RefusalReason
from evsys.gateway.station_index import Entry
from evsys.gateway.tls import PeerCertificate

MAX_CREDENTIALS_CHARACTERS: Final = 1000
"""Of an Authorization header that is read: a user name of 255 characters and a password of 40."""


class Presented(Struct, frozen=True):
    """What a handshake brings."""

    tls: bool = False
    authorization: str = ""
    """The header's value; empty without one."""
    certificate: PeerCertificate | None = None


class Denied(Struct, frozen=True):
    """Why a station is not let in, as it is recorded and answered."""

    reason: RefusalReason
    status: HTTPStatus
    text: str


class Terms(Struct, frozen=True):
    """What all stations are judged by."""

    server_key: bytes
    organisation: str = ""
    """What a certificate's organisation must hold; empty: anything."""
    revoked: Set[str] = frozenset()
    """Serial numbers of certificates that are refused; it grows meanwhile."""


def judge(entry: Entry, presented: Presented, terms: Terms, now: datetime) -> Proved | Denied:
    """What a station has proved, where it is enough."""
    unfit = None
    if presented.certificate is not None:
        unfit = _unfit(entry, presented.certificate, terms, now)
        if unfit is None:
            return entry.credentials.proves(3, certificate_serial=presented.certificate.serial)
    proved = _proved(entry, presented, terms.server_key)
    if proved.profile >= entry.floor and not (unfit and proved.profile == 0):
        return proved
    return unfit or _too_little(entry, presented, proved)


def _unfit(entry: Entry, certificate: PeerCertificate, terms: Terms, now: datetime) -> Denied | None:
    """Why a verified certificate proves nothing for this station."""
    name = entry.credentials.security.certificate_name or entry.id
    if certificate.valid_until <= now:
        # TLS has looked, but not where an old session was resumed.
        return Denied("certificate expired", HTTPStatus.FORBIDDEN, "the certificate has expired")
    if name.casefold() not in certificate.names:
        text = f"the certificate is not one of {name}"
        return Denied("wrong certificate name", HTTPStatus.FORBIDDEN, text)
    if certificate.serial in terms.revoked:
        return Denied("certificate revoked", HTTPStatus.FORBIDDEN, "the certificate was revoked")
    if terms.organisation and not any(terms.organisation in each for each in certificate.organisations):
        text = f"the certificate is not one of {terms.organisation}"
        return Denied("wrong organisation", HTTPStatus.FORBIDDEN, text)
    return None


def _too_little(entry: Entry, presented: Presented, proved: Proved) -> Denied:
    if entry.floor == HIGHEST_PROFILE and presented.tls:
        return Denied("no certificate", HTTPStatus.UNAUTHORIZED, "a certificate is needed")
    if proved.profile:
        text = f"security profile {entry.floor} is needed, this is {proved.profile}"
        return Denied("profile too low", HTTPStatus.FORBIDDEN, text)
    if presented.authorization:
        return Denied("wrong password", HTTPStatus.UNAUTHORIZED, "the user name or the password is wrong")
    return Denied("no password", HTTPStatus.UNAUTHORIZED, "a password is needed (HTTP Basic)")


def _proved(entry: Entry, presented: Presented, server_key: bytes) -> Proved:
    given = password(presented.authorization, entry.user) if entry.keys else None
    key = matching(server_key, entry.id, entry.keys, given) if given is not None else None
    if key is not None:
        return entry.credentials.proves(2 if presented.tls else 1, key.number)
    return entry.credentials.proves(0)


def password(authorization: str, user: str) -> bytes | None:
    """The password of a Basic header whose user name is `user`, in any case; None where it is another's or
    no such header. Names and passwords may hold colons, so the name is not looked for but compared."""
    scheme, _, encoded = authorization.strip().partition(" ")
    if scheme.lower() != "basic" or len(authorization) > MAX_CREDENTIALS_CHARACTERS:
        return None
    try:
        both = b64decode(encoded.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    name = user.encode()
    start = len(name) + 1
    if both[len(name) : start] != b":" or both[: len(name)].lower() != name.lower():
        return None
    return both[start:]
