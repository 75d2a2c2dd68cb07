"""Secrets that must be read again, encrypted with the server's key: who has a copy of the database alone has
none of them.

Where a secret is only ever compared, a digest is kept instead. AES-256-GCM under a key of its own that is
derived from the server's (HKDF); what a secret belongs to is part of what is authenticated, so none can be
put in another's place.
"""

import os
from base64 import b64decode, b64encode
from typing import Final

from evsys.core.errors import NotConfigured

NONCE_BYTES: Final = 12
LOST: Final = "the server's key (security.server_key) is not the one that this secret was sealed with"


class Sealer:
    """Seals and opens secrets of one purpose."""

    def __init__(self, server_key: bytes, purpose: str) -> None:
        self._server_key = server_key
        self._purpose = purpose.encode()
        self._key: bytes | None = None

    def seal(self, secret: str, owner: str) -> str:
        """A secret as it is kept; `owner`: the record that it belongs to."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        sealed = AESGCM(self._derived()).encrypt(nonce, secret.encode(), owner.encode())
        return b64encode(nonce + sealed).decode()

    def open(self, sealed: str, owner: str) -> str:
        """The secret. Raises NotConfigured where the server's key is another one now."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        try:
            whole = b64decode(sealed, validate=True)
            opened = AESGCM(self._derived()).decrypt(whole[:NONCE_BYTES], whole[NONCE_BYTES:], owner.encode())
        except (InvalidTag, ValueError):
            raise NotConfigured(LOST) from None
        return opened.decode()

    def _derived(self) -> bytes:
        if self._key is None:
            from cryptography.hazmat.primitives import hashes
            from cryptography.hazmat.primitives.kdf.hkdf import HKDF

            self._key = HKDF(hashes.SHA256(), 32, salt=None, info=self._purpose).derive(self._server_key)
        return self._key
