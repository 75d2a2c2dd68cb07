"""How a charge point proves who it is, and how it goes back to what worked."""

from base64 import b64decode

import pytest

from evsys.simulator.access import TRIES, Access, Way
from kit.point import Central

KEY = "000102030405060708090a0b0c0d0e0f10111213"


def test_a_key_goes_out_as_the_bytes_of_its_digits_or_as_its_text() -> None:
    assert b64decode(Way(profile=1, key=KEY).authorization("CP1")[6:]) == b"CP1:" + bytes.fromhex(KEY)
    assert b64decode(Way(profile=2, key="correct-horse").authorization("CP1")[6:]) == b"CP1:correct-horse"
    assert Way(profile=0, key=KEY).authorization("CP1") == ""
    assert Way(profile=3, key=KEY).authorization("CP1") == ""


def test_a_new_key_is_kept_when_it_worked_and_given_up_when_it_did_not() -> None:
    access = Access(Way(profile=1, key=KEY), tls=False)
    assert access.change_key("another-key-of-this") == "Accepted"
    assert access.next.key == "another-key-of-this"
    assert [access.failed() for _ in range(TRIES)] == [False] * (TRIES - 1) + [True]
    assert access.next.key == KEY
    access.change_key("another-key-of-this")
    access.worked()
    assert access.way.key == "another-key-of-this"
    assert not access.failed(), "nothing new is given up"


@pytest.mark.parametrize(("way", "tls", "profile", "answer"), [
    (Way(), False, "1", "Rejected"),
    (Way(key=KEY), False, "1", "Accepted"),
    (Way(key=KEY), False, "2", "Rejected"),
    (Way(key=KEY), True, "2", "Accepted"),
    (Way(key=KEY), True, "3", "Rejected"),
    (Way(chain="pem"), True, "3", "Accepted"),
    (Way(profile=2, key=KEY), True, "1", "Rejected"),
    (Way(), True, "4", "Rejected"),
    (Way(), True, "x", "Rejected"),
])  # fmt: skip
def test_a_profile_is_taken_where_all_that_it_needs_is_there(
    way: Way, tls: bool, profile: str, answer: str
) -> None:
    assert Access(way, tls).change_profile(profile) == answer


def test_a_key_that_no_station_can_hold_is_refused() -> None:
    access = Access(Way(), tls=False)
    assert access.change_key("short") == "Rejected"
    assert access.change_key("x" * 41) == "Rejected"


def test_a_charge_point_makes_its_link_anew_with_what_it_was_given() -> None:
    central = Central(tls=True)
    central.pass_time(30)
    assert central.ask("ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY}) == {
        "status": "Accepted"
    }
    assert central.ask("ChangeConfiguration", {"key": "SecurityProfile", "value": "2"}) == {
        "status": "Accepted"
    }
    central.pass_time(30)
    assert central.point.access.way == Way(profile=2, key=KEY)
    answer = central.ask("GetConfiguration", {"key": ["SecurityProfile", "AuthorizationKey"]})
    assert answer["unknownKey"] == ["AuthorizationKey"]
    assert answer["configurationKey"] == [{"key": "SecurityProfile", "readonly": False, "value": "2"}]


def test_a_charge_point_that_cannot_connect_goes_back_to_what_worked() -> None:
    central = Central(tls=True)
    central.pass_time(30)
    central.ask("ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY})
    central.pass_time(30)
    central.ask("ChangeConfiguration", {"key": "SecurityProfile", "value": "1"})
    central.reachable = False
    central.pass_time(600)
    central.reachable = True
    central.pass_time(600)
    assert central.point.access.way == Way(profile=0, key=KEY)
    assert central.point.cabinet.configuration.value("SecurityProfile") == "0"
