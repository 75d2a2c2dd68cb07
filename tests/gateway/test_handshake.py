"""Who connects, and in which version: the pure decisions of a handshake."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsys.gateway.handshake import MAX_IDENTITY_CHARS, Subprotocol, identity, listed, subprotocol

WS = ("/ws",)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("/ws/CP1", "CP1"),
        ("//ws//CP1//", "CP1"),
        ("/ws/CP1?token=x", "CP1"),
        ("/ws/CP1#fragment", "CP1"),
        ("/ws/vendor/of/its/own/CP1", "CP1"),
        ("http://central.example:5000/ws/CP1", "CP1"),
        ("/ws/RDAM%20123", "RDAM 123"),
        ("/ws/RDAM%7c123", "RDAM|123"),
        ("/ws/100%25", "100%"),
        ("/ws/Z%C3%BCrich", "Zürich"),
        ("/ws/Zürich", "Zürich"),
        ("/ws/" + "A" * MAX_IDENTITY_CHARS, "A" * MAX_IDENTITY_CHARS),
    ],
)
def test_the_identity_is_the_last_segment_decoded_once(target: str, name: str) -> None:
    assert identity(target, WS) == name


def test_an_identity_that_was_encoded_twice_is_decoded_once() -> None:
    assert identity("/ws/CP%252F1", WS) == "CP%2F1"


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/ws",
        "/ws/",
        "/ws?CP1",
        "/wsx/CP1",
        "/WS/CP1",
        "/CP1",
        "/ws/CP%ZZ",
        "/ws/CP%2",
        "/ws/..%2F..%2Fetc",
        "/ws/..%5Cetc",
        "/ws/..",
        "/ws/%2e",
        "/ws/CP%00%0a001",
        "/ws/CP%FF",
        "/ws/CP\udcff",
        "/ws/%E2%80%AECP",  # a character that turns the direction of writing round
        "/ws/" + "A" * (MAX_IDENTITY_CHARS + 1),
        "*",
        "",
    ],
)
def test_what_names_no_station_is_none(target: str) -> None:
    assert identity(target, WS) is None


def test_several_prefixes_lead_to_stations() -> None:
    prefixes = ("/ws", "/ocpp/v1/")
    assert identity("/ws/CP1", prefixes) == "CP1"
    assert identity("/ocpp/v1/CP1", prefixes) == "CP1"
    assert identity("/ocpp/CP1", prefixes) is None
    assert identity("/CP1", ("/",)) == "CP1"


@given(st.text(max_size=300))
def test_no_target_makes_a_name_that_is_not_fit_to_print(target: str) -> None:
    name = identity("/ws/" + target, WS)
    assert name is None or (name.isprintable() and 0 < len(name) <= MAX_IDENTITY_CHARS and "/" not in name)


def test_the_first_version_of_the_client_s_list_that_is_spoken_is_chosen() -> None:
    spoken = ["ocpp1.6", "ocpp2.0.1"]
    assert subprotocol(["ocpp3.0", "ocpp2.0.1", "ocpp1.6"], spoken, "") == Subprotocol("ocpp2.0.1", True)
    assert subprotocol(["ocpp1.6", "ocpp2.0.1"], spoken, "") == Subprotocol("ocpp1.6", True)


def test_names_of_versions_are_compared_exactly() -> None:
    assert subprotocol(["OCPP1.6"], ["ocpp1.6"], "ocpp1.6") == "none in common"


def test_a_version_is_assumed_only_where_none_is_offered() -> None:
    assert subprotocol([], ["ocpp1.6"], "ocpp1.6") == Subprotocol("ocpp1.6", announced=False)
    assert subprotocol([], ["ocpp1.6"], "") == "none offered"
    assert subprotocol([], ["ocpp1.6"], "ocpp2.0.1") == "none offered"
    assert subprotocol(["ocpp2.0.1"], ["ocpp1.6"], "ocpp1.6") == "none in common"


def test_a_header_on_several_lines_is_one_list() -> None:
    assert listed(["ocpp2.0.1 , ocpp1.6", "", " ,chat"]) == ["ocpp2.0.1", "ocpp1.6", "chat"]
