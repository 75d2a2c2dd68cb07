"""Access: how a charge point proves who it is to the central system (security profiles 0 to 3 of OCPP 1.6).

A key, a profile or a certificate that it is given is tried with the next link. Where that cannot be made it
goes back to what worked before, as the standard wants it (security extension §5): a wrong key locks nobody
out. A profile is never lowered by a command.
"""

from base64 import b64encode
from typing import Final, Literal

from msgspec import Struct
from msgspec.structs import replace

TRIES: Final = 3
"""How often a new way is tried before the old one is taken again."""
MIN_KEY_CHARACTERS: Final = 16
MAX_KEY_CHARACTERS: Final = 40
HIGHEST_PROFILE: Final = 3

Answer = Literal["Accepted", "Rejected"]


class Way(Struct, frozen=True, kw_only=True):
    """All that a link is made with."""

    profile: int = 0
    key: str = ""
    """The AuthorizationKey: hex digits, or a text."""
    chain: str = ""
    """Its certificate and those above it (PEM)."""
    private_key: bytes = b""
    """That of the certificate (PEM)."""

    @property
    def secure(self) -> bool:
        """Whether the link is one of TLS."""
        return self.profile >= 2

    def authorization(self, name: str) -> str:
        """The Authorization header of its handshake; empty where the profile has none."""
        if self.profile not in (1, 2):
            return ""
        return "Basic " + b64encode(name.encode() + b":" + _bytes(self.key)).decode()


class Access:
    """The ways of one charge point. `tls` says whether it knows where to connect with TLS."""

    __slots__ = ("_new", "_tls", "_tries", "way")

    def __init__(self, way: Way, tls: bool) -> None:
        self.way = way
        """The last one that worked, or that it was set up with."""
        self._tls = tls
        self._new: Way | None = None
        self._tries = 0

    @property
    def next(self) -> Way:
        """The way to try."""
        return self._new or self.way

    def worked(self) -> None:
        """A link was made."""
        if self._new is not None:
            self.way, self._new = self._new, None

    def failed(self) -> bool:
        """A link could not be made. Whether a new way was given up for that."""
        if self._new is None:
            return False
        self._tries += 1
        if self._tries < TRIES:
            return False
        self._new = None
        return True

    def change_key(self, key: str) -> Answer:
        """Take another key."""
        if not MIN_KEY_CHARACTERS <= len(key) <= MAX_KEY_CHARACTERS:
            return "Rejected"
        self._try(replace(self.next, key=key))
        return "Accepted"

    def change_profile(self, value: str) -> Answer:
        """Take a higher profile, where all that it needs is there."""
        if not value.isdecimal() or not self.next.profile <= int(value) <= HIGHEST_PROFILE:
            return "Rejected"
        new = replace(self.next, profile=int(value))
        if (
            (new.secure and not self._tls)
            or (new.profile in (1, 2) and not new.key)
            or (new.profile == HIGHEST_PROFILE and not new.chain)
        ):
            return "Rejected"
        self._try(new)
        return "Accepted"

    def change_certificate(self, chain: str, private_key: bytes) -> bool:
        """Take another certificate. Whether that changes how links are made."""
        new = replace(self.next, chain=chain, private_key=private_key)
        if new.profile < HIGHEST_PROFILE:
            self.way = replace(self.way, chain=chain, private_key=private_key)
            if self._new is not None:
                self._new = new
            return False
        self._try(new)
        return True

    def _try(self, way: Way) -> None:
        self._new, self._tries = way, 0


def _bytes(key: str) -> bytes:
    """What a key is on the wire: the bytes of hex digits, as OCPP 1.6 has them, else the text."""
    try:
        return bytes.fromhex(key)
    except ValueError:
        return key.encode()
