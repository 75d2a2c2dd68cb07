"""What follows from a station's credentials, and the forms in which a password may come."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsys.core.credentials import Credentials, digest, key_bytes, matching
from evsys.core.records import StationKey, StationProof, StationSecurity
from kit.clock import NOON

SERVER = b"the key of a server"
HEX = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"
"""The example of OCPP-J 1.6 §6.2."""


def key(text: str, number: int = 1, station: str = "CP1") -> StationKey:
    kept = digest(SERVER, station, key_bytes(text))
    return StationKey(station_id=station, number=number, digest=kept, made_at=NOON)


def fits(text: str, password: bytes, station: str = "CP1") -> bool:
    return matching(SERVER, station, (key(text),), password) is not None


@pytest.mark.parametrize(
    "password", [bytes.fromhex(HEX), HEX.encode(), HEX.lower().encode(), HEX.upper().encode()]
)
def test_a_key_in_hex_digits_comes_as_bytes_or_as_its_digits_in_either_case(password: bytes) -> None:
    assert fits(HEX, password)


def test_a_text_is_a_key_as_it_stands() -> None:
    assert fits("correct-horse-battery", b"correct-horse-battery")
    assert not fits("correct-horse-battery", b"Correct-Horse-Battery")


def test_a_text_that_looks_like_hex_digits_is_a_key_all_the_same() -> None:
    assert fits("abcDEF0123456789", b"abcDEF0123456789")


@pytest.mark.parametrize(
    "password", [b"", b"\0", b"0", b"xyz", bytes(1000), HEX[:-1].encode(), HEX[:-2].encode()]
)
def test_anything_else_is_no_password(password: bytes) -> None:
    assert not fits(HEX, password)


@given(st.binary(max_size=60))
def test_no_bytes_make_a_check_raise_or_fit_by_chance(password: bytes) -> None:
    assert not fits(HEX, password)


def test_the_digest_of_a_key_is_another_one_for_each_station_and_server() -> None:
    digests = {digest(server, name, b"k" * 16) for server in (b"a", b"b") for name in ("CP1", "CP2")}
    assert len(digests) == 4


def of(*keys: StationKey, proof: StationProof | None = None, **security: object) -> Credentials:
    said = StationSecurity(station_id="CP1", **security)  # type: ignore[arg-type]
    return Credentials(security=said, keys=keys, proof=proof)


def proof(profile: int, key_number: int = 0) -> StationProof:
    return StationProof(station_id="CP1", profile=profile, key_number=key_number, at=NOON)


def test_a_station_does_not_fall_below_what_it_proved_or_what_people_ask_for() -> None:
    assert of().floor == 0
    assert of(minimum_profile=1).floor == 1
    assert of(minimum_profile=1, proof=proof(2)).floor == 2
    assert of(minimum_profile=3, proof=proof(2)).floor == 3


def test_people_may_let_it_fall_once_down_to_what_they_ask_for() -> None:
    later = NOON + timedelta(seconds=1)
    assert of(minimum_profile=1, proof=proof(3), forgiven_at=later).floor == 1
    assert of(minimum_profile=1, proof=proof(3), forgiven_at=NOON).floor == 3, "it has come back since"


def test_an_old_key_is_good_until_a_newer_one_was_used() -> None:
    keys = key("a" * 16, 1), key("b" * 16, 2), key("c" * 16, 3)
    assert [each.number for each in of(*keys).keys_in_force] == [3, 2, 1]
    assert [each.number for each in of(*keys, proof=proof(1, 2)).keys_in_force] == [3, 2]
    assert [each.number for each in of(*keys, proof=proof(1, 3)).keys_in_force] == [3]


def test_what_is_recorded_already_is_not_new() -> None:
    assert not of().proves(0).new
    assert of().proves(1, 1).new
    assert not of(proof=proof(1, 1)).proves(1, 1).new
    assert of(proof=proof(1, 1)).proves(1, 2).new
    assert of(proof=proof(1, 1), forgiven_at=NOON + timedelta(1)).proves(1, 1).new, (
        "what was forgiven is used"
    )


def test_a_key_once_used_is_remembered_when_a_certificate_takes_its_place() -> None:
    assert of(proof=proof(2, 4)).proves(3, certificate_serial="ab").key_number == 4
