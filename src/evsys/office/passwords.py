"""Passwords of people: argon2id, in a thread, a few at a time; and slowing down whoever guesses.

A password that is wrong and a name that nobody has take the same time: where there is nothing to compare
with, a hash of nobody's is.
"""

import asyncio
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from evsys.core.errors import BadCommand, TooManyAttempts

if TYPE_CHECKING:
    from argon2 import PasswordHasher

MIN_CHARACTERS: Final = 10
MAX_CHARACTERS: Final = 256
MAX_WAITING: Final = 16
"""Hashes that wait for the thread: each takes some 50 ms and 64 MB; further ones are refused."""
COMMON: Final = frozenset(
    ("1234567890", "0123456789", "passwordpassword", "administrator", "qwertyuiop", "changemeplease")
)
"""Those of the many that are long enough to be taken."""

FREE_ATTEMPTS: Final = 5
"""So many may be wrong before one has to wait."""
FIRST_WAIT_S: Final = 2.0
LONGEST_WAIT_S: Final = 15 * 60.0
"""The wait doubles with each further one, from the first to the longest; afterwards it is forgotten."""
FREE_OF_ADDRESS: Final = 30
"""The same of one address for all names: an office behind one router."""
FREE_OF_NAME: Final = 50
"""And of one name from all addresses: its owner is not to be shut out by a stranger too easily."""
MAX_COUNTED: Final = 20_000
"""Counters kept; the one that was longest not used is forgotten."""


_Key = tuple[str, str, str]
"""What is counted: a name from an address, an address, or a name."""


class Passwords:
    """Hashes passwords and compares with hashes."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="password")
        self._waiting = 0
        self._hasher: PasswordHasher | None = None
        self._nobodys = ""

    async def hash(self, password: str) -> str:
        """What is kept of a password. Raises TooManyAttempts."""
        return str(await self._on_thread("hash", password, ""))

    async def fits(self, kept: str, password: str) -> bool:
        """Whether a password is the one of a hash (empty: nobody's). Raises TooManyAttempts."""
        return bool(await self._on_thread("verify", password[:MAX_CHARACTERS], kept))

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _on_thread(self, what: str, password: str, kept: str) -> str | bool:
        if self._waiting >= MAX_WAITING:
            raise TooManyAttempts("too many sign in at this moment: try again in a few seconds")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._work, what, password, kept)
        finally:
            self._waiting -= 1

    def _work(self, what: str, password: str, kept: str) -> str | bool:
        from argon2 import PasswordHasher  # here: the start does not wait for it
        from argon2.exceptions import Argon2Error, InvalidHashError

        if self._hasher is None:
            self._hasher = PasswordHasher()  # argon2id with the second choice of RFC 9106 §4
            self._nobodys = self._hasher.hash("nobody's")
        if what == "hash":
            return self._hasher.hash(password)
        try:
            self._hasher.verify(kept or self._nobodys, password)
            return bool(kept)
        except (Argon2Error, InvalidHashError):
            return False


def good_enough(password: str, *names: str) -> None:
    """Raises BadCommand where a password is too short, too long, or the first that everybody would try."""
    if not MIN_CHARACTERS <= len(password) <= MAX_CHARACTERS:
        raise BadCommand(f"the password needs {MIN_CHARACTERS} to {MAX_CHARACTERS} characters")
    folded = password.casefold()
    if folded in COMMON or len(set(folded)) < 4 or folded in {name.casefold() for name in names}:
        raise BadCommand("the password is too easy to guess")


class BackOff:
    """Whoever guesses waits longer and longer. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._failed: OrderedDict[_Key, tuple[int, float]] = OrderedDict()
        """How often, and until when to wait."""

    def wait_s(self, now: float, name: str, address: str) -> float:
        """How long this name may not be tried from this address; 0: it may."""
        return max(0.0, *(self._failed.get(key, (0, 0.0))[1] - now for key, _ in _keys(name, address)))

    def failed(self, now: float, name: str, address: str) -> None:
        """An attempt was wrong."""
        for key, free in _keys(name, address):
            count, until = self._failed.pop(key, (0, 0.0))
            if count and now - until > LONGEST_WAIT_S:
                count = 0
            count += 1
            wait = 0.0 if count < free else min(FIRST_WAIT_S * 2.0 ** min(count - free, 20), LONGEST_WAIT_S)
            self._failed[key] = count, now + wait
        while len(self._failed) > MAX_COUNTED:
            self._failed.popitem(last=False)

    def succeeded(self, name: str, address: str) -> None:
        """It was right: what this name failed from here is forgiven."""
        self._failed.pop(("both", name, address), None)


def _keys(name: str, address: str) -> tuple[tuple[_Key, int], ...]:
    return (
        (("both", name, address), FREE_ATTEMPTS),
        (("address", "", address), FREE_OF_ADDRESS),
        (("name", name, ""), FREE_OF_NAME),
    )
