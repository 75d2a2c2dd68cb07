"""What is on a local list, in which order, and what brings a station there."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evsys.core.commands import LocalListEntry
from evsys.core.local_lists import Update, digest, next_expiry, updates, wanted
from evsys.core.records import Token
from kit.clock import NOON

HOUR = timedelta(hours=1)


def token(id: str, hours: int = 0, **members: object) -> Token:
    """A token that is so many hours old."""
    return Token(**{"id": id, "created_at": NOON - hours * HOUR, **members})  # type: ignore[arg-type]


def on_list(*tokens: Token, max_length: int = 10) -> list[LocalListEntry]:
    return list(wanted(tokens, "CP1", NOON, max_length, 20).values())


def test_who_may_charge_is_on_the_list_with_group_and_time_limit() -> None:
    (entry,) = on_list(token("A", parent="G", expires_at=NOON + HOUR))
    assert entry == LocalListEntry(id_token="A", status="Accepted", parent="G", expires_at=NOON + HOUR)


@pytest.mark.parametrize(
    ("members", "status"), [({"blocked": True}, "Blocked"), ({"expires_at": NOON}, "Expired")]
)
def test_who_may_not_is_on_it_with_the_reason(members: dict[str, object], status: str) -> None:
    (entry,) = on_list(token("A", parent="G", **members))
    assert entry == LocalListEntry(id_token="A", status=status)  # type: ignore[arg-type]


def test_a_token_of_other_stations_or_one_too_long_is_not_on_it() -> None:
    here, elsewhere = token("A", station_ids=("CP1",)), token("B", station_ids=("CP2",))
    assert [each.id_token for each in on_list(here, elsewhere, token("C" * 21), token("D" * 20))] == [
        "A",
        "D" * 20,
    ]
    (entry,) = on_list(token("A", parent="P" * 21))
    assert entry.parent is None


def test_where_room_is_short_the_most_important_come_first() -> None:
    tokens = [
        token("BLOCKED", 0, blocked=True),
        token("OLD", 5),
        token("NEW", 1),
        token("OURS", 9, station_ids=("CP1",)),
        token("OUR-BLOCKED", 0, station_ids=("CP1",), blocked=True),
    ]
    ordered = ["OURS", "NEW", "OLD", "OUR-BLOCKED", "BLOCKED"]
    for room in range(1, 6):
        assert [each.id_token for each in on_list(*tokens, max_length=room)] == ordered[:room]


def test_lists_change_by_time_when_the_next_token_expires() -> None:
    tokens = [token("A", expires_at=NOON), token("B", expires_at=NOON + 2 * HOUR), token("C")]
    assert next_expiry(tokens, NOON) == NOON + 2 * HOUR
    assert next_expiry(tokens[:1], NOON) is None


ENTRIES = st.dictionaries(st.sampled_from("ABCDEFGH"), st.sampled_from(["Accepted", "Blocked"]))


def as_list(statuses: dict[str, str]) -> dict[str, LocalListEntry]:
    return {
        name: LocalListEntry(id_token=name, status=status)  # type: ignore[arg-type]
        for name, status in statuses.items()
    }


def obeyed(have: dict[str, LocalListEntry], parts: list[Update]) -> dict[str, LocalListEntry]:
    """The list of a station that was sent these."""
    kept = dict(have)
    for part in parts:
        if part.full:
            kept = {}
        for entry in part.entries:
            if entry.status is None:
                kept.pop(entry.id_token, None)
            else:
                kept[entry.id_token] = entry
    return kept


@given(ENTRIES, ENTRIES, st.booleans(), st.integers(1, 4))
def test_whatever_a_station_has_it_ends_with_what_it_should_have(
    had: dict[str, str], should_have: dict[str, str], known: bool, chunk: int
) -> None:
    have, want = as_list(had), as_list(should_have)
    parts = updates(have if known else None, want, chunk)
    assert digest(obeyed(have, parts)) == digest(want)
    assert all(len(part.entries) <= chunk for part in parts)
    assert not any(part.full for part in parts[1:])
    assert not known or have != want or parts == []
    assert all(entry.status for part in parts if part.full for entry in part.entries)


def test_a_small_change_is_a_small_update() -> None:
    have = as_list(dict.fromkeys("ABCDEF", "Accepted"))
    (part,) = updates(have, have | as_list({"C": "Blocked"}), 100)
    assert part == Update(full=False, entries=(LocalListEntry(id_token="C", status="Blocked"),))
