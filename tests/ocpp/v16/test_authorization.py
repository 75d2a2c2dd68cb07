"""Authorize, ClearCache, GetLocalListVersion, SendLocalList."""

from datetime import timedelta

import pytest

from evsys.core.commands import ClearCache, GetLocalListVersion, LocalListEntry, SendLocalList
from evsys.core.errors import BadCommand
from evsys.core.events import AuthorizationAnswered
from evsys.core.facts import Policy
from kit.clock import NOON
from kit.desk import Desk
from kit.performing import perform


def test_authorize_tells_the_status_the_expiry_and_the_parent():
    desk = Desk(Policy())
    expires_at = NOON + timedelta(days=1, microseconds=123_456)
    desk.token("CARD", parent="GROUP", expires_at=expires_at)
    assert desk.call("Authorize", {"idTag": "card"}) == {
        "idTagInfo": {"status": "Accepted", "expiryDate": "2026-06-02T12:00:00Z", "parentIdTag": "GROUP"}
    }
    assert desk.events == [AuthorizationAnswered(station_id="CP1", id_token="card", status="Accepted")]


def test_a_parent_that_16_cannot_say_is_left_out():
    desk = Desk(Policy())
    desk.token("CARD", parent="G" * 21)
    assert desk.call("Authorize", {"idTag": "CARD"}) == {"idTagInfo": {"status": "Accepted"}}


def test_an_id_tag_longer_than_20_characters_is_understood():
    desk = Desk(Policy())
    desk.token("A" * 26)
    assert desk.call("Authorize", {"idTag": "a" * 26}) == {"idTagInfo": {"status": "Accepted"}}
    assert desk.quirks == ["too_long"]


@pytest.mark.parametrize(("status", "accepted"), [("Accepted", True), ("Rejected", False)])
def test_the_cache_is_cleared(status, accepted):
    outcome, said = perform(ClearCache(), {"status": status})
    assert said == [("ClearCache", {})]
    assert (outcome.accepted, outcome.status) == (accepted, status)
    assert outcome.detail is not None
    assert bytes(outcome.detail) == b'{"status": "%b"}' % status.encode()


def test_a_local_list_is_sent():
    entries = (
        LocalListEntry(id_token="A", status="Accepted", expires_at=NOON, parent="G"),
        LocalListEntry(id_token="B", status="Blocked"),
        LocalListEntry(id_token="C"),
    )
    command = SendLocalList(version=3, update="Differential", entries=entries)
    outcome, said = perform(command, {"status": "VersionMismatch"})
    info = {"expiryDate": "2026-06-01T12:00:00Z", "parentIdTag": "G", "status": "Accepted"}
    assert said == [
        (
            "SendLocalList",
            {
                "listVersion": 3,
                "localAuthorizationList": [
                    {"idTag": "A", "idTagInfo": info},
                    {"idTag": "B", "idTagInfo": {"status": "Blocked"}},
                    {"idTag": "C"},
                ],
                "updateType": "Differential",
            },
        )
    ]
    assert (outcome.accepted, outcome.status) == (False, "VersionMismatch")


@pytest.mark.parametrize(
    "entry",
    [
        LocalListEntry(id_token="A"),
        LocalListEntry(id_token="A" * 21, status="Accepted"),
        LocalListEntry(id_token="A", status="Accepted", parent="G" * 21),
    ],
    ids=["nothing to delete in a full list", "token too long", "parent too long"],
)
def test_an_entry_that_cannot_be_said_is_a_bad_command(entry):
    with pytest.raises(BadCommand):
        perform(SendLocalList(version=1, entries=(entry,)))


@pytest.mark.parametrize(("version", "accepted"), [(3, True), (0, True), (-1, False)])
def test_the_version_of_the_local_list_is_asked_for(version, accepted):
    outcome, said = perform(GetLocalListVersion(), {"listVersion": version})
    assert said == [("GetLocalListVersion", {})]
    assert (outcome.accepted, outcome.status) == (accepted, str(version))
