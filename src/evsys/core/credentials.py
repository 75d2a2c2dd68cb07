"""Credentials: what a station must prove itself with, and the key digests that are kept of it (OCPP 1.6
security extension, profiles 0 to 3; 2.x A00).

What people ask for (`StationSecurity`), the keys they gave (`StationKey`, digests alone) and what the station
proved last (`StationProof`) are three records with one writer each; what holds follows from the three:

* *the floor*: the profile below which the station is refused. It is what people ask for or what the station
  proved last, whichever is higher: no station falls back below a profile that once worked, unless people
  said after that proof that it may;
* *the keys in force*: the one that the station used last and all newer ones. So a key that was rotated stays
  good until the new one has worked, and no longer.

An AuthorizationKey is given as hex digits or as a text. The standard has stations send the bytes that the
digits stand for; in the field they also send the digits, in either case. What is kept is a digest of one form
(the bytes), and what a station sends is tried in each form that it may be. Keys are long and random, so a
fast keyed hash is enough, and ten thousand of them are checked in the time of one handshake of TLS.
"""

import hmac
from datetime import datetime
from typing import Final

from msgspec import Struct

from evsys.core.records import StationKey, StationProof, StationSecurity

MIN_KEY_BYTES: Final = 16
"""Of a password of 1.6 and 2.x."""
MAX_KEY_CHARACTERS: Final = 40
"""What a configuration key of 1.6 and a passwordString of 2.x may hold: 20 bytes as hex digits."""
HIGHEST_PROFILE: Final = 3

_HEX: Final = frozenset(b"0123456789abcdefABCDEF")


class Credentials(Struct, frozen=True, kw_only=True):
    """All that is known of how one station proves who it is."""

    security: StationSecurity
    keys: tuple[StationKey, ...] = ()
    proof: StationProof | None = None

    def proves(self, profile: int, key_number: int = 0, certificate_serial: str = "") -> "Proved":
        """What a connection proved, beside what the one before it did. A key once used is remembered when
        a certificate takes its place: older ones do not come back."""
        before = self.proof
        key_number = key_number or (before.key_number if before is not None else 0)
        known = (0, 0, "")
        if before is not None:
            known = (before.profile, before.key_number, before.certificate_serial)
        new = self.forgiven or known != (profile, key_number, certificate_serial)
        return Proved(profile, key_number, certificate_serial, new)

    @property
    def forgiven(self) -> bool:
        """Whether people said, after its last proof, that it may prove less."""
        at = self.security.forgiven_at
        return at is not None and self.proof is not None and at > self.proof.at

    @property
    def floor(self) -> int:
        """The lowest profile with which the station is let in."""
        proved = 0 if self.proof is None or self.forgiven else self.proof.profile
        return max(self.security.minimum_profile, proved)

    @property
    def keys_in_force(self) -> tuple[StationKey, ...]:
        """Newest first."""
        used = self.proof.key_number if self.proof is not None else 0
        return tuple(sorted((key for key in self.keys if key.number >= used), key=_newest_first))


class Proved(Struct, frozen=True):
    """What one connection proved; the members are those of a StationProof. `new`: whether it differs from
    what is recorded."""

    profile: int = 0
    key_number: int = 0
    certificate_serial: str = ""
    new: bool = False

    def record(self, station_id: str, at: datetime) -> StationProof:
        return StationProof(
            station_id=station_id,
            profile=self.profile,
            key_number=self.key_number,
            certificate_serial=self.certificate_serial,
            at=at,
        )


NOTHING_PROVED: Final = Proved()


def key_bytes(key: str) -> bytes:
    """The bytes that a key stands for, as people give it: of hex digits those they mean, else of its text."""
    return _meant(key.encode()) or key.encode()


def digest(server_key: bytes, station_id: str, key: bytes) -> str:
    """What is kept of a key's bytes. The station's id is the salt."""
    return hmac.digest(server_key, station_id.encode() + b"\0" + key, "sha256").hex()


def matching(
    server_key: bytes, station_id: str, keys: tuple[StationKey, ...], password: bytes
) -> StationKey | None:
    """The key of these that a station's password is. It takes the same time whichever it is, or none."""
    meant = _meant(password)
    tried = [digest(server_key, station_id, password)]
    if meant is not None:
        tried.append(digest(server_key, station_id, meant))
    found = None
    for key in keys:
        for each in tried:
            if hmac.compare_digest(key.digest, each):
                found = found or key
    return found


def _meant(text: bytes) -> bytes | None:
    """The bytes that hex digits stand for; None for anything else."""
    if not text or len(text) % 2 or not _HEX.issuperset(text):
        return None
    return bytes.fromhex(text.decode())


def _newest_first(key: StationKey) -> int:
    return -key.number
