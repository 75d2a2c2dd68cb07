"""Codes of authenticators (TOTP, RFC 6238): six digits, a new one every thirty seconds, each good once.

The secret behind them is kept encrypted with the server's key.
"""

import hmac
import os
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Final

from evsys.core.records import UserLogin

STEP_S: Final = 30
NEAR: Final = (0, -1, 1)
"""The code before and the one after are taken too: clocks differ."""
NONCE_BYTES: Final = 12
ISSUER: Final = "EVSYS"


class Codes:
    """Makes and checks codes. pyotp and the cipher are loaded where they are wanted first."""

    def __init__(self, server_key: bytes) -> None:
        self._key = hmac.digest(server_key, b"authenticators", "sha256")

    def new_secret(self) -> str:
        """160 random bits in base32."""
        import pyotp

        return pyotp.random_base32()

    def step_of(self, login: UserLogin, code: str, now: datetime) -> int | None:
        """The step of time whose code this is; 0 where the user has no authenticator; None where it is
        wrong, or was used before."""
        if not login.totp:
            return 0
        return self.step(self._opened(login.totp), code, login.totp_step, now)

    def step(self, secret: str, code: str, used: int, now: datetime) -> int | None:
        """The same for a secret. `used` is the last step whose code was used."""
        import pyotp

        digits, present = "".join(code.split()), int(now.timestamp()) // STEP_S
        totp = pyotp.TOTP(secret)
        if not secret or not digits.isascii():
            return None
        steps = [present + each for each in NEAR]
        good = [each for each in steps if hmac.compare_digest(totp.generate_otp(each), digits)]
        return max((each for each in good if each > used), default=None)

    def sealed(self, secret: str) -> str:
        """A secret as it is kept."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        nonce = os.urandom(NONCE_BYTES)
        return b64encode(nonce + AESGCM(self._key).encrypt(nonce, secret.encode(), None)).decode()

    def _opened(self, sealed: str) -> str:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        whole = b64decode(sealed)
        try:
            return AESGCM(self._key).decrypt(whole[:NONCE_BYTES], whole[NONCE_BYTES:], None).decode()
        except InvalidTag:
            return ""  # the server has another key now: no code is right, and an administrator helps


def address_of(user_id: str, secret: str) -> str:
    """What the QR code says that an authenticator reads."""
    import pyotp

    return pyotp.TOTP(secret).provisioning_uri(name=user_id, issuer_name=ISSUER)
