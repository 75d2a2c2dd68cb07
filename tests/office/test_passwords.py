"""Passwords of people: slow to compare, the same for nobody's, and slower for whoever guesses."""

import asyncio
import time

import pytest

from evsys.core.errors import BadCommand, TooManyAttempts
from evsys.office.passwords import (
    FREE_ATTEMPTS,
    FREE_OF_ADDRESS,
    LONGEST_WAIT_S,
    MAX_COUNTED,
    MAX_WAITING,
    BackOff,
    Passwords,
    good_enough,
)


async def test_a_password_fits_its_hash_alone_and_argon2id_made_it() -> None:
    passwords = Passwords()
    kept = await passwords.hash("correct horse")
    assert kept.startswith("$argon2id$")
    assert await passwords.fits(kept, "correct horse")
    for wrong in ("correct hors", "Correct horse", "", "x" * 10_000):
        assert not await passwords.fits(kept, wrong)
    assert not await passwords.fits("", "nobody's"), "a hash of nobody's fits nothing"
    assert not await passwords.fits("not a hash", "x")
    passwords.close()


async def test_nobodys_password_takes_as_long_as_somebodys() -> None:
    passwords = Passwords()
    kept = await passwords.hash("correct horse")

    async def fastest(hash_: str) -> float:
        times = []
        for _ in range(4):
            began = time.perf_counter()
            await passwords.fits(hash_, "wrong password")
            times.append(time.perf_counter() - began)
        return min(times)

    await fastest("")
    known, unknown = await fastest(kept), await fastest("")
    assert 0.5 < known / unknown < 2.0
    passwords.close()


async def test_only_so_many_wait_for_the_thread() -> None:
    passwords = Passwords()
    tries = [asyncio.create_task(passwords.fits("", "x")) for _ in range(MAX_WAITING + 5)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(each, TooManyAttempts) for each in done) == 5
    passwords.close()


@pytest.mark.parametrize(
    "password", ["", "short", "123456789", "aaaaaaaaaaaa", "administrator", "Ada@Example.org", "x" * 300]
)
def test_a_password_that_is_tried_first_is_none(password: str) -> None:
    with pytest.raises(BadCommand):
        good_enough(password, "ada", "ada@example.org")


def test_whoever_guesses_waits_longer_and_longer_and_is_forgiven_in_the_end() -> None:
    back_off, now = BackOff(), 1000.0
    waits = []
    for _ in range(FREE_ATTEMPTS + 12):
        back_off.failed(now, "ann", "10.0.0.1")
        waits.append(back_off.wait_s(now, "ann", "10.0.0.1"))
        now += waits[-1]
    assert waits[: FREE_ATTEMPTS - 1] == [0.0] * (FREE_ATTEMPTS - 1)
    assert waits[FREE_ATTEMPTS - 1 : FREE_ATTEMPTS + 3] == [2.0, 4.0, 8.0, 16.0]
    assert waits[-1] == LONGEST_WAIT_S
    assert back_off.wait_s(now - 1, "ann", "10.0.0.2") == 0.0, "she is let in from elsewhere"
    assert back_off.wait_s(now + LONGEST_WAIT_S + 1, "ann", "10.0.0.1") == 0.0
    back_off.failed(now + 2 * LONGEST_WAIT_S, "ann", "10.0.0.1")
    assert back_off.wait_s(now + 2 * LONGEST_WAIT_S, "ann", "10.0.0.1") == 0.0


def test_an_address_that_tries_many_names_waits_as_well() -> None:
    back_off = BackOff()
    for number in range(FREE_OF_ADDRESS):
        back_off.failed(0.0, f"name{number}", "10.0.0.1")
    assert back_off.wait_s(0.0, "another", "10.0.0.1") > 0
    assert back_off.wait_s(0.0, "another", "10.0.0.2") == 0


def test_a_success_forgives_what_this_name_failed_from_here() -> None:
    back_off = BackOff()
    for _ in range(FREE_ATTEMPTS):
        back_off.failed(0.0, "ann", "10.0.0.1")
    back_off.succeeded("ann", "10.0.0.1")
    assert back_off.wait_s(0.0, "ann", "10.0.0.1") == 0.0


def test_what_is_counted_has_a_limit() -> None:
    back_off = BackOff()
    for number in range(MAX_COUNTED):
        back_off.failed(0.0, f"name{number}", f"address{number}")
    assert len(back_off._failed) == MAX_COUNTED
